"""Rounds with the real agent server and a scripted model: the judgement's word goes into the same conversation, and is paid once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace

import psutil
import pytest

from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.openhands.writer import OpenHandsWriter
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.feedback import Feedback, Rejection, feedback_of
from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import Behaviour, Script, parse_script

pytestmark = [pytest.mark.openhands, pytest.mark.slow]

_BAD = ["from shop.prices import total", "", "", "def test_total() -> None:", "    assert total([1, 2]) == 4"]
_GOOD = [*_BAD[:-1], "    assert total([1, 2]) == 3"]
_WRITE = {"write": "{workspace}/{test_file}", "text": _BAD}
_MEND = {"run": f"printf '%s\\n' {' '.join(map(repr, _GOOD))} > {{test_file}}"}
_FINISH = {"finish": "The tests are written."}
_LIMIT_S = 90.0

# A writer in a process of its own, as a run has it: it is what is killed, in its second round.
_A_WRITER = """
import asyncio, json, sys
from pathlib import Path
from spec2prod.adapters.openhands.environment import find
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.openhands.writer import OpenHandsWriter
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.adapters.tree import ProjectTree
from spec2prod.domain.candidate import TestRequest
from spec2prod.domain.feedback import Feedback

given = json.loads(sys.argv[1])
tree = ProjectTree(Path(given["project"]), given["run_id"])
place = Workplace(run_id=given["run_id"], run_folder=tree.run_folder, tree=tree, interpreter=Path(sys.executable),
                  environment=find(Path(given["cache"])), box=find_sandbox())

async def main():
    writer = OpenHandsWriter(OpenHandsOptions(**given["options"]), place)
    ids = await writer.submit([TestRequest(**given["request"])])
    for each in ids.values():
        await writer.outcome(each)
        await writer.follow_up(each, Feedback(**given["feedback"]), 2)

asyncio.run(main())
"""


def _script(*turns: Mapping[str, object]) -> Script:
    return parse_script(json.dumps({"format": 1, "name": "prices", "tasks": [{"turns": turns}]}))


def _options(model: ScriptedModel, **more: object) -> OpenHandsOptions:
    given: dict[str, object] = {"model": model.model, "base_url": model.base_url, "api_key": "made-up", "poll_interval_s": 0.5}
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    return OpenHandsOptions(**given | prices | more)  # type: ignore[arg-type]


@pytest.fixture
def place(workplace: Workplace, environment: Environment) -> Workplace:
    """Return a run's folders with an agent server of its own."""
    return replace(workplace, environment=environment)


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
    with ScriptedModel(_script(_WRITE, _FINISH, _MEND, _FINISH)) as model:
        first, second = await _two_rounds(place, _options(model), request_for_prices, feedback)
        assert (first.status, first.text) == (TaskStatus.DELIVERED, "\n".join((*_BAD, "")))
        assert (second.status, second.text) == (TaskStatus.DELIVERED, "\n".join((*_GOOD, ""))), second.reason
        assert (first.llm_calls, second.llm_calls, model.answered) == (2, 4, 4)
        assert second.task_id == first.task_id
        assert second.cost_usd > first.cost_usd > 0
        assert second.is_priced
        again = await _two_rounds(place, _options(model), request_for_prices, feedback)
        assert again == (first, second)
        assert model.calls == 4
    events = (place.folder / "conversations" / f"{first.task_id}.jsonl").read_text()
    assert "E assert 3 == 4" in events


@pytest.mark.asyncio
async def test_limits_hold_for_all_rounds_of_a_task_together(place: Workplace, request_for_prices: TestRequest, feedback: Feedback) -> None:
    with ScriptedModel(_script(_WRITE, _FINISH, *({"run": f"echo {number}"} for number in range(20)))) as model:
        first, second = await _two_rounds(place, _options(model, max_iterations=4), request_for_prices, feedback)
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
    with ScriptedModel(_script(_WRITE, _FINISH, {"run": "touch begun; sleep 3"}, _MEND, _FINISH)) as model:
        process = _start(place, model, request_for_prices, feedback)
        if moment == "a tool runs":
            _until(process, lambda: bool(list((place.run_folder / "workspaces").glob("*/begun"))))
        else:
            _until(process, lambda: model.answered >= 1)
            model.behaviour = Behaviour(seconds_per_call=2.0)
            _until(process, lambda: model.answered == 2 and model.calls == 3)
        _kill(process)
        model.behaviour = Behaviour()
        _, second = await _two_rounds(place, _options(model), request_for_prices, feedback)
        assert (second.status, second.text) == (TaskStatus.DELIVERED, "\n".join((*_GOOD, ""))), second.reason
        assert model.calls == 5 + (moment == "a call is in flight")
    events = [json.loads(line) for line in (place.folder / "conversations" / f"{second.task_id}.jsonl").read_text().splitlines()]
    assert sum("E assert 3 == 4" in json.dumps(each) for each in events if each.get("source") == "user") == 1, "it was said once"


def _start(place: Workplace, model: ScriptedModel, request: TestRequest, feedback: Feedback) -> subprocess.Popen[bytes]:
    assert place.environment is not None
    options = _options(model)
    given = {
        "project": str(place.tree.root),
        "run_id": place.run_id,
        "cache": str(place.environment.folder.parents[1]),
        "options": {name: getattr(options, name) for name in ("model", "base_url", "api_key", "poll_interval_s")},
        "request": asdict(request),
        "feedback": asdict(feedback),
    }
    return subprocess.Popen([sys.executable, "-c", _A_WRITER, json.dumps(given)], start_new_session=True)


def _until(process: subprocess.Popen[bytes], met: object) -> None:
    assert callable(met)
    deadline = time.monotonic() + _LIMIT_S
    while not met():
        assert process.poll() is None, "the writer ended by itself"
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.02)


def _kill(process: subprocess.Popen[bytes]) -> None:
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _, left = psutil.wait_procs(family, timeout=10)
    assert not left


@pytest.mark.asyncio
async def test_stopping_in_the_second_round_leaves_the_first_and_the_round_is_done_again_later(
    place: Workplace, request_for_prices: TestRequest, feedback: Feedback
) -> None:
    with ScriptedModel(_script(_WRITE, _FINISH, {"run": "touch begun; sleep 60"}, _MEND, _FINISH)) as model:
        async with _writer(place, _options(model)) as writer:
            (task,) = (await writer.submit([request_for_prices])).values()
            first = await writer.outcome(task)
            round_two = asyncio.create_task(writer.follow_up(task, feedback, 2))
            async with asyncio.timeout(_LIMIT_S):
                while not list((place.run_folder / "workspaces").glob("*/begun")):  # noqa: ASYNC110 - a file is the only sign
                    await asyncio.sleep(0.05)
            await writer.stop()
            assert (await round_two).status is TaskStatus.CANCELLED
        again, second = await _two_rounds(place, _options(model), request_for_prices, feedback)
        assert again == first
        assert second.status is TaskStatus.DELIVERED, second.reason
        assert model.calls == 5
