"""Runs that were begun: which there are, and how one is gone on with, begun again from a stage, or stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.runs import Runs, State, StoredRun
from spec2prod.bootstrap.durable import NOWHERE, place_of_database, request_from
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.request import Request
from spec2prod.config.settings import read_settings
from spec2prod.domain.plan import Stage
from spec2prod.errors import ComponentBusyError, ExitCode, RunNotFoundError, UsageError

SHORT = 8  # characters of an ID that people read
_ASKED_S = 15.0  # a clean stop takes seconds: an agent's conversation is interrupted, tools get time to end
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One run as a table shows it. `state` is `died` where its process is gone without a word; times are seconds since 1970.

    `took_s` is in seconds. Where nobody noted the end (`end_noted`), it goes until the last step that was done, None without one: it
    took longer than that.
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


@contextmanager
def opened() -> Iterator[Runs]:
    """Open the database of the project here.

    Raises:
        StoreError: where it cannot be opened.
        UsageError: where the settings say that there is none.
    """
    root = project_root()
    place = place_of_database(root, read_settings(root, environ=os.environ).database_url)
    if place == NOWHERE:
        raise UsageError("runs are not kept", where="database_url", next_step="unset it, or SPEC2PROD_DATABASE_URL")
    database = open_database(place)
    try:
        yield Runs(database)
    finally:
        database.close()


def known(limit: int) -> list[Shown]:
    """Return the newest runs, the newest first."""
    with opened() as runs:
        return [_shown(run, runs) for run in runs.all(limit=limit)]


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
    ended_at = run.changed_at if end_noted else runs.last_step_at(run)
    return None if ended_at is None else max(0.0, ended_at - run.began_at)


def to_resume(prefix: str) -> Request:
    """Return how to go on with a run, from the folder where it was begun.

    Raises:
        RunNotFoundError: where no run, or more than one, has such an ID.
        ComponentBusyError: where it is going on.
    """
    with opened() as runs:
        run = _at_rest(runs, prefix)
    return _here(run)


def to_retry(prefix: str, stage: Stage) -> tuple[Request, int]:
    """Forget what a run did from one stage on; return how to go on with it, and how many steps were forgotten.

    Raises:
        RunNotFoundError: as `to_resume`.
        ComponentBusyError: as `to_resume`.
    """
    stages = tuple(Stage)
    doomed = stages[stages.index(stage) :]
    with opened() as runs:
        run = _at_rest(runs, prefix)
        forgotten = runs.forget(run, [str(each) for each in doomed])
    if Stage.GENERATION in doomed:  # the conversations too: they would be found again under their IDs, and be at their ends
        shutil.rmtree(Path(run.root) / ".spec2prod" / "runs" / run.id / "openhands", ignore_errors=True)
    return _here(run), forgotten


def cancel(prefix: str) -> tuple[StoredRun, str]:
    """Stop a run, wherever it is: ask its process, and kill it on this machine if it does not listen; return it and what was done.

    Raises:
        RunNotFoundError: as `to_resume`.
        ComponentBusyError: where a process on another machine does not listen.
    """
    with opened() as runs:
        run = runs.find(prefix)
        if run.state in {State.FINISHED, State.CANCELLED}:
            return run, f"is {run.state} already"
        if not runs.is_alive(run):
            runs.end(run, State.CANCELLED, run.exit_code, run.conclusion)
            return run, "was not going on, and is not gone on with by itself any more"
        runs.ask_to_end(run)
        if _ended(runs, run):
            return run, "has stopped"
        _kill(run)
        runs.end(run, State.CANCELLED, ExitCode.INTERRUPTED, "")
        return run, f"did not stop within {_ASKED_S:g} s, and was killed"


def _ended(runs: Runs, run: StoredRun) -> bool:
    deadline = time.monotonic() + _ASKED_S
    while time.monotonic() < deadline:
        if not runs.is_alive(run):
            if runs.standing(run)[0] is State.CANCELLING:  # it died on the way
                runs.end(run, State.CANCELLED, ExitCode.INTERRUPTED, "")
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


def _here(run: StoredRun) -> Request:
    """Go where the run was begun: its paths start from there.

    Raises:
        RunNotFoundError: where there is no such folder on this machine.
    """
    folder = Path(str(run.request.get("cwd") or run.root))
    if not folder.is_dir():
        message = f"run {run.id[:SHORT]} was begun in {folder}, which is not on this machine"
        raise RunNotFoundError(message, next_step=f"go on with it on {run.host}")
    os.chdir(folder)
    return request_from(run)
