"""A red test is run again, once, to tell failing from flaky, and nothing red is ever told as passed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from spec2prod.application import testing
from spec2prod.application.session import Session
from spec2prod.domain import flaky
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.flaky import OPEN, Standing
from spec2prod.domain.plan import Mode, Plan, Stage, Target
from spec2prod.domain.run import StageResult
from spec2prod.domain.specification import Specification
from spec2prod.domain.suite import EMPTY_SUITE, CaseResult, SuiteReport
from spec2prod.domain.verdict import Answer, Comparison, Finding, Limit, Measurement, Rule, Unanswered, Verdict
from tests.fakes import FakeHost, FakeLinter, FakeSuite, FakeTree, measured, ports_on

FILE = "tests/test_one.py"
COMPONENT = Component(
    name="one", root=Path("/project"), source="one.py", import_root=".", modules=("one.py",), tests=(FILE,), interpreter=Path("python")
)


def report(outcomes: Mapping[str, str]) -> SuiteReport:
    cases = tuple(
        CaseResult(node_id=f"{FILE}::{name}", name=name, file=FILE, line=1, outcome=outcome, message="no" if outcome != "passed" else "")
        for name, outcome in outcomes.items()
    )
    return replace(EMPTY_SUITE, cases=cases)


class Runs(FakeSuite):
    """A suite whose runs come from a list: the suite, then alone, then in order."""

    def __init__(self, *runs: Mapping[str, str]) -> None:
        self.runs = [report(run) for run in runs]
        super().__init__(name="tests", measures=("test_pass_rate", "flaky_tests"), answers=lambda _: ())

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        del component, completed
        cases = self.runs[0].cases
        passed = sum(case.outcome == "passed" for case in cases)
        findings = tuple(Finding(path=case.file, line=1) for case in cases if case.outcome != "passed")
        rate = Measurement(
            gate="test_pass_rate", values={"percent": 100 * passed / len(cases)}, checked=len(cases), findings=findings, summary="told"
        )
        return (rate, OPEN if findings else measured("flaky_tests", flaky=0))

    def report(self, component: Component, completed: Completed) -> SuiteReport:
        del component, completed
        return self.runs.pop(0)

    def again(self, component: Component, node_ids: Sequence[str]) -> Command:
        return Command(tool="again", argv=tuple(node_ids), cwd=component.root)


def ran(*runs: Mapping[str, str], required: bool = True) -> tuple[StageResult, list[Command]]:
    rules = (
        Rule(gate="test_pass_rate", limits=(Limit(value="percent", comparison=Comparison.AT_LEAST, threshold=100),)),
        Rule(gate="flaky_tests", limits=(Limit(value="flaky", comparison=Comparison.AT_MOST, threshold=0),), required=required),
    )
    plan = Plan(
        run_id="r",
        component=COMPONENT,
        specification=Specification(path="spec.md", title="", requirements=()),
        target=Target.DEVELOPMENT,
        mode=Mode.SYNC,
        stages=(Stage.TESTING,),
        rules=rules,
        generate=False,
        generation_required=False,
        auto_fix=False,
        coverage_goal=80,
    )
    tree = FakeTree({FILE: "", "one.py": ""})
    host = FakeHost(tree)
    session = Session(plan, ports_on(tree, suite=Runs(*runs), linter=FakeLinter(name="linting", answers=lambda _: ()), host=host))
    first = asyncio.run(testing.measure(session))
    return testing.result(session, first), host.started


def verdicts(result: StageResult) -> dict[str, Verdict]:
    return {gate.gate: gate.verdict for gate in result.gates}


def test_a_green_suite_starts_no_second_process() -> None:
    result, started = ran({"a": "passed"})
    assert [command.tool for command in started] == ["tests"]
    assert verdicts(result) == {"test_pass_rate": Verdict.PASSED, "flaky_tests": Verdict.PASSED}
    assert "run_again" not in result.outputs


def test_red_alone_too_is_failing() -> None:
    result, started = ran({"a": "passed", "b": "failed"}, {"b": "failed"})
    assert [command.argv for command in started[1:]] == [(f"{FILE}::b",)]
    assert verdicts(result) == {"test_pass_rate": Verdict.FAILED, "flaky_tests": Verdict.PASSED}
    assert result.outputs["run_again"] == {"failing": [f"{FILE}::b"], "flaky": [], "order-dependent": []}
    assert result.gates[0].measured == "told; run again: 1 failing"


def test_green_alone_and_in_order_is_flaky_named_and_set_aside() -> None:
    result, started = ran({"a": "passed", "b": "error"}, {"b": "passed"}, {"a": "passed", "b": "passed"})
    assert [command.argv for command in started[1:]] == [(f"{FILE}::b",), (FILE,)]
    assert verdicts(result) == {"test_pass_rate": Verdict.PASSED, "flaky_tests": Verdict.FAILED}
    rate, found = result.gates
    assert rate.measured == "told; run again: 1 flaky, the flaky ones set aside"
    assert found.measured == f"1 flaky: {FILE}::b"
    assert result.verdict is Verdict.FAILED


def test_flaky_warns_where_the_rule_is_optional() -> None:
    result, _ = ran({"a": "passed", "b": "failed"}, {"b": "passed"}, {"a": "passed", "b": "passed"}, required=False)
    assert verdicts(result) == {"test_pass_rate": Verdict.PASSED, "flaky_tests": Verdict.WARNED}
    assert result.verdict is Verdict.WARNED


def test_green_alone_and_red_in_order_again_depends_on_the_order_and_fails() -> None:
    result, _ = ran({"a": "passed", "b": "failed"}, {"b": "passed"}, {"a": "passed", "b": "failed"}, required=False)
    assert verdicts(result)["test_pass_rate"] is Verdict.FAILED
    assert result.outputs["run_again"] == {"failing": [], "flaky": [], "order-dependent": [f"{FILE}::b"]}
    evidence = result.gates[0].evidence
    assert evidence is not None
    assert isinstance(evidence.answer, Measurement)
    assert [(each.code, each.message) for each in evidence.answer.findings] == [
        ("order-dependent", "b: red in the suite twice, green alone: no")
    ]


def test_many_red_tests_are_failing_and_none_is_run_again() -> None:
    result, started = ran({f"t{n}": "failed" for n in range(21)})
    assert len(started) == 1
    assert verdicts(result) == {"test_pass_rate": Verdict.FAILED, "flaky_tests": Verdict.ERRORED}
    assert "21 tests are red, more than the 20 that are run again; every red test counts as failing" in result.gates[1].reason


def test_a_rerun_that_says_nothing_leaves_the_tests_failing() -> None:
    result, _ = ran({"a": "passed", "b": "failed"}, {})
    assert verdicts(result) == {"test_pass_rate": Verdict.FAILED, "flaky_tests": Verdict.ERRORED}
    assert "could not be run again" in result.gates[1].reason


def test_where_every_test_is_flaky_nothing_was_settled() -> None:
    result, _ = ran({"a": "failed"}, {"a": "passed"}, {"a": "passed"})
    assert verdicts(result) == {"test_pass_rate": Verdict.ERRORED, "flaky_tests": Verdict.FAILED}


OUTCOMES = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["passed", "failed", "error"]), min_size=1)


@given(OUTCOMES, OUTCOMES, OUTCOMES)
def test_nothing_red_is_told_as_passed(suite: dict[str, str], alone: dict[str, str], in_order: dict[str, str]) -> None:
    first = report(suite)
    red = flaky.red(first)
    if not red:
        return
    standing = flaky.standings(first, flaky.green_alone(red, report(alone)), report(in_order))
    assert set(standing) == set(red)
    passed = len(first.cases) - len(red)
    rate = Measurement(gate="test_pass_rate", values={"percent": 100 * passed / len(first.cases)}, checked=len(first.cases))
    new, count = flaky.settled(rate, first, standing)
    assert isinstance(count, Measurement)
    assert count.values["flaky"] == list(standing.values()).count(Standing.FLAKY)
    still_red = [each for each in standing.values() if each is not Standing.FLAKY]
    assert isinstance(new, Unanswered) or (new.values["percent"] < 100) == bool(still_red)
    assert isinstance(new, Unanswered) or len(new.findings) == len(still_red)
