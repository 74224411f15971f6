"""The gate suspected_defects in a whole run on fakes: the record is read, bound to the tree, and lets nothing pass while one is open."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from spec2prod.adapters.store.defects import PassingDefects, UnreadableDefects
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Defects, Ports
from spec2prod.application.session import Session
from spec2prod.domain.component import Component
from spec2prod.domain.defect import SUSPECTED_DEFECTS, Defect, suspect
from spec2prod.domain.plan import Mode, Stage
from spec2prod.domain.run import Run
from spec2prod.domain.verdict import Answer, Comparison, Judgement, Limit, Rule, Verdict
from spec2prod.errors import ExitCode, StoreError
from tests.application.test_pipeline import MODULE, SOURCE, a_plan, clean, linter, suite_gate
from tests.fakes import FakeLinter, FakeTree, measured, ports_on

RULE = Rule(gate=SUSPECTED_DEFECTS, limits=(Limit(value="open", comparison=Comparison.AT_MOST, threshold=0),))
TESTS = ("tests/test_old.py",)


def a_defect(component: str = "calc") -> Defect:
    return suspect(
        component=component,
        module=MODULE,
        test_file="tests/test_calc.py",
        test="test_sub",
        source="from calc import sub\n\ndef test_sub():\n    assert sub(3, 1) == 2\n",
        requirements=[("REQ-1", "1f0c.9a2b.3d4e")],
        sentence="REQ-1 says 2, the code returns 4",
        message="assert 4 == 2",
        run_id="r0",
        seen_at="2026-01-01T00:00:00.000+00:00",
    )


def ports_with(record: Defects | None, tree: FakeTree | None = None) -> Ports:
    tree = tree or FakeTree({MODULE: SOURCE, TESTS[0]: "def test_old(): pass\n"})
    suite, checker = suite_gate(), clean("type_checking", errors=0)
    return replace(ports_on(tree, checker, suite=suite, linter=linter()), defects=record)


def run_with(record: Defects | None, *, required: bool = True) -> Run:
    plan = a_plan(TESTS)
    rules = tuple(rule for rule in plan.rules if rule.gate != "test_coverage")
    return asyncio.run(run_plan(replace(plan, rules=(*rules, replace(RULE, required=required))), ports_with(record)))


def judged(run: Run) -> Judgement:
    return next(gate for stage in run.stages for gate in stage.gates if gate.gate == SUSPECTED_DEFECTS)


def record_of(*defects: Defect) -> PassingDefects:
    record = PassingDefects()
    for each in defects:
        record.note(each)
    return record


def test_an_open_defect_of_an_earlier_run_stops_the_climb_though_nothing_was_generated() -> None:
    run = run_with(record_of(a_defect()))
    assert run.exit_code is ExitCode.GATE_FAILED
    assert judged(run).verdict is Verdict.FAILED
    assert run.defects == (a_defect(),)
    assert "suspected_defects failed (open is 1, needed <= 0)" in run.conclusion


def test_where_it_is_optional_it_warns_and_is_told_all_the_same() -> None:
    run = run_with(record_of(a_defect()), required=False)
    assert (run.exit_code, judged(run).verdict, len(run.defects)) == (ExitCode.PROMOTED, Verdict.WARNED, 1)


def test_another_components_defect_is_none_of_this_run() -> None:
    run = run_with(record_of(a_defect("other")))
    assert (run.exit_code, judged(run).verdict, run.defects) == (ExitCode.PROMOTED, Verdict.PASSED, ())


@pytest.mark.parametrize("record", [None, UnreadableDefects(StoreError("no room", next_step="make room"))], ids=["no record", "unreadable"])
def test_a_record_that_nobody_can_read_is_errored_and_never_passed(record: Defects | None) -> None:
    run = run_with(record)
    assert (run.exit_code, judged(run).verdict) == (ExitCode.COULD_NOT_ASK, Verdict.ERRORED)


def test_evidence_of_another_tree_counts_for_nothing() -> None:
    tree = FakeTree({MODULE: SOURCE, TESTS[0]: "def test_old(): pass\n"})
    session = Session(replace(a_plan(TESTS), rules=(RULE,)), ports_with(record_of(), tree))

    def verdict() -> Verdict:
        (judgement,) = session.judged(session.names(Stage.TESTING))
        return judgement.verdict

    assert verdict() is Verdict.ERRORED  # nobody has looked
    session.look_for_defects()
    assert verdict() is Verdict.PASSED
    tree.replace(MODULE, SOURCE + "\n")
    assert verdict() is Verdict.ERRORED
    session.look_for_defects()
    assert verdict() is Verdict.PASSED


def test_one_that_is_noted_while_the_run_goes_on_counts_in_its_verdict() -> None:
    record = record_of()

    def noting(_: Component) -> tuple[Answer, ...]:
        record.note(a_defect())
        return (measured("linting", issues=0),)

    plan = a_plan(TESTS, mode=Mode.SYNC)  # the tests first, then the linter
    rules = tuple(rule for rule in plan.rules if rule.gate in {"test_pass_rate", "linting"})
    tree = FakeTree({MODULE: SOURCE, TESTS[0]: "def test_old(): pass\n"})
    ports = ports_on(tree, suite=suite_gate(), linter=FakeLinter(name="linting", answers=noting))
    run = asyncio.run(run_plan(replace(plan, rules=(*rules, RULE)), replace(ports, defects=record)))
    assert run.exit_code is ExitCode.GATE_FAILED
    testing = next(result for result in run.stages if result.stage is Stage.TESTING)
    assert [gate.verdict for gate in testing.first_gates if gate.gate == SUSPECTED_DEFECTS] == [Verdict.PASSED]
    assert judged(run).verdict is Verdict.FAILED
