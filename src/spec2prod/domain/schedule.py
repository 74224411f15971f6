"""What is to be done, with which means, in which order: a graph of tasks over resources. Nothing here runs anything.

Times are milliseconds. A task's *remaining path* is the longest chain of expected durations from its own start to the end of
everything that needs it: whoever has the longest one is started first (Hu's level rule, "highest level first").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

CPU, MEMORY = "cpu", "memory"
"""The means of this machine: slots of which each process takes one, and MiB."""

AGEING_MS = 300_000.0
"""A waiting task rises by one priority class in so many milliseconds: a LOW task overtakes fresh NORMAL ones after ten minutes."""

_ONE_CPU = MappingProxyType({CPU: 1.0})
_MS_PER_HOUR = 3_600_000.0


class Priority(IntEnum):
    """How much a task matters beside others; the smaller goes first."""

    CRITICAL = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """A means that is given back: CPU slots, an endpoint's agent slots, MiB of memory."""

    count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A means that is used up and comes back with time: US dollars. `burst` is what may be spent at once, and what there is at first."""

    per_hour: float
    burst: float

    @property
    def per_ms(self) -> float:
        """Return what comes back in a millisecond."""
        return self.per_hour / _MS_PER_HOUR


type Resource = Slots | Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One piece of work. `uses` says how much of which resource it takes, all of it at once or none; `needs` names what comes first."""

    name: str
    duration_ms: float
    uses: Mapping[str, float] = field(default_factory=lambda: _ONE_CPU)
    needs: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Tasks and the resources that they share.

    Raises:
        ValueError: where a task is named twice, needs or uses what there is not, could never start, or where tasks need one
            another in a circle.
    """

    tasks: tuple[Task, ...]
    resources: Mapping[str, Resource]
    in_order: tuple[Task, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Check the graph, and lay it out so that every task comes after what it needs."""
        named = {task.name: task for task in self.tasks}
        if len(named) != len(self.tasks):
            raise ValueError("two tasks have one name")
        for task in self.tasks:
            _check(task, named, self.resources)
        try:
            order = tuple(TopologicalSorter({task.name: task.needs for task in self.tasks}).static_order())
        except CycleError as error:
            raise ValueError(f"tasks need one another in a circle: {' → '.join(error.args[1])}") from None
        object.__setattr__(self, "in_order", tuple(named[name] for name in order))


def uses_of_process(expected_mb: float | None, memory_mb: float | None) -> Mapping[str, float]:
    """Return what a process takes: a CPU slot, and the memory (MiB) that it is expected to need, of the `memory_mb` that there are.

    Nothing of memory where nothing is expected, or nobody counts it. What needs more than there is takes all that there is: it runs
    beside nothing that takes any, which is the best that can be done for it, instead of never.
    """
    if not expected_mb or not memory_mb:
        return _ONE_CPU
    return {CPU: 1.0, MEMORY: min(expected_mb, memory_mb)}


def _check(task: Task, named: Mapping[str, Task], resources: Mapping[str, Resource]) -> None:
    if missing := [need for need in task.needs if need not in named]:
        raise ValueError(f"{task.name} needs {', '.join(missing)}, which is no task")
    if task.duration_ms < 0:
        raise ValueError(f"{task.name} would take {task.duration_ms} ms")
    for name, amount in task.uses.items():
        if name not in resources:
            raise ValueError(f"{task.name} uses {name}, which is no resource")
        if not 0 < amount <= capacity(resources[name]):
            raise ValueError(f"{task.name} uses {amount:g} of {name}, of which there is {capacity(resources[name]):g}")


def capacity(resource: Resource) -> float:
    """Return the most that can be taken at once."""
    return resource.count if isinstance(resource, Slots) else resource.burst


def remaining_ms(graph: Graph) -> dict[str, float]:
    """Return each task's remaining path: its own duration and the longest chain after it."""
    after = dict.fromkeys((task.name for task in graph.tasks), 0.0)
    told: dict[str, float] = {}
    for task in reversed(graph.in_order):
        told[task.name] = task.duration_ms + after[task.name]
        for need in task.needs:
            after[need] = max(after[need], told[task.name])
    return told


def earliest_ms(graph: Graph) -> dict[str, float]:
    """Return when each task could start if nothing were ever short."""
    told: dict[str, float] = {}
    durations = {task.name: task.duration_ms for task in graph.tasks}
    for task in graph.in_order:
        told[task.name] = max((told[need] + durations[need] for need in task.needs), default=0.0)
    return told


def critical_path(graph: Graph) -> tuple[str, ...]:
    """Return the longest chain of tasks, the first one first; empty where there is nothing to do."""
    remaining, followers = remaining_ms(graph), _followers(graph)
    path: list[str] = []
    ahead = [task.name for task in graph.tasks if not task.needs]
    while ahead:
        path.append(max(ahead, key=lambda name: remaining[name]))
        ahead = followers[path[-1]]
    return tuple(path)


def _followers(graph: Graph) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {task.name: [] for task in graph.tasks}
    for task in graph.tasks:
        for need in task.needs:
            told[need].append(task.name)
    return told


def standing(priority: int, waited_ms: float, ageing_ms: float = AGEING_MS) -> int:
    """Return the class in which a task stands after a wait: one better for every `ageing_ms`, without end.

    That nothing starves follows from it: a task of class p waiting since t stands better than any of class q that began to
    wait after t + (p - q + 1) x `ageing_ms`, so that only those which came before that moment can ever go first.
    """
    return priority - int(waited_ms // ageing_ms)


def is_overdue(priority: int, waited_ms: float, ageing_ms: float = AGEING_MS) -> bool:
    """Whether a task has risen above CRITICAL: from then on what it lacks is kept for it, and nobody slips past."""
    return standing(priority, waited_ms, ageing_ms) < Priority.CRITICAL
