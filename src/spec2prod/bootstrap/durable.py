"""What makes a run durable: the database, the component's lock, the run's row, and whether an earlier attempt is gone on with."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from spec2prod import __version__
from spec2prod.adapters import programs
from spec2prod.adapters.journal import InMemoryJournal
from spec2prod.adapters.store.database import Database, Hold, open_database
from spec2prod.adapters.store.defects import DefectStore, PassingDefects, UnreadableDefects
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.runs import OPEN, TO_GO_ON_WITH, Runs, State, StoredRun, Write
from spec2prod.application.ports import Clock, Defects, Event, Journal, Tree
from spec2prod.bootstrap.agent import Shared, quota_rules
from spec2prod.bootstrap.begun import identity_of, request_as_json
from spec2prod.bootstrap.listening import told_to
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.request import Request
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.plan import Plan, Stage
from spec2prod.domain.run import Run
from spec2prod.errors import ComponentBusyError, RunChangedError, StoreError, StoreLayoutError, TakenOverError

DEFAULT = ".spec2prod/spec2prod.sqlite"
NOWHERE = "none"
_SHORT = 8  # characters of an ID that people read
_LOOK_AGAIN_S = 0.25
_LISTEN_EVERY_S = 0.5


def place_of_database(root: Path, setting: str | None) -> str:
    """Return where the database lies: what the setting or SPEC2PROD_DATABASE_URL says, else in the project."""
    if setting is None:
        return str(root / DEFAULT)
    path = setting.removeprefix("sqlite:///")
    return setting if path == setting else str(root / path)


def project_of(root: Path, setting: str | None) -> str:
    """Return what tells a project's defects from others in the database: its name on a server; a file is taken to be the project's own."""
    if "://" not in place_of_database(root, setting):
        return ""
    table = programs.pyproject(root).get("project")
    name = str(table.get("name", "")) if isinstance(table, dict) else ""
    return re.sub(r"[-_.]+", "-", name).lower()


def database_of(root: Path, setting: str | None) -> Database | None:
    """Open what earlier runs have kept; None where nothing is, or the project's own file cannot be used: then all is asked anew.

    Raises:
        StoreError: where the layout is another one, or a server that was named cannot be reached.
    """
    where = place_of_database(root, setting)
    if where == NOWHERE:
        return None
    try:
        return open_database(where)
    except StoreLayoutError:
        raise
    except StoreError:
        if "://" in where:
            raise
        return None


def lock_of(root: Path, component: str) -> str:
    """Return the name of a component's lock. The folder's inode is in it: other machines have other projects in folders of that name."""
    return f"run {root} {root.stat().st_ino} {component}"


class Keeper:
    """Keeps one component's run. Without a database everything goes its way, and nothing is kept."""

    def __init__(self, root: Path, component: str, clock: Clock) -> None:
        """Take the project and the component; nothing is opened yet."""
        self._clock = clock
        self._root = root
        self._lock_name = lock_of(root, component)
        self._database: Database | None = None
        self._hold: Hold | None = None
        self._unusable: StoreError | None = None
        self._was_taken = False
        self.run: StoredRun | None = None
        self.journal: Journal = InMemoryJournal()

    @property
    def database(self) -> Database | None:
        """Return the database, None where nothing is kept."""
        return self._database

    async def open(self, setting: str | None, *, wait: bool) -> None:
        """Open the database, and take the component's lock; wait for another run of it, or refuse.

        Raises:
            ComponentBusyError: where another run is going on, and `wait` is off.
            StoreError: where the database is of another layout, or a server that was named cannot be reached.
        """
        place = place_of_database(self._root, setting)
        if place == NOWHERE:
            return
        was_there = _is_there(place)
        try:
            self._database = open_database(place)
            await self._locked(wait=wait)
        except StoreLayoutError:
            raise
        except StoreError as error:
            if "://" in place:  # a server that was asked for by name is no matter of convenience
                raise
            self.close()
            self._unusable = error if was_there else None
            self._tell(f"nothing of this run is kept, and it cannot be resumed: {error}")

    async def _locked(self, *, wait: bool) -> None:
        database, told = self._opened(), False
        while (hold := database.hold(self._lock_name)) is None:
            other = Runs(database).newest(self._lock_name)
            who = f"run {other.id[:_SHORT]} (process {other.pid} on {other.host})" if other else "another run"
            if not wait:
                step = "wait for it, or: spec2prod cancel " + (other.id[:_SHORT] if other else "RUN")
                raise ComponentBusyError(f"{who} of the same component is going on", next_step=step)
            if not told:
                self._tell(f"waiting for {who} of the same component to end")
                told = True
            await asyncio.sleep(_LOOK_AGAIN_S)
        self._hold = hold

    def defects(self, project: str) -> Defects:
        """Return the record of suspected defects of a project; where nothing is kept, one that lasts for this run.

        A database that is there and cannot be used may hold some: then nobody knows.
        """
        if self._database is not None:
            return DefectStore(self._database, project)
        return UnreadableDefects(self._unusable) if self._unusable else PassingDefects()

    def shared(self, settings: Settings) -> Shared:
        """Return what all runs on the database share about the agent; without a database each has its own."""
        if self._database is None:
            return Shared(tell=self._tell)
        from spec2prod.adapters.store.breakers import breakers_in
        from spec2prod.adapters.store.quotas import SharedQuota

        quota = SharedQuota(self._database, quota_rules(settings), f"agents of {self._lock_name}")
        return Shared(breakers=breakers_in(self._database), quota=quota, tell=self._tell)

    def earlier(self, request: Request, plan: Plan, inputs: Mapping[str, str], *, named: str = "") -> StoredRun | None:
        """Return the run to go on with; None where a new one begins. `named` is the ID that it has, or will have.

        Raises:
            RunChangedError: where a run was named, and what it began with has changed since.
        """
        if self._database is None or request.new:
            return None
        runs = Runs(self._database)
        if request.resume or (named and runs.has(named)):
            run = runs.find(request.resume or named)
            if objection := self._objection(run, plan, inputs):
                step = "spec2prod run --new starts afresh"
                raise RunChangedError(f"run {run.id[:_SHORT]} cannot be gone on with: {objection}", next_step=step)
            return run
        newest = None if named else runs.newest(self._lock_name)
        if newest is None or newest.state not in TO_GO_ON_WITH or self._objection(newest, plan, inputs):
            return None
        return newest

    def _objection(self, run: StoredRun, plan: Plan, inputs: Mapping[str, str]) -> str:
        """Say why a run is not the one that was asked for; empty where it is."""
        if run.component != plan.component.name:
            return f"it is a run of {run.component}"
        if run.version != __version__:
            return f"it was begun by spec2prod {run.version}, this is {__version__}"
        if run.identity != identity_of(plan):
            return "what was asked, a setting or the specification is not the same"
        begun = self._before_its_writes(run, inputs)
        changed = sorted(path for path in begun.keys() | run.inputs.keys() if begun.get(path) != run.inputs.get(path))
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""  # noqa: PLR2004 - three say enough
        return f"{', '.join(changed[:3])}{more} changed since" if changed else ""

    def _before_its_writes(self, run: StoredRun, inputs: Mapping[str, str]) -> dict[str, str]:
        """Return the files as they were before the run wrote: a file that holds what it wrote counts as what stood there."""
        begun = dict(inputs)
        for write in Runs(self._opened()).writes(run):
            if begun.get(write.path) == write.digest:
                begun.pop(write.path)
                if write.original is not None:
                    begun[write.path] = hashlib.sha256(write.original.encode()).hexdigest()
        return begun

    def take_back(self, run: StoredRun, tree: Tree) -> None:
        """Take back what an earlier attempt wrote, so that each of its steps finds the files that it was about."""
        take_back(Runs(self._opened()).writes(run), tree)

    def go_on(self, run: StoredRun, again_from: Stage | None = None) -> None:
        """Take up an earlier run, and tell so in one line. What it did from one stage on is forgotten first, where that is asked.

        Raises:
            StoreError: where a record is not ours.
        """
        runs = Runs(self._opened())
        self.run = runs.take_up(replace(run, root=str(self._root), lock_name=self._lock_name))
        if again_from is not None:
            self._forget(self.run, again_from)
        self.journal = DurableJournal(self._opened(), self.run, self._tell)
        done = runs.steps(self.run)
        self._tell(f"going on with run {run.id[:_SHORT]}, {done} step{'' if done == 1 else 's'} of it {'is' if done == 1 else 'are'} done")

    def _forget(self, run: StoredRun, again_from: Stage) -> None:
        stages = tuple(Stage)
        doomed = stages[stages.index(again_from) :]
        count = Runs(self._opened()).forget(run, [str(each) for each in doomed])
        if Stage.GENERATION in doomed:  # the conversations too: they would be found again under their IDs, and be at their ends
            shutil.rmtree(self._root / ".spec2prod" / "runs" / run.id / "openhands", ignore_errors=True)
        self._tell(f"{count} step{'' if count == 1 else 's'} forgotten, from {again_from} on")

    def begin(self, request: Request, plan: Plan, inputs: Mapping[str, str], *, secret: str = "") -> None:
        """Note a new run; where that fails it goes on all the same, and so it is told. `secret` is what its tests' answers must repeat."""
        if self._database is None:
            return
        now = self._database.now()
        run = StoredRun(
            id=plan.run_id,
            component=plan.component.name,
            target=str(plan.target),
            mode=str(plan.mode),
            request=request_as_json(request),
            identity=identity_of(plan),
            inputs=inputs,
            state=State.RUNNING,
            attempt=1,
            secret=secret or uuid.uuid4().hex,
            version=__version__,
            root=str(self._root),
            lock_name=self._lock_name,
            host=socket.gethostname(),
            pid=os.getpid(),
            began_at=now,
            changed_at=now,
        )
        try:
            self.run = Runs(self._database).begin(run)
            self.journal = DurableJournal(self._database, self.run, self._tell)
        except StoreError as error:
            self.run = None
            self._tell(f"nothing of this run is kept, and it cannot be resumed: {error}")

    @contextmanager
    def listening(self, task: asyncio.Task[Any]) -> Iterator[None]:
        """Cancel the task where somebody asks the run to end (`spec2prod cancel`), from whatever machine."""
        if self.run is None:
            yield
            return
        listener = asyncio.create_task(self._listen(self.run, task))
        try:
            yield
        finally:
            listener.cancel()

    async def _listen(self, run: StoredRun, task: asyncio.Task[Any]) -> None:
        runs = Runs(self._opened())
        while True:
            await asyncio.sleep(_LISTEN_EVERY_S)
            with suppress(StoreError):  # the journal tells of a database that is gone; it may be back by the next look
                state, attempt = await asyncio.to_thread(runs.standing, run)
                self._was_taken = attempt != run.attempt or state not in OPEN
                if state is State.CANCELLING and not self._was_taken:
                    self._tell("somebody cancels it (spec2prod cancel): stopping")
                if self._was_taken or state is State.CANCELLING:
                    task.cancel()
                    return
                await asyncio.to_thread(self._hold_on)

    def as_kept(self, run: Run) -> Run:
        """Return a run as it stands in the database: whether somebody cancelled it, and whether it can be gone on with."""
        return replace(run, can_go_on=self.run is not None, cancelled=run.interrupted and not run.out_of_time and self._is_cancelled())

    def _is_cancelled(self) -> bool:
        if self.run is None or self._database is None:
            return False
        with suppress(StoreError):  # the journal tells of a database that is gone
            return Runs(self._database).standing(self.run)[0] is State.CANCELLING
        return False

    def refuse_taken(self) -> None:
        """Refuse to tell of a run that somebody else has begun anew, or goes on with: the report is theirs.

        Raises:
            TakenOverError: where that is so.
        """
        if self._was_taken and self.run is not None:
            message = f"run {self.run.id} was taken up by another process, or another run of the component has begun"
            raise TakenOverError(message, next_step="spec2prod runs shows where")

    def _hold_on(self) -> None:
        """Take the lock again where a server that was restarted has lost it."""
        database = self._opened()
        if database.shared and not database.is_held(self._lock_name):
            self._hold = database.hold(self._lock_name) or self._hold

    def end(self, told: Run | None) -> None:
        """Note how the attempt ended; None where it did not end at all."""
        if self.run is None or self._database is None:
            return
        with suppress(StoreError):  # the journal has told so already, or the verdict is told all the same
            runs = Runs(self._database)
            if told is None:
                state = State.CANCELLED if self._is_cancelled() else State.FAILED_TO_FINISH
                runs.end(self.run, state, None, "")
            else:
                runs.end(self.run, _state_of(told), int(told.exit_code), told.conclusion, told.total_ms)

    def close(self) -> None:
        """Let go of lock and database."""
        database, self._database = self._database, None
        if database is not None:
            with suppress(StoreError):
                database.close()

    def _tell(self, text: str) -> None:
        told_to().tell(Event(kind="journal", stage=None, text=text, at_ms=self._clock.elapsed_ms()))

    def _opened(self) -> Database:
        if self._database is None:
            message = "the database is not open"
            raise StoreError(message, next_step="please report this")
        return self._database


