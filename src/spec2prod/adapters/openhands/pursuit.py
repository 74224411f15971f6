"""Follows one conversation from its creation to its end, within its limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from spec2prod.adapters.openhands.breaker import CircuitBreaker
from spec2prod.adapters.openhands.client import AgentClient, Progress
from spec2prod.adapters.openhands.endings import Ending, of_failure, of_limit, of_open_circuit
from spec2prod.adapters.openhands.failure import Failure, read_failure
from spec2prod.adapters.openhands.limits import limit_reached, pause_s
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.retry import Backoff
from spec2prod.domain.candidate import TaskStatus

_AT_WORK = frozenset({"idle", "running"})
_RESTING = frozenset({"finished", "stuck"})
_STALE_PAUSE_S = 0.1
_REST_TRIES = 30


class Pursuit:
    """One conversation. `progress` and `attempts` are good at any time, also after a cancellation."""

    def __init__(  # noqa: PLR0913 - its parts, each named
        self,
        conversation: str,
        *,
        client: AgentClient,
        options: OpenHandsOptions,
        breaker: CircuitBreaker,
        backoff: Backoff,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`clock` returns monotonic seconds; `backoff` and `sleep` wait between tries of a failed model."""
        self.progress = Progress(status="idle")
        self.attempts = 1
        self._conversation = conversation
        self._client = client
        self._options = options
        self._breaker = breaker
        self._backoff = backoff
        self._clock = clock
        self._sleep = sleep
        self._begun = clock()
        self._errors_read = 0

    async def follow(self, body: Mapping[str, Any]) -> Ending:
        """Create it (or find it again), and watch it to its end. A conversation that a crash left behind goes on."""
        if not self._breaker.allows():
            return of_open_circuit(self._options.endpoint, self._breaker.rest_left_s)
        try:
            self._begun = self._clock()
            if not await self._client.create(body):
                await self._take_up()
            return await self._watch()
        finally:
            self._breaker.abandoned()

    async def interrupt(self) -> None:
        """Stop it at once, and note how far it came; it can go on later."""
        await self._client.interrupt(self._conversation)
        await self._look()

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since its creation."""
        return self._clock() - self._begun

    async def _take_up(self) -> None:
        """Go on with a conversation that stands already. Its old errors are not ours."""
        await self._look()
        if self.progress.status not in _AT_WORK | _RESTING:
            self._errors_read = len(await self._error_events())
            await self._client.run(self._conversation)

    async def _watch(self) -> Ending:
        while True:
            await self._look()
            ending = await self._ending()
            if ending is not None:
                return ending
            if limit := limit_reached(self._options, self.progress, self.elapsed_s):
                await self._halt()
                return of_limit(limit)
            await self._sleep(pause_s(self._options, self.elapsed_s))

    async def _look(self) -> None:
        before = self.progress.calls
        self.progress = await self._client.progress(self._conversation)
        if self.progress.calls > before:
            self._breaker.succeeded()

    async def _ending(self) -> Ending | None:
        """Return how it ended, None while it goes on."""
        status = self.progress.status
        if status in _AT_WORK:
            return None
        if status == "finished":
            return Ending(status=None)
        if status == "stuck":
            return Ending(status=None, reason="the agent repeated itself and was stopped by the server (stuck)")
        if status == "error":
            return await self._after_error()
        return Ending(status=TaskStatus.ERRORED, reason=f"the conversation was left {status} by somebody else", next_step="run again")

    async def _after_error(self) -> Ending | None:
        """Judge the newest error. The status is there before its event, and stays a while after a new try: then wait."""
        events = await self._error_events()
        if len(events) <= self._errors_read:
            await self._sleep(_STALE_PAUSE_S)
            return None
        self._errors_read = len(events)
        failure = read_failure(events[-1], model=self._options.model, endpoint=self._options.endpoint)
        if failure.limit:
            return of_limit(f"the limit of {self._options.max_iterations} iterations")
        if failure.of_model:
            self._breaker.failed()
        return await self._try_again(failure)

    async def _try_again(self, failure: Failure) -> Ending | None:
        wait_s = self._backoff.wait_s(self.attempts)
        spent = self.attempts > self._options.llm_retries
        too_late = self.elapsed_s + wait_s >= self._options.timeout_s
        if not failure.retriable or spent or too_late or not self._breaker.allows():
            return of_failure(failure, self.attempts)
        await self._sleep(wait_s)
        self.attempts += 1
        await self._client.run(self._conversation)
        return None

    async def _error_events(self) -> tuple[Mapping[str, Any], ...]:
        return await self._client.events(self._conversation, kind="ConversationErrorEvent")

    async def _halt(self) -> None:
        """Interrupt, and wait until it rests: nothing may be written while its files are read."""
        await self.interrupt()
        for _ in range(_REST_TRIES):
            await self._look()
            if self.progress.status not in _AT_WORK:
                return
            await self._sleep(_STALE_PAUSE_S)
