"""Closed intervals of whole numbers, and marks."""

from __future__ import annotations

BEST, GOOD, ENOUGH = 90, 75, 50
type Interval = tuple[int, int]


def merge(intervals: list[Interval]) -> list[Interval]:
    """Return the intervals in order, those that overlap or touch made one."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if start > end:
            raise ValueError(f"{start} is after {end}")
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def overlaps(one: Interval, other: Interval) -> bool:
    """Say whether they share a number."""
    return one[0] <= other[1] and other[0] <= one[1]


def clamp(value: int, low: int, high: int) -> int:
    """Return the number of low..high that is nearest to the value."""
    if value < low:
        return low
    if value > high:
        return high
    return value


def mark(score: int) -> str:
    """Return the mark of a score of 0..100."""
    if not 0 <= score <= 100:
        raise ValueError(f"{score} is no score")
    if score >= BEST:
        return "A"
    if score >= GOOD:
        return "B"
    return "C" if score >= ENOUGH else "F"
