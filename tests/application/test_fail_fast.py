"""A run that fails fast ends at the first no that counts; any other asks everything, whatever is red."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Ports
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.plan import Mode, Plan, Stage, Target
from spec2prod.domain.run import Run
from spec2prod.domain.verdict import Verdict
from spec2prod.errors import ExitCode
from tests.application.test_pipeline import MODULE, PROPOSED, SOURCE, a_plan, clean, proposes, suite_gate
from tests.fakes import FakeGate, FakeHistory, FakeHost, FakeLinter, FakeTree, FakeWriter, Told, measured, ports_on

TESTS = ("tests/test_new.py",)


def a_tree() -> FakeTree:
    return FakeTree({MODULE: SOURCE, "tests/test_new.py": PROPOSED, "tests/test_old.py": "old"})


class Patient(FakeHost):
    """Processes that take as many turns of the loop as `turns` says; remembers who was ended before its end."""

    def __init__(self, tree: FakeTree, **turns: int) -> None:
        super().__init__(tree)
        self.turns = turns
        self.cut: list[str] = []

    async def run(self, command: Command) -> Completed:
        try:
            for _ in range(self.turns.get(command.tool, 1)):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cut.append(command.tool)
            raise
        return await super().run(command)


def red_linter() -> FakeLinter:
    return FakeLinter(name="linting", answers=lambda _: (measured("linting", issues=3),))


def verdicts(run: Run) -> dict[str, Verdict]:
    return {gate.gate: gate.verdict for result in run.stages for gate in result.gates}


def reasons(run: Run) -> dict[str, str]:
    return {gate.gate: gate.reason for result in run.stages for gate in result.gates}


def ports_with(host: FakeHost, *gates: FakeGate, linter: FakeLinter, writer: FakeWriter | None = None) -> Ports:
    return ports_on(host.tree, *(gates or (clean("type_checking", errors=0),)), suite=suite_gate(), linter=linter, host=host, writer=writer)


def run_of(ports: Ports, plan: Plan) -> Run:
    return asyncio.run(run_plan(plan, ports))


@pytest.mark.parametrize("mode", Mode)
def test_by_default_every_gate_is_asked_whatever_is_red(mode: Mode) -> None:
    host = Patient(a_tree())
    run = run_of(ports_with(host, linter=red_linter()), a_plan(TESTS, mode=mode))
    assert verdicts(run)["linting"] is Verdict.FAILED
    assert verdicts(run)["test_pass_rate"] is Verdict.PASSED
    assert sorted({each.tool for each in host.started}) == ["linting", "tests", "type_checking"]
    assert host.cut == []


def test_a_red_gate_ends_what_still_runs_and_what_was_not_asked_is_never_passed() -> None:
    host = Patient(a_tree(), tests=500, type_checking=500)
    ports = ports_with(host, linter=red_linter())
    run = run_of(ports, a_plan(TESTS, fail_fast=True, target=Target.STAGING))
    assert sorted(host.cut) == ["tests", "type_checking"]
    assert run.exit_code is ExitCode.GATE_FAILED
    assert verdicts(run) == {
        "linting": Verdict.FAILED,
        "test_pass_rate": Verdict.ERRORED,
        "test_coverage": Verdict.ERRORED,
        "type_checking": Verdict.ERRORED,
    }
    assert reasons(run)["test_coverage"] == "not asked: linting said no, and this run ends at the first no (--fail-fast)"
    assert run.not_run == {Stage.STAGING_DEPLOYMENT: "linting said no, and this run ends at the first no (--fail-fast)"}
    assert not run.interrupted
    assert isinstance(ports.listener, Told)
    assert [each.verdict for each in ports.listener.events if each.kind == "failed_fast"] == [Verdict.FAILED]


def test_in_sync_mode_what_comes_later_is_not_begun() -> None:
    host = Patient(FakeTree({MODULE: SOURCE}))
    run = run_of(ports_with(host, linter=red_linter()), a_plan(fail_fast=True, mode=Mode.SYNC))
    assert [each.tool for each in host.started] == ["tests"]
    assert set(run.not_run) == {Stage.REFACTORING}
    assert run.exit_code is ExitCode.GATE_FAILED


def test_no_agent_is_paid_for_what_cannot_be_promoted() -> None:
    host = Patient(a_tree(), tests=200)
    writer = proposes()
    run = run_of(ports_with(host, linter=red_linter(), writer=writer), a_plan(TESTS, fail_fast=True, generate=True))
    assert "submit" not in writer.calls
    assert writer.calls[-1] == "stop"
    assert "said no" in run.not_run[Stage.GENERATION]


@pytest.mark.parametrize("mode", Mode)
def test_what_generation_may_mend_ends_no_run(mode: Mode) -> None:
    host = Patient(FakeTree({MODULE: SOURCE}))
    green = FakeLinter(name="linting", answers=lambda _: (measured("linting", issues=0),))
    run = run_of(ports_with(host, linter=green, writer=proposes()), a_plan(fail_fast=True, generate=True, mode=mode))
    assert run.adopted == ("tests/test_calc.py",)
    assert run.success


def test_an_optional_gate_and_a_tool_that_could_not_be_asked_end_no_run() -> None:
    red = FakeGate(name="type_checking", answers=lambda _: (measured("type_checking", errors=9),))
    run = run_of(
        ports_with(Patient(a_tree()), red, linter=FakeLinter(name="linting", answers=lambda _: (measured("linting", issues=0),))),
        a_plan(TESTS, fail_fast=True),
    )
    assert run.success
    assert verdicts(run)["type_checking"] is Verdict.WARNED


@pytest.mark.parametrize(("fail_fast", "order"), [(True, ["type_checking", "linting"]), (False, ["linting", "type_checking"])])
def test_the_riskiest_gate_is_asked_first_by_a_run_that_fails_fast(order: list[str], *, fail_fast: bool) -> None:
    host = Patient(a_tree())
    history = FakeHistory({"linting": 900.0, "type_checking": 100.0}, {"linting": 0.2, "type_checking": 0.6})
    green = FakeLinter(name="linting", answers=lambda _: (measured("linting", issues=0),))
    plan = a_plan(TESTS, fail_fast=fail_fast, mode=Mode.SYNC)
    plan = replace(plan, rules=tuple(replace(rule, required=True) for rule in plan.rules))
    run = run_of(replace(ports_with(host, linter=green), history=history), plan)
    assert [each.tool for each in host.started] == ["tests", *order]
    assert run.success
