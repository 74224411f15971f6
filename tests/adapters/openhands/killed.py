"""A writer in a process of its own, as a run has it, that a test kills at a chosen moment; and the scripts and options for it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import psutil

from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.domain.candidate import TestRequest
from spec2prod.domain.feedback import Feedback
from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import Script, parse_script

LIMIT_S = 90.0
"""A bound on patience, not a measurement."""

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
    (task,) = (await writer.submit([TestRequest(**given["request"])])).values()
    await writer.outcome(task)
    if given["feedback"] is not None:
        await writer.follow_up(task, Feedback(**given["feedback"]), 2)

asyncio.run(main())
"""


def scripted(*turns: Mapping[str, object]) -> Script:
    """Return what a model says, turn by turn."""
    return parse_script(json.dumps({"format": 1, "name": "prices", "tasks": [{"turns": turns}]}))


def options_for(model: ScriptedModel, **more: object) -> OpenHandsOptions:
    """Return the options for a scripted model, with prices."""
    given: dict[str, object] = {"model": model.model, "base_url": model.base_url, "api_key": "made-up", "poll_interval_s": 0.5}
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    return OpenHandsOptions(**given | prices | more)  # type: ignore[arg-type]


def start(place: Workplace, model: ScriptedModel, request: TestRequest, feedback: Feedback | None = None) -> subprocess.Popen[bytes]:
    """Start a writer in a process group of its own; with feedback it does a second round."""
    assert place.environment is not None
    chosen = options_for(model)
    given = {
        "project": str(place.tree.root),
        "run_id": place.run_id,
        "cache": str(place.environment.folder.parents[1]),
        "options": {name: getattr(chosen, name) for name in ("model", "base_url", "api_key", "poll_interval_s")},
        "request": asdict(request),
        "feedback": asdict(feedback) if feedback is not None else None,
    }
    return subprocess.Popen([sys.executable, "-c", _A_WRITER, json.dumps(given)], start_new_session=True)


def until(met: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    """Wait until the writer has come so far."""
    deadline = time.monotonic() + LIMIT_S
    while not met():
        assert process.poll() is None, "the writer ended by itself"
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.02)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the group at once, and see that nothing of the family is left."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _, left = psutil.wait_procs(family, timeout=10)
    assert not left


def begun(place: Workplace) -> list[Path]:
    """Return the files by which a scripted tool says that it runs."""
    return list((place.run_folder / "workspaces").glob("*/begun"))


async def tool_runs(place: Workplace) -> None:
    """Wait until a scripted tool runs."""
    async with asyncio.timeout(LIMIT_S):
        while not begun(place):  # noqa: ASYNC110 - a file is the only sign
            await asyncio.sleep(0.05)
