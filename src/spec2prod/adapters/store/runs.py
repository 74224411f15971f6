"""The runs that this database knows: begun, taken up, ended, asked to end, and what each has written."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from spec2prod.adapters.store.database import Database, Row, repeatable
from spec2prod.errors import RunNotFoundError, TakenOverError

_COLUMNS = (
    "id, component, target, mode, request, identity, inputs, state, attempt, secret, version, root, lock_name, host, pid, "
    "began_at, changed_at, exit_code, conclusion"
)
# What a list tells: those who only look may not read the rest (docs/how-to/run-a-fleet.md).
_LISTED = ", ".join({"request": "'{}'", "inputs": "'{}'", "secret": "''"}.get(name, name) for name in _COLUMNS.split(", "))
_TICK_S = 0.001
_SHOWN = 8  # characters of an ID that people read


class State(StrEnum):
    """How far a run is. Whether a `running` one lives, its lock tells."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED_TO_FINISH = "failed-to-finish"


OPEN = (State.RUNNING, State.CANCELLING)
TO_GO_ON_WITH = (State.RUNNING, State.INTERRUPTED, State.FAILED_TO_FINISH)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One run's row. Times are seconds since 1970; `request` is how to start it again, `inputs` maps a file to its digest.

    `identity` is the digest of what was asked, in full; `secret` is what its tests' answers must repeat.
    """

    id: str
    component: str
    target: str
    mode: str
    request: Mapping[str, Any]
    identity: str
    inputs: Mapping[str, str]
    state: State
    attempt: int
    secret: str
    version: str
    root: str
    lock_name: str
    host: str
    pid: int
    began_at: float
    changed_at: float
    exit_code: int | None = None
    conclusion: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What a run has written, or was about to: the digest of the new text, and the text that stood there (None: no file)."""

    path: str
    digest: str
    original: str | None


