"""What workers do with the queue: each job is claimed once, ended by whoever claimed it, and taken back from the dead.

A claim is one transaction: `FOR UPDATE SKIP LOCKED` on PostgreSQL, `BEGIN IMMEDIATE` on SQLite. `worker` and `attempts` name it, so that
a worker that was taken for dead cannot end what another one does by now.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from spec2prod.adapters.store.database import Database, Hold, repeatable
from spec2prod.adapters.store.jobs import ALL, as_job, joined, lock_of, ring
from spec2prod.adapters.store.runs import Runs
from spec2prod.domain.fleet import MOST_DEATHS, Crew, Ending, Job, run_id_of, unmet
from spec2prod.errors import ExitCode, UsageError

_READY = "state = 'waiting' AND waits_for = 0 AND withdrawn = 0"
_KEPT_TIMES = 10
_GRACE_S = 5.0  # a server that was restarted has freed every lock: the living need a moment to take theirs again


class Claims:
    """The jobs of one database as one worker takes them. Each method is one transaction, or part of the one that is open."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self.database = database
        self._runs = Runs(database)
        self._now = "extract(epoch FROM clock_timestamp())::float8" if database.shared else "(julianday('now') - 2440587.5) * 86400.0"
        self._skip, self._lock = (" FOR UPDATE SKIP LOCKED", " FOR UPDATE") if database.shared else ("", "")
        self._hold: Hold | None = None
        self._grace_until = 0.0

    @repeatable
    def claim(self, worker: Crew, most: int) -> tuple[Job, ...]:
        """Take up to `most` jobs that this worker may do, the most urgent first; nobody else gets them."""
        if most < 1 or (not self.database.shared and not self._any_ready()):
            return ()
        labels, mine = self._suiting(worker)
        sql = f"""WITH picked AS MATERIALIZED (SELECT id FROM jobs WHERE {_READY} AND {labels}
                ORDER BY turn, expected_ms DESC, position LIMIT {most:d}{self._skip})
            UPDATE jobs SET state = 'running', worker = ?, attempts = attempts + 1, changed_at = {self._now}
            WHERE id IN (SELECT id FROM picked) RETURNING {ALL}"""
        with self.database.transaction():
            rows = self.database.rows(sql, *mine, worker.id)
        return tuple(sorted(map(as_job, rows), key=lambda job: (job.turn, -job.expected_ms, job.position)))

    @repeatable
    def finish(self, job: Job, ending: Ending, took_ms: float) -> bool:
        """End a job, and let go or leave out what needs it; False where it is no longer this claim's, and nothing is written."""
        with self.database.transaction():
            if not self._close(job, ending):
                return False
            again = "ON CONFLICT (job) DO UPDATE SET report = excluded.report, changes = excluded.changes"
            sql = f"INSERT INTO outcomes (job, report, changes) VALUES (?, ?, ?) {again}"
            self.database.rows(sql, job.id, ending.report, ending.changes)
            self._remember(f"job:{job.component}:{job.target}", took_ms)
        return True

    @repeatable
    def give_back(self, job: Job) -> bool:
        """Put a job back that was begun: it waits again, and goes on as the same run."""
        mine = "id = ? AND worker = ? AND attempts = ? AND state = 'running'"
        sql = f"UPDATE jobs SET state = 'waiting', worker = '' WHERE {mine} RETURNING id"
        with self.database.transaction():
            given = bool(self.database.rows(sql, job.id, job.worker, job.attempts))
            ring(self.database)
        return given

    @repeatable
    def reopen(self, jobs: Collection[str]) -> None:
        """Let jobs that are over wait again, each for what it needs: they go on as the same runs, which repeat what still holds."""
        again = "state = 'waiting', worker = '', withdrawn = 0, exit_code = NULL, conclusion = ''"
        lacking = """SELECT count(*) FROM needs JOIN jobs AS other ON other.id = needs.needed
            WHERE needs.job = jobs.id AND NOT (other.state = 'ended' AND other.exit_code = 0)"""
        with self.database.transaction():
            self.database.many(
                f"UPDATE jobs SET {again} WHERE id = ? AND state IN ('ended', 'not_run')", [(each,) for each in sorted(jobs)]
            )
            self.database.rows(f"UPDATE jobs SET waits_for = ({lacking}) WHERE state = 'waiting'")
            ring(self.database)

    def unfinished(self, worker: Crew) -> int:
        """Return how many jobs run, or wait and are for this worker: now, or when what they need is there."""
        labels, mine = self._suiting(worker)
        sql = f"SELECT count(*) FROM jobs WHERE state = 'running' OR (state = 'waiting' AND withdrawn = 0 AND {labels})"
        ((count,),) = self.database.rows(sql, *mine)
        return int(count or 0)

    def enlist(self, worker: Crew, version: str) -> None:
        """Take the worker's lock, and tell of it.

        Raises:
            UsageError: where a living worker has that ID.
        """
        self._hold = self.database.hold(lock_of(worker.id))
        if self._hold is None:
            raise UsageError(f"a worker {worker.id} works already", next_step="give this one another name")
        columns = "(id, host, slots, labels, draining, version, began_at)"
        sql = f"INSERT INTO workers {columns} VALUES (?, ?, ?, ?, 0, ?, {self._now})"
        self.database.rows(sql, worker.id, worker.host, worker.slots, joined(worker.labels), version)

    @repeatable
    def dismiss(self, worker: Crew) -> None:
        """Take the worker off the list, and let its lock go; what it still ran goes back."""
        with self.database.transaction():
            self.database.rows("UPDATE jobs SET state = 'waiting', worker = '' WHERE worker = ? AND state = 'running'", worker.id)
            self.database.rows("DELETE FROM workers WHERE id = ?", worker.id)
            ring(self.database)
        if self._hold is not None:
            self._hold.release()

    def pulse(self, worker: Crew) -> tuple[frozenset[tuple[str, int]], bool]:
        """Hold on to the worker's lock, also after the server was away; return its claims (job, attempt), and whether it shall drain.

        What was withdrawn while it runs is asked to stop: who submits may say so, and writes nothing about runs.
        """
        if not self.database.is_held(lock_of(worker.id)):
            self._hold = self.database.hold(lock_of(worker.id)) or self._hold
            self._grace_until = time.monotonic() + _GRACE_S
        rows = self.database.rows("SELECT id, attempts, withdrawn FROM jobs WHERE worker = ? AND state = 'running'", worker.id)
        for job in (str(job) for job, _, withdrawn in rows if withdrawn):
            self._runs.ask_job_to_end(run_id_of(job), job)
        told = self.database.rows("SELECT draining FROM workers WHERE id = ?", worker.id)
        return frozenset((str(job), int(attempt or 0)) for job, attempt, _ in rows), bool(told and told[0][0])

    def silent(self, but: str) -> frozenset[str]:
        """Return the workers whose lock nobody holds, except one: they died. Nobody is told where the own lock was lost just now."""
        if time.monotonic() < self._grace_until:
            return frozenset()
        rows = self.database.rows("SELECT id FROM workers UNION SELECT worker FROM jobs WHERE state = 'running'")
        return frozenset(str(name) for (name,) in rows if name != but and not self.database.is_held(lock_of(str(name))))

    @repeatable
    def bury(self, worker: str) -> tuple[str, ...]:
        """Take a dead worker's jobs back; return their components. A job of which too many workers died is given up."""
        gone = f"it was given up: {MOST_DEATHS} workers died while they ran it"
        with self.database.transaction():
            back = f"""UPDATE jobs SET deaths = deaths + 1, state = 'waiting', worker = '', changed_at = {self._now}
                WHERE worker = ? AND state = 'running' AND deaths < ? RETURNING component"""
            taken = self.database.rows(back, worker, MOST_DEATHS - 1)
            for row in self.database.rows(f"SELECT {ALL} FROM jobs WHERE worker = ? AND state = 'running'{self._lock}", worker):
                self._close(as_job(row), Ending(exit_code=ExitCode.COULD_NOT_ASK, conclusion=gone))
            self.database.rows("DELETE FROM workers WHERE id = ?", worker)
            ring(self.database)
        return tuple(str(component) for (component,) in taken)

    @repeatable
    def take_out_withdrawn(self) -> None:
        """Let what was taken out end, and leave out what needs it."""
        sql = f"SELECT {ALL} FROM jobs WHERE state = 'waiting' AND withdrawn = 1"
        if not self.database.rows(f"{sql} LIMIT 1"):
            return
        with self.database.transaction():
            for row in self.database.rows(f"{sql} ORDER BY id{self._skip}"):
                self._leave_out(as_job(row), "removed from the queue")

    def _close(self, job: Job, ending: Ending) -> bool:
        sql = f"""UPDATE jobs SET state = 'ended', exit_code = ?, conclusion = ?, changed_at = {self._now}
            WHERE id = ? AND worker = ? AND attempts = ? AND state = 'running' RETURNING {ALL}"""
        rows = self.database.rows(sql, int(ending.exit_code), ending.conclusion, job.id, job.worker, job.attempts)
        if rows:
            self._tell_dependents(as_job(rows[0]))
        return bool(rows)

    def _tell_dependents(self, job: Job) -> None:
        """Let what needs a job come nearer, or leave it out with all that needs it in turn."""
        # Locked in the order of their IDs, so that two endings at once do not wait for one another in a circle.
        sql = f"SELECT {ALL} FROM jobs WHERE id IN (SELECT job FROM needs WHERE needed = ?) AND state = 'waiting' ORDER BY id{self._lock}"
        dependents = [as_job(row) for row in self.database.rows(sql, job.id)]
        if dependents and job.promoted:
            self.database.many("UPDATE jobs SET waits_for = waits_for - 1 WHERE id = ?", [(each.id,) for each in dependents])
            ring(self.database)
        for each in dependents if not job.promoted else ():
            self._leave_out(each, unmet(job))

    def _leave_out(self, job: Job, why: str) -> None:
        left = f"state = 'not_run', conclusion = ?, changed_at = {self._now}"
        sql = f"UPDATE jobs SET {left} WHERE id = ? AND state = 'waiting' RETURNING {ALL}"
        for row in self.database.rows(sql, f"not run ({why})", job.id):
            self._tell_dependents(as_job(row))

    def _remember(self, name: str, ms: float) -> None:
        old = f"SELECT at FROM durations WHERE name = ? ORDER BY at DESC LIMIT 1 OFFSET {_KEPT_TIMES - 1:d}"
        self.database.rows(f"DELETE FROM durations WHERE name = ? AND at <= ({old})", name, name)
        self.database.rows(f"INSERT INTO durations (name, at, ms) VALUES (?, {self._now}, ?)", name, ms)

    def _suiting(self, worker: Crew) -> tuple[str, tuple[str, ...]]:
        """Return a condition on a job's labels, with its values: the worker has them all."""
        mine = tuple(sorted(worker.labels))
        others = f"AND label NOT IN ({', '.join('?' * len(mine))})" if mine else ""
        return f"(labels = '' OR NOT EXISTS (SELECT 1 FROM job_labels WHERE job = jobs.id {others}))", mine

    def _any_ready(self) -> bool:
        return bool(self.database.rows(f"SELECT 1 FROM jobs WHERE {_READY} LIMIT 1"))
