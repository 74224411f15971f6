"""What happens when a graph is worked off in an order: when each task starts and ends, and what idle slots waited for.

List scheduling: whenever something ends, becomes ready or can be paid again, the waiting task that goes first starts if all
it uses is free, then the next, until none fits. No slot is left idle that somebody waiting could use.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from spec2prod.domain.schedule import AGEING_MS, Graph, Rate, Slots, Task, capacity, is_overdue, remaining_ms, standing

_CLOSE = 1e-9  # amounts are sums of floats
NOTHING = "nothing was left to do"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who goes first: the better class, then the longer `urgency_ms`, then who came first.

    `urgency_ms` is a task's remaining path, or a planner's better guess of it; without one, first come is first served and
    priorities do not count.
    """

    urgency_ms: Mapping[str, float] | None
    ageing_ms: float = AGEING_MS


FIRST_COME = Policy(urgency_ms=None, ageing_ms=math.inf)


def longest_path_first(graph: Graph, ageing_ms: float = AGEING_MS) -> Policy:
    """Return the policy "longest expected remaining path first" within the classes."""
    return Policy(urgency_ms=remaining_ms(graph), ageing_ms=ageing_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Time in which `slots` of a resource were free, and what they waited for."""

    resource: str
    start_ms: float
    end_ms: float
    slots: float
    waited_for: str

    @property
    def slot_ms(self) -> float:
        """Return the idle time of all these slots together."""
        return (self.end_ms - self.start_ms) * self.slots


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When everything happened."""

    start_ms: Mapping[str, float]
    end_ms: Mapping[str, float]
    idle: tuple[Idle, ...] = ()

    @property
    def makespan_ms(self) -> float:
        """Return when the last task ended."""
        return max(self.end_ms.values(), default=0.0)


def simulate(graph: Graph, policy: Policy, actual_ms: Mapping[str, float] | None = None) -> Schedule:
    """Work a graph off. `actual_ms` are the durations that tasks really have, where they are not as expected."""
    run = Simulation(graph, actual_ms)
    starts = run.go(policy)
    ends = {name: start + run.duration[index] for index, (name, start) in enumerate(zip(run.names, starts, strict=True))}
    told = dict(zip(run.names, starts, strict=True))
    return Schedule(start_ms=told, end_ms=ends, idle=idle_of(graph, told, ends))


class Simulation:
    """A graph laid out for working it off many times; names are numbers here, in the order of the graph's tasks."""

    def __init__(self, graph: Graph, actual_ms: Mapping[str, float] | None = None) -> None:
        tasks, actual = graph.tasks, actual_ms or {}
        numbers = {task.name: index for index, task in enumerate(tasks)}
        self.names = [task.name for task in tasks]
        self.duration = [actual.get(task.name, task.duration_ms) for task in tasks]
        self.priority = [int(task.priority) for task in tasks]
        self.missing = [len(task.needs) for task in tasks]
        self.followers: list[list[int]] = [[] for _ in tasks]
        for index, task in enumerate(tasks):
            for need in task.needs:
                self.followers[numbers[need]].append(index)
        kinds: dict[tuple[tuple[str, float], ...], int] = {}
        self.kind = [kinds.setdefault(tuple(sorted(task.uses.items())), len(kinds)) for task in tasks]
        self.uses = list(kinds)
        self.slots = {name: each.count for name, each in graph.resources.items() if isinstance(each, Slots)}
        self.rates = {name: each for name, each in graph.resources.items() if isinstance(each, Rate)}
        self.is_plain = all(len(uses) == 1 and uses[0][1] == 1 and uses[0][0] in self.slots for uses in self.uses)

    def go(self, policy: Policy) -> list[float]:
        """Return when each task starts."""
        if policy.urgency_ms is None:
            return _Pass(self, [0] * len(self.names), None, policy.ageing_ms).go()
        urgency = [policy.urgency_ms.get(name, 0.0) for name in self.names]
        return _Pass(self, self.priority, urgency, policy.ageing_ms).go()

    def go_by(self, urgency: list[float]) -> list[float]:
        """Return when each task starts if nothing ages; quickly, where every task takes one slot of one resource."""
        return _quick(self, urgency) if self.is_plain else _Pass(self, self.priority, urgency, math.inf).go()


def _quick(graph: Simulation, urgency: list[float]) -> list[float]:
    """Do what a `_Pass` does, in a fifth of its time: planning does it dozens of times (a property test compares the two)."""
    keys = [(priority, -urgent, index) for index, (priority, urgent) in enumerate(zip(graph.priority, urgency, strict=True))]
    kinds, followers, durations = graph.kind, graph.followers, graph.duration
    free = [int(graph.slots[uses[0][0]] + _CLOSE) for uses in graph.uses]
    queues: list[list[tuple[int, float, int]]] = [[] for _ in free]
    missing, started, running, now = list(graph.missing), [math.inf] * len(keys), list[tuple[float, int]](), 0.0
    ready = [index for index, count in enumerate(missing) if not count]
    while True:
        for index in ready:
            heapq.heappush(queues[kinds[index]], keys[index])
        for kind, queue in enumerate(queues):
            while queue and free[kind]:
                free[kind] -= 1
                index = heapq.heappop(queue)[2]
                started[index] = now
                heapq.heappush(running, (now + durations[index], index))
        if not running:
            return started
        now, ready = running[0][0], []
        while running and running[0][0] <= now:
            index = heapq.heappop(running)[1]
            free[kinds[index]] += 1
            for follower in followers[index]:
                missing[follower] -= 1
                if not missing[follower]:
                    ready.append(follower)


class _Pass:
    """One working-off. Tasks that use the same wait in one queue: where its first does not fit, none of it does."""

    def __init__(self, graph: Simulation, priority: list[int], urgency: list[float] | None, ageing_ms: float) -> None:
        self.graph, self.priority, self.urgency, self.ageing_ms = graph, priority, urgency, ageing_ms
        self.now = 0.0
        self.started = [math.inf] * len(graph.names)
        self.ready_at = [0.0] * len(graph.names)
        self.missing = list(graph.missing)
        self.queues: list[list[tuple[float, float, int]]] = [[] for _ in graph.uses]
        self.running: list[tuple[float, int]] = []
        self.free = dict(graph.slots)
        self.purse = {name: rate.burst for name, rate in graph.rates.items()}

    def go(self) -> list[float]:
        for index, missing in enumerate(self.missing):
            if not missing:
                self._admit(index)
        self._start_what_fits()
        while self.running or any(self.queues):
            self._advance()
            self._start_what_fits()
        return self.started

    def _admit(self, index: int) -> None:
        """Queue a ready task under a key that holds while nothing ages."""
        self.ready_at[index] = self.now
        second = self.now if self.urgency is None else -self.urgency[index]
        heapq.heappush(self.queues[self.graph.kind[index]], (self.priority[index], second, index))

    def _advance(self) -> None:
        """Go on to the next moment in which something can change."""
        until = min(self.running[0][0] if self.running else math.inf, self._paid_at())
        for name, rate in self.graph.rates.items():
            self.purse[name] = min(rate.burst, self.purse[name] + rate.per_ms * (until - self.now))
        self.now = until
        while self.running and self.running[0][0] <= until:
            self._end(heapq.heappop(self.running)[1])

    def _end(self, index: int) -> None:
        for name, amount in self.graph.uses[self.graph.kind[index]]:
            if name in self.free:
                self.free[name] += amount
        for follower in self.graph.followers[index]:
            self.missing[follower] -= 1
            if not self.missing[follower]:
                self._admit(follower)

    def _paid_at(self) -> float:
        """Return when the first of those who wait for money alone can be paid; never, where nobody does."""
        if not self.purse:
            return math.inf
        lacking = [
            [(name, amount) for name, amount in uses if not self._has(name, amount)]
            for uses, queue in zip(self.graph.uses, self.queues, strict=True)
            if queue
        ]
        waits = [
            max((amount - self.purse[name]) / self.graph.rates[name].per_ms for name, amount in each)
            for each in lacking
            if each and all(name in self.purse for name, _ in each)
        ]
        return self.now + max(min(waits, default=math.inf), 1e-6)

    def _has(self, name: str, amount: float) -> bool:
        return (self.free[name] if name in self.free else self.purse[name]) >= amount - _CLOSE

    def _start_what_fits(self) -> None:
        kept: set[str] = set()
        open_kinds = [kind for kind, queue in enumerate(self.queues) if queue]
        while open_kinds:
            kind = min(open_kinds, key=self._first) if len(open_kinds) > 1 else open_kinds[0]
            uses = self.graph.uses[kind]
            if all(self._has(name, amount) and name not in kept for name, amount in uses):
                self._start(kind)
                if self.queues[kind]:
                    continue
            elif math.isfinite(self.ageing_ms) and self._is_overdue(self._first(kind)[-1]):
                kept |= {name for name, _ in uses}
            open_kinds.remove(kind)

    def _first(self, kind: int) -> tuple[float, float, int]:
        """Return the key of a queue's first, after putting it where its wait has brought it."""
        queue = self.queues[kind]
        if math.isinf(self.ageing_ms):
            return queue[0]
        return min((self._standing(index), second, index) for _, second, index in queue)

    def _standing(self, index: int) -> int:
        return standing(self.priority[index], self.now - self.ready_at[index], self.ageing_ms)

    def _is_overdue(self, index: int) -> bool:
        return is_overdue(self.priority[index], self.now - self.ready_at[index], self.ageing_ms)

    def _start(self, kind: int) -> None:
        queue = self.queues[kind]
        if math.isinf(self.ageing_ms):
            index = heapq.heappop(queue)[-1]
        else:
            index = self._first(kind)[-1]
            queue[:] = [each for each in queue if each[-1] != index]
            heapq.heapify(queue)
        for name, amount in self.graph.uses[kind]:
            left = self.free if name in self.free else self.purse
            left[name] -= amount
        self.started[index] = self.now
        heapq.heappush(self.running, (self.now + self.graph.duration[index], index))


type Otherwise = Callable[[Task, float], str]
"""What is told of a task that could have begun at a moment (milliseconds), and did not."""


def _what_it_uses(task: Task, now: float) -> str:
    del now
    return " + ".join(sorted(task.uses))


def idle_of(
    graph: Graph,
    starts: Mapping[str, float],
    ends: Mapping[str, float],
    otherwise: Otherwise = _what_it_uses,
    turns: Iterable[float] = (),
) -> tuple[Idle, ...]:
    """Tell of every stretch in which slots were free what they waited for; stretches of one cause are one.

    `otherwise` is asked where all that the next task needs is done and it has not begun; `turns` are the moments at which what it
    says may change.
    """
    moments = sorted({0.0, *starts.values(), *ends.values(), *turns})
    told: list[Idle] = []
    for name, resource in graph.resources.items():
        users = [task for task in graph.tasks if name in task.uses]
        if isinstance(resource, Slots) and users:
            told += _idle_of(graph, name, users, starts, ends, moments, otherwise)
    return tuple(told)


def _idle_of(  # noqa: PLR0913, PLR0917 - one schedule, and one of its resources
    graph: Graph,
    name: str,
    users: list[Task],
    starts: Mapping[str, float],
    ends: Mapping[str, float],
    moments: list[float],
    otherwise: Otherwise,
) -> list[Idle]:
    told: list[Idle] = []
    for begin, end in pairwise(moments):
        free = capacity(graph.resources[name]) - sum(task.uses[name] for task in users if starts[task.name] <= begin < ends[task.name])
        if free <= _CLOSE:
            continue
        why = _waited_for(graph, users, starts, ends, begin, otherwise)
        if told and told[-1].end_ms == begin and told[-1].slots == free and told[-1].waited_for == why:
            begin = told.pop().start_ms  # noqa: PLW2901 - the stretch goes on
        told.append(Idle(resource=name, start_ms=begin, end_ms=end, slots=free, waited_for=why))
    return told


def _waited_for(  # noqa: PLR0913, PLR0917 - as above
    graph: Graph, users: list[Task], starts: Mapping[str, float], ends: Mapping[str, float], now: float, otherwise: Otherwise
) -> str:
    """Name what the next user of a free slot waited for: the last of its predecessors, or another resource."""
    coming = [task for task in users if starts[task.name] > now]
    if not coming:
        return NOTHING
    chosen = min(coming, key=lambda task: (starts[task.name], task.name))
    named = {task.name: task for task in graph.tasks}
    while pending := [need for need in chosen.needs if ends[need] > now]:
        last = max(pending, key=lambda need: (ends[need], need))
        if starts[last] <= now:
            return last
        chosen = named[last]
    return otherwise(chosen, now)
