"""What waits to be run, by whom and in which order. Pure: the queue keeps these values, the workers obey them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from spec2prod.domain.schedule import AGEING_MS, Priority
from spec2prod.errors import ExitCode, SettingsError, UsageError

AGEING_S = AGEING_MS / 1000
"""Waiting this long counts as much as one priority: a LOW job that waits three times as long goes before a new CRITICAL one."""
MOST_DEATHS = 3
"""So many workers may die of one job before it is given up, so that it cannot empty a fleet."""
GUESSED_MS = 30_000.0
"""How long a component takes that was never timed, in milliseconds."""
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class JobState(StrEnum):
    """Where a job is on its way."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One component on its way to a target. `request` and `source` are JSON: how it is run, and of which files.

    `turn` is its place by priority and age, and `expected_ms` how long it and the longest chain of what needs it will take; `position`
    settles the rest. `worker` and `attempts` together name one claim: nobody else may end the job. `deaths` counts the workers that died
    of it. Times are seconds since 1970.
    """

    id: str
    batch: str
    component: str
    target: str
    request: str
    source: str
    state: JobState = JobState.WAITING
    priority: Priority = Priority.NORMAL
    turn: float = 0.0
    expected_ms: float = GUESSED_MS
    position: float = 0.0
    labels: frozenset[str] = frozenset()
    waits_for: int = 0
    withdrawn: bool = False
    worker: str = ""
    attempts: int = 0
    deaths: int = 0
    submitted_at: float = 0.0
    changed_at: float = 0.0
    exit_code: int | None = None
    conclusion: str = ""

    @property
    def run_id(self) -> str:
        """Return the name of its run: the same one whoever runs it, and nobody else's, since it follows from the job's own name."""
        return run_id_of(self.id)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in {JobState.ENDED, JobState.NOT_RUN}

    @property
    def promoted(self) -> bool:
        """Whether it got where it wanted to."""
        return self.state is JobState.ENDED and self.exit_code == ExitCode.PROMOTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a job ended: exit code, one sentence, the report (JSON), and what the run changed in its checkout (a git patch)."""

    exit_code: int
    conclusion: str
    report: str = ""
    changes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """A worker: its ID, its machine, how many runs it does at once, its labels, and whether it takes nothing new. `alive` by its lock."""

    id: str
    host: str
    slots: int
    labels: frozenset[str] = frozenset()
    draining: bool = False
    alive: bool = True


def run_id_of(job: str) -> str:
    """Return the name of a job's run."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"spec2prod job {job}"))


def turn_of(priority: Priority, submitted_at: float) -> float:
    """Return a job's place in the queue, in seconds since 1970: the smaller, the sooner.

    Urgency is `priority - waited / AGEING_S`. Whoever waits gains at the same rate, so that the order of two jobs never changes, and
    `submitted_at + AGEING_S * priority` says the same without a clock: an index can keep it.
    """
    return submitted_at + AGEING_S * priority


def priority_of(name: str) -> Priority:
    """Return the priority of that name, in any case.

    Raises:
        UsageError: for any other name.
    """
    try:
        return Priority[name.upper()]
    except KeyError:
        known = ", ".join(each.name for each in Priority)
        raise UsageError(f"no priority is called {name!r}", where="--priority", next_step=f"use one of {known}") from None


def labels_of(text: str, where: str = "--labels") -> frozenset[str]:
    """Return the labels in a list with commas.

    Raises:
        UsageError: where one is no plain word.
    """
    labels = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if wrong := sorted(each for each in labels if not _LABEL.fullmatch(each)):
        step = "use letters, digits, dots, hyphens and underscores, with commas between labels"
        raise UsageError(f"no label: {', '.join(map(repr, wrong))}", where=where, next_step=step)
    return labels


def suits(job: Job, worker: Crew) -> bool:
    """Whether a worker has every label that a job asks for."""
    return job.labels <= worker.labels


def with_needed(asked: Sequence[str], needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the components asked for and all that they need, directly or not, each after what it needs.

    Raises:
        SettingsError: where a component needs one that does not exist, or itself in the end; the circle is named.
    """
    ordered: dict[str, None] = {}
    for name in asked:
        _climb(name, needs, ordered)
    return tuple(ordered)


