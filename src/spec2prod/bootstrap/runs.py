"""Runs that were begun: which there are, and how one is gone on with, begun again from a stage, or stopped."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.adapters.store.runs import Runs, State, StoredRun
from spec2prod.bootstrap.begun import begun, request_from
from spec2prod.bootstrap.durable import NOWHERE, place_of_database
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.request import Request
from spec2prod.bootstrap.withdrawing import withdraw
from spec2prod.config.settings import read_settings
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import CANCELLED, SHORT
from spec2prod.errors import ComponentBusyError, ExitCode, RunNotFoundError, StoreRightsError, UsageError

_ASKED_S = 15.0  # a clean stop takes seconds: an agent's conversation is interrupted, tools get time to end
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One run as a table shows it. `state` is `died` where its process is gone without a word; times are seconds since 1970.

    `took_s` is in seconds, and what the report of its last attempt says. Where nobody noted the end (`end_noted`), it goes until the
    last step that was done, None without one: it took longer than that.
    """

    id: str
    component: str
    target: str
    state: str
    attempt: int
    steps: int
    host: str
    began_at: float
    took_s: float | None
    end_noted: bool
    exit_code: int | None
    conclusion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A database that is open: its URL, its runs, and the queue of its jobs."""

    place: str
    runs: Runs
    queue: Queue


@contextmanager
def opened() -> Iterator[Opened]:
    """Open the database of the project here.

    Raises:
        StoreError: where it cannot be opened.
        UsageError: where the settings say that there is none.
    """
    root = project_root()
    place = place_of_database(root, read_settings(root, environ=os.environ).database_url)
    if place == NOWHERE:
        raise UsageError("runs are not kept", where="database_url", next_step="unset it, or SPEC2PROD_DATABASE_URL")
    database = open_database(place, looking=True)  # where no run was begun there is nothing to stop or to go on with either
    try:
        yield Opened(place=place if "://" in place else f"sqlite:///{place}", runs=Runs(database), queue=Queue(database))
    finally:
        database.close()


def known(limit: int) -> list[Shown]:
    """Return the newest runs, the newest first."""
    with opened() as found:
        return [_shown(run, found.runs) for run in found.runs.all(limit=limit)]


def _shown(run: StoredRun, runs: Runs) -> Shown:
    is_open = run.state in {State.RUNNING, State.CANCELLING}
    alive = is_open and runs.is_alive(run)
    end_noted = not alive and not is_open and (run.exit_code is not None or run.state is State.FAILED_TO_FINISH)
    return Shown(
        id=run.id,
        component=run.component,
        target=run.target,
        state=str(run.state) if alive or not is_open else "died",
        attempt=run.attempt,
        steps=runs.steps(run),
        host=run.host,
        began_at=run.began_at,
        took_s=_took_s(run, runs, alive=alive, end_noted=end_noted),
        end_noted=end_noted,
        exit_code=run.exit_code,
        conclusion=run.conclusion,
    )


def _took_s(run: StoredRun, runs: Runs, *, alive: bool, end_noted: bool) -> float | None:
    """Return how long a run took: until now, until its end, or as far as is known of one that was killed."""
    if alive:
        return time.time() - run.began_at
    if end_noted and (told_ms := runs.total_ms(run)) is not None:
        return told_ms / 1000
    ended_at = run.changed_at if end_noted else runs.last_step_at(run)
    return None if ended_at is None else max(0.0, ended_at - run.began_at)


def to_resume(prefix: str) -> Request:
    """Return how to go on with a run, and go where it was begun.

    Raises:
        RunNotFoundError: where no run, or more than one, has such an ID, or its folder is not on this machine.
        ComponentBusyError: where it is going on.
    """
    with opened() as found:
        run = _at_rest(found.runs, prefix)
        _refuse_gone(run, found.queue)
        return _here(run, found.place)


def to_retry(prefix: str, stage: Stage) -> Request:
    """Return how to go on with a run that forgets what it did from one stage on: when it is sure that it goes on.

    Raises:
        RunNotFoundError: as `to_resume`.
        ComponentBusyError: as `to_resume`.
    """
    return replace(to_resume(prefix), again_from=stage)


def cancel(prefix: str) -> tuple[StoredRun, str]:
    """Stop a run, wherever it is: ask its process, and kill it on this machine if it does not listen; return it and what was done.

    Raises:
        RunNotFoundError: as `to_resume`.
        ComponentBusyError: where a process on another machine does not listen.
        StoreRightsError: where the login may not, and it is no run of a job that it may withdraw.
    """
    with opened() as found:
        try:
            return _stopped(prefix, found.runs)
        except StoreRightsError as refusal:
            return withdraw(prefix, found.runs, found.queue, refusal, patience_s=_ASKED_S)


def _stopped(prefix: str, runs: Runs) -> tuple[StoredRun, str]:
    run = runs.find(prefix)
    if run.state in {State.FINISHED, State.CANCELLED}:
        return run, f"is {run.state} already"
    if not runs.is_alive(run):
        runs.end(run, State.CANCELLED, run.exit_code, run.conclusion)
        return run, "was not going on, and is not gone on with by itself any more"
    runs.ask_to_end(run)
    if _ended(runs, run):
        return run, "was through before it heard" if runs.standing(run)[0] is State.FINISHED else f"has stopped{_way_on(run)}"
    _kill(run)
    runs.end(run, State.CANCELLED, ExitCode.INTERRUPTED, _cancelled(run))
    return run, f"did not stop within {_ASKED_S:g} s, and was killed{_way_on(run)}"


def _way_on(run: StoredRun) -> str:
    return f"; spec2prod resume {run.id[:SHORT]} goes on with it" if begun(run).folder.is_dir() else ""


def _cancelled(run: StoredRun) -> str:
    """Return the verdict of a run that could not tell it any more."""
    return f"Not promoted to {run.target}: {CANCELLED}."


def _ended(runs: Runs, run: StoredRun) -> bool:
    deadline = time.monotonic() + _ASKED_S
    while time.monotonic() < deadline:
        if not runs.is_alive(run):
            if runs.standing(run)[0] is State.CANCELLING:  # it died on the way
                runs.end(run, State.CANCELLED, ExitCode.INTERRUPTED, _cancelled(run))
            return True
        time.sleep(_LOOK_AGAIN_S)
    return False


def _kill(run: StoredRun) -> None:
    """Kill a run's process, if it is on this machine and still the one that began; its watcher ends what it has started."""
    if run.host != socket.gethostname():
        message = f"run {run.id[:SHORT]} does not stop (process {run.pid} on {run.host})"
        raise ComponentBusyError(message, next_step=f"end it on {run.host}")
    try:
        process = psutil.Process(run.pid)
        if process.create_time() < run.changed_at + 1:  # else the number is somebody else's by now
            process.send_signal(signal.SIGKILL)
            process.wait(_ASKED_S)
    except psutil.NoSuchProcess:
        return


