"""A run with a time limit ends at it, begins nothing that it could not end, and can be gone on with."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from spec2prod.application.pipeline import run_plan
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.plan import Mode, Stage, Target
from spec2prod.errors import ExitCode
from tests.application.test_fail_fast import TESTS, a_tree, ports_with
from tests.application.test_pipeline import a_plan
from tests.fakes import FakeHistory, FakeHost, FakeLinter, FakeTree, measured


class Hanging(FakeHost):
    """A host whose linter never ends; remembers that it was ended."""

    def __init__(self, tree: FakeTree) -> None:
        super().__init__(tree)
        self.cut = False

    async def run(self, command: Command) -> Completed:
        if command.tool == "linting":
            try:
                await asyncio.Event().wait()
            finally:
                self.cut = True
        return await super().run(command)


def a_linter() -> FakeLinter:
    return FakeLinter(name="linting", answers=lambda _: (measured("linting", issues=0),))


@pytest.mark.parametrize("mode", Mode)
def test_a_run_ends_at_its_time_limit_and_says_so(mode: Mode) -> None:
    host = Hanging(a_tree())
    plan = replace(a_plan(TESTS, mode=mode), time_limit_s=0.05)
    run = asyncio.run(run_plan(plan, ports_with(host, linter=a_linter())))
    assert run.exit_code is ExitCode.TIME_LIMIT
    assert run.conclusion == "Not promoted to development: the run reached its time limit of 0.05 s."
    assert host.cut, "nothing is left running"


def test_without_a_limit_nothing_is_cut() -> None:
    run = asyncio.run(run_plan(a_plan(TESTS), ports_with(FakeHost(a_tree()), linter=a_linter())))
    assert (run.exit_code, run.out_of_time) == (ExitCode.PROMOTED, False)


@pytest.mark.parametrize(("expected_ms", "begun"), [(4_000_000.0, False), (1.0, True)])
def test_a_stage_that_cannot_end_in_time_is_not_begun(expected_ms: float, *, begun: bool) -> None:
    stage = Stage.STAGING_DEPLOYMENT
    ports = replace(ports_with(FakeHost(a_tree()), linter=a_linter()), history=FakeHistory({f"stage {stage}": expected_ms}))
    run = asyncio.run(run_plan(replace(a_plan(TESTS, target=Target.STAGING), time_limit_s=3600.0), ports))
    assert (stage in run.not_run) is not begun
    assert run.out_of_time is not begun
    if not begun:
        assert run.exit_code is ExitCode.TIME_LIMIT
        assert run.not_run[stage].startswith("it takes about 4000 s, and 3")
