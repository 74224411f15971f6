"""Who was busy when, laid out for drawing: rows of bars in percent of the run's length. Pure geometry, no markup."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from spec2prod.domain.run import Run
from spec2prod.domain.timeline import Span, busy_ms

ROW, STEP_ROW, HEAD, GAP = 37, 29, 26, 10
_TICKS = 5
_NARROWEST = 0.35  # percent: thinner bars could not be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One piece of work; `x` and `width` are percent of the chart, `start_ms` and `end_ms` what they stand for."""

    x: float
    width: float
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the chart: a stage, or a step inside one.

    `label` is the name with a path in it cut to the file's own name; `top` is in pixels, `busy_ms` is its own time.
    """

    name: str
    label: str
    step: bool
    verdict: str
    bars: tuple[Bar, ...]
    busy_ms: float
    top: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The whole chart. `ticks` are pairs of percent and milliseconds; `height` is in pixels."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, float], ...]
    height: int


def lay_out(run: Run) -> Chart:
    """Lay a run out: its stages in the order of their begin, each followed by its steps."""
    length = max((run.total_ms, *(span.end_ms for span in run.spans)), default=0.0) or 1.0
    verdicts = {str(result.stage): str(result.verdict) for result in run.stages}
    rows: list[Row] = []
    for stage, pieces in _grouped(run.stage_spans):
        verdict = verdicts.get(stage, "unfinished")
        rows.append(_row(stage, pieces, length, verdict))
        steps = _grouped(span for span in run.spans if span.stage == stage)
        rows.extend(_row(name, parts, length, verdict, step=True) for name, parts in steps)
    stacked = tuple(_stacked(rows))
    return Chart(rows=stacked, ticks=_ticks(length), height=stacked[-1].top + ROW + GAP if stacked else HEAD)


def _stacked(rows: Iterable[Row]) -> Iterator[Row]:
    """Put the rows under one another, each stage with its steps a little apart from the one before."""
    top = HEAD - GAP
    for row in rows:
        top += 0 if row.step else GAP
        yield replace(row, top=top)
        top += STEP_ROW if row.step else ROW


def _grouped(spans: Iterable[Span]) -> list[tuple[str, list[Span]]]:
    groups: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda each: (each.start_ms, each.end_ms)):
        groups.setdefault(str(span.name), []).append(span)
    return list(groups.items())


def _row(name: str, spans: Sequence[Span], length: float, verdict: str, *, step: bool = False) -> Row:
    bars = tuple(_bar(span, length) for span in spans)
    return Row(name=name, label=label(name), step=step, verdict=verdict, bars=bars, busy_ms=busy_ms(spans))


def label(name: str) -> str:
    """Shorten `agent:src/a/b.py` to `agent: b.py`: a narrow chart has no room for folders."""
    what, colon, path = str(name).partition(":")
    return f"{what}: {path.rpartition('/')[2]}" if colon else name


def _bar(span: Span, length: float) -> Bar:
    width = max(_NARROWEST, 100 * span.duration_ms / length)
    x = min(100 * max(0.0, span.start_ms) / length, 100 - width)
    return Bar(x=round(x, 3), width=round(width, 3), start_ms=span.start_ms, end_ms=span.end_ms)


def _ticks(length: float) -> tuple[tuple[float, float], ...]:
    """Return about five round times along the axis: 1, 2 or 5 times a power of ten."""
    rough = length / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * factor for factor in (1, 2, 5) if power * factor >= rough), power * 10)
    return tuple((round(100 * number * step / length, 3), number * step) for number in range(int(length / step) + 1))
