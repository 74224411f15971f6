"""OpenHands as a `TestWriter`: one server, one conversation for each module, all at once and in the background."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spec2prod.adapters.openhands.body import conversation_body
from spec2prod.adapters.openhands.breaker import CircuitBreaker
from spec2prod.adapters.openhands.client import AgentClient, Progress, ServerRefusedError, ServerSilentError
from spec2prod.adapters.openhands.endings import CANCELLED, Ending, of_error, of_failure, of_other_disk, of_round
from spec2prod.adapters.openhands.endpoints import Endpoints, ruled_out, told
from spec2prod.adapters.openhands.failure import Failure
from spec2prod.adapters.openhands.ledger import TaskRecord, read_record, records_in, write_record
from spec2prod.adapters.openhands.limits import is_priced, money_unwatched
from spec2prod.adapters.openhands.options import Limits, OpenHandsOptions
from spec2prod.adapters.openhands.preflight import look_at_models
from spec2prod.adapters.openhands.prompt import task_text
from spec2prod.adapters.openhands.pursuit import Pursuit
from spec2prod.adapters.openhands.records import keep_conversation, working_copy
from spec2prod.adapters.openhands.redaction import redact
from spec2prod.adapters.openhands.retry import Backoff
from spec2prod.adapters.openhands.rounds import round_text
from spec2prod.adapters.openhands.servers import Connection
from spec2prod.adapters.openhands.tasks import Found, Work, WorkingCopy, outcome_of, task_id
from spec2prod.adapters.openhands.workplace import Workplace, obstacle
from spec2prod.application.ports import Breaker
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.feedback import Feedback
from spec2prod.errors import AgentUnavailableError, UsageError

_PARTING_LIMIT_S = 3.0


class OpenHandsWriter:
    """Hands tasks to OpenHands' agent server. Whatever goes wrong in a task is in its outcome.

    A task has one ID over crashes, and all that is known of it lies in the run's folder: another writer of the same run finds
    its copy, its conversation and its server's state, and goes on. What is over is told again, and not paid again.
    """

    def __init__(
        self,
        options: OpenHandsOptions,
        place: Workplace,
        *,
        breakers: Callable[[str], Breaker] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`breakers` gives an endpoint's breaker, which may be shared by all who call it; `clock` returns monotonic seconds."""
        self._options = options
        self._place = place
        self._breaker_of = breakers or _breakers_of_our_own(clock)
        self._clock = clock
        self._sleep = sleep
        self._deadline = clock() + (math.inf if options.time_left_s is None else options.time_left_s)
        self._turn = asyncio.Lock()
        self._slots = asyncio.Semaphore(options.max_concurrent)
        self._connection = Connection(options, place, sleep=sleep, left_s=self._left_s)
        self._ready: asyncio.Task[AgentClient] | None = None
        self._looked: asyncio.Task[Mapping[int, Failure]] | None = None
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
                await self._begin()

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
            if trouble := await asyncio.to_thread(self._obstacle):
                raise trouble
            await self._begin()
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
        return self._told(work, CANCELLED, Found(), 0.0)

    async def stop(self) -> None:
        """End everything that still runs. Safe to call twice, or before `start`."""
        background = [task for task in (*self._tasks.values(), *self._rounds.values(), self._looked, self._ready) if task is not None]
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await self._connection.close()

    async def _begin(self) -> None:
        if self._ready is None and await asyncio.to_thread(self._obstacle) is None:
            self._ready = asyncio.create_task(self._connection.open(), name="agent-server")
            self._looked = asyncio.create_task(self._look_at_models(), name="agent-model")

    def _left_s(self) -> float:
        """Return the seconds that the run still has."""
        return self._deadline - self._clock()

    def _obstacle(self) -> AgentUnavailableError | None:
        return obstacle(self._options, self._place.environment, self._breaker_of, self._refused())

    def _refused(self) -> Mapping[int, Failure]:
        """Return what the background has found out so far about the models."""
        looked = self._looked
        return looked.result() if looked is not None and looked.done() and not looked.cancelled() else {}

    def _is_answered(self) -> bool:
        known = [record.answers(self._options) for _, record in records_in(self._notes)]
        return bool(known) and None not in known

    def _recalled(self, name: str, request: TestRequest) -> Work:
        """Return a task with what an interrupted run noted of it."""
        known = read_record(self._notes, name) or TaskRecord(run_id=self._place.run_id, request=request)
        return Work(request=request, name=name, record=replace(known, request=request))

    async def _look_at_models(self) -> Mapping[int, Failure]:
        # A configured server may stand in another network: what we can reach says nothing about it.
        refused = {} if self._options.server_url else await look_at_models(self._options)
        for at in refused:
            await told(self._breaker_of(self._options.chain[at].circuit).failed)
        return refused

    async def _task(self, work: Work) -> TaskOutcome:
        return work.record.answers(self._options) or await self._accounted(work)

    async def _round(self, work: Work) -> TaskOutcome:
        if trouble := await asyncio.to_thread(self._obstacle):
            return self._told(work, of_error(trouble), Found(), 0.0)
        async with self._turn:
            await self._begin()  # a run that goes on has told the rounds before without a server
        return await self._accounted(work)

    async def _accounted(self, work: Work) -> TaskOutcome:
        """Do one round of a task, and keep what came of it."""
        begun = self._clock()
        said = ""
        try:
            async with self._slots:
                ending, found, said = await self._work(work)
        except asyncio.CancelledError:
            # Only `stop` cancels, and it wants to hear how far the task came.
            await self._part(work)
            ending, found = CANCELLED, Found()
        except Exception as error:  # noqa: BLE001 - the port's promise: whatever goes wrong is in the outcome
            ending, found = of_error(error, death=self._connection.death), await asyncio.to_thread(work.left)
        outcome = self._told(work, ending, found, (self._clock() - begun) * 1000, said)
        await self._note_end(work, outcome)
        return outcome

    async def _work(self, work: Work) -> tuple[Ending, Found, str]:
        """Do the task; return its ending, what lies in the copy, and what the agent said last."""
        copy = work.copy = await working_copy(work, self._place.tree, self._notes)
        refused = await asyncio.shield(self._looked) if self._looked else {}
        if len(refused) == len(self._options.chain):
            failure = ruled_out(self._options, self._breaker_of, refused)
            return of_failure(failure or refused[0]), Found(), ""
        client: AgentClient | None = await self._reachable()
        if self._options.server_url and client and not await client.sees(str(copy.root / work.request.module)):
            return of_other_disk(self._options.server_url, copy.root), Found(), ""
        while client is not None:
            try:
                return await self._pursued(work, copy, client, refused)
            except ServerSilentError as error:
                # Our own server may have died: its conversations lie on disk, and go on with another process.
                silence, client = error, await self._connection.reopened(client)
                if client is None:
                    raise silence from error
        raise AgentUnavailableError("the agent server is gone", next_step="run again")

    async def _pursued(
        self, work: Work, copy: WorkingCopy, client: AgentClient, refused: Mapping[int, Failure]
    ) -> tuple[Ending, Found, str]:
        options = self._options.within(work.record.limits)
        work.pursuit = self._pursuit(work, client, options, refused)
        ending = await self._followed(work, work.pursuit, copy, options)
        if money_unwatched(options, work.pursuit.progress):
            ending = ending.noting(f"no price is known for {options.model}: the money limit was not watched")
        found = await asyncio.to_thread(work.left)
        return ending, found, await keep_conversation(client, work.name, self._place.folder / "conversations", options.secrets)

    async def _followed(self, work: Work, pursuit: Pursuit, copy: WorkingCopy, options: OpenHandsOptions) -> Ending:
        if work.number > 1:
            return of_round(await pursuit.follow_up(work.message, work.number))
        text = task_text(work.request, str(copy.root))
        return await pursuit.follow(
            lambda model: conversation_body(options, conversation=work.name, working_folder=copy.root, text=text, model=model)
        )

    def _pursuit(self, work: Work, client: AgentClient, options: OpenHandsOptions, refused: Mapping[int, Failure]) -> Pursuit:
        async def note(endpoint: int, elapsed_s: float, used: Progress) -> None:
            identity = options.chain[endpoint].identity
            first = work.record.outcome if work.number > 1 else None
            work.record = replace(work.record, endpoint=endpoint, identity=identity, elapsed_s=elapsed_s, used=used, outcome=first)
            await self._keep(work)

        return Pursuit(
            work.name,
            client=client,
            endpoints=Endpoints(options, self._breaker_of, refused, caller=work.name, first=work.record.endpoint),
            backoff=Backoff(tries=options.llm_retries + 1, base_s=options.llm_retry_wait_s),
            clock=self._clock,
            sleep=self._sleep,
            left_s=self._left_s,
            note=note,
            spent_s=work.record.elapsed_s,
            used=work.record.used,
            identity=work.record.identity,
        )

    async def _reachable(self) -> AgentClient:
        if self._ready is None:
            raise self._obstacle() or AgentUnavailableError("the agent server was not started", next_step="please report this")
        return await asyncio.shield(self._ready)

    async def _part(self, work: Work) -> None:
        """Interrupt its conversation, but do not wait for ever: a server of ours is ended right after."""
        if work.pursuit is None:
            return
        try:
            await asyncio.wait_for(work.pursuit.interrupt(), _PARTING_LIMIT_S)
        except (TimeoutError, ServerRefusedError, ServerSilentError):
            return

    @property
    def _notes(self) -> Path:
        return self._place.folder / "tasks"

    async def _note_end(self, work: Work, outcome: TaskOutcome) -> None:
        """Keep the end. Where every model failed, whoever goes on begins with the preferred one again.

        Where nothing was done (the server did not start, the run was stopped before), what is noted stays as it is.
        """
        if work.pursuit is None:
            return
        work.record = replace(
            work.record,
            endpoint=0 if outcome.status is TaskStatus.ERRORED else work.record.endpoint,
            elapsed_s=work.pursuit.elapsed_s,
            used=work.pursuit.progress,
        )
        if work.number > 1:
            work.record = work.record.after_round(work.number, outcome)
        else:
            held = self._options.within(work.record.limits).limits if outcome.resumable else work.record.paused_at
            work.record = replace(work.record, paused_at=held, outcome=outcome)
        await self._keep(work)

    async def _keep(self, work: Work) -> None:
        await asyncio.to_thread(write_record, self._notes, work.name, work.record, self._options.secrets)

    def _told(self, work: Work, ending: Ending, found: Found, wall_ms: float, said: str = "") -> TaskOutcome:
        outcome = outcome_of(work, ending, found, work.account(wall_ms), said)
        tried = tuple(redact(each, self._options.secrets) for each in outcome.tried)
        used = work.pursuit.progress if work.pursuit else work.record.used
        priced = all(is_priced(each, used) for each in (self._options.chain if outcome.tried else (self._options,)))
        return replace(outcome, reason=redact(outcome.reason, self._options.secrets), tried=tried, is_priced=priced)


def _breakers_of_our_own(clock: Callable[[], float]) -> Callable[[str], Breaker]:
    """Return what gives each endpoint a breaker of this process."""
    known: dict[str, CircuitBreaker] = {}
    return lambda endpoint: known.setdefault(endpoint, CircuitBreaker(clock=clock))
