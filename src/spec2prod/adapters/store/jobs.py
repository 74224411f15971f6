"""A job as a row of the database and back, and what the queue and its workers say alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spec2prod.adapters.store.database import Database, Row, Value
from spec2prod.domain.fleet import Crew, Job, JobState
from spec2prod.domain.schedule import Priority

COLUMNS = (
    "id",
    "batch",
    "component",
    "target",
    "request",
    "source",
    "state",
    "priority",
    "turn",
    "expected_ms",
    "position",
    "labels",
    "waits_for",
    "withdrawn",
    "worker",
    "attempts",
    "deaths",
    "submitted_at",
    "changed_at",
    "exit_code",
    "conclusion",
)
SUBMITTED = (*COLUMNS[:6], *COLUMNS[7:13], "submitted_at", "changed_at")
"""What whoever submits writes; the rest begins with its default, and is written by workers alone (docs/how-to/run-a-fleet.md)."""
ALL = ", ".join(COLUMNS)
CHANNEL = "spec2prod_jobs"
"""What PostgreSQL tells whoever listens: something in the queue has changed."""


def joined(labels: Iterable[str]) -> str:
    """Return labels as the database keeps them: sorted, with commas."""
    return ",".join(sorted(labels))


def label_rows(jobs: Iterable[Job]) -> list[tuple[str, str]]:
    """Return one row for each label of each job: what a claim looks at."""
    return [(job.id, label) for job in jobs for label in sorted(job.labels)]


def as_row(job: Job) -> tuple[Value, ...]:
    """Return a new job's values, in the order of `SUBMITTED`."""
    made: dict[str, Value] = {"labels": joined(job.labels), "priority": int(job.priority)}
    return tuple(made[name] if name in made else getattr(job, name) for name in SUBMITTED)


def as_job(row: Row) -> Job:
    """Return the job that a row of `COLUMNS` tells."""
    found = dict(zip(COLUMNS, row, strict=True))
    return Job(
        id=str(found["id"]),
        batch=str(found["batch"]),
        component=str(found["component"]),
        target=str(found["target"]),
        request=str(found["request"]),
        source=str(found["source"]),
        state=JobState(str(found["state"])),
        priority=Priority(int(found["priority"] or 0)),
        turn=float(found["turn"] or 0),
        expected_ms=float(found["expected_ms"] or 0),
        position=float(found["position"] or 0),
        labels=frozenset(filter(None, str(found["labels"]).split(","))),
        waits_for=int(found["waits_for"] or 0),
        withdrawn=bool(found["withdrawn"]),
        worker=str(found["worker"]),
        attempts=int(found["attempts"] or 0),
        deaths=int(found["deaths"] or 0),
        submitted_at=float(found["submitted_at"] or 0),
        changed_at=float(found["changed_at"] or 0),
        exit_code=None if found["exit_code"] is None else int(found["exit_code"]),
        conclusion=str(found["conclusion"]),
    )


def crew_of(row: Row, *, alive: bool) -> Crew:
    """Return the worker that a row (id, host, slots, labels, draining) tells."""
    name, host, slots, labels, draining = row
    has = frozenset(filter(None, str(labels).split(",")))
    return Crew(id=str(name), host=str(host), slots=int(slots or 0), labels=has, draining=bool(draining), alive=alive)


def lock_of(worker: str) -> str:
    """Return the name of the lock that a living worker holds."""
    return f"worker {worker}"


def ring(database: Database) -> None:
    """Wake up who waits for work, when the transaction is through; on SQLite they look by themselves."""
    if database.shared:
        database.rows(f"SELECT pg_notify('{CHANNEL}', '')")


def parts(values: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    """Yield a long list in parts: a statement has a limit of parameters."""
    return (values[start : start + size] for start in range(0, len(values), size))