def _climb(start: str, needs: Mapping[str, Collection[str]], ordered: dict[str, None]) -> None:
    """Add a component after what it needs; a stack of our own, since a chain may be longer than Python's."""
    path: dict[str, Iterator[str]] = {}
    if start not in ordered:
        path[start] = iter(needs.get(start, ()))
    while path:
        name = next(reversed(path))
        needed = next((each for each in path[name] if each not in ordered), None)
        if needed is None:
            ordered[name] = None
            del path[name]
            continue
        _refuse(name, needed, tuple(path), needs)
        path[needed] = iter(needs[needed])


def _refuse(name: str, needed: str, path: Sequence[str], needs: Mapping[str, Collection[str]]) -> None:
    where = f"pyproject.toml: tool.spec2prod.components.{name}.needs"
    if needed in path:
        circle = (*path[path.index(needed) :], needed)
        step = "take one of these needs away: nothing in a circle can be the first"
        raise SettingsError(f"components need one another in a circle: {' needs '.join(circle)}", where=where, next_step=step)
    if needed not in needs:
        step = f"there are {', '.join(sorted(needs))}"
        raise SettingsError(f"{name} needs {needed!r}, and no component is called so", where=where, next_step=step)


def remaining_paths(ordered: Sequence[str], needs: Mapping[str, Collection[str]], own_ms: Mapping[str, float]) -> dict[str, float]:
    """Return for each component how long it and the longest chain of what needs it take, in milliseconds.

    `ordered` has each component after what it needs: see `with_needed`.
    """
    after = dict.fromkeys(ordered, 0.0)
    paths: dict[str, float] = {}
    for name in reversed(ordered):
        paths[name] = own_ms.get(name, GUESSED_MS) + after[name]
        for needed in needs.get(name, ()):
            after[needed] = max(after[needed], paths[name])
    return paths


_WORDS: dict[int | None, str] = {ExitCode.PENDING: "is pending", ExitCode.COULD_NOT_ASK: "errored", ExitCode.ROLLED_BACK: "was rolled back"}


def unmet(job: Job) -> str:
    """Return why what needs a job is not run: `needs X, which failed`."""
    word = "was not run" if job.state is JobState.NOT_RUN else _WORDS.get(job.exit_code, "failed")
    return f"needs {job.component}, which {word}"


def why_waiting(job: Job, needed: Sequence[Job], workers: Sequence[Crew], running: Mapping[str, int]) -> str:
    """Return what a waiting job waits for: what it needs, a worker, its labels, or a slot.

    `running` has how many jobs each worker runs.
    """
    if job.withdrawn:
        return "removed: the next worker that looks takes it out"
    if open_needs := [f"{each.component} ({each.state})" for each in needed if not each.promoted]:
        return f"needs {', '.join(open_needs)}"
    living = [each for each in workers if each.alive and not each.draining]
    if not living:
        return f"no worker takes jobs: start one with {_worker_for(job)}"
    fitting = [each for each in living if suits(job, each)]
    if not fitting:
        return f"no worker has the labels {', '.join(sorted(job.labels))}: start one with {_worker_for(job)}"
    slots = sum(each.slots for each in fitting)
    busy = sum(running.get(each.id, 0) for each in fitting)
    return f"every slot is taken ({busy} of {slots})" if busy >= slots else "its turn"


def _worker_for(job: Job) -> str:
    """Return the command that starts a worker for a job."""
    return "spec2prod worker" + (f" --labels {','.join(sorted(job.labels))}" if job.labels else "")


def worst_of(jobs: Sequence[Job]) -> int:
    """Return the exit code of a batch: the worst of its jobs'. What was not run counts as not promoted where nothing else says why."""
    codes = {job.exit_code for job in jobs if job.exit_code is not None}
    worst = next((code for code in _WORST_FIRST if code in codes), max(codes, default=int(ExitCode.PROMOTED)))
    return int(ExitCode.GATE_FAILED) if worst == ExitCode.PROMOTED and not all(job.promoted for job in jobs) else worst


_WORST_FIRST = tuple(
    int(code)
    for code in (
        ExitCode.INTERRUPTED,
        ExitCode.ROLLED_BACK,
        ExitCode.GATE_FAILED,
        ExitCode.COULD_NOT_ASK,
        ExitCode.TIME_LIMIT,
        ExitCode.USAGE,
        ExitCode.PENDING,
        ExitCode.PROMOTED,
    )
)
