"""One round of one task: in its copy, with the server, to its end, which is noted whatever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from spec2prod.adapters.openhands.body import conversation_body
from spec2prod.adapters.openhands.client import AgentClient, Progress, ServerRefusedError, ServerSilentError
from spec2prod.adapters.openhands.endings import CANCELLED, Ending, of_error, of_failure, of_no_turn, of_other_disk, of_round
from spec2prod.adapters.openhands.endpoints import Endpoints, ruled_out
from spec2prod.adapters.openhands.failure import Failure
from spec2prod.adapters.openhands.ledger import write_record
from spec2prod.adapters.openhands.limits import is_priced, money_unwatched, promised_usd
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.prompt import task_text
from spec2prod.adapters.openhands.pursuit import Pursuit
from spec2prod.adapters.openhands.readiness import Readiness
from spec2prod.adapters.openhands.records import keep_conversation, working_copy
from spec2prod.adapters.openhands.redaction import redact
from spec2prod.adapters.openhands.retry import Backoff
from spec2prod.adapters.openhands.tasks import Found, Work, WorkingCopy, outcome_of
from spec2prod.adapters.openhands.turns import NoTurnError, Turns
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.application.ports import Breaker
from spec2prod.domain.candidate import TaskOutcome, TaskStatus
from spec2prod.errors import AgentUnavailableError

_PARTING_LIMIT_S = 3.0


class Doing:
    """Does rounds, as many at a time as the options allow. Whatever goes wrong in one is in its outcome."""

    def __init__(  # noqa: PLR0913 - what a writer has is handed on
        self,
        options: OpenHandsOptions,
        place: Workplace,
        readiness: Readiness,
        *,
        breaker_of: Callable[[str], Breaker],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        left_s: Callable[[], float],
        turns: Turns,
    ) -> None:
        """`left_s` returns the seconds that the run still has; `clock` returns monotonic seconds; `turns` are waited for at endpoints."""
        self._turns = turns
        self._options, self._place, self._readiness, self._breaker_of = options, place, readiness, breaker_of
        self._clock, self._sleep, self._left_s = clock, sleep, left_s
        self._slots = asyncio.Semaphore(options.max_concurrent)

    async def carry_out(self, work: Work) -> TaskOutcome:
        """Do one round of a task, and keep what came of it."""
        begun = self._clock()
        said = ""
        try:
            async with self._slots, self._turns.seat(work.name, work.request.module) as work.seat:
                ending, found, said = await self._work(work)
        except asyncio.CancelledError:
            # Only `stop` cancels, and it wants to hear how far the task came.
            await self._part(work)
            ending, found = CANCELLED, Found()
        except NoTurnError as error:
            ending, found = of_no_turn(str(error)), await asyncio.to_thread(work.left)
        except Exception as error:  # noqa: BLE001 - the port's promise: whatever goes wrong is in the outcome
            ending, found = of_error(error, death=self._readiness.connection.death), await asyncio.to_thread(work.left)
        outcome = self.told(work, ending, found, (self._clock() - begun) * 1000, said)
        await self._note_end(work, outcome)
        return outcome

    def told(self, work: Work, ending: Ending, found: Found, wall_ms: float, said: str = "") -> TaskOutcome:
        """Return a round's outcome without secrets, and whether a price is known for it."""
        outcome = outcome_of(work, ending, found, work.account(wall_ms), said)
        tried = tuple(redact(each, self._options.secrets) for each in outcome.tried)
        used = work.pursuit.progress if work.pursuit else work.record.used
        priced = all(is_priced(each, used) for each in (self._options.chain if outcome.tried else (self._options,)))
        return replace(outcome, reason=redact(outcome.reason, self._options.secrets), tried=tried, is_priced=priced)

    async def _work(self, work: Work) -> tuple[Ending, Found, str]:
        """Do the task; return its ending, what lies in the copy, and what the agent said last."""
        copy = work.copy = await working_copy(work, self._place.tree, self._place.notes)
        refused = await self._readiness.refused()
        if len(refused) == len(self._options.chain):
            failure = ruled_out(self._options, self._breaker_of, refused)
            return of_failure(failure or refused[0]), Found(), ""
        client: AgentClient | None = await self._readiness.reachable()
        if self._options.server_url and client and not await client.sees(str(copy.root / work.request.module)):
            return of_other_disk(self._options.server_url, copy.root), Found(), ""
        while client is not None:
            try:
                return await self._pursued(work, copy, client, refused)
            except ServerSilentError as error:
                # Our own server may have died: its conversations lie on disk, and go on with another process.
                silence, client = error, await self._readiness.connection.reopened(client)
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
            await self._turns.spent(work.name, used.cost_usd)

        async def enter(chosen: OpenHandsOptions) -> bool:
            used = work.pursuit.progress if work.pursuit else work.record.used
            return work.seat is not None and await work.seat.take(chosen.endpoint, promised_usd(options, used))

        return Pursuit(
            work.name,
            client=client,
            endpoints=Endpoints(options, self._breaker_of, refused, caller=work.name, enter=enter, first=work.record.endpoint),
            backoff=Backoff(tries=options.llm_retries + 1, base_s=options.llm_retry_wait_s),
            clock=self._clock,
            sleep=self._sleep,
            left_s=self._left_s,
            note=note,
            spent_s=work.record.elapsed_s,
            used=work.record.used,
            identity=work.record.identity,
        )

    async def _part(self, work: Work) -> None:
        """Interrupt its conversation, but do not wait for ever: a server of ours is ended right after."""
        if work.pursuit is None:
            return
        try:
            await asyncio.wait_for(work.pursuit.interrupt(), _PARTING_LIMIT_S)
        except (TimeoutError, ServerRefusedError, ServerSilentError):
            return

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
        await self._turns.spent(work.name, work.pursuit.progress.cost_usd)
        if work.number > 1:
            work.record = work.record.after_round(work.number, outcome)
        else:
            held = self._options.within(work.record.limits).limits if outcome.resumable else work.record.paused_at
            work.record = replace(work.record, paused_at=held, outcome=outcome)
        await self._keep(work)

    async def _keep(self, work: Work) -> None:
        await asyncio.to_thread(write_record, self._place.notes, work.name, work.record, self._options.secrets)
