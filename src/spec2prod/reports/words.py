"""How figures are written for people."""

from __future__ import annotations

from collections.abc import Iterable

_SECOND, _MINUTE = 1000.0, 60_000.0


def duration(ms: float) -> str:
    """Write milliseconds as a reader says them: 870 ms, 9.1 s, 2 min 03 s."""
    if ms < _SECOND:
        return f"{ms:.0f} ms"
    if ms < _MINUTE:
        return f"{ms / _SECOND:.1f} s"
    minutes, seconds = divmod(round(ms / _SECOND), 60)
    return f"{minutes} min {seconds:02d} s"


def line_ranges(lines: Iterable[int]) -> str:
    """Write line numbers as people do: 3-5, 9."""
    runs: list[list[int]] = []
    for line in sorted(set(lines)):
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


def limits(text: str) -> str:
    """Write comparisons as people do: ≥ 80."""
    return text.replace(">=", "≥").replace("<=", "≤")
