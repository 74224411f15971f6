"""Rounds through the guide's classes: a generator that takes feedback is told, a substitute that takes none is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.workflow import openhands_stage
from scripts.workflow.openhands_stage import OpenHandsTestGenerator, outcome_of
from scripts.workflow.spec_to_production import StageWriter, WorkflowOrchestrator
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.feedback import Feedback
from tests.fakes import FakeWriter

FEEDBACK = Feedback(text="mend it", rejected=1)


def _request(module: str) -> TestRequest:
    return TestRequest(module=module, dotted=Path(module).stem, test_file=f"tests/test_{Path(module).stem}.py", specification="")


def _outcome(request: TestRequest, text: str) -> TaskOutcome:
    status = TaskStatus.DELIVERED
    return TaskOutcome(task_id=f"task-{request.module}", module=request.module, test_file=request.test_file, status=status, text=text)


def _agent() -> FakeWriter:
    return FakeWriter(lambda asked: _outcome(asked, "first"), mends=lambda asked, told, _: _outcome(asked, told.text))


def _writer(generator: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StageWriter:
    monkeypatch.setattr(openhands_stage.OpenHandsTestGenerator, "from_env", lambda *_args, **_kwargs: generator)
    return StageWriter(WorkflowOrchestrator(spec_file=tmp_path / "spec.md", component_name="c", component_path=tmp_path))


@pytest.mark.asyncio
async def test_the_real_generator_is_told_and_modules_may_be_submitted_one_after_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent = _agent()
    requests: dict[str, TestRequest] = {}
    writer = _writer(OpenHandsTestGenerator(agent, requests), monkeypatch, tmp_path)
    for request in (_request("a.py"), _request("b.py")):
        requests[request.module] = request
        (task,) = (await writer.submit([request])).values()
        assert (await writer.outcome(task)).text == "first"
        mended = await writer.follow_up(task, FEEDBACK, 2)
        assert (mended.module, mended.text) == (request.module, "mend it")
    assert agent.calls.count("submit") == 2, "a module that was asked before is not asked again"
    assert agent.told == [("task-a.py", FEEDBACK, 2), ("task-b.py", FEEDBACK, 2)]
    await writer.stop()
    assert agent.calls[-1] == "stop"


class Substitute:
    """A caller's own generator: it knows nothing of feedback."""

    async def start(self) -> None:
        """Begin nothing."""

    async def stop(self) -> None:
        """End nothing."""

    async def submit_test_generation_task(self, module_path: str, **_: object) -> str:
        return f"task-{module_path}"

    async def get_test_generation_results(self, task_id: str, **_: object) -> dict[str, Any]:
        return {"success": True, "task_id": task_id, "text": "def test_it(): ..."}


@pytest.mark.asyncio
async def test_a_substitute_that_takes_no_feedback_brings_nothing_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    writer = _writer(Substitute(), monkeypatch, tmp_path)
    (task,) = (await writer.submit([_request("a.py")])).values()
    assert (await writer.outcome(task)).status is TaskStatus.DELIVERED
    told = await writer.follow_up(task, FEEDBACK, 2)
    assert (told.status, told.text, told.reason) == (TaskStatus.NO_FILE, None, "this generator takes no feedback")
    await writer.stop()


@pytest.mark.parametrize(("told", "priced"), [({}, False), ({"cost_usd": 0.5}, True), ({"cost_usd": 0.0, "is_priced": False}, False)])
def test_a_generator_that_tells_no_price_has_none(told: dict[str, Any], priced: bool) -> None:  # noqa: FBT001 - a parameter
    assert outcome_of("t", told, None).is_priced is priced
