"""Is a red test failing or flaky? It is run again alone, and, where it is green there, once more in its order.

Red alone: failing. Green alone, and green in the suite's order too: flaky. Green alone and red in the suite's order again: it depends on
what runs before it, and fails for everybody who runs the suite. A flaky test is set aside in the pass rate and named by a gate of its own;
nothing that was red is ever told as passed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.verdict import Answer, Finding, Measurement, Unanswered

PASS_RATE, FLAKY = "test_pass_rate", "flaky_tests"
MOST_RUN_AGAIN = 20
OPEN = Unanswered(gate=FLAKY, reason="the red tests were not run again", next_step="run the suite again")
_RED = frozenset({"failed", "error"})


class Standing(StrEnum):
    """What running a red test again has shown."""

    FAILING = "failing"
    FLAKY = "flaky"
    ORDER_DEPENDENT = "order-dependent"


def red(report: SuiteReport) -> tuple[str, ...]:
    """Return the node IDs of the red tests, in the suite's order; a file that could not be collected is no test to run again."""
    return tuple(case.node_id for case in report.cases if case.outcome in _RED and "::" in case.node_id)


def green_alone(node_ids: Sequence[str], alone: SuiteReport) -> tuple[str, ...]:
    """Return which of the tests passed when they were run again alone."""
    outcomes = {case.node_id: case.outcome for case in alone.cases}
    return tuple(node_id for node_id in node_ids if outcomes.get(node_id) == "passed")


def files_up_to(report: SuiteReport, node_ids: Collection[str]) -> tuple[str, ...]:
    """Return the test files in the suite's order, up to the one with the last of these tests."""
    last = max(index for index, case in enumerate(report.cases) if case.node_id in node_ids)
    return tuple(dict.fromkeys(case.node_id.partition("::")[0] for case in report.cases[: last + 1]))


def standings(report: SuiteReport, passed_alone: Collection[str], in_order: SuiteReport) -> dict[str, Standing]:
    """Return the standing of every red test. What did not run in its order again is taken for the worse: dependent on it."""
    outcomes = {case.node_id: case.outcome for case in in_order.cases}
    kinds = {True: Standing.FLAKY, False: Standing.ORDER_DEPENDENT}
    return {node_id: kinds[outcomes.get(node_id) == "passed"] if node_id in passed_alone else Standing.FAILING for node_id in red(report)}


def settled(rate: Measurement, report: SuiteReport, standing: Mapping[str, Standing]) -> tuple[Answer, Answer]:
    """Return the pass rate without the flaky tests, and the answer of `flaky_tests`."""
    flaky = [case for case in report.cases if standing.get(case.node_id) is Standing.FLAKY]
    return _rate(rate, report, standing, len(flaky)), _flaky(flaky, standing, rate.checked)


def not_run_again(reason: str) -> Unanswered:
    """Return the answer of `flaky_tests` where the red tests were not run again: all of them count as failing."""
    return Unanswered(gate=FLAKY, reason=f"{reason}; every red test counts as failing", next_step="mend the failing tests, then run again")


def _rate(rate: Measurement, report: SuiteReport, standing: Mapping[str, Standing], flaky: int) -> Answer:
    counted = rate.checked - flaky
    if not counted:
        return Unanswered(gate=PASS_RATE, reason="every test that ran is flaky: nothing was settled", next_step="make the tests repeatable")
    passed = sum(case.outcome == "passed" for case in report.cases)
    words = ", ".join(f"{list(standing.values()).count(kind)} {kind}" for kind in Standing if kind in standing.values())
    aside = ", the flaky ones set aside" if flaky else ""
    return replace(
        rate,
        values={**rate.values, "percent": 100.0 * passed / counted},
        checked=counted,
        findings=tuple(_finding(case, standing) for case in report.cases if _still_counts(case, standing)),
        summary=f"{rate.summary}; run again: {words}{aside}",
    )


def _flaky(flaky: Sequence[CaseResult], standing: Mapping[str, Standing], checked: int) -> Answer:
    names = ", ".join(case.node_id for case in flaky)
    return Measurement(
        gate=FLAKY,
        values={"flaky": float(len(flaky))},
        checked=checked,
        findings=tuple(_finding(case, standing) for case in flaky),
        summary=f"{len(flaky)} flaky: {names}" if flaky else "no red test was green when it was run again",
    )


def _still_counts(case: CaseResult, standing: Mapping[str, Standing]) -> bool:
    return case.outcome in _RED and standing.get(case.node_id) is not Standing.FLAKY


def _finding(case: CaseResult, standing: Mapping[str, Standing]) -> Finding:
    name = case.node_id.partition("::")[2]
    said = case.message or case.outcome
    kind = standing.get(case.node_id)
    how = {
        Standing.FLAKY: "red in the suite, green alone and green in the suite's order: ",
        Standing.ORDER_DEPENDENT: "red in the suite twice, green alone: ",
    }
    told = how.get(kind, "") if kind else ""
    code = str(kind) if kind and kind is not Standing.FAILING else case.outcome
    return Finding(path=case.file, line=case.line, code=code, message=f"{name}: {told}{said}" if name else said)