class Runs:
    """The table of runs, and what belongs to them."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    @repeatable
    def begin(self, run: StoredRun) -> StoredRun:
        """Note a run that begins; what an earlier holder of its lock left open has died, and is interrupted."""
        with self._database.transaction():
            self._bury(run.lock_name, run.id)
            run = replace(run, began_at=self._after_all_others(run))
            values = (run.id, run.component, run.target, run.mode, json.dumps(run.request), run.identity, json.dumps(run.inputs))
            whose = (run.secret, run.version, run.root, run.lock_name, run.host, run.pid, run.began_at, run.changed_at)
            marks = ", ".join("?" * 19)
            self._database.rows(
                f"INSERT INTO runs ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - the columns are ours
                *(*values, str(run.state), run.attempt, *whose, None, ""),
            )
        return run

    @repeatable
    def take_up(self, run: StoredRun) -> StoredRun:
        """Make this process the one that works on a run: whoever did before can record nothing more.

        Raises:
            TakenOverError: where somebody else was quicker.
        """
        with self._database.transaction():
            self._bury(run.lock_name, run.id)
            taken = self._database.rows(
                "UPDATE runs SET state = ?, attempt = attempt + 1, host = ?, pid = ?, root = ?, lock_name = ?, changed_at = ?, "
                "exit_code = NULL, conclusion = '' WHERE id = ? AND attempt = ? RETURNING attempt",
                *(State.RUNNING, socket.gethostname(), os.getpid(), run.root, run.lock_name, self._database.now(), run.id, run.attempt),
            )
        if not taken:
            message = f"run {run.id} was taken up by another process just now"
            raise TakenOverError(message, next_step="spec2prod runs shows where")
        return self.find(run.id)

    def end(self, run: StoredRun, state: State, exit_code: int | None, conclusion: str, took_ms: float | None = None) -> None:
        """Note how an attempt ended, and how long it took where that was told; a run that somebody else has taken up is left alone."""
        now = self._database.now()
        with self._database.transaction():
            ended = self._database.rows(
                "UPDATE runs SET state = ?, exit_code = ?, conclusion = ?, changed_at = ? WHERE id = ? AND attempt = ? RETURNING id",
                *(str(state), exit_code, conclusion, now, run.id, run.attempt),
            )
            if ended and took_ms is not None:
                self._database.rows("INSERT INTO durations (name, at, ms) VALUES (?, ?, ?)", _total(run), now, took_ms)

    def total_ms(self, run: StoredRun) -> float | None:
        """Return how long an attempt that ended took by its own report, in milliseconds; None where it told nobody."""
        rows = self._database.rows("SELECT ms FROM durations WHERE name = ?", _total(run))
        return float(rows[0][0]) if rows and rows[0][0] is not None else None

    def ask_to_end(self, run: StoredRun) -> None:
        """Ask the process that works on a run, wherever it is, to stop."""
        self._database.rows(
            "UPDATE runs SET state = ?, changed_at = ? WHERE id = ? AND state = ?",
            *(State.CANCELLING, self._database.now(), run.id, State.RUNNING),
        )

    def ask_job_to_end(self, run_id: str, job: str) -> None:
        """Ask the run of a job to stop: by its ID, or where it was begun anew under another one, by its checkout, which the job names."""
        folder = f"/{job}"
        self._database.rows(
            "UPDATE runs SET state = ?, changed_at = ? WHERE state = ? AND (id = ? OR substr(root, length(root) - ? + 1) = ?)",
            *(State.CANCELLING, self._database.now(), State.RUNNING, run_id, len(folder), folder),
        )

    def standing(self, run: StoredRun) -> tuple[State, int]:
        """Return a run's state and attempt as they are now."""
        ((state, attempt),) = self._database.rows("SELECT state, attempt FROM runs WHERE id = ?", run.id)
        return State(str(state)), int(attempt or 0)

    def newest(self, lock_name: str) -> StoredRun | None:
        """Return the run of that component that was begun last."""
        rows = self._rows("WHERE lock_name = ? ORDER BY began_at DESC LIMIT 1", lock_name)
        return rows[0] if rows else None

    def all(self, *, limit: int = 50) -> list[StoredRun]:
        """Return the runs, the newest first, without request, inputs and secret: who looks at a list need not be able to read them."""
        rows = self._database.rows(f"SELECT {_LISTED} FROM runs ORDER BY began_at DESC LIMIT ?", limit)  # noqa: S608 - the columns are ours
        return [_run(row) for row in rows]

    def find(self, prefix: str, *, listed: bool = False) -> StoredRun:
        """Return the run whose ID begins so; `listed` as `all` does, for those who only look.

        Raises:
            RunNotFoundError: where there is none, or more than one.
        """
        columns, where = _LISTED if listed else _COLUMNS, "WHERE substr(id, 1, ?) = ? ORDER BY began_at DESC LIMIT 5"
        found = self._rows(where, len(prefix), prefix, columns=columns) if prefix else []
        if len(found) == 1:
            return found[0]
        step = "spec2prod runs lists them"
        if found:
            raise RunNotFoundError(f"several runs begin with {prefix!r}: {', '.join(each.id for each in found)}", next_step=step)
        known = [
            str(id_)[: max(len(prefix), _SHOWN)] for (id_,) in self._database.rows("SELECT id FROM runs ORDER BY began_at DESC LIMIT 500")
        ]
        near = get_close_matches(prefix, known, n=3, cutoff=0.5)
        told = f"; near are {', '.join(near)}" if near else ""
        raise RunNotFoundError(f"no run begins with {prefix!r}{told}", next_step=step)

    def has(self, run_id: str) -> bool:
        """Whether a run has exactly this ID."""
        return bool(self._database.rows("SELECT 1 FROM runs WHERE id = ?", run_id))

    def is_alive(self, run: StoredRun) -> bool:
        """Whether a process works on it: its row says so, and that process holds the lock."""
        return run.state in OPEN and self._database.is_held(run.lock_name)

    def writes(self, run: StoredRun) -> tuple[Write, ...]:
        """Return what a run has written into the project, or was about to."""
        rows = self._database.rows("SELECT path, digest, original FROM writes WHERE run_id = ? ORDER BY path", run.id)
        return tuple(
            Write(path=str(path), digest=str(digest), original=None if original is None else str(original))
            for path, digest, original in rows
        )

    def steps(self, run: StoredRun) -> int:
        """Return how many of its steps are done."""
        ((count,),) = self._database.rows("SELECT count(*) FROM steps WHERE run_id = ?", run.id)
        return int(count or 0)

    def last_step_at(self, run: StoredRun) -> float | None:
        """Return when the last of its steps was done (seconds since 1970); None where none is."""
        ((ended,),) = self._database.rows("SELECT max(ended_at) FROM steps WHERE run_id = ?", run.id)
        return None if ended is None else float(ended)

    def forget(self, run: StoredRun, stages: Collection[str]) -> int:
        """Forget the steps of some stages; return how many there were."""
        names = [str(name) for (name,) in self._database.rows("SELECT name FROM steps WHERE run_id = ?", run.id)]
        doomed = [name for name in names if name.partition(":")[0] in stages]
        self._database.many("DELETE FROM steps WHERE run_id = ? AND name = ?", [(run.id, name) for name in doomed])
        return len(doomed)

    def _bury(self, lock_name: str, own: str) -> None:
        self._database.rows(
            "UPDATE runs SET state = CASE state WHEN ? THEN ? ELSE ? END WHERE lock_name = ? AND id <> ? AND state IN (?, ?)",
            *(State.CANCELLING, State.CANCELLED, State.INTERRUPTED, lock_name, own, State.RUNNING, State.CANCELLING),
        )

    def _after_all_others(self, run: StoredRun) -> float:
        """Return when a run began, and later than any other of its component: else a clock that was set back would hide it."""
        ((newest,),) = self._database.rows("SELECT max(began_at) FROM runs WHERE lock_name = ?", run.lock_name)
        return run.began_at if newest is None else max(run.began_at, float(newest) + _TICK_S)

    def _rows(self, where: str, *values: str | int, columns: str = _COLUMNS) -> list[StoredRun]:
        return [_run(row) for row in self._database.rows(f"SELECT {columns} FROM runs {where}", *values)]  # noqa: S608 - as above


def _total(run: StoredRun) -> str:
    """Return the name of an attempt's own total among the durations: a layout need not change for it."""
    return f"run:{run.id}:{run.attempt}"


def _run(row: Row) -> StoredRun:
    text = [str(each) for each in row]
    return StoredRun(
        id=text[0],
        component=text[1],
        target=text[2],
        mode=text[3],
        request=json.loads(text[4]),
        identity=text[5],
        inputs=json.loads(text[6]),
        state=State(text[7]),
        attempt=int(text[8]),
        secret=text[9],
        version=text[10],
        root=text[11],
        lock_name=text[12],
        host=text[13],
        pid=int(text[14]),
        began_at=float(text[15]),
        changed_at=float(text[16]),
        exit_code=None if row[17] is None else int(text[17]),
        conclusion=text[18],
    )
