"""Records what pytest says about each test. Runs on Python 3.9, in the judged component's environment."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

import pytest

MESSAGE_LINES = 12
MESSAGE_CHARACTERS = 2000
GRAVITY = ("passed", "xpassed", "xfailed", "skipped", "failed", "error")  # a test is as bad as its worst phase
UNFINISHED = "collected, but it never finished: the run stopped before its end"


class Recorder:
    """A pytest plugin in the process that starts the run; under pytest-xdist it hears what the workers report."""

    def __init__(self) -> None:
        """Begin with nothing recorded."""
        self.cases: dict[str, dict[str, Any]] = {}
        self.collected: dict[str, None] = {}  # a set that keeps the order
        self.finished: set[str] = set()
        self.durations: dict[str, float] = {}
        self.requirements: dict[str, dict[str, str]] = {}
        self.deselected = 0
        self.trouble = ""
        self.benchmarks: list[dict[str, Any]] = []

    def answer(self) -> dict[str, Any]:
        """Return what was recorded; a test that was collected and never finished is an error."""
        for node_id in self.collected:
            if node_id not in self.finished:
                file = node_id.partition("::")[0]
                self._note(node_id, file, 0, "error", UNFINISHED)
        cases = [
            dict(case, ms=self.durations.get(node_id, 0.0), requirements=self.requirements.get(node_id, {}))
            for node_id, case in self.cases.items()
        ]
        return {"cases": cases, "deselected": self.deselected, "trouble": self.trouble, "benchmarks": self.benchmarks}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what is about to run."""
        self.collected.update(dict.fromkeys(item.nodeid for item in session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Remember what is about to run in pytest-xdist's workers."""
        self.collected.update(dict.fromkeys(ids))

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count what the project's own options leave out."""
        self.deselected += len(items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a test file that could not be collected, or that skips itself."""
        if report.failed:
            line, message = _broken(str(report.longrepr), report.nodeid)
            self._note(report.nodeid, report.nodeid, line, "error", message)
        elif report.skipped and "::" not in report.nodeid:
            self._note(report.nodeid, report.nodeid, 0, "skipped", _reason(report.longrepr))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test."""
        if report.failed or report.when == "teardown":
            self.finished.add(report.nodeid)
        self.durations[report.nodeid] = self.durations.get(report.nodeid, 0.0) + report.duration * 1000
        if claimed := importlib.import_module("spec2prod_requirements").claimed(report.user_properties):
            self.requirements[report.nodeid] = {_clean(name): _clean(text) for name, text in claimed.items()}
        outcome = _outcome(report)
        if not outcome:
            return
        file, line = report.location[0], (report.location[1] or 0) + 1
        message = "" if outcome == "passed" else _reason(getattr(report, "wasxfail", report.longrepr))
        if report.failed:
            path, crashed, message = _failure(report.longrepr)
            line = crashed if crashed and path.endswith(file) else line
        self._note(report.nodeid, file, line, outcome, message)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let hypothesis go where no test used it: to sum up nothing it imports all of itself (0.3 s of CPU, 0.9 s without bytecode)."""
        plugins = session.config.pluginmanager
        runs_here = not plugins.hasplugin("dsession")  # pytest-xdist runs them elsewhere
        if runs_here and "hypothesis" not in sys.modules and plugins.hasplugin("hypothesispytest"):
            plugins.unregister(name="hypothesispytest")

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_benchmark_group_stats(self, benchmarks: list[dict[str, Any]]) -> None:
        """Note what pytest-benchmark measured in this run, in seconds; it groups its table for itself."""
        measured = [each for each in benchmarks if each.get("path") is None and {"min", "median", "rounds"} <= set(each)]
        self.benchmarks += [
            {"id": each["fullname"], "min_ms": each["min"] * 1000.0, "median_ms": each["median"] * 1000.0, "rounds": each["rounds"]}
            for each in measured
        ]

    def pytest_internalerror(self, excrepr: object) -> None:
        """Note pytest's own trouble."""
        self.trouble = "internal error: " + _first_lines(str(excrepr).strip().rpartition("\n")[2])

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note who stopped the run."""
        self.trouble = _first_lines(f"stopped by {excinfo.typename}: {excinfo.value}")

    def _note(self, node_id: str, file: str, line: int, outcome: str, message: str) -> None:
        known = self.cases.get(node_id)
        if known is None or GRAVITY.index(outcome) > GRAVITY.index(known["outcome"]):
            case = {"id": node_id, "path": file, "line": line, "outcome": outcome, "message": message}
            self.cases[node_id] = {key: _clean(value) if isinstance(value, str) else value for key, value in case.items()}


def _outcome(report: pytest.TestReport) -> str:
    """Return pytest's word for this phase, empty where the phase says nothing about the test."""
    if hasattr(report, "wasxfail"):
        return {"passed": "xpassed", "skipped": "xfailed"}.get(report.outcome, "failed")
    if report.failed:
        return "failed" if report.when == "call" else "error"
    is_subtest = hasattr(report, "context")
    if is_subtest or report.outcome not in ("passed", "skipped"):  # "rerun": the last try will speak
        return ""
    return str(report.outcome) if report.when == "call" or report.outcome == "skipped" else ""


def _broken(text: str, file: str) -> tuple[int, str]:
    """Return the line of a test file at which its collection broke (0 where pytest named none), and why."""
    lines = re.findall(r"(?:^" + re.escape(file) + r":|" + re.escape(file) + r'", line )(\d+)', text, re.MULTILINE)
    errors = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return (int(lines[-1]) if lines else 0), _first_lines("\n".join(errors[::-1]) or text)


def _failure(longrepr: object) -> tuple[str, int, str]:
    """Return where it failed (path, 1-based line) and the message's first lines."""
    crash = getattr(longrepr, "reprcrash", None)
    if crash is None:
        return "", 0, _first_lines(str(longrepr))
    return str(crash.path), int(crash.lineno), _first_lines(str(crash.message))


def _reason(longrepr: object) -> str:
    """Return why a test was skipped, or is expected to fail."""
    return _first_lines(str(longrepr[2] if isinstance(longrepr, tuple) else longrepr or ""))


def _first_lines(text: str) -> str:
    return "\n".join(text[:MESSAGE_CHARACTERS].splitlines()[:MESSAGE_LINES])


def _clean(text: str) -> str:
    """Return a text that can be written as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
