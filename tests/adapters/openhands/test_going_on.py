"""Going on after a crash, and after a pause: the real agent server, a scripted model that counts its calls, and kill -9."""

from __future__ import annotations

import asyncio
import json
import math
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import psutil
import pytest

from spec2prod.adapters.openhands.body import conversation_body
from spec2prod.adapters.openhands.claim import Claim
from spec2prod.adapters.openhands.client import AgentClient
from spec2prod.adapters.openhands.ledger import read_record, write_record
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.records import recall
from spec2prod.adapters.openhands.servers import Connection
from spec2prod.adapters.openhands.tasks import task_id
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.openhands.writer import OpenHandsWriter
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.errors import AgentUnavailableError
from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import Behaviour, parse_script
from tests.adapters.openhands.killed import begun, kill, options_for, scripted, start, tool_runs, until

pytestmark = [pytest.mark.openhands, pytest.mark.slow]

_TEST = ["from shop.prices import total", "", "", "def test_total() -> None:", "    assert total([1, 2]) == 3"]
_WRITE = {"write": "{workspace}/{test_file}", "text": _TEST}
_WAIT = {"run": "touch begun; sleep 3"}
_FINISH = {"finish": "The tests are written."}
_TASK = {"match": ["shop.prices"], "turns": [_WRITE, _FINISH]}
_ONLY_WITH_ITS_TASK = {"format": 1, "name": "prices", "tasks": [_TASK]}


def _kill_servers() -> None:
    """Kill every agent server that this process has started."""
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie is one, too
            if "agent-server" in " ".join(each.cmdline()):
                each.kill()


async def _go_on(place: Workplace, options: OpenHandsOptions, request: TestRequest) -> TaskOutcome:
    writer = OpenHandsWriter(options, place)
    try:
        ids = await writer.submit([request])
        return await writer.outcome(ids[request.module])
    finally:
        await writer.stop()


@asynccontextmanager
async def _server_of_before(place: Workplace, options: OpenHandsOptions) -> AsyncIterator[AgentClient]:
    """Give the way to a server on the run's folders, as the one was that a crash ends."""
    connection = Connection(options, place, sleep=asyncio.sleep, left_s=lambda: math.inf)
    try:
        yield await connection.open()
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_a_conversation_that_was_kept_before_it_was_told_its_task_is_told_it(
    place: Workplace, request_for_prices: TestRequest
) -> None:
    """The server keeps a conversation, starts its tools, and takes in the first message only then: a crash may fall between."""
    name = task_id(place.run_id, request_for_prices)
    note = place.folder / "tasks" / f"{name}.json"
    with ScriptedModel(parse_script(json.dumps(_ONLY_WITH_ITS_TASK))) as model:
        process = start(place, model, request_for_prices)
        until(note.is_file, process)
        kill(process)
        copy = recall(note)
        assert copy is not None
        async with _server_of_before(place, options_for(model)) as client:
            body = conversation_body(options_for(model), conversation=name, working_folder=copy.root, text="")
            del body["initial_message"]
            assert await client.create(body)
        outcome = await _go_on(place, options_for(model), request_for_prices)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert model.calls == 2
    assert (place.folder / "conversations" / f"{name}.jsonl").read_text().count("Write pytest tests for the Python module") == 1


@pytest.mark.parametrize("moment", ["a tool runs", "a call is in flight"])
@pytest.mark.asyncio
async def test_a_killed_writer_is_gone_on_with_and_nothing_is_paid_twice(
    place: Workplace, request_for_prices: TestRequest, moment: str
) -> None:
    with ScriptedModel(scripted(_WRITE, _WAIT, _WRITE | {"write": "{workspace}/other.txt"}, _FINISH)) as model:
        process = start(place, model, request_for_prices)
        if moment == "a tool runs":
            until(lambda: begun(place), process)
        else:
            until(lambda: model.answered >= 1, process)
            model.behaviour = Behaviour(seconds_per_call=2.0)
            until(lambda: model.calls > model.answered and model.answered >= 2, process)
        kill(process)
        paid, model.behaviour = model.calls, Behaviour()
        outcome = await _go_on(place, options_for(model), request_for_prices)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert outcome.text == "\n".join((*_TEST, ""))
        in_flight = 1 if moment == "a call is in flight" else 0
        assert model.calls == 4 + in_flight, f"{paid} before the crash"
        assert outcome.llm_calls in {3, 4}, "a killed server may forget the last call before its end; no other"
        again = await _go_on(place, options_for(model), request_for_prices)
        assert again == outcome, "what is over is told again, without a server"
        assert model.calls == 4 + in_flight
    assert len(list((place.run_folder / "workspaces").iterdir())) == 1
    assert stat.S_IMODE((place.folder / "secret").stat().st_mode) == 0o600


@pytest.mark.asyncio
async def test_a_killed_agent_server_is_started_again_under_the_same_task(place: Workplace, request_for_prices: TestRequest) -> None:
    with ScriptedModel(scripted(_WRITE, {"run": "touch begun; sleep 3"}, _FINISH)) as model:
        writer = OpenHandsWriter(options_for(model), place)
        try:
            ids = await writer.submit([request_for_prices])
            await tool_runs(place)
            with pytest.raises(AgentUnavailableError, match="another process works on this run"):
                Claim(place.folder).take()
            _kill_servers()
            outcome = await writer.outcome(ids[request_for_prices.module])
        finally:
            await writer.stop()
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert model.calls == 3


@pytest.mark.asyncio
async def test_a_task_paused_at_its_limit_goes_on_in_the_same_conversation_with_a_larger_one(
    place: Workplace, request_for_prices: TestRequest
) -> None:
    with ScriptedModel(scripted({"run": "ls"}, {"run": "pwd"}, {"run": "ls -l"}, _WRITE, _FINISH)) as model:
        options = options_for(model, max_iterations=2)
        paused = await _go_on(place, options, request_for_prices)
        assert paused.status is TaskStatus.LIMIT
        assert paused.resumable
        assert paused.next_step == f"spec2prod extend {paused.task_id} --iterations 2"
        paid = model.calls
        assert paid in {2, 3}
        assert await _go_on(place, options, request_for_prices) == paused, "under the same limit it stays paused, and costs nothing"
        assert model.calls == paid
        notes, name = place.folder / "tasks", task_id(place.run_id, request_for_prices)
        record = read_record(notes, name)
        assert record is not None
        write_record(notes, name, replace(record, limits=replace(options.limits, max_iterations=20)))
        outcome = await _go_on(place, options, request_for_prices)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert outcome.llm_calls == model.answered == 5
        assert outcome.task_id == paused.task_id


@pytest.mark.asyncio
async def test_a_paused_task_goes_on_with_the_model_that_the_settings_name_now(place: Workplace, request_for_prices: TestRequest) -> None:
    script = scripted({"run": "ls"}, {"run": "pwd"}, _WRITE, _FINISH)
    with ScriptedModel(script) as first, ScriptedModel(script) as second:
        options = options_for(first, max_iterations=1)
        assert (await _go_on(place, options, request_for_prices)).resumable
        outcome = await _go_on(place, replace(options, base_url=second.base_url, max_iterations=20), request_for_prices)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert second.answered == 4 - first.answered
        assert outcome.llm_calls == 4
