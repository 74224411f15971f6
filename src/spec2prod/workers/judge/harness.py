"""The plugin that listens to pytest while the judge runs an item: outcome, kind of failure, what stands at the end of the call."""

from __future__ import annotations

import time
import unittest.case
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST_MESSAGE = 4000
GROUPS: tuple[type[BaseException], ...] = tuple(each for each in [getattr(__import__("builtins"), "BaseExceptionGroup", None)] if each)


class Harness:
    """Gathers what one item's run told. `component` are the paths of its files."""

    def __init__(self, component: Collection[str]) -> None:
        """One harness serves a whole process: `begin` makes it forget."""
        self._component = frozenset(component)
        self._mismatched: list[BaseException] = []
        self.collect_errors: list[dict[str, str]] = []
        self.after_call: Callable[[], None] = lambda: None
        self.begin()
        self._watch_expectations()

    def begin(self) -> None:
        """Forget the item before."""
        self._phases: list[tuple[str, str, bool]] = []
        self._failures: list[dict[str, str]] = []
        self._mismatched.clear()
        self._begun = time.perf_counter()
        self.properties: list[Any] = []

    def answer(self) -> dict[str, Any]:
        """Return the item's outcome, with the first failure: `how` is assertion or crash."""
        first = self._failures[0] if self._failures else {"how": "", "exception": "", "message": ""}
        return {"outcome": self._outcome(), **first, "seconds": time.perf_counter() - self._begun, "properties": self.properties}

    def told(self, error: BaseException | None, longest: int) -> dict[str, Any]:
        """Return the answer for a function that was called without pytest, and raised this."""
        failure = {"how": "", "exception": "", "message": ""}
        if error is not None:
            name = type(error).__name__
            failure = {"how": self._how(error), "exception": name, "message": f"{name}: {error}"[:longest]}
        outcome = "passed" if error is None else "failed"
        return {"outcome": outcome, **failure, "seconds": time.perf_counter() - self._begun, "properties": []}

    def _outcome(self) -> str:
        expected = any(xfail for _, _, xfail in self._phases)
        for when, outcome, xfail in self._phases:
            if outcome == "failed" and not xfail:
                return "failed" if when == "call" else "error"
        if any(outcome == "skipped" for _, outcome, _ in self._phases):
            return "xfailed" if expected else "skipped"
        if not any(when == "call" for when, _, _ in self._phases):
            return "error"
        return "xpassed" if expected else "passed"

    def pytest_configure(self, config: pytest.Config) -> None:
        """Make the markers known by which tests name requirements: spec2prod's own runs do so too."""
        for name in ("requirement", "req", "verifies_requirement"):
            config.addinivalue_line("markers", name + "(id, ..., text=''): the requirement that this test shows (spec2prod)")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Keep what kind of failure it was."""
        yield
        if call.excinfo is not None and not isinstance(call.excinfo.value, pytest.skip.Exception):
            error = call.excinfo.value
            self._failures.append({"how": self._how(error), "exception": type(error).__name__, "message": ""})

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        """Look around at the end of the test's own code, before fixtures tidy up."""
        yield
        self.after_call()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep each phase's outcome, and the text of the first failure."""
        self._phases.append((str(report.when), report.outcome, hasattr(report, "wasxfail")))
        self.properties = [list(each) for each in report.user_properties]
        if report.failed and not self._failures:
            self._failures.append({"how": "crash", "exception": "", "message": ""})
        if report.failed and not self._failures[0]["message"]:
            text = report.longreprtext
            self._failures[0]["message"] = text if len(text) <= LONGEST_MESSAGE else "…" + text[-LONGEST_MESSAGE:]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected."""
        if report.failed:
            self.collect_errors.append({"file": report.nodeid.partition("::")[0], "message": report.longreprtext[-LONGEST_MESSAGE:]})

    def shorten(self, item: Any) -> None:  # noqa: ANN401 - pytest's items
        """Have an item tell its failures in one line: on a mutant nobody reads the traceback, and it costs most of the time."""

        def short(excinfo: pytest.ExceptionInfo[BaseException], *_: object, **__: object) -> str:
            return f"{excinfo.typename}: {excinfo.value}"[:300]

        item.repr_failure = short
        item._repr_failure_py = short  # noqa: SLF001 - what fixtures that fail are told by

    def _how(self, error: BaseException) -> str:
        """Say whether the test itself found the difference, or whether something broke on the way."""
        if isinstance(error, GROUPS):
            return "assertion" if any(self._how(each) == "assertion" for each in error.exceptions) else "crash"  # type: ignore[attr-defined]
        if any(error is each for each in self._mismatched):
            return "assertion"
        is_assertion = isinstance(error, (AssertionError, pytest.fail.Exception)) or type(error).__name__ in {
            "DocTestFailure",
            "MultipleDoctestFailures",
        }
        return "assertion" if is_assertion and not self._is_the_components(error) else "crash"

    def _is_the_components(self, error: BaseException) -> bool:
        """Whether an assertion of the component itself failed: the test did not state it."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return trace is not None and trace.tb_frame.f_code.co_filename in self._component

    def _watch_expectations(self) -> None:
        """Notice the exceptions that came where a test expected another: `pytest.raises(A)` met B."""
        mismatched = self._mismatched
        for owner in (*raising_contexts(), unittest.case._AssertRaisesContext):  # noqa: SLF001 - there is no public name
            original = owner.__exit__

            def left(
                self: object, kind: object, error: BaseException | None, trace: object, original: Callable[..., Any] = original
            ) -> Any:  # noqa: ANN401 - as the original
                __tracebackhide__ = True
                answer = original(self, kind, error, trace)
                if error is not None and not answer:
                    mismatched.append(error)
                return answer

            owner.__exit__ = left


def raising_contexts() -> Generator[Any, None, None]:
    """Yield the classes behind `pytest.raises`; they moved between versions."""
    context = pytest.raises(ValueError)  # noqa: PT011 - nothing is expected, its class is looked at
    yield type(context)
