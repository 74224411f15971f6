"""Law 7: whatever a run was doing when it died, the next attempt comes to the same run, and asks nothing that was answered."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec2prod.adapters.journal import InMemoryJournal
from spec2prod.adapters.store.codec import decode
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.runs import Runs
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Journal
from spec2prod.bootstrap.durable import take_back
from spec2prod.domain.candidate import CandidateVerdict, TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Mode
from spec2prod.domain.run import Replayed, Run
from spec2prod.domain.verdict import Answer
from tests.adapters.store.conftest import a_run
from tests.application.test_pipeline import MODULE, PROPOSED, SOURCE, a_plan, clean, suite_gate
from tests.fakes import FakeHost, FakeLinter, FakeTree, FakeWriter, measured, ports_on

OTHER = "src/other.py"
OLD = "tests/test_old.py"
FILES = {MODULE: "import os\n" + SOURCE, OTHER: SOURCE, OLD: "old"}


class CrashError(BaseException):
    """The process dies here."""


@dataclass
class Mortal:
    """A journal in whose process something dies at the `at`-th thing that it does, just before or just after it."""

    inner: Journal
    at: int = 0
    after: bool = False
    done: list[str] = field(default_factory=list)

    async def step[**P, T](self, name: str, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        dies = self._dies(name)
        answer = await self.inner.step(name, call, *args, **kwargs)
        if dies:
            raise CrashError
        return answer

    async def intend(self, path: str, original: str | None, text: str) -> None:
        dies = self._dies(f"write {path}")
        await self.inner.intend(path, original, text)
        if dies:
            raise CrashError

    def ended_at(self, name: str) -> float | None:
        return self.inner.ended_at(name)

    @property
    def attempt(self) -> int:
        return self.inner.attempt

    @property
    def resumed_from(self) -> str:
        return self.inner.resumed_from

    @property
    def replayed(self) -> Sequence[Replayed]:
        return self.inner.replayed

    def _dies(self, name: str) -> bool:
        self.done.append(name)
        here = len(self.done) == self.at
        if here and not self.after:
            raise CrashError
        return here


class World:
    """A project, an agent and a database, which outlive the processes that work with them."""

    def __init__(self, mode: Mode, database: Database | None = None) -> None:
        self.files = dict(FILES)
        self.asked: Counter[str] = Counter()
        plain = a_plan(tests=(OLD,), mode=mode, generate=True)
        self.plan = replace(plain, component=replace(plain.component, modules=(MODULE, OTHER)))
        self.database = database
        self.run = a_run(id=f"{mode}-{next(_NUMBERS)}", lock_name=f"lock {next(_NUMBERS)}")

    async def undisturbed(self) -> Run:
        """Run without a database."""
        return await self._climb(InMemoryJournal())

    async def attempt(self, at: int = 0, *, after: bool = False) -> tuple[Run | None, list[str]]:
        """Work as one process: go on with what there is; return the run, None where the process died, and what it did."""
        assert self.database is not None
        runs = Runs(self.database)
        if runs.has(self.run.id):
            self._take_back(runs)
            row = runs.take_up(runs.find(self.run.id))
        else:
            row = runs.begin(self.run)
        mortal = Mortal(DurableJournal(self.database, row, pytest.fail), at=at, after=after)
        run: Run | None = None
        try:
            run = await self._climb(mortal)
        except* CrashError:  # alone, or a group of them from the branches
            run = None
        return run, mortal.done

    def _take_back(self, runs: Runs) -> None:
        tree = FakeTree(self.files)
        take_back(runs.writes(self.run), tree)
        self.files = tree.files

    async def _climb(self, journal: Journal) -> Run:
        tree = FakeTree(self.files)
        self.files = tree.files  # they are left as they are where the process dies
        host = FakeHost(tree, {"linting": _lint, "fix": _fix})
        ports = ports_on(tree, clean("type_checking", errors=0), suite=suite_gate(), linter=_Linter(), host=host, writer=self._agent())
        return await run_plan(self.plan, replace(ports, journal=journal))

    def _agent(self) -> FakeWriter:
        def brings(request: TestRequest) -> TaskOutcome:
            self.asked[request.module] += 1
            wrote = request.module == MODULE
            return TaskOutcome(
                task_id=f"task-{request.module}",
                module=request.module,
                test_file=request.test_file,
                status=TaskStatus.DELIVERED if wrote else TaskStatus.NO_FILE,
                text=PROPOSED if wrote else None,
                llm_calls=3,
            )

        return FakeWriter(brings)


class _Linter(FakeLinter):
    """A linter whose answer is in what its process said, as a real one's is."""

    def __init__(self) -> None:
        super().__init__(name="linting", answers=lambda _: ())

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        return Command(tool="linting", argv=("lint", *(only or component.files)), cwd=component.root)

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        del component
        bad = completed.stdout.split()
        return (measured("linting", bad, issues=len(bad)),)


def _lint(command: Command, tree: FakeTree) -> Completed:
    bad = [path for path in command.argv[1:] if "import os" in (tree.files.get(path) or "")]
    return Completed(command=command, exit_code=bool(bad), stdout=" ".join(bad))


