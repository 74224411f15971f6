"""A worker put together: the queue of a database, checkouts on this machine, and the run that `spec2prod run` does, several at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from spec2prod.adapters.checkout import Checkout, Checkouts, refuse_without_git, source_of
from spec2prod.adapters.store.bell import bell_of
from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.adapters.store.runs import Runs
from spec2prod.application.ports import Event
from spec2prod.application.working import Pace, Perform, Tools, Until
from spec2prod.bootstrap.attending import attended
from spec2prod.bootstrap.durable import NOWHERE, place_of_database
from spec2prod.bootstrap.folders import cache_folder
from spec2prod.bootstrap.listening import listening
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.reporting import as_text, document_of
from spec2prod.bootstrap.request import Request, new_run_id
from spec2prod.bootstrap.running import promote
from spec2prod.config.settings import read_settings
from spec2prod.domain.fleet import Crew, Ending, Job, JobState, why_waiting
from spec2prod.domain.run import Refusal
from spec2prod.errors import ExitCode, RunChangedError, StoreUnreachableError, UsageError

URL_NAME = "SPEC2PROD_DATABASE_URL"
type Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A database with its queue; `place` is where it was opened, `folder` what this machine keeps for it."""

    database: Database
    place: str
    queue: Queue
    claims: Claims
    folder: Path

    @property
    def checkouts(self) -> Checkouts:
        """Return this machine's checkouts."""
        return Checkouts(self.folder)

    @property
    def works_alone(self) -> bool:
        """Whether who submits must do the work, too: the database is the project's own, and no worker lives."""
        return not self.database.shared and not self.living()

    def living(self) -> tuple[Crew, ...]:
        """Return the workers that live."""
        return tuple(each for each in self.queue.workers() if each.alive)


@contextmanager
def fleet(folder: Path | None = None, *, looking: bool = False) -> Iterator[Fleet]:
    """Open the fleet's database: the one that the environment names, else the project's own. `folder` is for checkouts.

    Who is only `looking` at what is there makes no file.

    Raises:
        StoreError: where it cannot be opened.
    """
    place = _place()
    database = open_database(place, looking=looking)
    own = folder or cache_folder() / "fleet" / hashlib.sha256(database.name.encode()).hexdigest()[:12]
    try:
        yield Fleet(database=database, place=place, queue=Queue(database), claims=Claims(database), folder=own)
    finally:
        database.close()


def _place() -> str:
    """Return where the database is; a worker of a fleet needs no project around it."""
    if (named := os.environ.get(URL_NAME, "")).startswith(("postgresql://", "postgres://")):
        return named
    root = project_root()
    place = place_of_database(root, read_settings(root, {}, os.environ).database_url)
    if place == NOWHERE:
        raise UsageError("a queue needs a database", where="database_url", next_step=f"unset it, or {URL_NAME}")
    return place


def new_crew(slots: int | None, labels: frozenset[str]) -> Crew:
    """Return a worker of this machine under a new name; as many slots as processors unless told."""
    host = socket.gethostname()
    count = (os.cpu_count() or 1) if slots is None else slots
    if count < 1:
        raise UsageError("a worker has one slot at least", where="--slots")
    return Crew(id=f"{host}-{secrets.token_hex(3)}", host=host, slots=count, labels=labels)


def refuse_unfit(opened: Fleet) -> None:
    """Refuse a machine that could do none of a shared queue's jobs: it would take one after the other, and end each as errored.

    Raises:
        ToolMissingError: where there is no git. A project's own database needs none, for its jobs run in the project as it lies.
    """
    if opened.database.shared:
        asyncio.run(refuse_without_git())


def work(opened: Fleet, crew: Crew, *, say: Say, until: Until, perform: Perform | None = None) -> int:
    """Work until drained or through; return the exit code: 0, or 130 where it was stopped at once."""
    _clear_up(opened)
    doing = perform or performer(opened, say)
    # On one machine the kernel frees a lock, and only by death; a server that restarts frees them all.
    pace = Pace() if opened.database.shared else Pace(patience_s=0.0)
    tools = Tools(queue=opened.claims, perform=doing, bell=bell_of(opened.database, opened.place), say=say, pace=pace)
    return asyncio.run(attended(crew, tools, until))


