"""How a run ends that nothing but time limits kept from an answer."""

from __future__ import annotations

from dataclasses import replace

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Run, StageResult
from spec2prod.domain.verdict import Answer, Evidence, Measurement, Rule, Unanswered, Verdict, judge, stage_verdict
from spec2prod.errors import ExitCode
from spec2prod.gates.reading import unanswered
from tests.reports.runs import PASSED, PLAN

ASKED = Completed(command=Command(tool="pytest", argv=("pytest",), cwd=PLAN.component.root), exit_code=None)
LATE = unanswered("late", replace(ASKED, timed_out=True), "stopped at its time limit")
MISSING = unanswered("missing", replace(ASKED, not_found=True), "not installed")
GOOD = Measurement(gate="good", values={}, checked=1)


def ended(*answers: Answer, optional: Answer | None = None) -> Run:
    rules = [(Rule(gate=each.gate, limits=()), each) for each in answers]
    rules += [(Rule(gate=optional.gate, limits=(), required=False), optional)] if optional else []
    gates = tuple(judge(rule, Evidence(answer=answer, digest="d", measured_at="t", tool="t")) for rule, answer in rules)
    testing = StageResult(stage=Stage.TESTING, verdict=stage_verdict(gates), gates=gates)
    return replace(PASSED, stages=(testing,), not_run={Stage.REFACTORING: "testing errored"})


def test_a_required_gate_that_its_time_limit_kept_from_an_answer_ends_the_run_with_124() -> None:
    assert ended(GOOD, LATE).exit_code is ExitCode.TIME_LIMIT
    assert ended(LATE, optional=MISSING).exit_code is ExitCode.TIME_LIMIT


def test_another_reason_beside_the_time_limit_is_told_by_the_exit_code() -> None:
    assert ended(LATE, MISSING).exit_code is ExitCode.COULD_NOT_ASK
    no_tests = Unanswered(gate="tests", reason="no tests", no_tests=True)
    assert ended(LATE, no_tests).exit_code is ExitCode.GATE_FAILED


def test_an_optional_gate_that_is_late_ends_nothing() -> None:
    assert ended(MISSING, optional=LATE).exit_code is ExitCode.COULD_NOT_ASK
    assert replace(ended(GOOD, optional=LATE), not_run={}).exit_code is ExitCode.PROMOTED


def test_a_stage_that_its_own_time_limit_ended_ends_the_run_with_124() -> None:
    late = StageResult(stage=Stage.STAGING_DEPLOYMENT, verdict=Verdict.ERRORED, timed_out=True)
    assert replace(PASSED, stages=(late,)).exit_code is ExitCode.TIME_LIMIT
    assert replace(PASSED, stages=(late, replace(late, timed_out=False))).exit_code is ExitCode.COULD_NOT_ASK
