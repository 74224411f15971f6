"""Do the component's tests pass, is any of them flaky, what do they cover, and how fast is it? One pytest run answers all.

Figures: `percent` of `test_pass_rate` is passed / (passed + failed + errors); skipped, expected failures and
unexpected passes are told and not counted. `percent` of `test_coverage` is the line coverage over all modules
together: a module that was never imported counts with all its lines, one without statements not at all. Where there is
no statement at all nothing can be covered, and the question stays unanswered. A test file that cannot be collected
is an error with an address: it is the component's, not the tool's. `flaky` of `flaky_tests` counts red tests that are green when
they are run again (domain/flaky.py); where nothing is red, nothing needs to be run again.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import commonpath

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.flaky import FLAKY, OPEN
from spec2prod.domain.question import Reads
from spec2prod.domain.suite import EMPTY_SUITE, CaseResult, SuiteReport
from spec2prod.domain.verdict import Answer, Finding, Measurement, Unanswered
from spec2prod.gates.performance import PERFORMANCE, Performance
from spec2prod.gates.pytest_answer import Case, PytestAnswer, lines, parse
from spec2prod.gates.pytest_refusal import refusal
from spec2prod.gates.reading import WORKERS, broken, own, plural, unanswered

PASS_RATE, COVERAGE = "test_pass_rate", "test_coverage"
_RAN_TO_THE_END = {0, 1}  # pytest's exit status: all passed, some failed
_NOTHING_COLLECTED = 5
_REFUSED = 4  # it was called in a way that it does not understand, or a conftest could not be imported
_COUNTED = ("passed", "failed", "error")
_LEFT = "the test process ended before it answered, with exit 0: something that it ran ended it (os._exit, sys.exit)"
_NO_TEST = "no test ran, so there is no coverage to measure"
_MEND_FIRST = "mend what keeps the tests from running, then run again"
_FILES_SHOWN = 3
_PLACE = re.compile(r'^ *File "(.+)", line (\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsGate:
    """The question `tests`. `order` is as-is, reversed or random:SEED; the answer must repeat `nonce`.

    `performance` is what benchmarks are compared with; without it nobody asks how fast the component is. `asks_agent` says that the run
    lets the agent write missing tests: nobody is advised to do what is done.
    """

    __test__ = False  # its name starts with Test; pytest must not collect it

    order: str = "as-is"
    nonce: str = ""
    performance: Performance | None = None
    asks_agent: bool = False
    timeout_s: float = 600.0

    @property
    def name(self) -> str:
        """Return the question's name."""
        return "tests"

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the gates that one run answers."""
        return (PASS_RATE, COVERAGE, FLAKY, *((PERFORMANCE,) if self.performance else ()))

    @property
    def reads_tests(self) -> bool:
        """Tests are what is measured."""
        return True

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the run of all the component's test files, or of those in `only`, in its own interpreter."""
        files = [path for path in only if path not in component.modules] if only else component.tests
        return self._run(component, files, self.order)

    def again(self, component: Component, node_ids: Sequence[str]) -> Command:
        """Return the run of these tests (or whole files) alone, as the suite orders them."""
        return self._run(component, node_ids, self.order)

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return every answer: the coverage is told also where tests fail."""
        if not _files(completed):
            return _no_tests(component, self.measures, asks_agent=self.asks_agent)
        answer = parse(completed.answer, self.nonce)
        reason = _broken_off(component, completed) or ("" if answer else _LEFT)
        if reason or not answer:
            return self._neither(component, completed, reason)
        if answer.missing:
            names = " and ".join(answer.missing)
            pip = f"{component.interpreter} -m pip install" if answer.pip else f"uv pip install --python {component.interpreter}"
            next_step = f"{pip} {' '.join(answer.missing)}"
            return self._neither(component, completed, f"{names} not installed in {component.interpreter}", next_step)
        if answer.status == _REFUSED and not answer.trouble and (refused := refusal(completed.stderr, component.interpreter)):
            return self._neither(component, completed, f"pytest did not begin: {refused.reason}", refused.next_step)
        if reason := _incomplete(answer, completed):
            return self._neither(component, completed, reason)
        speed = (self.performance.answer(answer.benchmarks, completed),) if self.performance else ()
        return (_pass_rate(component, answer), _coverage(component, answer, completed), _flaky(answer), *speed)

    def report(self, component: Component, completed: Completed) -> SuiteReport:
        """Return the run test by test and line by line; empty where there is no answer to read.

        Without test files it still tells each module's statements, none of them executed.
        """
        answer = parse(completed.answer, self.nonce)
        if broken(completed, {0}) or not answer:
            return EMPTY_SUITE
        told = {module: answer.modules[module] for module in component.modules if module in answer.modules}
        known = {module: each for module, each in told.items() if not each.trouble}
        statements = {module: lines(each.statements) for module, each in known.items()}
        executed = {module: statements[module] - lines(each.missing) for module, each in known.items()}
        cases = tuple(_result(case, answer, component) for case in answer.cases)
        return SuiteReport(cases=cases, statements=statements, executed=executed)

    def reads(self, component: Component, completed: Completed) -> Reads | None:
        """Return what the run was heard to read; None where it did not tell."""
        del component
        answer = parse(completed.answer, self.nonce)
        if answer is None or answer.reads is None:
            return None
        told = answer.reads
        return Reads(
            files=tuple(told.files),
            folders=tuple(told.folders),
            importables=tuple(told.importables),
            everything=told.everything,
            never=told.never,
        )

    def compared(self, answer: Measurement) -> Measurement:
        """Return a kept answer as this run tells it: benchmarks are compared with the run that was promoted last."""
        return self.performance.compared(answer) if self.performance and answer.gate == PERFORMANCE else answer

    def _run(self, component: Component, files: Sequence[str], order: str) -> Command:
        modules = (part for module in component.modules for part in ("--module", module))
        return Command(
            tool="pytest",
            argv=(
                *(str(component.interpreter), str(WORKERS / "pytest_worker.py")),
                *("--answer", "{scratch}/answer.json", "--root", str(component.root), "--import-root", component.import_root),
                *("--order", order, f"--nonce={self.nonce}"),
                *modules,
                *("--", *files),
            ),
            cwd=component.root,
            env={"HYPOTHESIS_STORAGE_DIRECTORY": "{scratch}/hypothesis"},  # else a folder in the source tree
            answer="answer.json",
            timeout_s=self.timeout_s,
        )

    def _neither(self, component: Component, completed: Completed, reason: str, next_step: str = "") -> tuple[Answer, ...]:
        if completed.timed_out:
            next_step = (
                f"run the tests by hand to see where they hang, or raise test_timeout_seconds ({self.timeout_s:g}) in [tool.spec2prod]"
            )
        step = next_step or ("" if completed.not_found else f"run it by hand: {_by_hand(component, completed)}")
        return tuple(unanswered(gate, completed, reason, next_step=step) for gate in self.measures)


def _files(completed: Completed) -> tuple[str, ...]:
    argv = completed.command.argv
    return argv[argv.index("--") + 1 :] if "--" in argv else ()


def _by_hand(component: Component, completed: Completed) -> str:
    """Return the run as a person types it: pytest itself, not our worker."""
    files = _files(completed)
    shown = files if len(files) <= _FILES_SHOWN else (commonpath(files) or ".",)
    path = "" if component.import_root == "." else f"PYTHONPATH={shlex.quote(component.import_root)} "
    words = (str(component.interpreter), "-m", "pytest", *shown)
    return f"cd {shlex.quote(str(component.root))} && {path}" + " ".join(map(shlex.quote, words))


def _broken_off(component: Component, completed: Completed) -> str:
    """Say how the process broke off, with the place in the component where Python says that it happened."""
    reason = broken(completed, {0})
    if not reason or completed.timed_out or completed.not_found:
        return reason
    places = ((own(path, component.files), line) for path, line in _PLACE.findall(completed.stderr))
    last = [f"{path}:{line}" for path, line in places if path][-1:]
    return reason + "".join(f" ({place})" for place in last)


def _no_tests(component: Component, gates: Sequence[str], *, asks_agent: bool) -> tuple[Answer, ...]:
    reason = f"no tests for component {component.name} were found"
    next_step = f"write tests in {component.tests_folder}/" + ("" if asks_agent else ", or let them be generated (--enable-openhands)")
    return tuple(Unanswered(gate=gate, reason=reason, next_step=next_step, no_tests=True) for gate in gates)


def _incomplete(answer: PytestAnswer, completed: Completed) -> str:
    """Say why this run is no answer, whatever its tests say; empty where it is one."""
    bad = any(case.outcome in {"failed", "error"} for case in answer.cases)
    if answer.status == _NOTHING_COLLECTED and not bad:
        why = f": {plural(answer.deselected, 'test')} left out by the project's own options" if answer.deselected else ""
        return _nothing_checked(answer) if answer.cases else f"pytest collected no test{why}"
    if answer.status not in _RAN_TO_THE_END:
        said = answer.trouble or _last_error(completed)
        return f"pytest stopped early (exit status {answer.status})" + (f": {said}" if said else "")
    if answer.status == 1 and not bad:
        return "pytest ended with exit status 1, though no test failed"
    return "" if any(case.outcome in _COUNTED for case in answer.cases) else _nothing_checked(answer)


def _nothing_checked(answer: PytestAnswer) -> str:
    return "nothing was checked: " + (_told(answer) or "no test ran")


def _last_error(completed: Completed) -> str:
    """Return the line with which pytest says what stopped it."""
    told = [line.strip() for line in completed.stderr.splitlines() if line.strip()]
    marked = [line.removeprefix("E ").strip() for line in told if line.startswith(("E ", "ERROR"))]
    return (marked or told or [""])[-1][:300]


def _pass_rate(component: Component, answer: PytestAnswer) -> Answer:
    counts: Counter[str] = Counter(case.outcome for case in answer.cases)
    counted = sum(counts[outcome] for outcome in _COUNTED)
    uncollected = sum(case.outcome == "error" and "::" not in case.id for case in answer.cases)
    findings = (_failing(component, case) for case in answer.cases if case.outcome in {"failed", "error"})
    others = _told(answer)
    return Measurement(
        gate=PASS_RATE,
        values={"percent": 100.0 * counts["passed"] / counted},
        checked=counted,
        findings=tuple(sorted(findings, key=lambda finding: (finding.path, finding.line))),
        summary=_passed(counts["passed"], counted - uncollected, uncollected) + (f" ({others})" if others else ""),
    )


def _passed(passed: int, ran: int, uncollected: int) -> str:
    """Say how many passed; a file that could not be collected is no test, and nobody knows how many it holds."""
    told = f"{passed} of {plural(ran, 'test')} passed" if ran else "no test ran"
    return told + (f", {plural(uncollected, 'test file')} could not be collected" if uncollected else "")


def _flaky(answer: PytestAnswer) -> Answer:
    """Tell that none is flaky, where none is red; else the question is open until the red ones were run again."""
    if any(case.outcome in {"failed", "error"} and "::" in case.id for case in answer.cases):
        return OPEN
    counted = sum(case.outcome in _COUNTED and "::" in case.id for case in answer.cases)
    if not counted:
        return Unanswered(gate=FLAKY, reason="no test ran, so none can be flaky", next_step=_MEND_FIRST)
    return Measurement(gate=FLAKY, values={"flaky": 0.0}, checked=counted, summary="no test was red")


def _failing(component: Component, case: Case) -> Finding:
    name = case.id.partition("::")[2]
    said = _placed(component, case.message) or case.outcome
    return Finding(path=case.path, line=case.line, code=case.outcome, message=f"{name}: {said}" if name else said)


def _placed(component: Component, message: str) -> str:
    """Return a message with the place in the component that Python names below it (a syntax error's is not the test's)."""
    places = ((own(path, component.files), line) for path, line in _PLACE.findall(message))
    place = next((f" ({path}:{line})" for path, line in places if path), "")
    first, *rest = message.splitlines() or [""]
    return "\n".join([first + place, *rest])


def _told(answer: PytestAnswer) -> str:
    """Return what was set aside, in words: it is never counted as passed."""
    counts: Counter[str] = Counter(case.outcome for case in answer.cases)
    words = {"skipped": "skipped", "xfailed": "expected to fail", "xpassed": "passed unexpectedly"}
    told = [f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome]]
    return ", ".join([*told, *([f"{answer.deselected} deselected"] if answer.deselected else [])])


def _coverage(component: Component, answer: PytestAnswer, completed: Completed) -> Answer:
    if reason := _immeasurable(component, answer):
        return unanswered(COVERAGE, completed, reason, next_step=_MEND_FIRST if reason == _NO_TEST else "")
    statements = {module: lines(answer.modules[module].statements) for module in component.modules}
    missing = {module: lines(answer.modules[module].missing) & statements[module] for module in component.modules}
    total, uncovered = (sum(map(len, each.values())) for each in (statements, missing))
    if not total:
        return unanswered(COVERAGE, completed, f"{component.name} has no statement that could be covered")
    excluded = sum(answer.modules[module].excluded for module in component.modules)
    percent = 100.0 * (total - uncovered) / total
    left_out = f", {plural(excluded, 'line')} excluded" if excluded else ""
    return Measurement(
        gate=COVERAGE,
        values={"percent": percent},
        checked=sum(bool(each) for each in statements.values()),
        findings=tuple(_uncovered(module, answer.modules[module].missing) for module in component.modules if missing[module]),
        summary=f"{int(percent * 10) / 10:g} % of {plural(total, 'line')}{left_out}",  # rounded down: 79.96 is not 80
    )


def _immeasurable(component: Component, answer: PytestAnswer) -> str:
    if not any("::" in case.id and case.outcome != "skipped" for case in answer.cases):
        return _NO_TEST
    for module in component.modules:
        told = answer.modules.get(module)
        if told is None or told.trouble:
            return f"{module} could not be measured" + (f": {told.trouble}" if told else "")
    return ""


def _uncovered(module: str, spans: str) -> Finding:
    first = min(lines(spans))
    return Finding(path=module, line=first, code="uncovered", message=f"lines {spans.replace(',', ', ')}")


def _result(case: Case, answer: PytestAnswer, component: Component) -> CaseResult:
    covered = {module: lines(spans) for module, spans in answer.lines.get(case.id, {}).items() if module in component.modules}
    return CaseResult(
        node_id=case.id,
        name=case.id.partition("::")[2].partition("[")[0],
        file=case.path,
        line=case.line,
        outcome=case.outcome,
        message=case.message,
        covered=covered,
        requirements=case.requirements,
    )
