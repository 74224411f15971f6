"""The durable journal, on both databases: a finished step is answered from its record, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from spec2prod.adapters.store.database import Database
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.runs import Runs, StoredRun
from spec2prod.domain.candidate import TaskOutcome, TaskStatus
from spec2prod.domain.circuit import Circuit
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.plan import Target
from spec2prod.domain.release import Deployment, HealthCheck
from spec2prod.domain.verdict import Verdict
from spec2prod.errors import StepClashError, StoreError, TakenOverError

HEALTHY = HealthCheck(name="imports", verdict=Verdict.PASSED, detail="1 module imported", wall_ms=1.5)
HERE = Command(tool="ruff", argv=("ruff", "/project/src"), cwd=Path("/project"))


class Tool:
    """Something to call, that counts its calls."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def run(self, command: Command) -> object:
        del command
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def told_nothing(text: str) -> None:
    raise AssertionError(text)


def again(database: Database, run: StoredRun, tell: Callable[[str], None] = told_nothing) -> DurableJournal:
    """Return the journal of the next attempt, as another process has it."""
    return DurableJournal(database, Runs(database).take_up(Runs(database).find(run.id)), tell)


def first(database: Database, run: StoredRun) -> DurableJournal:
    return DurableJournal(database, run, told_nothing)


@pytest.mark.asyncio
async def test_a_finished_step_is_answered_from_its_record(database: Database, begun: StoredRun) -> None:
    done = Completed(command=HERE, exit_code=1, stdout="/project/src/a.py:1 bad\n\0\udc80", answer='{"n": 1}', wall_ms=1.5)
    tool = Tool(done)
    assert await first(database, begun).step("refactoring:linting:d1", tool.run, HERE) == done
    journal = again(database, begun)
    assert await journal.step("refactoring:linting:d1", tool.run, HERE) == done
    assert tool.calls == 1
    (replayed,) = journal.replayed
    assert (replayed.step, replayed.attempt, journal.attempt) == ("refactoring:linting:d1", 1, 2)
    assert journal.ended_at("refactoring:linting:d1") is not None
    assert journal.resumed_from.startswith("1970-01-01T00:16:40")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "value",
    [
        TaskOutcome(task_id="t", module="m", test_file="f", status=TaskStatus.DELIVERED, text="x = '\U0001f600'", strayed=("a", "b")),
        Deployment(
            environment=Target.STAGING, digest="d", version="1", verdict=Verdict.PASSED, came_from="", current="d", checks=(HEALTHY,)
        ),
        {"a": (1, 2.5, None, True), "!": frozenset({"x"})},
        [],
        Path("/project/x"),
        "/project and /projects",
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_value_comes_back_as_it_went(sqlite: Database, value: object) -> None:
    run = Runs(sqlite).begin(_run())
    await first(sqlite, run).step("x", Tool(value).run, HERE)
    back: object = await again(sqlite, run).step("x", Tool().run, HERE)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [object(), Circuit.OPEN, {"a": Circuit.OPEN}], ids=["object", "enum", "enum within"])
def test_a_value_that_no_row_can_tell_is_a_bug_that_is_named_when_it_is_written(sqlite: Database, value: object) -> None:
    run = Runs(sqlite).begin(_run())
    with pytest.raises(StoreError, match=r"no step can record a value of the type (object|Circuit)"):
        asyncio.run(first(sqlite, run).step("x", Tool(value).run, HERE))
    assert Runs(sqlite).steps(run) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "value",
    [
        Completed(command=HERE, exit_code=None, not_found=True),
        Completed(command=HERE, exit_code=None, timed_out=True),
        Completed(command=HERE, exit_code=-9),
        TaskOutcome(task_id="t", module="m", test_file="f", status=TaskStatus.ERRORED),
        TaskOutcome(task_id="t", module="m", test_file="f", status=TaskStatus.CANCELLED),
        Deployment(environment="e", digest="d", version="1", verdict=Verdict.ERRORED, came_from="", current=""),
    ],
    ids=["not found", "timed out", "killed", "agent errored", "agent cancelled", "release errored"],
)
async def test_what_could_not_be_asked_is_asked_again(sqlite: Database, value: object) -> None:
    run = Runs(sqlite).begin(_run())
    tool = Tool(value, "answered")
    assert await first(sqlite, run).step("x", tool.run, HERE) == value
    assert await again(sqlite, run).step("x", tool.run, HERE) == "answered"


