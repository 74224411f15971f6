"""Which requirement is shown by which test: the matrix requirement → test → mutant → result, and what a rule asks of it.

Source of the statuses: ACCEPTANCE.md, "Requirements". A test's evidence may name the hash of the text that it was written for: once
the text is another, the evidence is stale, and counts for nothing. A flaky test is no evidence either.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.verdict import Answer, Finding, Measurement, Rule, Severity, Unanswered

REQUIREMENTS = "requirements"
"""The gate that this matrix answers."""

MARKERS = ("requirement", "req", "verifies_requirement")
"""The pytest markers by which a test names what it shows; `workers/spec2prod_requirements.py` collects them."""

_MARKED = re.compile(rf"\bmark\s*\.\s*(?:{'|'.join(MARKERS)})\b")
NOT_ASKED = f"{REQUIREMENTS} is not asked"
"""How a clause begins that says why the gate is left out."""

_OF_PRIORITY = {"p0_percent": "P0", "p1_percent": "P1"}
_MOST_MEANT = 100  # unknown IDs for which a near one is looked for
_PASSED, _RED = "passed", frozenset({"failed", "error"})
_NOT_JUDGED = "not judged: `spec2prod judge` tells whether it notices a change of the code"
_NO_KILL = "no test of it fails for any change of the code that it runs"


class Status(StrEnum):
    """How well a requirement is shown. Only `verified` and `covered` count."""

    VERIFIED = "verified"
    COVERED = "covered"
    FAILING = "failing"
    SUSPECTED_DEFECT = "suspected_defect"
    STALE = "stale"
    UNCOVERED = "uncovered"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """What a judge has measured of a test: in words which mutants its assertions notice. `run_id` is whose judgement it was, `at` when."""

    kills: tuple[str, ...]
    run_id: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One test that names a requirement.

    `kills` says in words which mutants it fails for, as the run `judged_by` measured at `judged_at` (ISO 8601 in UTC); both are empty where
    no judge has measured it. `is_stale` says that it was written for another text.
    """

    node_id: str
    file: str
    line: int
    outcome: str
    is_stale: bool = False
    is_flaky: bool = False
    kills: tuple[str, ...] = ()
    judged_by: str = ""
    judged_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One requirement with its tests; `reason` says in words why it has its status. `line` is 1-based, in the specification."""

    id: str
    text: str
    line: int
    priority: str
    text_hash: str
    status: Status
    reason: str
    tests: tuple[Shown, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is traced to a passing test."""
        return self.status in {Status.VERIFIED, Status.COVERED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A test that names a requirement which the specification does not have; `near` is an ID that it may have meant."""

    id: str
    node_id: str
    file: str
    line: int
    near: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole matrix. `orphans` are tests that name no requirement; `is_judged` says whether mutants took part.

    `uncollected` are test files that pytest could not collect: nobody knows what the tests in them name.
    """

    path: str
    rows: tuple[Row, ...]
    unknown: tuple[Unknown, ...] = ()
    orphans: tuple[str, ...] = ()
    is_judged: bool = False
    uncollected: tuple[str, ...] = ()

    @property
    def is_blind(self) -> bool:
        """Whether no test at all is known, for no file could be collected."""
        return bool(self.uncollected) and not (self.unknown or self.orphans or any(row.tests for row in self.rows))

    @property
    def unnamed(self) -> tuple[str, ...]:
        """Return the IDs of the requirements that no test names, as far as every test is known."""
        return () if self.uncollected else tuple(row.id for row in self.asked if not row.tests)

    @property
    def asked(self) -> tuple[Row, ...]:
        """Return the requirements that a test can show: a promise of coverage is answered by its own gate."""
        return tuple(row for row in self.rows if row.status is not Status.MEASURED)

    @property
    def shown(self) -> int:
        """Return how many requirements are traced to a passing test."""
        return sum(row.counts for row in self.asked)

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Return the files of passing tests that name a requirement and that no judge has measured."""
        tests = (test for row in self.asked for test in row.tests if test.outcome == _PASSED and not test.judged_by)
        return tuple(sorted({test.node_id.partition("::")[0] for test in tests}))

    def percent(self, priority: str = "") -> float:
        """Return the share of requirements (of one priority) that are traced to a passing test; 100 where there are none."""
        rows = [row for row in self.asked if not priority or row.priority == priority]
        return 100.0 * sum(row.counts for row in rows) / len(rows) if rows else 100.0


_NOBODY = Noticed(kills=(), run_id="")


def trace(
    specification: Specification,
    suite: SuiteReport,
    *,
    noticed: Mapping[str, Noticed] | None = None,
    defects: Collection[str] = (),
    flaky: Collection[str] = (),
) -> Matrix:
    """Put a suite's answer beside its specification.

    `noticed` maps a test's node ID to what a judge has measured of it; one that no judge has measured is missing. `defects` are the node
    IDs of tests whose failure is a suspected defect, `flaky` those of tests that are red and green by turns.
    """
    claimed = _claimed(suite.cases)
    uncollected = tuple(case.node_id for case in suite.cases if "::" not in case.node_id and case.outcome in _RED)
    known = {each.id for each in (*specification.requirements, *specification.testing_requirements)}
    near = {name: _near(name, known) for name in [name for name in claimed if name not in known][:_MOST_MEANT]}
    return Matrix(
        path=specification.path,
        rows=tuple(
            _unread(_row(each, claimed.get(each.id, ()), noticed or {}, defects, flaky), uncollected) for each in specification.requirements
        ),
        unknown=tuple(
            Unknown(id=name, node_id=case.node_id, file=case.file, line=case.line, near=near.get(name, ""))
            for name, cases in claimed.items()
            if name not in known
            for case in cases
        ),
        orphans=tuple(case.node_id for case in suite.cases if "::" in case.node_id and not case.requirements),
        is_judged=bool(noticed),
        uncollected=uncollected,
    )


def hinted(matrix: Matrix, calling: Mapping[str, str]) -> Matrix:
    """Name the test to mark: `calling` maps a requirement to a test (or its file) that makes the call of one of its examples."""
    told = {name: f"{test} makes the call of its example" for name, test in calling.items() if name in matrix.unnamed}
    return replace(
        matrix, rows=tuple(replace(row, reason=f"{row.reason}; {told[row.id]}") if row.id in told else row for row in matrix.rows)
    )


def _unread(row: Row, uncollected: Sequence[str]) -> Row:
    """Say of a requirement without a test that there are tests which nobody could read."""
    if row.tests or not uncollected or row.status is not Status.UNCOVERED:
        return row
    more = f" and {len(uncollected) - 1} more" if len(uncollected) > 1 else ""
    return replace(row, reason=f"no collected test names it, and {uncollected[0]}{more} could not be collected")


def carries_marker(text: str) -> bool:
    """Whether a test file's text uses one of the markers."""
    return _MARKED.search(text) is not None


def _claimed(cases: Iterable[CaseResult]) -> dict[str, list[CaseResult]]:
    claimed: dict[str, list[CaseResult]] = {}
    for case in cases:
        for name in case.requirements:
            claimed.setdefault(name, []).append(case)
    return claimed


def _near(name: str, known: Collection[str]) -> str:
    alike = {each.casefold(): each for each in sorted(known)}
    found = difflib.get_close_matches(name.casefold(), alike, n=1)
    return alike[found[0]] if found else ""


def _row(
    requirement: Requirement,
    cases: Sequence[CaseResult],
    noticed: Mapping[str, Noticed],
    defects: Collection[str],
    flaky: Collection[str],
) -> Row:
    seen = {case.node_id: noticed.get(case.node_id, _NOBODY) for case in cases}
    tests = tuple(
        Shown(
            node_id=case.node_id,
            file=case.file,
            line=case.line,
            outcome=case.outcome,
            is_stale=case.requirements[requirement.id] not in {"", requirement.text_hash},
            is_flaky=case.node_id in flaky,
            kills=seen[case.node_id].kills,
            judged_by=seen[case.node_id].run_id,
            judged_at=seen[case.node_id].at,
        )
        for case in cases
    )
    if requirement.measured_by:
        status, reason = Status.MEASURED, f"the gate {requirement.measured_by} answers it"
    else:
        status, reason = _status(requirement.id, tests, defects)
    return Row(
        id=requirement.id,
        text=requirement.text,
        line=requirement.line,
        priority=requirement.priority,
        text_hash=requirement.text_hash,
        status=status,
        reason=reason,
        tests=tests,
    )


def _status(identifier: str, tests: Sequence[Shown], defects: Collection[str]) -> tuple[Status, str]:
    live = [test for test in tests if not test.is_stale and not test.is_flaky]
    red = [test for test in live if test.outcome in _RED]
    passed = [test for test in live if test.outcome == _PASSED]
    if suspected := [test for test in red if test.node_id in defects]:
        return Status.SUSPECTED_DEFECT, f"{_names(suspected)} {'says' if len(suspected) == 1 else 'say'} that the code may be wrong"
    if red:
        return Status.FAILING, f"{_names(red)} {'does' if len(red) == 1 else 'do'} not pass"
    if not passed:
        return _without_evidence(identifier, tests)
    if killing := [test for test in passed if test.kills]:
        return Status.VERIFIED, f"{_names(killing)} {'fails' if len(killing) == 1 else 'fail'} if the code is changed"
    unjudged = [test for test in passed if not test.judged_by]
    return Status.COVERED, f"{_names(unjudged)} passed; {_NOT_JUDGED}" if unjudged else f"{_names(passed)} passed; {_NO_KILL}"


def _without_evidence(identifier: str, tests: Sequence[Shown]) -> tuple[Status, str]:
    if stale := [test for test in tests if test.is_stale]:
        return Status.STALE, f"its text has changed since {_names(stale)} {'was' if len(stale) == 1 else 'were'} written"
    if flaky := [test for test in tests if test.is_flaky]:
        return Status.UNCOVERED, f"{_names(flaky)} {'is' if len(flaky) == 1 else 'are'} flaky, which shows nothing"
    if tests:
        return Status.UNCOVERED, f"{_names(tests)} did not run to a result ({', '.join(sorted({test.outcome for test in tests}))})"
    return Status.UNCOVERED, f'no test names it: mark the one that shows it with @pytest.mark.{MARKERS[0]}("{identifier}")'


def _names(tests: Sequence[Shown]) -> str:
    first = tests[0].node_id.rpartition("/")[2]
    return first + (f" and {len(tests) - 1} more" if len(tests) > 1 else "")


def in_force(rule: Rule, specification: Specification) -> tuple[Rule | None, str]:
    """Return what a rule on requirements asks of a specification, and a clause about what of it asks nothing; empty where all of it does.

    A share of requirements of a priority that none has is no figure: nothing checked is never passed (ARCHITECTURE.md, law 1). A rule that
    asks nothing else is not asked: then there is none. A specification without any testable requirement leaves the question unanswered.
    """
    priorities = {each.priority for each in specification.testable}
    idle = [limit for limit in rule.limits if _OF_PRIORITY.get(limit.value, "") not in {"", *priorities}]
    if not idle or not priorities:
        return rule, ""
    nobody = f"no requirement is {' or '.join(_OF_PRIORITY[limit.value] for limit in idle)}"
    left = tuple(limit for limit in rule.limits if limit not in idle)
    if not left:
        return None, f"{NOT_ASKED}: {nobody}: this rule asks nothing"
    values = ", ".join(limit.value for limit in idle)
    return replace(rule, limits=left), f"{rule.gate}: {nobody}: {values} ask{'s' if len(idle) == 1 else ''} nothing"


def answer(matrix: Matrix) -> Answer:
    """Return the gate's answer. Figures: `p0_percent`, `p1_percent` and `percent` are shares of requirements traced to passing tests."""
    asked = matrix.asked
    if not asked:
        reason = "the specification has no requirement that a test could show"
        return Unanswered(gate=REQUIREMENTS, reason=reason, next_step=f"say in {matrix.path} what the component promises")
    if matrix.is_blind:
        reason = f"no test could be collected ({', '.join(matrix.uncollected[:3])}): which requirements the tests name is not known"
        return Unanswered(gate=REQUIREMENTS, reason=reason, next_step="mend what keeps the tests from being collected, then run again")
    return Measurement(
        gate=REQUIREMENTS,
        values={"p0_percent": matrix.percent("P0"), "p1_percent": matrix.percent("P1"), "percent": matrix.percent()},
        checked=len(asked),
        findings=(*(_lacking(matrix, row) for row in asked if not row.counts), *map(_unknown, matrix.unknown)),
        summary=f"{matrix.shown} of {len(asked)} requirement{'s' if len(asked) > 1 else ''} traced to passing tests{_by_priority(asked)}",
    )


def _by_priority(rows: Sequence[Row]) -> str:
    told = []
    for priority in sorted({row.priority for row in rows} - {""}):
        own = [row for row in rows if row.priority == priority]
        told.append(f"{priority}: {sum(row.counts for row in own)} of {len(own)}")
    return f" ({', '.join(told)})" if told else ""


def _lacking(matrix: Matrix, row: Row) -> Finding:
    severity = {"P0": Severity.HIGH, "P1": Severity.MEDIUM}.get(row.priority, Severity.LOW)
    return Finding(path=matrix.path, line=row.line, code=row.status, message=f"{row.id}: {row.reason}", severity=severity)


def _unknown(each: Unknown) -> Finding:
    meant = f"; did you mean {each.near}?" if each.near else ""
    message = f"{each.node_id.partition('::')[2]} names {each.id}, which the specification does not have{meant}"
    return Finding(path=each.file, line=each.line, code="unknown_id", message=message, severity=Severity.LOW)
