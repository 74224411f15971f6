"""Hands out what runs share (CPU slots, agents, memory, money) by the rules that `domain.schedule` states.

One `Scheduler` serves every run of a process, from any event loop or thread. Who waits gets all it asked for at once or nothing, so
that no two can wait for each other; who is cancelled keeps nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from spec2prod.application.ports import History, Host
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.schedule import (
    AGEING_MS,
    MEMORY,
    Priority,
    Rate,
    Resource,
    Slots,
    Task,
    capacity,
    is_overdue,
    standing,
    uses_of_process,
)

FEWEST_CPU_SLOTS = 2
TOOLS_OF_A_RUN = 4
"""A run's tools overlap on the smallest machine too: they wait for disk and network part of their time."""

_CLOSE = 1e-9
_MS = 1000.0


@dataclass(eq=False, slots=True, kw_only=True)
class _Waiter:
    """Somebody who waits. `granted` and `lacked` are set under the scheduler's lock; the future only wakes its own loop up."""

    task: Task
    urgency_ms: float
    since_ms: float
    number: int
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Future[None]
    granted: bool = False
    lacked: str = ""

    def wake(self) -> None:
        """Let it go on; a loop that was closed meanwhile waits for nothing."""
        self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Somebody who waits, as others may see it: since when (milliseconds of the scheduler's clock), in which class it stands."""

    name: str
    since_ms: float
    standing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """How long somebody waited (milliseconds) for what it holds now, and which resource came last; "" where it did not wait."""

    ms: float
    lacked: str = ""


@dataclass(slots=True, kw_only=True)
class _Stock:
    """What is left of one resource; a rate's comes back with time."""

    resource: Resource
    left: float
    at_ms: float = field(default=0.0)

    def refill(self, now_ms: float) -> None:
        if isinstance(self.resource, Rate):
            self.left = min(self.resource.burst, self.left + self.resource.per_ms * max(0.0, now_ms - self.at_ms))
        self.at_ms = now_ms


class Scheduler:
    """Hands slots to whoever waits: the better class first, then the longer expected remaining path, then who came first.

    A wait of `ageing_ms` lifts by one class; above the best class, what a waiter lacks is kept for it. `now_ms` never goes back.
    """

    def __init__(self, resources: Mapping[str, Resource], now_ms: Callable[[], float], *, ageing_ms: float = AGEING_MS) -> None:
        """`resources` may be added to by `provide`."""
        self._now_ms, self._ageing_ms = now_ms, ageing_ms
        self._lock = threading.Lock()
        self._stocks: dict[str, _Stock] = {}
        self._waiting: list[_Waiter] = []
        self._running: dict[int, Task] = {}
        self._count = 0
        for name, resource in resources.items():
            self.provide(name, resource)

    def provide(self, name: str, resource: Resource) -> None:
        """Add a resource, an endpoint's agent slots for example; one that is known already stays as it is."""
        with self._lock:
            self._stocks.setdefault(name, _Stock(resource=resource, left=capacity(resource), at_ms=self._now_ms()))

    @property
    def slots(self) -> dict[str, float]:
        """Return how much there is of each resource that is given back."""
        with self._lock:
            return {name: each.resource.count for name, each in self._stocks.items() if isinstance(each.resource, Slots)}

    @property
    def running(self) -> tuple[str, ...]:
        """Name who has been handed something and has not given it back, the oldest first."""
        with self._lock:
            return tuple(task.name for task in self._running.values())

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Tell who waits, who goes first first."""
        with self._lock:
            now = self._now_ms()
            return tuple(
                Waiting(name=each.task.name, since_ms=each.since_ms, standing=self._standing(each, now)) for each in self._in_order(now)
            )

    @asynccontextmanager
    async def slot(self, task: Task, *, remaining_ms: float | None = None) -> AsyncIterator[Waited]:
        """Hold what the task uses; yields how long it waited. Without a remaining path its duration is taken for it.

        Raises:
            ValueError: where it uses what there is not, or more than there is.
        """
        self._check(task)
        waiter = self._queue(task, task.duration_ms if remaining_ms is None else remaining_ms)
        try:
            if not waiter.granted:  # nobody waits who need not: not even one turn of the loop
                await waiter.woken
            yield Waited(ms=self._now_ms() - waiter.since_ms, lacked=waiter.lacked)
        finally:
            self._leave(waiter)

    def _check(self, task: Task) -> None:
        with self._lock:
            for name, amount in task.uses.items():
                most = capacity(self._stocks[name].resource) if name in self._stocks else 0.0
                if not 0 < amount <= most:
                    raise ValueError(f"{task.name} uses {amount:g} of {name}, of which there is {most:g}")

    def _queue(self, task: Task, urgency_ms: float) -> _Waiter:
        loop = asyncio.get_running_loop()
        with self._lock:
            self._count += 1
            waiter = _Waiter(
                task=task, urgency_ms=urgency_ms, since_ms=self._now_ms(), number=self._count, loop=loop, woken=loop.create_future()
            )
            self._waiting.append(waiter)
            self._hand_out()
            self._look_again_when_paid(waiter)
        return waiter

    def _leave(self, waiter: _Waiter) -> None:
        """Give back what was handed out, or leave the queue: whichever it is, others may go on."""
        with self._lock:
            if waiter.granted:
                del self._running[waiter.number]
                for name, amount in waiter.task.uses.items():
                    if isinstance(self._stocks[name].resource, Slots):
                        self._stocks[name].left += amount
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            self._hand_out()

    def _hand_out(self) -> None:
        """Start whom there is enough for, in order; what somebody overdue lacks is kept. The lock is held."""
        now, kept = self._now_ms(), set[str]()
        for stock in self._stocks.values():
            stock.refill(now)
        for waiter in self._in_order(now):
            uses = waiter.task.uses
            lacking = (name for name, amount in uses.items() if self._stocks[name].left < amount - _CLOSE or name in kept)
            if (lacked := next(lacking, None)) is None:
                self._grant(waiter)
                continue
            waiter.lacked = lacked
            if is_overdue(waiter.task.priority, now - waiter.since_ms, self._ageing_ms):
                kept |= set(uses)

    def _grant(self, waiter: _Waiter) -> None:
        self._waiting.remove(waiter)
        try:
            waiter.wake()
        except RuntimeError:  # its loop was closed this very moment: nobody is there to take it, or to give it back
            return
        for name, amount in waiter.task.uses.items():
            self._stocks[name].left -= amount
        waiter.granted = True
        self._running[waiter.number] = waiter.task

    def _in_order(self, now_ms: float) -> list[_Waiter]:
        self._waiting = [each for each in self._waiting if not each.loop.is_closed()]
        return sorted(self._waiting, key=lambda each: (self._standing(each, now_ms), -each.urgency_ms, each.number))

    def _standing(self, waiter: _Waiter, now_ms: float) -> int:
        return standing(waiter.task.priority, now_ms - waiter.since_ms, self._ageing_ms)

    def _look_again_when_paid(self, waiter: _Waiter) -> None:
        """Money comes back without anybody giving it back: look again at the moment when it suffices. The lock is held."""
        waits = [
            (amount - stock.left) / stock.resource.per_ms
            for name, amount in waiter.task.uses.items()
            if isinstance((stock := self._stocks[name]).resource, Rate) and amount > stock.left
        ]
        if waits and not waiter.granted:
            waiter.loop.call_later(max(*waits, 1.0) / _MS, self._look_again, waiter)

    def _look_again(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._waiting:
                self._hand_out()
                self._look_again_when_paid(waiter)


@dataclass(slots=True)
class Noted:
    """How long the processes that a piece of work has started had waited for what they use, and how long before they had begun.

    In milliseconds; `lacked` is the resource that came last.
    """

    ms: float = 0.0
    ahead_ms: float = 0.0
    lacked: str = ""

    def add(self, waited: Waited) -> None:
        """Add the wait of one more process."""
        self.ms += waited.ms
        self.lacked = waited.lacked or self.lacked


_NOTED: ContextVar[Noted | None] = ContextVar("waited", default=None)


@contextmanager
def waiting_noted() -> Iterator[Noted]:
    """Note what the work inside waits for slots, so that waiting is not taken for working."""
    noted = Noted()
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def cpu_slots(cores: int | None, chosen: int | None = None) -> int:
    """Return how many processes run at a time: what the settings say, else one a core, and enough for the tools of one run.

    One run has four tool processes, and one of them mostly waits for a service: on two cores, two slots took 1.1 x the time of four.
    """
    return max(FEWEST_CPU_SLOTS, chosen) if chosen else max(TOOLS_OF_A_RUN, cores or 0)


class ScheduledHost:
    """A host whose processes take a CPU slot each and the memory that they are expected to need; both durations and peaks are learnt.

    Memory is counted where the scheduler has any. `named` tells a command's name in the history; `after_ms` tells by tool how long
    a chain comes after it.
    """

    def __init__(  # noqa: PLR0913 - what it takes, and how it names things
        self,
        host: Host,
        scheduler: Scheduler,
        history: History,
        *,
        named: Callable[[Command], str],
        after_ms: Mapping[str, float] | None = None,
        guess_ms: Callable[[Command], float] = lambda _: _MS,
        priority: Priority = Priority.NORMAL,
    ) -> None:
        """`guess_ms` tells what is expected of a command that was never seen, `priority` is that of the run."""
        self._priority = priority
        self._host, self._scheduler, self._history = host, scheduler, history
        self._named, self._after_ms, self._guess_ms = named, after_ms or {}, guess_ms

    @property
    def processes(self) -> Sequence[Completed]:
        """Return every process that was started, in the order of their ends."""
        return self._host.processes

    async def run(self, command: Command) -> Completed:
        """Wait for a slot and memory, then run to the end; a cancelled call leaves no process behind and keeps no slot."""
        name = self._named(command)
        expected = self._history.expected_ms(name)
        duration_ms = self._guess_ms(command) if expected is None else expected
        uses = uses_of_process(self._history.expected_mb(name), self._scheduler.slots.get(MEMORY))
        task = Task(name=command.tool, duration_ms=duration_ms, uses=uses, priority=self._priority)
        after = self._after_ms.get(command.tool, 0.0)
        async with self._scheduler.slot(task, remaining_ms=task.duration_ms + after) as waited:
            if (noted := _NOTED.get()) is not None:
                noted.add(waited)
            completed = await self._host.run(command)
            if noted is not None:
                noted.ahead_ms = max(noted.ahead_ms, completed.ahead_ms)
        if completed.exit_code is not None and completed.exit_code >= 0:  # how long it took until it was killed teaches nothing
            self._history.learn(name, completed.wall_ms)
        if completed.peak_memory_mb > 0:  # but it did need so much memory, perhaps the reason why it was killed
            self._history.learn_memory(name, completed.peak_memory_mb)
        return completed
