"""What the machine did: processes, spans, the schedule, and what was not done again."""

from typing import TypedDict

from spec2prod.reports.document.figures import Figure


class Process(TypedDict):
    """One process that was started. `exit_code` is null where it never started or was stopped at its time limit.

    `ahead_ms` of `wall_ms` had gone by when somebody asked for it: all of it where nobody did, and it was ended and not believed.
    """

    tool: str
    argv: tuple[str, ...]
    cwd: str
    exit_code: int | None
    wall_ms: Figure
    cpu_ms: Figure
    peak_memory_mb: Figure
    not_found: bool
    timed_out: bool
    ahead_ms: Figure


class Span(TypedDict):
    """One piece of work, in milliseconds since the run's start; `stage` is empty for a stage itself.

    `waited_ms` of it went by before a slot was free.
    """

    name: str
    stage: str
    start_ms: Figure
    end_ms: Figure
    waited_ms: Figure


class Waited(TypedDict):
    """Idle slot-milliseconds of a resource, by what they waited for."""

    resource: str
    slot_ms: Figure
    waited_for: str


class Schedule(TypedDict):
    """The run as a schedule, computed from its measured steps.

    `critical_path` is the longest chain of steps that need one another; no order of the steps could have ended before
    `lower_bound_ms`, the largest of `bounds_ms` (the critical path's length, and for each resource its work divided by its slots or
    more). `idle` tells what free slots waited for, the longest first.
    """

    makespan_ms: Figure
    lower_bound_ms: Figure
    bounds_ms: dict[str, Figure]
    slots: dict[str, int]
    critical_path: tuple[Span, ...]
    idle: tuple[Waited, ...]


class Cache(TypedDict):
    """How many questions earlier runs had answered (`hits`), and how many this one asked (`misses`)."""

    hits: int
    misses: int


class Replayed(TypedDict):
    """A step that an earlier attempt of this run had done; its answer was taken from the record. Times are ISO 8601 in UTC."""

    step: str
    attempt: int
    began_at: str
    ended_at: str
    wall_ms: Figure
