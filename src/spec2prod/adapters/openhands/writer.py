"""OpenHands as a `TestWriter`: one server, one conversation for each module, all at once and in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from spec2prod.adapters.openhands.body import conversation_body
from spec2prod.adapters.openhands.breaker import CircuitBreaker
from spec2prod.adapters.openhands.client import AgentClient, ServerRefusedError, ServerSilentError
from spec2prod.adapters.openhands.endings import CANCELLED, Ending, of_error, of_failure, of_other_disk
from spec2prod.adapters.openhands.failure import Failure
from spec2prod.adapters.openhands.limits import money_unwatched
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.preflight import look_at_model
from spec2prod.adapters.openhands.prompt import task_text
from spec2prod.adapters.openhands.pursuit import Pursuit
from spec2prod.adapters.openhands.records import keep_conversation, working_copy
from spec2prod.adapters.openhands.redaction import redact
from spec2prod.adapters.openhands.retry import Backoff
from spec2prod.adapters.openhands.server import AgentServer
from spec2prod.adapters.openhands.tasks import Found, Work, outcome_of, task_id
from spec2prod.adapters.openhands.workplace import Workplace, obstacle, server_plan
from spec2prod.domain.candidate import TaskOutcome, TestRequest
from spec2prod.errors import AgentUnavailableError, UsageError

_PARTING_LIMIT_S = 3.0


class OpenHandsWriter:
    """Hands tasks to OpenHands' agent server. Whatever goes wrong in a task is in its outcome."""

    def __init__(
        self,
        options: OpenHandsOptions,
        place: Workplace,
        *,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`breaker` may be shared by all writers of one endpoint; `clock` returns monotonic seconds."""
        self._options = options
        self._place = place
        self._breaker = breaker or CircuitBreaker(clock=clock)
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(options.max_concurrent)
        self._server: AgentServer | None = None
        self._client: AgentClient | None = None
        self._ready: asyncio.Task[AgentClient] | None = None
        self._looked: asyncio.Task[Failure | None] | None = None
        self._works: dict[str, Work] = {}
        self._tasks: dict[str, asyncio.Task[TaskOutcome]] = {}

    @property
    def server_started_s(self) -> float:
        """Return the seconds that the server took to start; 0 before it has."""
        return self._server.started_s if self._server else 0.0

    async def start(self) -> None:
        """Begin to start up, and return at once; trouble shows in `submit` and in the outcomes."""
        if self._ready is None and self._obstacle() is None:
            self._ready = asyncio.create_task(self._start_up(), name="agent-server")
            self._looked = asyncio.create_task(self._look_at_model(), name="agent-model")

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Hand tasks over without waiting for them; return module → task ID.

        Raises:
            AgentUnavailableError: where nothing can be submitted at all.
        """
        trouble = self._obstacle() or self._found_trouble()
        if trouble is not None:
            raise trouble
        await self.start()
        works = [Work(request=request, name=task_id(self._place.run_id, request)) for request in requests]
        for work in works:
            if work.name not in self._tasks:
                self._works[work.name] = work
                self._tasks[work.name] = asyncio.create_task(self._task(work), name=f"agent-task {work.request.module}")
        return {work.request.module: work.name for work in works}

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Wait for a task's end. Whatever goes wrong in it is in the outcome.

        Raises:
            UsageError: where no such task was submitted.
        """
        if task_id not in self._tasks:
            message = f"no task {task_id} was submitted"
            raise UsageError(message)
        task = self._tasks[task_id]
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
        # Cancelled before its first step: it could not tell so itself.
        return self._told(self._works[task_id], CANCELLED, Found(), 0.0)

    async def stop(self) -> None:
        """End everything that still runs. Safe to call twice, or before `start`."""
        background = [task for task in (*self._tasks.values(), self._looked, self._ready) if task is not None]
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        if self._server is not None:
            await self._server.stop()

    def _obstacle(self) -> AgentUnavailableError | None:
        return obstacle(self._options, self._place.environment, self._breaker)

    def _found_trouble(self) -> AgentUnavailableError | None:
        """Return what the background has found out so far about the model."""
        looked = self._looked
        failure = looked.result() if looked is not None and looked.done() and not looked.cancelled() else None
        return AgentUnavailableError(failure.reason, next_step=failure.next_step) if failure else None

    async def _look_at_model(self) -> Failure | None:
        # A configured server may stand in another network: what we can reach says nothing about it.
        failure = None if self._options.server_url else await look_at_model(self._options)
        if failure is not None:
            self._breaker.failed()
        return failure

    async def _start_up(self) -> AgentClient:
        options = self._options
        if options.server_url:
            self._client = AgentClient(options.server_url, options.server_key, sleep=self._sleep)
            await _greet(self._client, options.server_url)
            return self._client
        self._server = AgentServer(await asyncio.to_thread(server_plan, options, self._place))
        await self._server.start()
        self._client = AgentClient(self._server.url, self._server.key, sleep=self._sleep)
        return self._client

    async def _task(self, work: Work) -> TaskOutcome:
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
            death = self._server.last_words if self._server and not self._server.alive else ""
            ending, found = of_error(error, death=death), await asyncio.to_thread(work.left)
        return self._told(work, ending, found, (self._clock() - begun) * 1000, said)

    async def _work(self, work: Work) -> tuple[Ending, Found, str]:
        """Do the task; return its ending, what lies in the copy, and what the agent said last."""
        copy = work.copy = await working_copy(work, self._place.tree, self._place.folder / "tasks")
        failure = await asyncio.shield(self._looked) if self._looked else None
        if failure is not None:
            return of_failure(failure), Found(), ""
        client = await self._reachable()
        if self._options.server_url and not await client.sees(str(copy.root / work.request.module)):
            return of_other_disk(self._options.server_url, copy.root), Found(), ""
        work.pursuit = self._pursuit(work.name, client)
        text = task_text(work.request, str(copy.root))
        ending = await work.pursuit.follow(conversation_body(self._options, conversation=work.name, working_folder=copy.root, text=text))
        if money_unwatched(self._options, work.pursuit.progress):
            ending = ending.noting(f"no price is known for {self._options.model}: the money limit was not watched")
        found = await asyncio.to_thread(work.left)
        return ending, found, await keep_conversation(client, work.name, self._place.folder / "conversations", self._options.secrets)

    def _pursuit(self, name: str, client: AgentClient) -> Pursuit:
        backoff = Backoff(tries=self._options.llm_retries + 1, base_s=self._options.llm_retry_wait_s)
        return Pursuit(
            name, client=client, options=self._options, breaker=self._breaker, backoff=backoff, clock=self._clock, sleep=self._sleep
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

    def _told(self, work: Work, ending: Ending, found: Found, wall_ms: float, said: str = "") -> TaskOutcome:
        outcome = outcome_of(work, ending, found, work.account(wall_ms), said)
        return replace(outcome, reason=redact(outcome.reason, self._options.secrets))


async def _greet(client: AgentClient, url: str) -> None:
    """Make sure that a configured server answers, and takes our key.

    Raises:
        AgentUnavailableError: where it does not.
    """
    try:
        await client.sees("/nonexistent")
    except ServerRefusedError as error:
        message = f"the agent server at {url} refused us ({error.status})"
        raise AgentUnavailableError(message, next_step="check the server's URL and key") from error
    except ServerSilentError as error:
        raise AgentUnavailableError(str(error), next_step="check the server's URL, and that it runs") from error
