"""The laws of a circuit breaker, as values: whoever keeps the state (a process, a database) obeys the same ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Circuit(StrEnum):
    """Whether calls go through: all (closed), none (open), or a single trial (half-open)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitRules:
    """It opens after `threshold` failures in a row, and rests for `rest_s` seconds; a trial is over after `trial_s` seconds.

    A trial is one call of a model and what leads to it; a holder that says nothing for so long has died.
    """

    threshold: int = 5
    rest_s: float = 60.0
    trial_s: float = 180.0


USUAL = CircuitRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitState:
    """What is known of one endpoint. Times are seconds of one clock, which may be set back: see `settled`."""

    failures: int = 0
    opened_at: float | None = None
    trial_by: str = ""
    trial_at: float | None = None


def settled(state: CircuitState, now: float, rules: CircuitRules) -> CircuitState:
    """Return the state as it is now: no time lies in the future (the clock was set back), no trial lasts for ever."""
    opened_at = None if state.opened_at is None else min(state.opened_at, now)
    trial_at = None if state.trial_at is None else min(state.trial_at, now)
    if trial_at is None or now - trial_at >= rules.trial_s:
        return replace(state, opened_at=opened_at, trial_by="", trial_at=None)
    return replace(state, opened_at=opened_at, trial_at=trial_at)


def rest_left_s(state: CircuitState, now: float, rules: CircuitRules) -> float:
    """Return the seconds until a trial may pass; 0 where one may."""
    if state.opened_at is None:
        return 0.0
    return max(0.0, min(state.opened_at, now) + rules.rest_s - now)


def circuit_of(state: CircuitState, now: float, rules: CircuitRules) -> Circuit:
    """Return how a state is called."""
    if state.opened_at is None:
        return Circuit.CLOSED
    return Circuit.OPEN if rest_left_s(state, now, rules) > 0 else Circuit.HALF_OPEN


def asked(state: CircuitState, now: float, rules: CircuitRules, caller: str) -> tuple[bool, CircuitState]:
    """Return whether `caller` may call now, and the state after its question: of a half-open circuit the first asker gets the trial.

    Who holds the trial may ask again: it is the same trial.
    """
    state = settled(state, now, rules)
    match circuit_of(state, now, rules):
        case Circuit.CLOSED:
            return True, state
        case Circuit.OPEN:
            return False, state
        case Circuit.HALF_OPEN if state.trial_at is None:
            return True, replace(state, trial_by=caller, trial_at=now)
        case Circuit.HALF_OPEN:
            return state.trial_by == caller, state


def after_failure(state: CircuitState, now: float, rules: CircuitRules) -> CircuitState:
    """Return the state after a call that failed: the circuit may open, and a failed trial, one failure more in a row, opens it again."""
    failures = state.failures + 1
    return CircuitState(failures=failures, opened_at=now if failures >= rules.threshold else None)


def after_success() -> CircuitState:
    """Return the state after a call that was answered: the circuit is closed, and nothing is held against the endpoint."""
    return CircuitState()


def after_parting(state: CircuitState, caller: str) -> CircuitState:
    """Return the state after a call that ended without an answer either way (cancelled): its trial is free again."""
    return replace(state, trial_by="", trial_at=None) if state.trial_at is not None and state.trial_by == caller else state
