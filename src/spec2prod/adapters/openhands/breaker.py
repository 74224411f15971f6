"""A circuit breaker: after enough failures in a row an endpoint is left alone for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Circuit(StrEnum):
    """Whether calls go through: all (closed), none (open), or a single trial (half-open)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True, kw_only=True)
class CircuitBreaker:
    """Watches one endpoint. `clock` returns monotonic seconds; the caller reports every call's end.

    It opens after `threshold` failures in a row. `rest_s` seconds later one trial call may pass: its success
    closes the circuit, its failure opens it for another rest.
    """

    clock: Callable[[], float]
    threshold: int = 5
    rest_s: float = 60.0
    _failures: int = field(default=0, init=False)
    _opened_at: float | None = field(default=None, init=False)
    _trial: bool = field(default=False, init=False)

    @property
    def circuit(self) -> Circuit:
        """Return the present state."""
        if self._opened_at is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self.rest_left_s > 0 else Circuit.HALF_OPEN

    @property
    def rest_left_s(self) -> float:
        """Return the seconds until a trial call may pass; 0 where one may."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self.rest_s - self.clock())

    def allows(self) -> bool:
        """Whether a call may be made now. Of a half-open circuit the first asker gets the one trial."""
        if self.circuit is Circuit.CLOSED:
            return True
        if self.circuit is Circuit.OPEN or self._trial:
            return False
        self._trial = True
        return True

    def succeeded(self) -> None:
        """Note a call that was answered: the circuit closes."""
        self._failures, self._opened_at, self._trial = 0, None, False

    def failed(self) -> None:
        """Note a call that failed: the circuit may open, and a failed trial opens it again."""
        self._failures += 1
        if self._trial or self._failures >= self.threshold:
            self._opened_at = self.clock()
        self._trial = False

    def abandoned(self) -> None:
        """Note a call that ended without an answer either way (cancelled): the trial is free again."""
        self._trial = False
