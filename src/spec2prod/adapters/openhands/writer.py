"""OpenHands as a `TestWriter`: one server, one conversation for each module, all at once and in the background."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from spec2prod.adapters.openhands.breaker import CircuitBreaker
from spec2prod.adapters.openhands.doing import Doing
from spec2prod.adapters.openhands.endings import CANCELLED, of_error
from spec2prod.adapters.openhands.ledger import TaskRecord, read_record, records_in
from spec2prod.adapters.openhands.options import Limits, OpenHandsOptions
from spec2prod.adapters.openhands.quota import OwnQuota
from spec2prod.adapters.openhands.readiness import Readiness
from spec2prod.adapters.openhands.rounds import round_text
from spec2prod.adapters.openhands.servers import Connection
from spec2prod.adapters.openhands.tasks import Found, Work, task_id
from spec2prod.adapters.openhands.turns import Turns
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.application.ports import Breaker, Quota
from spec2prod.domain.candidate import TaskOutcome, TestRequest
from spec2prod.domain.feedback import Feedback
from spec2prod.errors import UsageError


class OpenHandsWriter:
    """Hands tasks to OpenHands' agent server. Whatever goes wrong in a task is in its outcome.

    A task has one ID over crashes, and all that is known of it lies in the run's folder: another writer of the same run finds
    its copy, its conversation and its server's state, and goes on. What is over is told again, and not paid again.
    """

    def __init__(  # noqa: PLR0913 - what is shared with others, and what a test replaces
        self,
        options: OpenHandsOptions,
        place: Workplace,
        *,
        breakers: Callable[[str], Breaker] | None = None,
        quota: Quota | None = None,
        tell: Callable[[str], None] = lambda _text: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`breakers` gives an endpoint's breaker, which may be shared by all who call it; `clock` returns monotonic seconds.

        `quota` gives conversations their turn, and may be shared as well; `tell` hears what is waited for: a server's start, a turn.
        """
        self._options = options
        self._place = place
        self._breaker_of = breakers or _breakers_of_our_own(clock)
        self._clock = clock
        self._deadline = clock() + (math.inf if options.time_left_s is None else options.time_left_s)
        self._turn = asyncio.Lock()
        self._connection = Connection(options, place, sleep=sleep, left_s=self._left_s, tell=tell)
        turns = Turns(
            quota=quota or OwnQuota(rules=options.quota, clock=clock),
            sleep=sleep,
            left_s=self._left_s,
            shortest_s=options.shortest_task_s,
            tell=tell,
        )
        self._readiness = Readiness(options, place, self._connection, self._breaker_of)
        self._doing = Doing(
            options, place, self._readiness, breaker_of=self._breaker_of, clock=clock, sleep=sleep, left_s=self._left_s, turns=turns
        )
        self._works: dict[str, Work] = {}
        self._tasks: dict[str, asyncio.Task[TaskOutcome]] = {}
        self._rounds: dict[tuple[str, int], asyncio.Task[TaskOutcome]] = {}

    @property
    def server_started_s(self) -> float:
        """Return the seconds that the server took to start; 0 before it has."""
        return self._connection.started_s

    async def start(self) -> None:
        """Begin to start up, and return at once; trouble shows in `submit` and in the outcomes.

        A run that goes on and has all its answers needs no server: then nothing starts before `submit` asks for more.
        """
        async with self._turn:
            if not await asyncio.to_thread(self._is_answered):
                await self._readiness.begin()

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Hand tasks over without waiting for them; return module → task ID. One that was handed over before is the same task.

        Raises:
            AgentUnavailableError: where nothing can be submitted at all.
        """
        names = {request.module: task_id(self._place.run_id, request) for request in requests}
        async with self._turn:
            new = [request for request in requests if names[request.module] not in self._tasks]
            await self._hand_over([await asyncio.to_thread(self._recalled, names[request.module], request) for request in new])
        return names

    async def extend(self, record: TaskRecord, limits: Limits) -> TaskOutcome:
        """Go on with a paused task under larger limits, and wait for its end.

        Raises:
            AgentUnavailableError: where it cannot go on at all; then it stays as it was.
        """
        name = task_id(record.run_id, record.request)
        async with self._turn:
            await self._hand_over([Work(request=record.request, name=name, record=replace(record, limits=limits))])
        return await self.outcome(name)

    async def _hand_over(self, works: Sequence[Work]) -> None:
        if any(work.record.answers(self._options) is None for work in works):
            if trouble := await asyncio.to_thread(self._readiness.obstacle):
                raise trouble
            await self._readiness.begin()
        for work in works:
            self._works[work.name] = work
            self._tasks[work.name] = asyncio.create_task(self._task(work), name=f"agent-task {work.request.module}")

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Wait for a task's end. Whatever goes wrong in it is in the outcome.

        Raises:
            UsageError: where no such task was submitted.
        """
        if task_id not in self._tasks:
            message = f"no task {task_id} was submitted"
            raise UsageError(message)
        return await self._ended(self._tasks[task_id], self._works[task_id])

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Say in the task's conversation what its judgement was, and wait for the end of that round. What is over is told again.

        Figures are those of all rounds, `wall_ms` is this one's. Whatever goes wrong in it is in the outcome.

        Raises:
            UsageError: where no such task was submitted.
        """
        before = await self.outcome(task_id)
        known = self._works[task_id]
        if number in known.record.rounds:
            return known.record.rounds[number]
        if before.text is None:
            return replace(before, reason=f"there is no round {number} without a file to mend", resumable=False, next_step="")
        if (task_id, number) not in self._rounds:
            message = round_text(feedback, number, self._options.secrets)
            work = Work(request=known.request, name=task_id, record=known.record, number=number, message=message)
            self._works[task_id] = work
            self._rounds[task_id, number] = asyncio.create_task(self._round(work), name=f"agent-round {work.request.module}")
        return await self._ended(self._rounds[task_id, number], self._works[task_id])

    async def _ended(self, task: asyncio.Task[TaskOutcome], work: Work) -> TaskOutcome:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
        # Cancelled before its first step: it could not tell so itself.
        return self._doing.told(work, CANCELLED, Found(), 0.0)

    async def stop(self) -> None:
        """End everything that still runs. Safe to call twice, or before `start`."""
        background = (*self._tasks.values(), *self._rounds.values(), *self._readiness.background)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await self._connection.close()

    def _left_s(self) -> float:
        """Return the seconds that the run still has."""
        return self._deadline - self._clock()

    def _is_answered(self) -> bool:
        known = [record.answers(self._options) for _, record in records_in(self._place.notes)]
        return bool(known) and None not in known

    def _recalled(self, name: str, request: TestRequest) -> Work:
        """Return a task with what an interrupted run noted of it."""
        known = read_record(self._place.notes, name) or TaskRecord(run_id=self._place.run_id, request=request)
        return Work(request=request, name=name, record=replace(known, request=request))

    async def _task(self, work: Work) -> TaskOutcome:
        return work.record.answers(self._options) or await self._doing.carry_out(work)

    async def _round(self, work: Work) -> TaskOutcome:
        if trouble := await asyncio.to_thread(self._readiness.obstacle):
            return self._doing.told(work, of_error(trouble), Found(), 0.0)
        async with self._turn:
            await self._readiness.begin()  # a run that goes on has told the rounds before without a server
        return await self._doing.carry_out(work)


def _breakers_of_our_own(clock: Callable[[], float]) -> Callable[[str], Breaker]:
    """Return what gives each endpoint a breaker of this process."""
    known: dict[str, CircuitBreaker] = {}
    return lambda endpoint: known.setdefault(endpoint, CircuitBreaker(clock=clock))
