"""The circuit breaker's laws, under a clock of ours."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.openhands.breaker import CircuitBreaker
from spec2prod.domain.circuit import Circuit


@dataclass
class Clock:
    """Seconds that pass when told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


def opened() -> tuple[CircuitBreaker, Clock]:
    """Return a breaker that has just opened."""
    clock = Clock()
    breaker = CircuitBreaker(clock=clock)
    for _ in range(5):
        assert breaker.allows("a")
        breaker.failed()
    return breaker, clock


def test_it_opens_after_five_failures_in_a_row() -> None:
    breaker, _ = opened()
    assert breaker.circuit is Circuit.OPEN
    assert not breaker.allows("a")


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = CircuitBreaker(clock=Clock())
    for _ in range(3):
        for _ in range(4):
            breaker.failed()
        breaker.succeeded()
    assert breaker.circuit is Circuit.CLOSED


def test_after_its_rest_one_trial_passes_and_only_one() -> None:
    breaker, clock = opened()
    clock.seconds = 59.9
    assert not breaker.allows("a")
    clock.seconds = 60.0
    assert breaker.circuit is Circuit.HALF_OPEN
    assert breaker.allows("a")
    assert not breaker.allows("b")
    assert breaker.allows("a"), "its own trial, once more"


def test_a_good_trial_closes_it() -> None:
    breaker, clock = opened()
    clock.seconds = 60.0
    assert breaker.allows("a")
    breaker.succeeded()
    assert breaker.circuit is Circuit.CLOSED


def test_a_bad_trial_opens_it_for_another_rest() -> None:
    breaker, clock = opened()
    clock.seconds = 60.0
    assert breaker.allows("a")
    breaker.failed()
    clock.seconds = 119.0
    assert breaker.circuit is Circuit.OPEN
    clock.seconds = 120.0
    assert breaker.allows("a")


def test_an_abandoned_trial_leaves_room_for_another() -> None:
    breaker, clock = opened()
    clock.seconds = 60.0
    assert breaker.allows("a")
    breaker.abandoned("b")
    assert not breaker.allows("b"), "it was not b's trial"
    breaker.abandoned("a")
    assert breaker.allows("b")


@given(st.lists(st.one_of(st.just("fail"), st.just("succeed"), st.floats(min_value=0, max_value=90)), max_size=60))
def test_it_never_lets_a_call_through_within_the_rest_after_it_opened(steps: list[str | float]) -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock=clock)
    opened_at: float | None = None
    for step in steps:
        if isinstance(step, float):
            clock.seconds += step
        elif breaker.allows("a"):
            assert opened_at is None or clock.seconds - opened_at >= 60.0
            breaker.failed() if step == "fail" else breaker.succeeded()
            opened_at = clock.seconds if breaker.circuit is Circuit.OPEN else None


@given(st.lists(st.booleans(), max_size=60))
def test_without_five_failures_in_a_row_it_stays_closed(ends: list[bool]) -> None:
    breaker = CircuitBreaker(clock=Clock())
    row = 0
    for failed in ends:
        row = row + 1 if failed else 0
        breaker.failed() if failed else breaker.succeeded()
        if row >= 5:
            assert breaker.circuit is Circuit.OPEN
            return
        assert breaker.circuit is Circuit.CLOSED
