"""Circuit breakers in the shared database: what one worker learns about an endpoint, all of them know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spec2prod.adapters.store.database import Database, Statements, repeatable
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

# Whoever writes the row first, every other transaction waits for it, on both databases: exactly one gets a trial.
_TOUCH = """INSERT INTO breakers (endpoint, failures, changed_at) VALUES (?, 0, ?)
    ON CONFLICT (endpoint) DO UPDATE SET changed_at = excluded.changed_at"""
_READ = "SELECT failures, opened_at, trial_by, trial_at FROM breakers WHERE endpoint = ?"
_WRITE = "UPDATE breakers SET failures = ?, opened_at = ?, trial_by = ?, trial_at = ? WHERE endpoint = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBreaker:
    """Watches one endpoint for every process on one database. `clock` returns seconds that all of them agree on.

    The database's own clock is one for all machines, and may be set back: then an open circuit rests once more, and no longer.
    """

    database: Database
    endpoint: str
    clock: Callable[[], float]
    rules: CircuitRules = USUAL

    @property
    def circuit(self) -> Circuit:
        """Return the present state.

        Raises:
            StoreError: where the database cannot answer; so do all others.
        """
        return circuit_of(self._read(self.database), self.clock(), self.rules)

    @property
    def rest_left_s(self) -> float:
        """Return the seconds until a trial call may pass; 0 where one may."""
        return rest_left_s(self._read(self.database), self.clock(), self.rules)

    def allows(self, caller: str) -> bool:
        """Whether `caller` may call now. Of a half-open circuit the first asker of all processes gets the one trial."""
        if self._read(self.database) == CircuitState():  # nothing to decide, nothing to write
            return True
        return self._change(lambda state, now: asked(state, now, self.rules, caller))

    def succeeded(self) -> None:
        """Note a call that was answered: the circuit closes."""
        if self._read(self.database) != CircuitState():
            self._change(lambda _state, _now: (True, after_success()))

    def failed(self) -> None:
        """Note a call that failed: the circuit may open, and a failed trial opens it again."""
        self._change(lambda state, now: (True, after_failure(state, now, self.rules)))

    def abandoned(self, caller: str) -> None:
        """Note that a caller ended without an answer either way (cancelled): its trial is free again."""
        if self._read(self.database).trial_by == caller:
            self._change(lambda state, _now: (True, after_parting(state, caller)))

    @repeatable
    def _change(self, law: Callable[[CircuitState, float], tuple[bool, CircuitState]]) -> bool:
        """Apply a law to the row, all or nothing; return its answer."""
        with self.database.transaction() as statements:
            now = self.clock()
            statements.rows(_TOUCH, self.endpoint, now)
            before = self._read(statements)
            answer, after = law(before, now)
            if after != before:
                statements.rows(_WRITE, after.failures, after.opened_at, after.trial_by, after.trial_at, self.endpoint)
            return answer

    def _read(self, statements: Statements) -> CircuitState:
        for failures, opened_at, trial_by, trial_at in statements.rows(_READ, self.endpoint):
            return CircuitState(
                failures=int(failures or 0),
                opened_at=None if opened_at is None else float(opened_at),
                trial_by=str(trial_by or ""),
                trial_at=None if trial_at is None else float(trial_at),
            )
        return CircuitState()


def breakers_in(database: Database, rules: CircuitRules = USUAL) -> Callable[[str], SharedBreaker]:
    """Return what gives the breaker of an endpoint, by the database's clock."""
    return lambda endpoint: SharedBreaker(database=database, endpoint=endpoint, clock=database.now, rules=rules)
