"""A conversation's turn at an endpoint: waited for within the run's time, kept alive while it works, and given back whatever happens."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from spec2prod.application.ports import Quota
from spec2prod.domain.quota import Asking, Turn
from spec2prod.errors import StoreError

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S, _SLOWER = 0.05, 1.0, 1.3
_PULSE_S = 2.0  # well within the time after which a silent process is taken for dead


class NoTurnError(Exception):
    """The run's time does not suffice to wait for a turn; the message says what was waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What a run's conversations wait with. `tell` hears once of each wait, and why; `left_s` tells the run's seconds.

    No conversation is begun in less than `shortest_s`.
    """

    quota: Quota
    sleep: Callable[[float], Awaitable[None]]
    left_s: Callable[[], float]
    shortest_s: float
    tell: Callable[[str], None] = lambda _text: None

    @asynccontextmanager
    async def seat(self, task: str, name: str) -> AsyncIterator[Seat]:
        """Give a conversation's seat, which it leaves at the end. `name` is what people call it."""
        seat = Seat(self, task, name)
        pulse = asyncio.create_task(seat.keep(), name=f"agent-turn {name}")
        try:
            yield seat
        finally:
            pulse.cancel()
            await asyncio.gather(pulse, return_exceptions=True)
            if seat.asking is not None:
                with suppress(StoreError):  # then it is free when this process has ended
                    await _seen_through(self.quota.leave, task)

    async def spent(self, task: str, usd: float) -> None:
        """Note what a conversation has cost so far. What cannot be noted now is part of what is noted next."""
        if usd > 0:
            with suppress(StoreError):
                await _seen_through(self.quota.spent, task, usd)


class Seat:
    """One conversation's place: at one endpoint at a time."""

    def __init__(self, turns: Turns, task: str, name: str) -> None:
        """Nothing is asked yet."""
        self.asking: Asking | None = None
        self._turns, self._task, self._name = turns, task, name
        self._is_given = False

    async def take(self, endpoint: str, promise_usd: float) -> bool:
        """Wait for the turn at an endpoint, and leave the one before it; return whether it had to wait.

        Raises:
            NoTurnError: where too little would be left of the run when its turn comes.
            StoreError: where nobody knows whose turn it is.
        """
        turns, pause_s, waited = self._turns, _SHORTEST_PAUSE_S, False
        self._is_given = False
        self.asking = Asking(task=self._task, endpoint=endpoint, promise_usd=promise_usd)
        while not (turn := await _seen_through(turns.quota.ask, self.asking)).is_given:
            if turn.wait_s + turns.shortest_s > turns.left_s() or math.isinf(turn.wait_s):
                raise NoTurnError(turn.reason)
            if not waited:
                turns.tell(f"{self._name} waits for its turn: {turn.reason}{_soonest(turn)}")
            waited = True
            await turns.sleep(min(pause_s, max(0.0, turns.left_s())))
            pause_s = min(_LONGEST_PAUSE_S, pause_s * _SLOWER)
        self._is_given = True
        return waited

    async def keep(self) -> None:
        """Say again and again that the conversation lives."""
        while True:
            await asyncio.sleep(_PULSE_S)
            if self._is_given and self.asking is not None:
                with suppress(StoreError):
                    await _seen_through(self._turns.quota.ask, self.asking)


async def _seen_through[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it in a thread, and do not go away before it has ended: what is asked late would take a place that nobody leaves."""
    asked = asyncio.ensure_future(asyncio.to_thread(call, *args, **kwargs))
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        await asyncio.gather(asked, return_exceptions=True)
        raise


def _soonest(turn: Turn) -> str:
    return f"; in {math.ceil(turn.wait_s / 60)} minutes at the soonest" if turn.wait_s else ""
