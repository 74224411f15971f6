"""A task of the agent that is paused at a limit goes on with a larger one, in the same conversation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.interpreter import find_interpreter
from spec2prod.adapters.store.breakers import breakers_in
from spec2prod.adapters.store.quotas import SharedQuota
from spec2prod.adapters.tree import STATE, ProjectTree
from spec2prod.application.ports import Clock, Event
from spec2prod.bootstrap.agent import Shared, agent_options, find_openhands, quota_rules
from spec2prod.bootstrap.durable import database_of
from spec2prod.bootstrap.listening import told_to
from spec2prod.bootstrap.project import project_root
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.candidate import TaskOutcome
from spec2prod.errors import UsageError

if TYPE_CHECKING:
    from spec2prod.adapters.openhands.ledger import TaskRecord
    from spec2prod.adapters.openhands.options import Grant, Limits, OpenHandsOptions
    from spec2prod.adapters.openhands.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """How an extended task ended, and the run that it belongs to."""

    run_id: str
    outcome: TaskOutcome


def granted(*, seconds: float, iterations: int, tokens: int, usd: float) -> Grant:
    """Return what a task is given on top of its limits."""
    from spec2prod.adapters.openhands.options import Grant

    return Grant(seconds=seconds, iterations=iterations, tokens=tokens, usd=usd)


async def extend(task: str, grant: Grant) -> Extended:
    """Go on with a paused task, to its end or its next limit; the run's folder keeps what comes of it for `spec2prod resume`.

    `task` is its ID, or the beginning of it.

    Raises:
        UsageError: where no such task is paused, or nothing that would let it go on is granted.
        AgentUnavailableError: where the agent cannot be asked; then the task stays as it was.
    """
    from spec2prod.adapters.openhands.writer import OpenHandsWriter

    clock = SystemClock()
    root = project_root()
    task_id, record = find_task(root, task)
    settings = read_settings(root, {}, os.environ)
    paused_at = _paused(task_id, record)
    limits = _raised(task_id, record, paused_at, grant)
    options = replace(_as_it_was(agent_options(settings), paused_at), max_concurrent=1)
    _refuse_pause(record, limits, options)
    with _shared(root, settings, task_id, clock) as shared:
        place = _workplace(root, record.run_id, settings)
        writer = OpenHandsWriter(options, place, breakers=shared.breakers, quota=shared.quota, tell=shared.tell)
        try:
            return Extended(run_id=record.run_id, outcome=await writer.extend(record, limits))
        finally:
            await writer.stop()


@contextmanager
def _shared(root: Path, settings: Settings, task_id: str, clock: Clock) -> Iterator[Shared]:
    """Give what all runs on the database share about the agent: an extended task takes its turn like any."""
    database, tell = database_of(root, settings.database_url), telling(clock)
    if database is None:
        yield Shared(tell=tell)
        return
    try:
        quota = SharedQuota(database, quota_rules(settings), f"agents of task {task_id}")
        yield Shared(breakers=breakers_in(database), quota=quota, tell=tell)
    finally:
        database.close()


def telling(clock: Clock) -> Callable[[str], None]:
    """Return what tells a sentence to whoever listens, with the time since the command began."""

    def tell(text: str) -> None:
        told_to().tell(Event(kind="agent", stage=None, text=text, at_ms=clock.elapsed_ms()))

    return tell


def find_task(root: Path, task: str) -> tuple[str, TaskRecord]:
    """Return the one task of any run in this project whose ID begins so.

    Raises:
        UsageError: where there is none, or several.
    """
    from spec2prod.adapters.openhands.ledger import records_in

    folders = sorted((root / STATE / "runs").glob("*/openhands/tasks"))
    known = [(task_id, record) for folder in folders for task_id, record in records_in(folder)]
    found = [each for each in known if task and each[0].startswith(task)]
    if len(found) == 1:
        return found[0]
    paused = [task_id for task_id, record in known if record.outcome is not None and record.outcome.resumable]
    step = f"Paused here: {', '.join(paused)}." if paused else "No task is paused in this project."
    raise UsageError(f"{len(found) or 'no'} tasks are called {task!r}", where=str(root / STATE), next_step=step)


def _paused(task_id: str, record: TaskRecord) -> Limits:
    """Return the limits at which a task was paused."""
    outcome = record.outcome
    if outcome is None:
        what = "is at work, or its run was interrupted"
        raise UsageError(f"task {task_id} {what}", next_step=f"wait for its end, or go on with: spec2prod resume {record.run_id}")
    if record.paused_at is None or (outcome.text is not None and not outcome.resumable):
        raise UsageError(f"task {task_id} is not paused: {outcome.status}", next_step=outcome.next_step)
    return record.paused_at


def _raised(task_id: str, record: TaskRecord, paused_at: Limits, grant: Grant) -> Limits:
    from spec2prod.adapters.openhands.limits import extended

    if not any(asdict(grant).values()):
        step = record.outcome.next_step if record.outcome else ""
        raise UsageError(f"nothing is granted to task {task_id}", next_step=step or "give --usd, --tokens, --iterations or --seconds")
    if grant.usd and paused_at.max_cost_usd is None:
        raise UsageError(f"task {task_id} has no money limit", where="--usd", next_step="give what it was stopped for")
    return extended(paused_at, grant, record.used, record.elapsed_s)


def _refuse_pause(record: TaskRecord, limits: Limits, options: OpenHandsOptions) -> None:
    """Refuse a grant that would not move it: another limit is reached, too."""
    from spec2prod.adapters.openhands.limits import iterations_reached, limit_reached

    wider = options.within(limits)
    reached = limit_reached(wider, record.used, record.elapsed_s)
    if reached is None and record.used.calls >= wider.max_iterations:
        reached = iterations_reached(wider)
    if reached is not None:
        raise UsageError(f"it would stay at {reached.limit}", next_step=f"also give {reached.more}")


def _as_it_was(options: OpenHandsOptions, paused_at: Limits) -> OpenHandsOptions:
    """Return the settings of today with the limits of the run, which may have had others from its command line."""
    return replace(
        options,
        timeout_s=paused_at.timeout_s,
        max_iterations=paused_at.max_iterations,
        max_tokens=paused_at.max_tokens,
        max_cost_usd=paused_at.max_cost_usd,
    )


def _workplace(root: Path, run_id: str, settings: Settings) -> Workplace:
    from spec2prod.adapters.openhands.workplace import Workplace
    from spec2prod.adapters.sandbox import find_sandbox

    tree = ProjectTree(root, run_id)
    return Workplace(
        run_id=run_id,
        run_folder=tree.run_folder,
        tree=tree,
        interpreter=find_interpreter(root, settings.python, os.environ),
        environment=find_openhands(),
        box=find_sandbox(),
    )