def _fix(command: Command, tree: FakeTree) -> Completed:
    for path in command.argv[1:]:
        tree.files[path] = tree.files[path].replace("import os\n", "")
    return Completed(command=command, exit_code=0)


def essence(run: Run) -> object:
    """What must be the same: everything but times, processes, and how often it was begun."""
    stages = [
        (
            each.stage,
            each.verdict,
            [(gate.gate, gate.verdict, gate.measured, gate.reason) for gate in each.gates],
            each.errors,
            each.outputs,
        )
        for each in run.stages
    ]
    firsts = [[(gate.gate, gate.verdict) for gate in each.first_gates] for each in run.stages]
    outcomes = sorted(run.outcomes, key=lambda each: each.module)  # in what order they come, nobody can say beforehand
    return (stages, firsts, run.not_run, run.requests, outcomes, run.candidates, run.adopted, run.diffs, run.digest, run.exit_code)


_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = open_database(tmp_path_factory.mktemp("runs") / "spec2prod.sqlite")
    opened.rows("PRAGMA synchronous=OFF")  # no power cut is tried here
    yield opened
    opened.close()


@cache
def undisturbed(mode: Mode) -> tuple[object, dict[str, str]]:
    world = World(mode)
    run = asyncio.run(world.undisturbed())
    return essence(run), world.files


def check(world: World, run: Run | None, mode: Mode) -> None:
    told, files = undisturbed(mode)
    assert run is not None
    assert essence(run) == told
    assert world.files == files


@pytest.mark.parametrize("mode", Mode)
def test_the_example_does_all_that_a_run_can_do(mode: Mode) -> None:
    world = World(mode)
    run = asyncio.run(world.undisturbed())
    assert run.success
    assert run.diffs.keys() == {MODULE}
    assert len(run.adopted) == 1
    assert {each.verdict for each in run.candidates} == {CandidateVerdict.ACCEPTED, CandidateVerdict.REJECTED}
    assert world.files[MODULE] == SOURCE
    assert set(world.files) - set(FILES) == set(run.adopted)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("mode", Mode)
def test_a_crash_at_any_step_comes_to_the_same_run(database: Database, mode: Mode, after: bool) -> None:  # noqa: FBT001 - a parameter
    _, done = asyncio.run(World(mode, database).attempt())
    assert len(done) > 12
    for at in range(1, len(done) + 1):
        world = World(mode, database)
        died, before = asyncio.run(world.attempt(at, after=after))
        assert died is None, (at, before)
        run, _ = asyncio.run(world.attempt())
        check(world, run, mode)
        assert run is not None
        assert run.attempt == 2
        assert len(run.replayed) >= sum(not each.startswith("write") for each in before[: at - 1]) - _at_once(mode)


@settings(max_examples=settings().max_examples // 4)  # each is a whole run, crashed and gone on with
@given(crashes=st.lists(st.tuples(st.integers(1, 18), st.booleans()), max_size=4), mode=st.sampled_from(Mode))
def test_any_number_of_crashes_comes_to_the_same_run_and_pays_the_agent_once(crashes: list[tuple[int, bool]], mode: Mode) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(open_database(Path(folder) / "x.sqlite")) as database:
        world = World(mode, database)
        paid: set[str] = set()
        for at, after in crashes:
            run, _ = asyncio.run(world.attempt(at, after=after))
            kept = {request.module for request in _kept(database, world)}
            assert paid <= kept
            paid = kept
            if run is not None:
                break
        before = world.asked.copy()
        run, _ = asyncio.run(world.attempt())
        check(world, run, mode)
        assert all(world.asked[module] == before[module] for module in paid), "what is recorded is not asked again"


@pytest.mark.parametrize("mode", Mode)
def test_a_finished_run_that_is_asked_again_pays_nothing(database: Database, mode: Mode) -> None:
    world = World(mode, database)
    asyncio.run(world.attempt())
    asked = world.asked.copy()
    run, _ = asyncio.run(world.attempt())
    check(world, run, mode)
    assert run is not None
    assert world.asked == asked
    assert run.processes == () or mode is Mode.ASYNC, "beside one another, a copy may be made before or after a fix"


def test_answers_that_came_in_another_order_are_judged_in_theirs(database: Database) -> None:
    """Two proposals of the same worth: the one that came first is taken, whoever is looked at first when they are replayed."""
    world = World(Mode.ASYNC, database)
    run, done = asyncio.run(world.attempt())
    assert run is not None
    order = [each.module for each in run.outcomes]
    database.rows("UPDATE steps SET ended_at = -ended_at WHERE run_id = ? AND name LIKE '%:outcome:%'", world.run.id)
    again, _ = asyncio.run(world.attempt())
    assert again is not None
    assert [each.module for each in again.outcomes] == order[::-1]
    assert len(done) == len(set(done))


def _kept(database: Database, world: World) -> list[TaskOutcome]:
    rows = database.rows("SELECT value FROM steps WHERE run_id = ? AND name LIKE '%:outcome:%'", world.run.id)
    values = [decode(str(value)) for (value,) in rows]
    return [each for each in values if isinstance(each, TaskOutcome)]


def _at_once(mode: Mode) -> int:
    """How many steps may be in flight, begun and not ended, when the process dies: those are done again."""
    return 5 if mode is Mode.ASYNC else 1
