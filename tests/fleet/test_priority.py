"""A job's priority reaches the slots that the runs of one worker share."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from spec2prod.adapters.checkout import Checkout
from spec2prod.application.scheduling import ScheduledHost, Scheduler
from spec2prod.bootstrap.fleet import request_of
from spec2prod.domain.command import Command
from spec2prod.domain.fleet import Job
from spec2prod.domain.schedule import CPU, Priority, Slots, Task
from tests.fakes import FakeClock, FakeHistory, FakeHost, FakeTree

ASKED = {"spec": "specs/api.md", "path": None, "async": True, "overrides": {"timeout_seconds": 5.0, "database_url": "none"}}


def test_the_processes_of_an_urgent_run_go_first() -> None:
    async def work() -> list[str]:
        inner, shared = FakeHost(FakeTree({})), Scheduler({CPU: Slots(count=1)}, FakeClock().elapsed_ms)
        hosts = {
            each: ScheduledHost(inner, shared, FakeHistory(), named=lambda command: command.tool, priority=each)
            for each in (Priority.LOW, Priority.NORMAL, Priority.CRITICAL)
        }
        async with shared.slot(Task(name="busy", duration_ms=1)):
            tasks = [
                asyncio.create_task(host.run(Command(tool=each.name, argv=("x",), cwd=Path("/project")))) for each, host in hosts.items()
            ]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return [each.tool for each in inner.started]

    assert asyncio.run(work()) == ["CRITICAL", "NORMAL", "LOW"]


def test_a_jobs_request_is_run_in_its_checkout_with_its_priority_and_in_the_fleets_database(tmp_path: Path) -> None:
    job = Job(id="1", batch="b", component="api", target="staging", request=json.dumps(ASKED), source="{}", priority=Priority.HIGH)
    (tmp_path / "home" / ".venv").mkdir(parents=True)
    checkout = Checkout(root=tmp_path, home=tmp_path / "home", is_scratch=True)
    made = request_of(job, checkout, "/fleet/spec2prod.sqlite")
    assert (made.root, made.spec, made.priority, made.async_mode) == (tmp_path, tmp_path / "specs" / "api.md", Priority.HIGH, True)
    assert made.overrides == {
        "timeout_seconds": 5.0,
        "database_url": "sqlite:////fleet/spec2prod.sqlite",
        "python": str(tmp_path / "home" / ".venv"),
    }
