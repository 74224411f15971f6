"""Who was busy when: the measured overlap of a run.

Times are milliseconds since the run's start, read from one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One piece of work: a stage, or (with `stage` set) a step inside one.

    `waited_ms` of a step's time went by before what it uses was free; `waited_for` names the resource that came last. The first
    `ahead_ms` of a stage are the head start of a tool: it was at work before its stage began.
    """

    name: str
    start_ms: float
    end_ms: float
    stage: str = ""
    waited_ms: float = 0.0
    ahead_ms: float = 0.0
    waited_for: str = ""

    @property
    def without_head_start(self) -> Span:
        """Return the span from when the stage itself began."""
        return replace(self, start_ms=self.start_ms + self.ahead_ms, ahead_ms=0.0)

    @property
    def duration_ms(self) -> float:
        """Return how long it took, in milliseconds."""
        return max(0.0, self.end_ms - self.start_ms)

    @property
    def worked_ms(self) -> float:
        """Return how long it took without the wait for a slot, in milliseconds."""
        return max(0.0, self.duration_ms - self.waited_ms)


def busy_ms(spans: Iterable[Span]) -> float:
    """Return the wall time that the spans took together: the length of their union."""
    total, reached = 0.0, float("-inf")
    for span in sorted(spans, key=lambda each: each.start_ms):
        total += max(0.0, span.end_ms - max(span.start_ms, reached))
        reached = max(reached, span.end_ms)
    return total


def savings_ms(spans: Iterable[Span]) -> float:
    """Return what overlapping saved: the spans' own times minus the wall time they took together (law 3)."""
    spans = tuple(spans)
    return max(0.0, sum(span.duration_ms for span in spans) - busy_ms(spans))


def overlap_ms(one: Iterable[Span], others: Iterable[Span]) -> float:
    """Return how long work of `one` ran beside work of `others`."""
    one, others = tuple(one), tuple(others)
    return max(0.0, busy_ms(one) + busy_ms(others) - busy_ms((*one, *others)))
