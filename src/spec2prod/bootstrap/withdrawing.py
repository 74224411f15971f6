"""A run stopped by who has no right to write about runs: its job is withdrawn, and the worker that runs it stops it."""

from __future__ import annotations

import time

from spec2prod.adapters.store.queue import Queue
from spec2prod.adapters.store.runs import Runs, State, StoredRun
from spec2prod.domain.fleet import JobState
from spec2prod.errors import StoreRightsError

_LOOK_AGAIN_S = 0.2


def withdraw(prefix: str, runs: Runs, queue: Queue, refusal: StoreRightsError, *, patience_s: float) -> tuple[StoredRun, str]:
    """Ask the worker of a run to stop it, and wait for that; return the run and what was done.

    Raises:
        RunNotFoundError: where no run, or more than one, has such an ID.
        StoreRightsError: where it is no job's run, or the login may not withdraw jobs either: the `refusal` that led here.
    """
    run = runs.find(prefix, listed=True)
    if run.state in {State.FINISHED, State.CANCELLED}:
        return run, f"is {run.state} already"
    job = queue.running(run)
    if job is None:
        message = (
            f"{refusal.message}; you may stop the runs of jobs that workers run, and this is none (what waits: spec2prod queue remove)"
        )
        raise StoreRightsError(message, where=refusal.where, next_step=refusal.next_step)
    queue.stop(job)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if queue.states([job.id]).get(job.id) is not JobState.RUNNING:
            is_through = runs.standing(run)[0] is State.FINISHED
            return run, "was through before it heard" if is_through else "has stopped"
        time.sleep(_LOOK_AGAIN_S)
    return run, f"is asked to stop: its worker {job.worker} has not done so within {patience_s:g} s (spec2prod queue shows when it has)"
