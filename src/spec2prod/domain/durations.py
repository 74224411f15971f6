"""What to expect, from what was seen: durations (milliseconds), memory (MiB), how often a gate says no. Sure of nothing."""

from __future__ import annotations

from collections.abc import Sequence

KEPT = 20
"""So many newest observations of one name count; older ones are forgotten."""

_AGENT_MS, _AGENT_MS_PER_PROMISE = 20_000.0, 4_000.0
_TOOL_MS, _TOOL_MS_PER_MODULE = 1_000.0, 50.0
_TESTS_MS_PER_PROMISE = 100.0


def estimate_ms(newest_first: Sequence[float]) -> float | None:
    """Return the weighted median of the newest `KEPT` durations, None where there are none.

    The newest counts most: each older one counts 0.85 of the next, so that a suite that has grown is believed after four or five
    runs. A median, because one run beside a busy neighbour or one that hung tells nothing about the next.
    """
    seen = newest_first[:KEPT]
    if not seen:
        return None
    weighted = sorted((ms, 0.85**age) for age, ms in enumerate(seen))
    half, passed = sum(weight for _, weight in weighted) / 2, 0.0
    for ms, weight in weighted:
        passed += weight
        if passed >= half:
            return ms
    return weighted[-1][0]


def estimate_mb(newest_first: Sequence[float]) -> float | None:
    """Return the largest of the newest `KEPT` peaks, None where there are none.

    Unlike a duration, a peak is not disturbed by busy neighbours, and to expect too little costs more than to expect too much: a
    killed process instead of a wait.
    """
    return max(newest_first[:KEPT], default=None)


def failure_rate(newest_first: Sequence[bool]) -> float:
    """Return how likely the next answer is a no: (noes + 1) / (answers + 2) of the newest `KEPT` (Laplace's rule of succession).

    A gate that was never asked is at one half, and none is ever sure.
    """
    seen = newest_first[:KEPT]
    return (sum(seen) + 1) / (len(seen) + 2)


def first_agent_ms(promises: int, modules: int) -> float:
    """Return what one module's agent task is expected to take that was never seen.

    The rule: 20 s, and 4 s for each of the specification's promises that falls to one module if they are spread evenly.

    The figures order tasks until the history knows better, and limit nothing.
    """
    return _AGENT_MS + _AGENT_MS_PER_PROMISE * promises / max(1, modules)


def first_tool_ms(promises: int, modules: int, *, runs_tests: bool) -> float:
    """Return what a tool is expected to take that was never seen: 1 s and 50 ms a module, and for tests 100 ms a promise."""
    return _TOOL_MS + _TOOL_MS_PER_MODULE * modules + (_TESTS_MS_PER_PROMISE * promises if runs_tests else 0.0)
