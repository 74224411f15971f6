"""Which gate to ask first when not all fit at once, and what a red one spares: fail fast by expected saving.

With one slot and independent gates, asking in the order of falling p / t (chance of a no by expected duration) gives the least expected
time until the first no, or until all have said yes: swapping two neighbours i, j changes that time by t_i p_j - t_j p_i, times
what is independent of their order (Simon and Kadane 1975). A test compares it with every other order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """A gate that waits to be asked: how long it should take (ms), how likely it says no, whether its no stops the promotion."""

    name: str
    expected_ms: float
    failure_rate: float
    required: bool = True


def riskiest_first(questions: Iterable[Risk]) -> tuple[Risk, ...]:
    """Return the questions in the order in which a no comes soonest; optional gates last, since their no ends nothing."""
    return tuple(sorted(questions, key=_key))


def _key(question: Risk) -> tuple[bool, float, str]:
    return (not question.required, -question.failure_rate / max(question.expected_ms, 1e-9), question.name)


def expected_ms(questions: Sequence[Risk]) -> float:
    """Return how long asking one after another takes on average, if the first required no ends it."""
    alive, told = 1.0, 0.0
    for question in questions:
        told += alive * question.expected_ms
        alive *= 1 - question.failure_rate if question.required else 1.0
    return told


def expected_saving_ms(first: Risk, others: Iterable[Risk]) -> float:
    """Return what asking `first` before the others spares on average, if its no ends the run: its risk times their time."""
    return first.failure_rate * sum(each.expected_ms for each in others) if first.required else 0.0


def ends_the_run(red: Collection[str], *, required: Collection[str], mendable: Collection[str]) -> tuple[str, ...]:
    """Name the red gates that end a run that fails fast: required ones that nothing later in the run can turn green."""
    return tuple(sorted(set(red) & set(required) - set(mendable)))
