"""The queue of a fleet: jobs are put in, looked at, and put in order. Who takes them out again: `claims.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from spec2prod.adapters.store.database import Database, Row, repeatable
from spec2prod.adapters.store.jobs import ALL, SUBMITTED, as_job, as_row, crew_of, label_rows, lock_of, parts, ring
from spec2prod.adapters.store.runs import StoredRun
from spec2prod.domain.fleet import Crew, Job, JobState, turn_of
from spec2prod.domain.run import SHORT
from spec2prod.domain.schedule import Priority
from spec2prod.errors import UsageError

_ORDER = "ORDER BY turn, expected_ms DESC, position"


class Queue:
    """The jobs and needs of one database. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self.database = database

    @repeatable
    def submit(self, jobs: Sequence[Job], needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
        """Put jobs in; `needs` maps a job's ID to those of the jobs it needs. Return their IDs, in order.

        A job that waits or runs already (same component, target, files and request) is not put in twice: its ID takes the new one's place.
        """
        with self.database.transaction():
            known = self._open_alike(jobs)
            place = {job.id: known.get(_likeness(job), job.id) for job in jobs}
            fresh = [job for job in jobs if place[job.id] == job.id]
            marks = ", ".join("?" * len(SUBMITTED))
            self.database.many(f"INSERT INTO jobs ({', '.join(SUBMITTED)}) VALUES ({marks})", [as_row(job) for job in fresh])
            self.database.many("INSERT INTO job_labels (job, label) VALUES (?, ?)", label_rows(fresh))
            pairs = [(job.id, place[needed]) for job in fresh for needed in needs.get(job.id, ())]
            self.database.many("INSERT INTO needs (job, needed) VALUES (?, ?)", pairs)
            ring(self.database)
        return tuple(place[job.id] for job in jobs)

    def jobs(self, ids: Collection[str] | None = None, *, ended: int | None = None) -> tuple[Job, ...]:
        """Return jobs in the order of the queue: those of these IDs, or all; of what is over only the newest `ended`."""
        if ids is not None:
            found = [row for part in parts(sorted(ids)) for row in self._rows_of(part)]
            return tuple(sorted(map(as_job, found), key=lambda job: (job.turn, -job.expected_ms, job.position)))
        sql = f"SELECT {ALL} FROM jobs WHERE state IN ('waiting', 'running') {_ORDER}"
        limit = "" if ended is None else f" LIMIT {ended:d}"
        over = f"SELECT {ALL} FROM jobs WHERE state IN ('ended', 'not_run') ORDER BY changed_at DESC{limit}"
        return tuple(as_job(row) for row in [*self.database.rows(over)[::-1], *self.database.rows(sql)])

    def states(self, ids: Collection[str]) -> dict[str, JobState]:
        """Return where each of these jobs is."""
        sql = "SELECT id, state FROM jobs WHERE id IN ({})"
        return {str(job): JobState(str(state)) for part in parts(sorted(ids)) for job, state in self._in(sql, part)}

    def needed_by(self, jobs: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return for each of these jobs the IDs of those that it needs."""
        told: dict[str, tuple[str, ...]] = {}
        for part in parts(sorted(jobs)):
            for job, needed in self._in("SELECT job, needed FROM needs WHERE job IN ({}) ORDER BY needed", part):
                told[str(job)] = (*told.get(str(job), ()), str(needed))
        return told

    def find(self, name: str) -> Job:
        """Return the one open job of the component of that name, else the newest that is over, else the job whose ID begins so.

        Raises:
            UsageError: where there is none, or several.
        """
        found = self.database.rows(f"SELECT {ALL} FROM jobs WHERE component = ? AND state IN ('waiting', 'running') LIMIT 2", name)
        if not found:
            newest = "ORDER BY changed_at DESC, submitted_at DESC LIMIT 1"
            found = self.database.rows(f"SELECT {ALL} FROM jobs WHERE component = ? {newest}", name)
        if not found and name:
            found = self.database.rows(f"SELECT {ALL} FROM jobs WHERE substr(id, 1, length(?)) = ? LIMIT 2", name, name)
        if len(found) != 1:
            what = f"several jobs are called {name!r}" if found else f"there is no job {name!r}"
            raise UsageError(what, next_step="spec2prod queue lists them: name one by its ID")
        return as_job(found[0])

    def find_ended(self, name: str) -> tuple[Job, tuple[Job, ...]]:
        """Return the component's newest job that was run to its end, and what has become of it since: jobs that are open, or were not run.

        Where none of that name ended, the name is taken as `find` does.

        Raises:
            UsageError: where there is none, or several.
        """
        newest = "ORDER BY changed_at DESC, submitted_at DESC LIMIT 1"
        ended = self.database.rows(f"SELECT {ALL} FROM jobs WHERE component = ? AND state = 'ended' {newest}", name)
        if not ended:
            return self.find(name), ()
        job = as_job(ended[0])
        since = "state IN ('waiting', 'running') OR (state = 'not_run' AND changed_at >= ?)"
        rows = self.database.rows(f"SELECT {ALL} FROM jobs WHERE component = ? AND ({since}) {_ORDER}", name, job.changed_at)
        return job, tuple(map(as_job, rows))

    def outcome(self, job: str) -> tuple[str, str]:
        """Return the report (JSON) and the changes (a git patch) of a job that ended; both empty where there are none."""
        rows = self.database.rows("SELECT report, changes FROM outcomes WHERE job = ?", job)
        return (str(rows[0][0]), str(rows[0][1])) if rows else ("", "")

    def expectations(self) -> dict[str, float]:
        """Return how long jobs took on average lately, in milliseconds, by `job:<component>:<target>`."""
        rows = self.database.rows("SELECT name, avg(ms) FROM durations WHERE name >= 'job:' AND name < 'job;' GROUP BY name")
        return {str(name): float(ms or 0) for name, ms in rows}

    @repeatable
    def put_before(self, job: Job, other: Job) -> None:
        """Let a waiting job go right before another one that waits; it takes over that one's turn.

        Raises:
            UsageError: where one of them waits no longer.
        """
        with self.database.transaction():
            sql = "SELECT turn, expected_ms, position, priority FROM jobs WHERE id = ? AND state = 'waiting'"
            rows = self.database.rows(sql, other.id)
            if not rows:
                raise UsageError(f"{other.component} does not wait", next_step="spec2prod queue shows what waits")
            turn, expected, position, priority = rows[0]
            earlier = "turn = ? AND expected_ms = ? AND position < ? AND state = 'waiting'"
            self.database.rows(f"UPDATE jobs SET position = position - 1 WHERE {earlier}", turn, expected, position)
            self._move(job, float(turn or 0), float(expected or 0), float(position or 0) - 0.5, int(priority or 0))

    def prefer(self, job: Job, priority: Priority) -> None:
        """Give a waiting job another priority.

        Raises:
            UsageError: where it waits no longer.
        """
        self._move(job, turn_of(priority, job.submitted_at), job.expected_ms, job.position, priority)

    def withdraw(self, job: Job) -> None:
        """Take a waiting job out. What needs it is told by the next worker that looks: who submits writes no results.

        Raises:
            UsageError: where it waits no longer.
        """
        if not self.database.rows("UPDATE jobs SET withdrawn = 1 WHERE id = ? AND state = 'waiting' RETURNING id", job.id):
            raise _not_waiting(job)
        ring(self.database)

    def stop(self, job: Job) -> None:
        """Ask the worker that runs a job to stop it: it ends as its cancelled run does. Where that worker dies, the job is taken out.

        Raises:
            UsageError: where it does not run.
        """
        if not self.database.rows("UPDATE jobs SET withdrawn = 1 WHERE id = ? AND state = 'running' RETURNING id", job.id):
            raise UsageError(f"{job.component} ({job.id}) does not run", next_step="spec2prod queue shows what runs")

    def running(self, run: StoredRun) -> Job | None:
        """Return the job that runs as this run, None where no job does."""
        found = map(as_job, self.database.rows(f"SELECT {ALL} FROM jobs WHERE state = 'running'"))
        return next((job for job in found if run.id == job.run_id or run.root.endswith(f"/{job.id}")), None)

    def _move(self, job: Job, turn: float, expected_ms: float, position: float, priority: int) -> None:
        sql = "UPDATE jobs SET turn = ?, expected_ms = ?, position = ?, priority = ? WHERE id = ? AND state = 'waiting' RETURNING id"
        if not self.database.rows(sql, turn, expected_ms, position, int(priority), job.id):
            raise _not_waiting(job)

    def workers(self) -> tuple[Crew, ...]:
        """Return the workers that are listed, living or not."""
        rows = self.database.rows("SELECT id, host, slots, labels, draining FROM workers ORDER BY began_at, id")
        return tuple(crew_of(row, alive=self.database.is_held(lock_of(str(row[0])))) for row in rows)

    def drain(self, worker: str) -> None:
        """Have a worker finish what it runs, and end.

        Raises:
            UsageError: where there is no such worker.
        """
        if not self.database.rows("UPDATE workers SET draining = 1 WHERE id = ? RETURNING id", worker):
            known = ", ".join(each.id for each in self.workers()) or "none"
            raise UsageError(f"there is no worker {worker!r}", next_step=f"there are: {known}")

    def _open_alike(self, jobs: Sequence[Job]) -> dict[tuple[str, ...], str]:
        # Kept as they are until ours are in: one that ended meanwhile would never let go of what needs it.
        still = " ORDER BY id FOR SHARE" if self.database.shared else ""
        wanted = "state IN ('waiting', 'running') AND withdrawn = 0 AND component IN ({})"
        sql = f"SELECT component, target, source, request, id FROM jobs WHERE {wanted}{still}"
        found = (row for part in parts(sorted({job.component for job in jobs})) for row in self._in(sql, part))
        return {tuple(str(each) for each in row[:4]): str(row[4]) for row in found}

    def _rows_of(self, ids: Sequence[str]) -> list[Row]:
        return self._in(f"SELECT {ALL} FROM jobs WHERE id IN ({{}})", ids)

    def _in(self, sql: str, values: Sequence[str]) -> list[Row]:
        return self.database.rows(sql.format(", ".join("?" * len(values))), *values)


def _likeness(job: Job) -> tuple[str, ...]:
    return (job.component, job.target, job.source, job.request)


def _not_waiting(job: Job) -> UsageError:
    stops = job.state is JobState.RUNNING
    step = f"spec2prod cancel {job.run_id[:SHORT]} stops it" if stops else "spec2prod queue shows what waits"
    return UsageError(f"{job.component} ({job.id}) does not wait: it is {job.state.replace('_', ' ')}", next_step=step)
