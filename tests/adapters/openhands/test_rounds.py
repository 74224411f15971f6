"""Rounds with the real agent server and a scripted model: the judgement's word goes into the same conversation, and is paid once."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.rounds import round_text
from spec2prod.adapters.openhands.servers import Connection
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.openhands.writer import OpenHandsWriter
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.feedback import Feedback, Rejection, feedback_of
from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import Behaviour
from tests.adapters.openhands.killed import begun, kill, options_for, scripted, start, tool_runs, until

pytestmark = [pytest.mark.openhands, pytest.mark.slow]

_BAD = ["from shop.prices import total", "", "", "def test_total() -> None:", "    assert total([1, 2]) == 4"]
_GOOD = [*_BAD[:-1], "    assert total([1, 2]) == 3"]
_WRITE = {"write": "{workspace}/{test_file}", "text": _BAD}
_MEND = {"run": f"printf '%s\\n' {' '.join(map(repr, _GOOD))} > {{test_file}}"}
_FINISH = {"finish": "The tests are written."}


@pytest.fixture
def feedback(request_for_prices: TestRequest) -> Feedback:
    """Return what a judge says of the bad file."""
    found = feedback_of(
        test_file=request_for_prices.test_file,
        specification=request_for_prices.specification,
        rejected=[Rejection(name="test_total", reason="it failed", output="E assert 3 == 4")],
    )
    assert found is not None
    return found


@asynccontextmanager
async def _writer(place: Workplace, options: OpenHandsOptions) -> AsyncIterator[OpenHandsWriter]:
    writer = OpenHandsWriter(options, place)
    try:
        yield writer
    finally:
        await writer.stop()


async def _two_rounds(
    place: Workplace, options: OpenHandsOptions, request: TestRequest, feedback: Feedback
) -> tuple[TaskOutcome, TaskOutcome]:
    async with _writer(place, options) as writer:
        (task,) = (await writer.submit([request])).values()
        return await writer.outcome(task), await writer.follow_up(task, feedback, 2)


@pytest.mark.asyncio
async def test_a_follow_up_goes_on_in_the_same_conversation_and_counts_on_and_is_told_again_for_free(
    place: Workplace, request_for_prices: TestRequest, feedback: Feedback
) -> None:
    with ScriptedModel(scripted(_WRITE, _FINISH, _MEND, _FINISH)) as model:
        first, second = await _two_rounds(place, options_for(model), request_for_prices, feedback)
        assert (first.status, first.text) == (TaskStatus.DELIVERED, "\n".join((*_BAD, "")))
        assert (second.status, second.text) == (TaskStatus.DELIVERED, "\n".join((*_GOOD, ""))), second.reason
        assert (first.llm_calls, second.llm_calls, model.answered) == (2, 4, 4)
        assert second.task_id == first.task_id
        assert second.cost_usd > first.cost_usd > 0
        assert second.is_priced
        again = await _two_rounds(place, options_for(model), request_for_prices, feedback)
        assert again == (first, second)
        assert model.calls == 4
    events = (place.folder / "conversations" / f"{first.task_id}.jsonl").read_text()
    assert "E assert 3 == 4" in events


@pytest.mark.asyncio
async def test_limits_hold_for_all_rounds_of_a_task_together(place: Workplace, request_for_prices: TestRequest, feedback: Feedback) -> None:
    with ScriptedModel(scripted(_WRITE, _FINISH, *({"run": f"echo {number}"} for number in range(20)))) as model:
        first, second = await _two_rounds(place, options_for(model, max_iterations=4), request_for_prices, feedback)
        assert first.status is TaskStatus.DELIVERED, first.reason
        assert second.status is TaskStatus.LIMIT
        assert "4 iterations" in second.reason
        assert not second.resumable
        assert model.calls <= 6


@pytest.mark.parametrize("moment", ["a call is in flight", "a tool runs"])
@pytest.mark.asyncio
async def test_a_writer_killed_in_its_second_round_goes_on_with_it_and_pays_nothing_twice(
    place: Workplace, request_for_prices: TestRequest, feedback: Feedback, moment: str
) -> None:
    with ScriptedModel(scripted(_WRITE, _FINISH, {"run": "touch begun; sleep 3"}, _MEND, _FINISH)) as model:
        process = start(place, model, request_for_prices, feedback)
        if moment == "a tool runs":
            until(lambda: begun(place), process)
        else:
            until(lambda: model.answered >= 1, process)
            model.behaviour = Behaviour(seconds_per_call=2.0)
            until(lambda: model.answered == 2 and model.calls == 3, process)
        kill(process)
        model.behaviour = Behaviour()
        _, second = await _two_rounds(place, options_for(model), request_for_prices, feedback)
        assert (second.status, second.text) == (TaskStatus.DELIVERED, "\n".join((*_GOOD, ""))), second.reason
        assert model.calls == 5 + (moment == "a call is in flight")
    events = [json.loads(line) for line in (place.folder / "conversations" / f"{second.task_id}.jsonl").read_text().splitlines()]
    assert sum("E assert 3 == 4" in json.dumps(each) for each in events if each.get("source") == "user") == 1, "it was said once"


@pytest.mark.parametrize("status", ["finished", "idle"])
@pytest.mark.asyncio
async def test_a_round_whose_message_was_kept_and_not_begun_is_begun(
    place: Workplace, request_for_prices: TestRequest, feedback: Feedback, status: str
) -> None:
    """The server keeps the message, then that the conversation rests no more, then runs it: a crash may fall between."""
    with ScriptedModel(scripted(_WRITE, _FINISH, _MEND, _FINISH)) as model:
        async with _writer(place, options_for(model)) as writer:
            (task,) = (await writer.submit([request_for_prices])).values()
            assert (await writer.outcome(task)).status is TaskStatus.DELIVERED
        connection = Connection(options_for(model), place, sleep=asyncio.sleep, left_s=lambda: math.inf)
        try:
            await (await connection.open()).say(task, round_text(feedback, 2))
        finally:
            await connection.close()
        (state,) = (place.folder / "state" / "conversations").glob("*/base_state.json")
        kept = json.loads(state.read_text())
        assert kept["execution_status"] == "idle"
        state.write_text(json.dumps(kept | {"execution_status": status}))
        _, second = await _two_rounds(place, options_for(model, timeout_s=60.0), request_for_prices, feedback)
        assert (second.status, second.text) == (TaskStatus.DELIVERED, "\n".join((*_GOOD, ""))), second.reason
        assert model.calls == 4
    assert (place.folder / "conversations" / f"{task}.jsonl").read_text().count("Round 2 of this task.") == 1


@pytest.mark.asyncio
async def test_stopping_in_the_second_round_leaves_the_first_and_the_round_is_done_again_later(
    place: Workplace, request_for_prices: TestRequest, feedback: Feedback
) -> None:
    with ScriptedModel(scripted(_WRITE, _FINISH, {"run": "touch begun; sleep 60"}, _MEND, _FINISH)) as model:
        async with _writer(place, options_for(model)) as writer:
            (task,) = (await writer.submit([request_for_prices])).values()
            first = await writer.outcome(task)
            round_two = asyncio.create_task(writer.follow_up(task, feedback, 2))
            await tool_runs(place)
            await writer.stop()
            assert (await round_two).status is TaskStatus.CANCELLED
        again, second = await _two_rounds(place, options_for(model), request_for_prices, feedback)
        assert again == first
        assert second.status is TaskStatus.DELIVERED, second.reason
        assert model.calls == 5