def _at_rest(runs: Runs, prefix: str) -> StoredRun:
    run = runs.find(prefix)
    if runs.is_alive(run):
        message = f"run {run.id[:SHORT]} is going on (process {run.pid} on {run.host})"
        raise ComponentBusyError(message, next_step=f"wait for it, or: spec2prod cancel {run.id[:SHORT]}")
    return run


def _refuse_gone(run: StoredRun, queue: Queue) -> None:
    """Refuse a run whose folder is not here (any more), with what goes on instead.

    Raises:
        RunNotFoundError: where it is so.
    """
    place = begun(run)
    if place.folder.is_dir():
        return
    name = run.id[:SHORT]
    if place.root is None:
        message = f"run {name} was begun in {place.folder}, which is not on this machine"
        raise RunNotFoundError(message, next_step=f"go on with it on {run.host}")
    message = f"run {name} was done by a worker on {run.host}, in {place.root}, which is not here"
    raise RunNotFoundError(message, next_step=_instead(run, queue))


def _instead(run: StoredRun, queue: Queue) -> str:
    """Say what goes on instead of a worker's run."""
    job = next((each for each in queue.jobs() if each.run_id == run.id or each.id in Path(run.root).parts), None)
    if job is not None and not job.is_over:
        return f"nothing is to be done: its job {job.id} is {job.state}, and a worker goes on with it (spec2prod queue)"
    return f"submit it again: spec2prod run {run.component} --target {run.target}"


def _here(run: StoredRun, database: str) -> Request:
    """Go where the run was begun, since its paths start from there; the report of a worker's run comes where the caller stands."""
    place, asked, stands = begun(run), request_from(run), Path.cwd()
    os.chdir(place.folder)
    if place.root is None:
        return asked
    report = stands / f"workflow_report_{run.component.replace('/', '_')}.json" if place.is_checkout else asked.output
    return replace(asked, overrides={**asked.overrides, "database_url": database}, output=report)