def performer(opened: Fleet, say: Say) -> Perform:
    """Return what does a job: check out, promote as `spec2prod run` does, tell what changed, clear up."""
    checkouts = opened.checkouts

    async def perform(job: Job) -> Ending:
        checkout = await checkouts.make(source_of(job.source), job.id)
        request = request_of(job, checkout, opened.place)
        with listening(Progress(job.component, say)):
            told = await promote(request, run_id=job.run_id, takes_signals=False)
            if isinstance(told, Refusal) and isinstance(told.error, RunChangedError):  # another machine, or another spec2prod on it
                say(f"{job.component}: begins anew, for {told.error.message}")
                told = await promote(replace(request, new=True), run_id=new_run_id(), takes_signals=False)
        if isinstance(told, Refusal) and isinstance(told.error, StoreUnreachableError):
            raise told.error
        conclusion = str(told.error) if isinstance(told, Refusal) else told.conclusion
        for warning in () if isinstance(told, Refusal) else told.warnings:
            say(f"{job.component}: {warning}")
        changes = await checkouts.changes(checkout)
        if told.exit_code != ExitCode.INTERRUPTED:  # else it goes on here, or is cleared up when it ended elsewhere
            await asyncio.to_thread(checkouts.remove, job.id)
        return Ending(exit_code=told.exit_code, conclusion=conclusion, report=as_text(document_of(told)), changes=changes)

    return perform


class Progress:
    """Tells how each stage of one component's run ended."""

    def __init__(self, component: str, say: Say) -> None:
        """Take the component's name, and who is told."""
        self._component, self._say = component, say

    def tell(self, event: Event) -> None:
        """Tell the end of a stage, and what is gone on with."""
        if event.kind in {"stage_ended", "journal"}:
            self._say(f"{self._component}: {event.text}")


def request_of(job: Job, checkout: Checkout, database: str) -> Request:
    """Return what a job asks for, in its checkout, kept in the fleet's own database.

    Raises:
        UsageError: where it is no request of ours.
    """
    try:
        asked = json.loads(job.request)
        spec, path, overrides = str(asked["spec"]), asked["path"], dict(asked["overrides"])
        runs_at_once = bool(asked["async"])
    except (KeyError, TypeError, ValueError):
        raise UsageError("a job without a request", where=job.id, next_step="submit it again with this version of spec2prod") from None
    return Request(
        spec=checkout.root / spec,
        component=job.component,
        target=job.target,
        async_mode=runs_at_once,
        component_path=checkout.root / str(path) if path else None,
        overrides=overrides
        | _interpreter(checkout, overrides)
        | {"database_url": database if "://" in database else f"sqlite:///{database}"},
        overrides_from="queue",
        root=checkout.root,
        priority=job.priority,
    )


def _interpreter(checkout: Checkout, overrides: Mapping[str, object]) -> dict[str, str]:
    """Return the shared path's own environment: a checkout has none, and nothing else knows what the project needs."""
    own = checkout.home / ".venv"
    stated = read_settings(checkout.root).python is not None or "python" in overrides
    return {"python": str(own)} if checkout.is_scratch and own.is_dir() and not stated else {}


def _clear_up(opened: Fleet) -> None:
    """Take away checkouts of jobs that ended elsewhere, or are not known any more; not one in which somebody goes on with the run."""
    names, runs = opened.checkouts.names(), Runs(opened.database)
    known = opened.queue.jobs(names) if names else ()
    needed = {job.id for job in known if not job.is_over or (runs.has(job.run_id) and runs.is_alive(runs.find(job.run_id)))}
    for name in set(names) - needed:
        opened.checkouts.remove(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What `spec2prod queue` shows: jobs in their order, why each waiting one waits, and the workers with what they run."""

    jobs: tuple[Job, ...]
    why: Mapping[str, str]
    workers: tuple[Crew, ...]
    busy: Mapping[str, int]


def overview(queue: Queue, *, ended: int | None) -> Overview:
    """Look at the whole queue; of what is over at the newest `ended` jobs."""
    jobs, workers = queue.jobs(ended=ended), queue.workers()
    waiting = {job.id for job in jobs if job.state is JobState.WAITING}
    needs = queue.needed_by(waiting)
    known = {job.id: job for job in queue.jobs(sorted({each for ids in needs.values() for each in ids}))}
    busy = {crew.id: sum(job.worker == crew.id and not job.is_over for job in jobs) for crew in workers}
    why = {
        job.id: why_waiting(job, [known[each] for each in needs.get(job.id, ()) if each in known], workers, busy)
        for job in jobs
        if job.id in waiting
    }
    return Overview(jobs=jobs, why=why, workers=workers, busy=busy)
