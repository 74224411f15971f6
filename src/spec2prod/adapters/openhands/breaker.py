"""A circuit breaker of one process: after enough failures in a row an endpoint is left alone for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from spec2prod.domain.circuit import (
    USUAL,
    Circuit,
    CircuitRules,
    CircuitState,
    after_failure,
    after_parting,
    after_success,
    asked,
    circuit_of,
    rest_left_s,
)


@dataclass(slots=True, kw_only=True)
class CircuitBreaker:
    """Watches one endpoint. `clock` returns monotonic seconds; the caller reports every call's end. Safe in several threads."""

    clock: Callable[[], float]
    rules: CircuitRules = USUAL
    _state: CircuitState = field(default=CircuitState(), init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def circuit(self) -> Circuit:
        """Return the present state."""
        return circuit_of(self._state, self.clock(), self.rules)

    @property
    def rest_left_s(self) -> float:
        """Return the seconds until a trial call may pass; 0 where one may."""
        return rest_left_s(self._state, self.clock(), self.rules)

    def allows(self, caller: str) -> bool:
        """Whether `caller` may call now. Of a half-open circuit the first asker gets the one trial."""
        with self._turn:
            allowed, self._state = asked(self._state, self.clock(), self.rules, caller)
            return allowed

    def succeeded(self) -> None:
        """Note a call that was answered: the circuit closes."""
        with self._turn:
            self._state = after_success()

    def failed(self) -> None:
        """Note a call that failed: the circuit may open, and a failed trial opens it again."""
        with self._turn:
            self._state = after_failure(self._state, self.clock(), self.rules)

    def abandoned(self, caller: str) -> None:
        """Note that a caller ended without an answer either way (cancelled): its trial is free again."""
        with self._turn:
            self._state = after_parting(self._state, caller)
