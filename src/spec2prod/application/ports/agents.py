"""Who writes tests, and what holds the writers back: circuits and quotas of their endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spec2prod.domain.candidate import TaskOutcome, TestRequest
    from spec2prod.domain.circuit import Circuit
    from spec2prod.domain.feedback import Feedback
    from spec2prod.domain.quota import Asking, Turn


class TestWriter(Protocol):
    """Writes missing tests in the background: the real one is OpenHands' agent server."""

    async def start(self) -> None:
        """Begin to start up, and return at once; trouble shows in `submit`."""
        ...

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Hand tasks over without waiting for them; return module → task ID.

        Raises:
            AgentUnavailableError: where nothing can be submitted at all (no key, no environment, circuit open).
        """
        ...

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Wait for a task's end. Whatever goes wrong in it is in the outcome."""
        ...

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Say in the task's own conversation what its judgement was, and wait for the end of round `number` (2 is the first).

        `text` is the test file as it then is; calls, tokens and money are those of all rounds so far, `wall_ms` is this round's.
        A round that was asked for before is the same round. Limits hold for all rounds together; where nothing is left of them,
        or the writer answers to nobody, the outcome says so in its reason and brings no text.
        """
        ...

    async def stop(self) -> None:
        """End everything that still runs. Safe to call twice, or before `start`."""
        ...


class Breaker(Protocol):
    """Watches one endpoint for all its callers: after enough failures in a row it is left alone for a while (`domain.circuit`)."""

    @property
    def circuit(self) -> Circuit:
        """Return the present state."""
        ...

    @property
    def rest_left_s(self) -> float:
        """Return the seconds until a trial call may pass; 0 where one may."""
        ...

    def allows(self, caller: str) -> bool:
        """Whether `caller` may call now. Of a half-open circuit the first asker gets the one trial, and may ask again for it."""
        ...

    def succeeded(self) -> None:
        """Note a call that was answered: the circuit closes."""
        ...

    def failed(self) -> None:
        """Note a call that failed: the circuit may open, and a failed trial opens it again."""
        ...

    def abandoned(self, caller: str) -> None:
        """Note that a caller ended without an answer either way: its trial is free again."""
        ...


class Quota(Protocol):
    """Gives conversations their turn: so many at a time at one endpoint, so much money in any hour (`domain.quota`)."""

    def ask(self, asking: Asking) -> Turn:
        """Ask for a turn, or ask again: the first question takes a place in the queue. Whoever has its turn may ask again, and keeps it.

        Raises:
            StoreError: where nobody knows.
        """
        ...

    def leave(self, task: str) -> None:
        """Give a turn back, or a place in the queue. Safe for a task that has neither."""
        ...

    def spent(self, task: str, usd: float) -> None:
        """Note what a task has cost so far, all in all, in US dollars. Saying it twice counts once."""
        ...
