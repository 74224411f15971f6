"""Follows one conversation from its creation to its end, within its limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from spec2prod.adapters.openhands.body import message_of, model_body
from spec2prod.adapters.openhands.client import IDLE, AgentClient, Progress, at_least, plus
from spec2prod.adapters.openhands.endings import Ending, of_limit, of_run_time
from spec2prod.adapters.openhands.endpoints import Endpoints
from spec2prod.adapters.openhands.failure import Failure, read_failure
from spec2prod.adapters.openhands.limits import iterations_reached, limit_reached, pause_s
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.retry import Backoff
from spec2prod.adapters.openhands.rounds import is_answered, is_told, said_at
from spec2prod.domain.candidate import TaskStatus

_AT_WORK = frozenset({"idle", "running"})
_UNDER_WAY = frozenset({"running"})
_RESTING = frozenset({"finished", "stuck"})
_GO_ON = "Please go on."
_STALE_PAUSE_S = 0.1
_REST_TRIES = 30
_TELL_LOOKS = 20
_STALE_LOOKS = 100
_NOTE_EVERY_S = 5.0

type Body = Callable[[Mapping[str, Any]], Mapping[str, Any]]
type Note = Callable[[int, float, Progress], Awaitable[None]]


class Pursuit:
    """One conversation. `progress`, `attempts` and `tried` are good at any time, also after a cancellation."""

    def __init__(  # noqa: PLR0913 - its parts, each named
        self,
        conversation: str,
        *,
        client: AgentClient,
        endpoints: Endpoints,
        backoff: Backoff,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        left_s: Callable[[], float],
        note: Note,
        spent_s: float = 0.0,
        used: Progress = IDLE,
        identity: str = "",
    ) -> None:
        """`clock` returns monotonic seconds; `backoff` and `sleep` wait between tries of a failed model.

        `left_s` tells the seconds that the run still has; `note` keeps endpoint, seconds and all else used for whoever goes on
        after a crash. `spent_s`, `used` and `identity` are what a conversation found again has used, and with which model it works.
        """
        self.progress = used
        self.attempts = 1
        self._conversation = conversation
        self._client = client
        self._endpoints = endpoints
        self._backoff = backoff
        self._clock = clock
        self._sleep = sleep
        self._left_s = left_s
        self._note = note
        self._noted = clock()
        self._begun = self._noted - spent_s
        self._identity = identity
        self._used = used
        self._told = IDLE  # what the server told of it when it was found again
        self._tries = 1
        self._errors_read = 0
        self._calls_at_cap = -1
        self._stale_looks = 0
        self._calls_said = -1  # of a follow-up: until the model has answered, the state is that of the round before

    @property
    def tried(self) -> tuple[str, ...]:
        """Return which models were given up, and why."""
        return self._endpoints.tried

    @property
    def elapsed_s(self) -> float:
        """Return the seconds that the conversation has used."""
        return self._clock() - self._begun

    async def follow(self, body: Body) -> Ending:
        """Create it (or find it again), and watch it to its end. A conversation that a crash left behind goes on.

        `body` makes of a model's body the one that creates the conversation.
        """
        if self._left_s() < self._options.shortest_task_s:
            return of_run_time(self._left_s())
        if not await self._advance():
            return self._endpoints.ending()
        try:
            wanted = body(self._model())
            if await self._client.create(wanted):
                self._begun, self._used, self.progress = self._clock(), IDLE, IDLE
            else:
                await self._take_up(message_of(wanted))
            await self._keep_note()
            return await self._watch()
        finally:
            await self._endpoints.part()

    async def follow_up(self, text: str, number: int) -> Ending:
        """Say something to the resting conversation, unless it was said before, and watch it to the end of that round."""
        if self._left_s() < self._options.shortest_task_s:
            return of_run_time(self._left_s())
        if not await self._advance():
            return self._endpoints.ending()
        try:
            self._told = await self._client.progress(self._conversation)
            self._used = self.progress = at_least(self._told, self._used)
            if reached := limit_reached(self._options, self.progress, self.elapsed_s):
                return of_limit(reached, self._conversation)
            await self._begin_round(text, number)
            await self._keep_note()
            return await self._watch()
        finally:
            await self._endpoints.part()

    async def interrupt(self) -> None:
        """Stop it at once, and note how far it came; it can go on later."""
        await self._client.interrupt(self._conversation)
        await self._look()

    @property
    def _options(self) -> OpenHandsOptions:
        return self._endpoints.options

    async def _take_up(self, task: str) -> None:
        """Go on with a conversation that stands already. Its old errors, and its old answers, are not of today."""
        # A server that is killed forgets what it counted last (measured: up to one call).
        self._told = await self._client.progress(self._conversation)
        self._used = self.progress = at_least(self._told, self._used)
        if self.progress.status in _UNDER_WAY | _RESTING:
            return
        await self._tell(task)
        if self.progress.status == "idle":  # the crash came before its first step
            await self._client.run(self._conversation)
        else:
            self._errors_read = len(await self._error_events())
            if self._identity and self._identity != self._options.identity:
                await self._client.say(self._conversation, _GO_ON)
                await self._switch()
            await self._client.run(self._conversation)

    async def _tell(self, task: str) -> None:
        """Say what is to be done, unless it was taken in: the server keeps a conversation, starts its tools (0.2 s), and does that then.

        It is given some time for it: one that lives may be about to, where the answer to `create` came too late for us.
        """
        for _ in range(_TELL_LOOKS):
            if is_told(await self._client.events(self._conversation)):
                return
            await self._sleep(_STALE_PAUSE_S)
        await self._client.say(self._conversation, task)

    async def _begin_round(self, text: str, number: int) -> None:
        """Say it and let it run, or go on with the round where a crash has left it. Errors of the rounds before are not of this one."""
        events = await self._client.events(self._conversation)
        self._errors_read = sum(event.get("kind") == "ConversationErrorEvent" for event in events)
        is_same_model = not self._identity or self._identity == self._options.identity
        at = said_at(events, number)
        if at is not None and (self.progress.status in _UNDER_WAY or (self.progress.status in _RESTING and is_answered(events, at))):
            return
        self._calls_said = self.progress.calls
        if at is None:
            await self._client.say(self._conversation, text, run=is_same_model)
            if is_same_model:
                return
        elif not is_same_model or self.progress.status in _RESTING:
            # The server keeps what is said before it keeps that the conversation rests no more. One that rests does not run.
            await self._client.say(self._conversation, _GO_ON)
        if not is_same_model:
            await self._switch()
        await self._client.run(self._conversation)

    async def _watch(self) -> Ending:
        while True:
            await self._look()
            ending = await self._ending()
            if ending is not None:
                return ending
            if ending := self._out_of_bounds():
                await self._halt()
                return ending
            if self._clock() - self._noted >= _NOTE_EVERY_S:
                await self._keep_note()
            await self._sleep(min(pause_s(self._options, self.elapsed_s), max(0.0, self._left_s())))

    def _out_of_bounds(self) -> Ending | None:
        if reached := limit_reached(self._options, self.progress, self.elapsed_s):
            return of_limit(reached, self._conversation)
        return of_run_time(0.0) if self._left_s() <= 0 else None

    async def _look(self) -> None:
        before = self.progress.calls
        self.progress = plus(await self._client.progress(self._conversation), self._used, self._told)
        if self.progress.calls > before:
            await self._endpoints.succeeded()
            await self._keep_note()

    async def _ending(self) -> Ending | None:
        """Return how it ended, None while it goes on."""
        status = self.progress.status
        if status in _AT_WORK:
            return None
        if status != "error" and self.progress.calls <= self._calls_said:
            return await self._after_stale()
        if status == "finished":
            return Ending(status=None)
        if status == "stuck":
            return Ending(status=None, reason="the agent repeated itself and was stopped by the server (stuck)")
        if status == "error":
            return await self._after_error()
        return Ending(status=TaskStatus.ERRORED, reason=f"the conversation was left {status} by somebody else", next_step="run again")

    async def _after_stale(self) -> Ending | None:
        """Wait for a round that was just begun to be seen: the status stays the old one for some 100 ms (measured)."""
        self._stale_looks += 1
        if self._stale_looks > _STALE_LOOKS:
            return Ending(status=TaskStatus.ERRORED, reason="the agent server did not go on with the conversation", next_step="run again")
        await self._sleep(_STALE_PAUSE_S)
        return None

    async def _after_error(self) -> Ending | None:
        """Judge the newest error. The status is there before its event, and stays a while after a new try: then wait."""
        events = await self._error_events()
        if len(events) <= self._errors_read:
            await self._sleep(_STALE_PAUSE_S)
            return None
        self._errors_read = len(events)
        failure = read_failure(events[-1], model=self._options.model, endpoint=self._options.endpoint)
        if failure.limit:
            return await self._at_the_servers_cap()
        if failure.of_model:
            await self._endpoints.failed()
        return await self._try_again(failure)

    async def _at_the_servers_cap(self) -> Ending | None:
        """The server counts the steps of one run of a conversation, we those of all: an extended one has steps left."""
        calls, before = self.progress.calls, self._calls_at_cap
        if calls >= self._options.max_iterations or calls <= before:
            return of_limit(iterations_reached(self._options), self._conversation)
        self._calls_at_cap = calls
        await self._client.run(self._conversation)
        return None

    async def _try_again(self, failure: Failure) -> Ending | None:
        """Go on with the same model where its failure may pass in time, else with the next one; None where it goes on."""
        wait_s = self._backoff.wait_s(self._tries, failure.asked_s)
        if not failure.retriable or self._tries > self._options.llm_retries or not await self._endpoints.allows():
            return await self._fail_over(failure)
        if wait_s >= min(self._options.timeout_s - self.elapsed_s, self._left_s()):
            await self._endpoints.give_up(failure, self._tries)
            return self._endpoints.ending().noting(f"not tried again: the wait of {wait_s:.0f} s would pass the time limit")
        await self._sleep(wait_s)
        self._tries += 1
        self.attempts += 1
        await self._client.run(self._conversation)
        return None

    async def _fail_over(self, failure: Failure) -> Ending | None:
        """Go on in the same conversation with the next model that may be asked."""
        await self._endpoints.give_up(failure, self._tries)
        if not (failure.of_model and await self._advance()):
            return self._endpoints.ending()
        self._tries = 1
        self.attempts += 1
        await self._switch()
        await self._keep_note()
        await self._client.run(self._conversation)
        return None

    async def _advance(self) -> bool:
        """Go to the next model that may be asked; what waiting for its turn takes is not the conversation's time."""
        begun = self._clock()
        try:
            return await self._endpoints.advance()
        finally:
            self._begun += self._clock() - begun

    async def _switch(self) -> None:
        await self._client.switch_model(self._conversation, self._model())

    def _model(self) -> Mapping[str, Any]:
        return model_body(self._options, number=self._endpoints.at, left_s=self._left_s())

    async def _keep_note(self) -> None:
        self._noted = self._clock()
        await self._note(self._endpoints.at, self.elapsed_s, self.progress)

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
