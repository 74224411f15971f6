"""Going on after a crash, and after a pause: the real agent server, a scripted model that counts its calls, and kill -9."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace

import psutil
import pytest

from spec2prod.adapters.openhands.claim import Claim
from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.ledger import read_record, write_record
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.tasks import task_id
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.openhands.writer import OpenHandsWriter
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.errors import AgentUnavailableError
from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import Behaviour, Script, parse_script

pytestmark = [pytest.mark.openhands, pytest.mark.slow]

_TEST = ["from shop.prices import total", "", "", "def test_total() -> None:", "    assert total([1, 2]) == 3"]
_WRITE = {"write": "{workspace}/{test_file}", "text": _TEST}
_WAIT = {"run": "touch begun; sleep 3"}
_FINISH = {"finish": "The tests are written."}
_LIMIT_S = 90.0

# One writer in a process of its own, as a run has it: it is what is killed.
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

given = json.loads(sys.argv[1])
tree = ProjectTree(Path(given["project"]), given["run_id"])
place = Workplace(run_id=given["run_id"], run_folder=tree.run_folder, tree=tree, interpreter=Path(sys.executable),
                  environment=find(Path(given["cache"])), box=find_sandbox())

async def main():
    writer = OpenHandsWriter(OpenHandsOptions(**given["options"]), place)
    ids = await writer.submit([TestRequest(**given["request"])])
    await asyncio.gather(*(writer.outcome(each) for each in ids.values()))

asyncio.run(main())
"""


def _script(*turns: Mapping[str, object]) -> Script:
    return parse_script(json.dumps({"format": 1, "name": "prices", "tasks": [{"turns": turns}]}))


def _options(model: ScriptedModel, **more: object) -> OpenHandsOptions:
    given: dict[str, object] = {"model": model.model, "base_url": model.base_url, "api_key": "made-up", "poll_interval_s": 0.5}
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    return OpenHandsOptions(**given | prices | more)  # type: ignore[arg-type]


def _start(place: Workplace, model: ScriptedModel, request: TestRequest) -> subprocess.Popen[bytes]:
    """Start a writer in a process group of its own."""
    assert place.environment is not None
    options = _options(model)
    given = {
        "project": str(place.tree.root),
        "run_id": place.run_id,
        "cache": str(place.environment.folder.parents[1]),
        "options": {name: getattr(options, name) for name in ("model", "base_url", "api_key", "poll_interval_s")},
        "request": asdict(request),
    }
    return subprocess.Popen([sys.executable, "-c", _A_WRITER, json.dumps(given)], start_new_session=True)


def _until(met: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while not met():
        assert process.poll() is None, "the writer ended by itself"
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.02)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the group at once, and see that nothing of the family is left."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _, left = psutil.wait_procs(family, timeout=10)
    assert not left


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


@pytest.fixture
def place(workplace: Workplace, environment: Environment) -> Workplace:
    """Return a run's folders with an agent server of its own."""
    return replace(workplace, environment=environment)


@pytest.mark.parametrize("moment", ["a tool runs", "a call is in flight"])
@pytest.mark.asyncio
async def test_a_killed_writer_is_gone_on_with_and_nothing_is_paid_twice(
    place: Workplace, request_for_prices: TestRequest, moment: str
) -> None:
    with ScriptedModel(_script(_WRITE, _WAIT, _WRITE | {"write": "{workspace}/other.txt"}, _FINISH)) as model:
        process = _start(place, model, request_for_prices)
        if moment == "a tool runs":
            _until(lambda: list((place.run_folder / "workspaces").glob("*/begun")), process)
        else:
            _until(lambda: model.answered >= 1, process)
            model.behaviour = Behaviour(seconds_per_call=2.0)
            _until(lambda: model.calls > model.answered and model.answered >= 2, process)
        _kill(process)
        paid, model.behaviour = model.calls, Behaviour()
        outcome = await _go_on(place, _options(model), request_for_prices)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert outcome.text == "\n".join((*_TEST, ""))
        in_flight = 1 if moment == "a call is in flight" else 0
        assert model.calls == 4 + in_flight, f"{paid} before the crash"
        assert outcome.llm_calls in {3, 4}, "a killed server may forget the last call before its end; no other"
        again = await _go_on(place, _options(model), request_for_prices)
        assert again == outcome, "what is over is told again, without a server"
        assert model.calls == 4 + in_flight
    assert len(list((place.run_folder / "workspaces").iterdir())) == 1
    assert stat.S_IMODE((place.folder / "secret").stat().st_mode) == 0o600


@pytest.mark.asyncio
async def test_a_killed_agent_server_is_started_again_under_the_same_task(place: Workplace, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE, {"run": "touch begun; sleep 3"}, _FINISH)) as model:
        writer = OpenHandsWriter(_options(model), place)
        try:
            ids = await writer.submit([request_for_prices])
            async with asyncio.timeout(_LIMIT_S):
                while not list((place.run_folder / "workspaces").glob("*/begun")):  # noqa: ASYNC110 - a file is the only sign
                    await asyncio.sleep(0.05)
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
    with ScriptedModel(_script({"run": "ls"}, {"run": "pwd"}, {"run": "ls -l"}, _WRITE, _FINISH)) as model:
        options = _options(model, max_iterations=2)
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
    script = _script({"run": "ls"}, {"run": "pwd"}, _WRITE, _FINISH)
    with ScriptedModel(script) as first, ScriptedModel(script) as second:
        options = _options(first, max_iterations=1)
        assert (await _go_on(place, options, request_for_prices)).resumable
        outcome = await _go_on(place, replace(options, base_url=second.base_url, max_iterations=20), request_for_prices)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert second.answered == 4 - first.answered
        assert outcome.llm_calls == 4