def _state_of(told: Run) -> State:
    """Return how far a run came that told how it ended: one that was through before it heard that somebody cancels it is finished."""
    if not told.interrupted:
        return State.FINISHED
    return State.CANCELLED if told.cancelled else State.INTERRUPTED


def _is_there(place: str) -> bool:
    """Whether a database's file is there already, and may hold something."""
    return Path(place).exists()


def take_back(writes: Iterable[Write], tree: Tree) -> None:
    """Take back what was written: a file that holds it still becomes what stood there before. Any other is left alone."""
    for write in writes:
        standing = tree.read(write.path)
        if standing is None or hashlib.sha256(standing.encode()).hexdigest() != write.digest:
            continue
        if write.original is None:
            tree.remove(write.path)
        else:
            tree.replace(write.path, write.original)


async def open_keeper(request: Request, clock: Clock) -> Keeper:
    """Return the keeper of a request's run, with its lock.

    Raises:
        Spec2prodError: where the settings are wrong, another run is not to be waited for, or the database must not be used.
    """
    root = request.root or project_root(request.component_path)
    settings = read_settings(root, request.overrides, os.environ, overrides_from=request.overrides_from)
    keeper = Keeper(root, request.component, clock)
    try:
        await keeper.open(settings.database_url, wait=request.wait)
    except BaseException:
        keeper.close()
        raise
    return keeper