@pytest.mark.asyncio
async def test_another_question_under_a_used_name_is_refused_by_name(database: Database, begun: StoredRun) -> None:
    journal = first(database, begun)
    await journal.step("x", Tool("answered").run, HERE)
    other = Command(tool="ruff", argv=("ruff", "other"), cwd=HERE.cwd)
    for each in (journal, again(database, begun)):
        with pytest.raises(StepClashError, match="step x of run"):
            await each.step("x", Tool().run, other)


@pytest.mark.asyncio
async def test_a_run_that_goes_on_in_another_folder_knows_its_answers(database: Database, begun: StoredRun) -> None:
    done = Completed(command=HERE, exit_code=0, stdout="/project/src/a.py /project-2/b.py")
    await first(database, begun).step("x", Tool(done).run, HERE)
    moved = Runs(database).take_up(_at(Runs(database).find(begun.id), "/elsewhere"))
    there = Command(tool="ruff", argv=("ruff", "/elsewhere/src"), cwd=Path("/elsewhere"))
    back = await DurableJournal(database, moved, told_nothing).step("x", Tool().run, there)
    assert back == Completed(command=there, exit_code=0, stdout="/elsewhere/src/a.py /project-2/b.py")


@pytest.mark.asyncio
async def test_a_database_that_fails_under_way_is_told_once_and_the_run_goes_on(sqlite: Database) -> None:
    told: list[str] = []
    journal = DurableJournal(sqlite, Runs(sqlite).begin(_run()), told.append)
    await journal.step("x", Tool("one").run, HERE)
    sqlite.rows("PRAGMA query_only=ON")  # what a full or read-only disk says, this says too
    assert await journal.step("y", Tool("two").run, HERE) == "two"
    await journal.intend("a.py", None, "text")
    assert await journal.step("z", Tool("three").run, HERE) == "three"
    assert len(told) == 1
    assert "goes on without its journal" in told[0]


@pytest.mark.asyncio
async def test_one_step_is_one_write(sqlite: Database) -> None:
    journal, writes = first(sqlite, Runs(sqlite).begin(_run())), _changes(sqlite)
    await journal.step("x", Tool("one").run, HERE)
    assert _changes(sqlite) == writes + 1


@pytest.mark.asyncio
async def test_who_was_taken_over_records_nothing_and_writes_nothing(database: Database, begun: StoredRun) -> None:
    slow = first(database, begun)
    quick = again(database, begun)
    work: Callable[[], Awaitable[object]]
    for work in (lambda: slow.step("x", Tool("late").run, HERE), lambda: slow.intend("a.py", None, "late")):
        with pytest.raises(TakenOverError, match=begun.id):
            await work()
    assert await quick.step("x", Tool("mine").run, HERE) == "mine"
    assert Runs(database).writes(begun) == ()


@pytest.mark.asyncio
async def test_a_write_is_noted_with_what_stood_there_first(database: Database, begun: StoredRun) -> None:
    journal = first(database, begun)
    await journal.intend("a.py", "before", "after")
    await journal.intend("a.py", "after", "later")
    (write,) = Runs(database).writes(begun)
    assert (write.path, write.original) == ("a.py", "before")


def _run() -> StoredRun:
    from tests.adapters.store.conftest import a_run  # noqa: PLC0415 - its fixtures are pytest's to import

    return a_run()


def _at(run: StoredRun, root: str) -> StoredRun:
    from dataclasses import replace  # noqa: PLC0415 - as above

    return replace(run, root=root)


def _changes(database: Database) -> int:
    ((count,),) = database.rows("SELECT total_changes()")
    return int(count or 0)
