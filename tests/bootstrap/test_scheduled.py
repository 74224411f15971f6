"""What runs of one process share, and what a finished one teaches."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

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
    (tmp_path / "pyproject.toml").write_text("[tool.spec2prod]\ncpu_slots = 3\n")
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").write_text("def price() -> int:\n    return 1\n")
    return place_of("shop", None, read_settings(tmp_path), "r1", tmp_path)


def test_runs_with_as_many_slots_share_one_scheduler(place: Place) -> None:
    assert slots_of(place) == 3
    assert scheduler_of(3) is scheduler_of(slots_of(place))
    assert scheduler_of(3) is not scheduler_of(4)
    assert scheduler_of(3).slots == {"cpu": 3}


def test_the_tests_of_a_run_with_generation_go_before_other_tools(place: Place) -> None:
    async def work() -> list[str]:
        host = FakeHost(FakeTree({}))
        busy = scheduled(Holding(host, release := asyncio.Event()), place, FakeHistory(), replace(PLAN, generate=True))
        tools = ["one", "two", "three", "linting", "pytest"]
        tasks = [asyncio.create_task(busy.run(Command(tool=tool, argv=(tool,), cwd=Path()))) for tool in tools]
        for _ in range(3):
            await asyncio.sleep(0)
        assert scheduler_of(3).running == ("one", "two", "three")
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
    history.learn_verdict("linting", red=True)
    history.keep()
    assert (history.expected_ms("pytest"), history.failure_rate("linting")) == (None, failure_rate([]))
