"""Workers, in this process and as real ones that are killed: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spec2prod.adapters.store.bell import bell_of
from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database
from spec2prod.adapters.store.queue import Queue
from spec2prod.application.working import Pace, Perform, Tools, Until, Worker
from spec2prod.domain.fleet import Crew, Ending, Job, JobState
from spec2prod.errors import StoreUnreachableError, TakenOverError, ToolMissingError
from tests.fleet.jobs import DONE, crew, put

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 30
ONE_MACHINE = pytest.mark.parametrize("database_place", ["sqlite"], indirect=True)  # what follows asks nothing of the database itself


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


class Machine:
    """Real worker processes, whose jobs end when this folder has a file `go`."""

    def __init__(self, place: str, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.started: list[subprocess.Popen[str]] = []
        folder.mkdir()

    def start(self, name: str, slots: int = 4) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "tests.fleet.worker_process", self.place, str(self.folder), name, str(slots)]
        self.started.append(subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True))
        return self.started[-1]

    def log(self, word: str) -> list[tuple[str, ...]]:
        file = self.folder / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        return [tuple(line.split()[1:]) for line in lines if line.startswith(word)]

    def go(self) -> None:
        (self.folder / "go").touch()


@pytest.fixture
def machine(place: str, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(place, tmp_path / "machine")
    yield made
    for each in made.started:
        each.kill()
        each.communicate()


def worker(database: Database, place: str, perform: Perform, *, one: Crew | None = None, said: list[str] | None = None) -> Worker:
    told = [] if said is None else said
    tools = Tools(
        queue=Claims(database), perform=perform, bell=bell_of(database, place), say=told.append, pace=Pace(look_s=0.05, patience_s=0.2)
    )
    return Worker(one or crew(), tools)


def states(database: Database) -> Counter[str]:
    return Counter(job.state for job in Queue(database).jobs())


def test_a_killed_workers_jobs_go_on_elsewhere_as_the_same_runs(machine: Machine, database: Database) -> None:
    ids = put(database, ["a", "b", "c"])
    first = machine.start("first")
    until(lambda: len(machine.log("began")) == 3)
    second = machine.start("second")
    first.send_signal(signal.SIGKILL)
    until(lambda: len(machine.log("began")) == 6)
    machine.go()
    out, _ = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 0
    assert "first died; its jobs go on: " in out
    assert sorted(machine.log("ended")) == [(name, Queue(database).find(ids[name]).run_id, "second") for name in "abc"]
    assert {(job.worker, job.attempts, job.deaths) for job in Queue(database).jobs()} == {("second", 2, 1)}
    assert Queue(database).workers() == ()


@ONE_MACHINE
def test_a_signal_lets_a_worker_finish_what_it_runs_and_take_nothing_new(machine: Machine, database: Database) -> None:
    put(database, ["a", "b", "c"])
    one = machine.start("one", slots=2)
    until(lambda: len(machine.log("began")) == 2)
    one.send_signal(signal.SIGTERM)
    assert one.stdout is not None
    assert any("finishing what runs" in line for line in iter(one.stdout.readline, ""))
    machine.go()
    one.communicate(timeout=PATIENCE_S)
    assert one.returncode == 0
    assert len(machine.log("ended")) == 2
    assert states(database) == {JobState.ENDED: 2, JobState.WAITING: 1}


@ONE_MACHINE
def test_a_second_signal_gives_everything_back_at_once(machine: Machine, database: Database) -> None:
    put(database, ["a", "b"])
    one = machine.start("one")
    until(lambda: len(machine.log("began")) == 2)
    one.send_signal(signal.SIGINT)
    one.send_signal(signal.SIGTERM)
    out, _ = one.communicate(timeout=PATIENCE_S)
    assert one.returncode == 130
    assert "stopped; its job waits again, and the next worker goes on with the same run" in out
    assert machine.log("ended") == []
    assert {(job.state, job.worker, job.deaths) for job in Queue(database).jobs()} == {(JobState.WAITING, "", 0)}
    assert Queue(database).workers() == ()


def test_a_worker_takes_as_many_at_once_as_it_has_slots(database: Database, place: str) -> None:
    put(database, [f"c{number}" for number in range(12)])
    now, most = 0, 0

    async def perform(_: Job) -> Ending:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return DONE

    taken = asyncio.run(worker(database, place, perform, one=crew(slots=3)).work("1", Until(empty=True)))
    assert (taken, most) == (12, 3)


def test_an_error_ends_its_job_and_no_other(database: Database, place: str) -> None:
    put(database, ["known", "bug", "fine"])

    async def perform(job: Job) -> Ending:
        if job.component == "known":
            raise ToolMissingError("git is not installed", next_step="install git")
        return DONE if job.component == "fine" else Ending(exit_code=int("no number"), conclusion="")

    asyncio.run(worker(database, place, perform).work("1", Until(empty=True)))
    told = {job.component: (job.exit_code, job.conclusion) for job in Queue(database).jobs()}
    assert told["known"] == (4, "git is not installed (next: install git)")
    assert told["bug"][0] == 4
    assert str(told["bug"][1]).startswith("this is a bug in spec2prod: ValueError")
    assert told["fine"] == (0, "Promoted to staging.")


def test_a_run_that_lost_its_database_goes_back_and_on_as_the_same_run(database: Database, place: str) -> None:
    put(database, ["api"])
    seen: list[tuple[str, int]] = []

    async def perform(job: Job) -> Ending:
        seen.append((job.run_id, job.attempts))
        if job.attempts == 1:
            raise StoreUnreachableError("lost")
        return DONE

    asyncio.run(worker(database, place, perform).work("1", Until(empty=True)))
    assert seen == [(seen[0][0], 1), (seen[0][0], 2)]
    assert [(job.exit_code, job.deaths) for job in Queue(database).jobs()] == [(0, 0)]


@ONE_MACHINE
def test_a_worker_that_cannot_end_a_job_ends_itself_so_that_another_one_can(
    database: Database, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, ["api"])

    async def perform(_: Job) -> Ending:
        return DONE

    def lost(*_: object) -> bool:
        raise StoreUnreachableError("lost")

    monkeypatch.setattr(Claims, "finish", lost)
    with pytest.raises(StoreUnreachableError):
        asyncio.run(worker(database, place, perform).work("1", Until(empty=True)))
    assert states(database) == {JobState.WAITING: 1}


def test_a_worker_that_was_taken_for_dead_ends_what_it_does_and_counts_for_nothing(database: Database, place: str) -> None:
    put(database, ["api"])
    said: list[str] = []
    ended: list[str] = []

    async def perform(job: Job) -> Ending:
        try:
            if job.attempts == 1:
                assert Claims(database).bury("one") == ("api",)
                await asyncio.sleep(PATIENCE_S)
        finally:
            ended.append(job.run_id)
        return DONE

    asyncio.run(worker(database, place, perform, said=said).work("1", Until(most=2)))
    assert ended == [Queue(database).jobs()[0].run_id] * 2
    assert "api: another worker has it; what was done here does not count" in said
    assert [(job.state, job.attempts) for job in Queue(database).jobs()] == [(JobState.ENDED, 2)]


@ONE_MACHINE
@pytest.mark.parametrize(
    "noticed", [TakenOverError("the run is another process's now"), asyncio.CancelledError()], ids=["by the run", "while it stops"]
)
def test_a_job_that_is_anothers_is_told_as_that_whoever_notices_it_first(database: Database, place: str, noticed: BaseException) -> None:
    put(database, ["api"])
    said: list[str] = []

    async def perform(job: Job) -> Ending:
        if job.attempts == 1:
            assert Claims(database).bury("one") == ("api",)
            raise noticed
        return DONE

    asyncio.run(worker(database, place, perform, said=said).work("1", Until(most=2)))
    assert "api: another worker has it; what was done here does not count" in said
    assert [(job.state, job.attempts, job.exit_code) for job in Queue(database).jobs()] == [(JobState.ENDED, 2, 0)]


def test_a_worker_that_people_told_to_drain_ends(database: Database, place: str) -> None:
    put(database, ["a", "b"])
    said: list[str] = []

    async def perform(_: Job) -> Ending:
        Queue(database).drain("one")
        while "told to drain: nothing new is taken" not in said:  # noqa: ASYNC110 - another task says it
            await asyncio.sleep(0.01)
        return DONE

    asyncio.run(worker(database, place, perform, said=said).work("1"))
    assert states(database) == {JobState.ENDED: 1, JobState.WAITING: 1}


def test_a_job_that_comes_later_wakes_an_idle_worker_up(database: Database, place: str) -> None:
    async def perform(_: Job) -> Ending:
        return DONE

    async def later() -> int:
        working = asyncio.create_task(worker(database, place, perform).work("1", Until(most=1)))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(put, database, ["late"])
        async with asyncio.timeout(PATIENCE_S):
            return await working

    assert asyncio.run(later()) == 1
    assert states(database) == {JobState.ENDED: 1}


def test_what_people_take_out_ends_where_a_worker_lives(database: Database, place: str) -> None:
    put(database, ["gone"])
    Queue(database).withdraw(Queue(database).find("gone"))

    async def perform(job: Job) -> Ending:
        raise AssertionError(job.component)

    over = Until(done=lambda: states(database) == {JobState.NOT_RUN: 1})
    assert asyncio.run(worker(database, place, perform).work("1", over)) == 0
