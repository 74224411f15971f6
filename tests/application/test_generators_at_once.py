"""Several generators: asked at once in async mode, one after another in sync mode; one that cannot be asked takes nobody with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from spec2prod.application.pipeline import run_plan
from spec2prod.bootstrap.generators import Several
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.plan import Mode, Stage
from spec2prod.domain.run import Run
from spec2prod.domain.verdict import Verdict
from spec2prod.errors import AgentUnavailableError
from tests.application.test_pipeline import MODULE, SOURCE, a_plan, clean, linter, result_of, suite_gate
from tests.fakes import FakeTree, FakeWriter, ports_on

if TYPE_CHECKING:
    from spec2prod.application.ports import TestWriter

TEXT = """\
import pytest
from calc import add


@pytest.mark.requirement("REQ-1")
def test_add():
    assert add(1, 2) == 3
"""


class Meeting(FakeWriter):
    """A writer whose tasks end, in async mode, only when those of all `guests` have been asked for."""

    def __init__(self, name: str, asked: list[str], guests: int, met: asyncio.Event) -> None:
        super().__init__()
        self.name, self.asked, self.guests, self.met = name, asked, guests, met

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        self.requests |= {f"{self.name} {request.test_file}": request for request in requests}
        return {request.module: f"{self.name} {request.test_file}" for request in requests}

    async def outcome(self, task_id: str) -> TaskOutcome:
        self.asked.append(f"{self.name} begins")
        if len(self.asked) == self.guests:
            self.met.set()
        await self.met.wait()
        self.asked.append(f"{self.name} ends")
        request = self.requests[task_id]
        done = TaskStatus.DELIVERED
        return TaskOutcome(task_id=task_id, module=request.module, test_file=request.test_file, status=done, text=TEXT)


async def _climb(writers: Mapping[str, TestWriter], mode: Mode) -> tuple[Run, FakeTree]:
    tree = FakeTree({MODULE: SOURCE})
    ports = ports_on(tree, clean("type_checking", errors=0), suite=suite_gate(), linter=linter(), writer=Several(writers))  # type: ignore[arg-type]
    plan = replace(a_plan(generate=True, mode=mode), generators=tuple(writers))
    async with asyncio.timeout(20):
        return await run_plan(plan, ports), tree


@pytest.mark.asyncio
async def test_in_async_mode_nobody_waits_for_another_to_end() -> None:
    asked: list[str] = []
    met = asyncio.Event()
    run, tree = await _climb({name: Meeting(name, asked, 2, met) for name in ("openhands", "pynguin")}, Mode.ASYNC)
    assert asked[:2] == ["openhands begins", "pynguin begins"]
    assert len({request.test_file for request in run.requests}) == 2
    assert result_of(run, Stage.GENERATION).verdict is Verdict.PASSED
    assert {each.test_file for each in run.candidates} == {request.test_file for request in run.requests}
    adopted = tree.read(run.adopted[0]) or ""
    (stated,) = run.plan.specification.requirements
    assert f'@pytest.mark.requirement("REQ-1", text="{stated.text_hash}")' in adopted, "what is written says for which text"


@pytest.mark.asyncio
async def test_in_sync_mode_one_ends_before_the_next_begins() -> None:
    asked: list[str] = []
    met = asyncio.Event()
    met.set()
    await _climb({name: Meeting(name, asked, 2, met) for name in ("openhands", "pynguin")}, Mode.SYNC)
    assert asked == ["openhands begins", "openhands ends", "pynguin begins", "pynguin ends"]


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_one_that_cannot_be_asked_is_told_and_the_others_bring_what_they_have(mode: Mode) -> None:
    met = asyncio.Event()
    met.set()
    unavailable = FakeWriter(error=AgentUnavailableError("no model is set", next_step="set LLM_MODEL"))
    run, _ = await _climb({"openhands": unavailable, "pynguin": Meeting("pynguin", [], 1, met)}, mode)
    generation = result_of(run, Stage.GENERATION)
    assert (generation.verdict, generation.errors) == (Verdict.ERRORED, ("no model is set",))
    assert generation.next_steps == ("set LLM_MODEL",)
    assert [run.generator_of(each) for each in run.adopted] == ["pynguin"]
    assert unavailable.calls.count("submit") == 1
