"""What runs of one process share, and what a finished one teaches."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.store.sqlite import SqliteDatabase
from spec2prod.application.ports import History
from spec2prod.application.scheduling import ScheduledHost
from spec2prod.bootstrap.place import Place, place_of
from spec2prod.bootstrap.scheduled import NoHistory, history_of, scheduled, scheduler_of, slots_of, teach
from spec2prod.config.settings import read_settings
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.durations import failure_rate
from spec2prod.domain.plan import Stage
from spec2prod.domain.timeline import Span
from tests.fakes import FakeHistory, FakeHost, FakeTree
from tests.reports.runs import FAILED, PASSED, PLAN


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "pyproject.toml").write_text("[tool.spec2prod]\ncpu_slots = 3\nmemory_mb = 90\n")
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").write_text("def price() -> int:\n    return 1\n")
    return place_of("shop", None, read_settings(tmp_path), "r1", tmp_path)


def test_runs_with_as_much_of_everything_share_one_scheduler(place: Place) -> None:
    assert slots_of(place) == 3
    assert scheduler_of(3, 90) is scheduler_of(slots_of(place), place.settings.memory_mb)
    assert scheduler_of(3, 90) is not scheduler_of(4, 90)
    assert scheduler_of(3, 90) is not scheduler_of(3, 91)
    assert scheduler_of(3, 90).slots == {"cpu": 3, "memory": 90}


def test_memory_is_what_is_available_unless_somebody_says_otherwise() -> None:
    assert 1 < scheduler_of(3, None).slots["memory"] <= psutil.virtual_memory().total / 2**20


def test_the_tests_of_a_run_with_generation_go_before_other_tools(place: Place) -> None:
    async def work() -> list[str]:
        host = FakeHost(FakeTree({}))
        busy = scheduled(Holding(host, release := asyncio.Event()), place, FakeHistory(), replace(PLAN, generate=True))
        tools = ["one", "two", "three", "linting", "pytest"]
        tasks = [asyncio.create_task(busy.run(Command(tool=tool, argv=(tool,), cwd=Path()))) for tool in tools]
        for _ in range(3):
            await asyncio.sleep(0)
        assert scheduler_of(3, 90).running == ("one", "two", "three")
        release.set()
        await asyncio.gather(*tasks)
        return [each.tool for each in host.started]

    assert asyncio.run(work())[3:] == ["pytest", "linting"]


class Holding(FakeHost):
    """A host whose processes end when they are let go."""

    def __init__(self, inner: FakeHost, release: asyncio.Event) -> None:
        super().__init__(inner.tree)
        self.started, self._release = inner.started, release

    async def run(self, command: Command) -> Completed:
        completed = await super().run(command)
        await self._release.wait()
        return completed


GREEDY = """
import pathlib, sys, time
began, held = time.monotonic_ns(), b"x" * (64 * 2**20)
mine, other, patience = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
mine.touch()
until = time.monotonic() + patience
while not other.exists() and time.monotonic() < until:
    time.sleep(0.005)
print(began, time.monotonic_ns())
"""


@pytest.mark.parametrize(("memory_mb", "patience_s", "overlaps"), [(90, 0.15, 0), (100_000, 20.0, 1)])
def test_processes_that_need_more_memory_than_there_is_never_overlap(
    place: Place, tmp_path: Path, memory_mb: int, patience_s: float, overlaps: int
) -> None:
    """Each holds 64 MiB and waits for a sign of the other. What they need is learnt from a first process, through a real store."""
    database, settings = SqliteDatabase(tmp_path / "db.sqlite"), place.settings.model_copy(update={"memory_mb": memory_mb})
    there = replace(place, settings=settings)

    def greedy(mine: str, other: str, patience: float) -> Command:
        argv = (sys.executable, "-I", "-S", "-c", GREEDY, str(tmp_path / mine), str(tmp_path / other), str(patience))
        return Command(tool="greedy", argv=argv, cwd=tmp_path)

    def host(history: History) -> ScheduledHost:
        return scheduled(ProcessHost(), there, history, None)

    async def both() -> list[tuple[int, ...]]:
        later = host(history_of(database, "shop"))
        done = await asyncio.gather(later.run(greedy("a", "b", patience_s)), later.run(greedy("b", "a", patience_s)))
        return sorted(tuple(map(int, each.stdout.split())) for each in done)

    try:
        asyncio.run(host(first := history_of(database, "shop")).run(greedy("first", "first", 0)))
        first.keep()
        assert 45 < (history_of(database, "shop").expected_mb("greedy") or 0) < 90
        (_, end), (begin, _) = asyncio.run(both())
    finally:
        database.close()
    assert int(begin < end) == overlaps


def test_a_run_teaches_what_its_gates_said_and_how_long_its_agents_took() -> None:
    history = FakeHistory()
    teach(history, replace(PASSED, spans=(Span(name="agent:a.py", stage=Stage.GENERATION, start_ms=0, end_ms=70, waited_ms=20),)))
    assert history.learnt == [("agent", 50)]
    assert ("test_pass_rate", False) in history.verdicts
    assert "vulnerabilities" not in [name for name, _ in history.verdicts]  # it could not be asked, and so said nothing
    teach(history, FAILED)
    assert ("linting", True) in history.verdicts


def test_without_a_database_nothing_is_known_and_everything_goes_its_way() -> None:
    history = history_of(None, "shop")
    assert isinstance(history, NoHistory)
    history.learn("pytest", 1.0)
    history.learn_memory("pytest", 1.0)
    history.learn_verdict("linting", red=True)
    history.keep()
    assert history.expected_mb("pytest") is None
    assert (history.expected_ms("pytest"), history.failure_rate("linting")) == (None, failure_rate([]))
