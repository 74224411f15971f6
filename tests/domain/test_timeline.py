"""Laws of the measured overlap."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.timeline import Span, busy_ms, overlap_ms, savings_ms
from tests.reports.runs import PASSED

# whole milliseconds, so that sums are exact
spans = st.lists(
    st.builds(
        lambda start, length: Span(name="s", start_ms=float(start), end_ms=float(start + length)), st.integers(0, 200), st.integers(0, 50)
    ),
    max_size=8,
)


def ticks(each: list[Span]) -> set[int]:
    return {tick for span in each for tick in range(int(span.start_ms), int(span.end_ms))}


@given(spans)
def test_busy_is_the_length_of_the_union(each: list[Span]) -> None:
    assert busy_ms(each) == len(ticks(each))
    assert busy_ms(reversed(each)) == busy_ms(each)


@given(spans)
def test_savings_are_the_own_times_minus_the_time_together(each: list[Span]) -> None:
    assert savings_ms(each) == sum(span.duration_ms for span in each) - len(ticks(each))
    assert savings_ms(iter(each)) == savings_ms(each)


@given(spans, spans)
def test_overlap_is_the_length_of_what_both_share(one: list[Span], others: list[Span]) -> None:
    assert overlap_ms(one, others) == len(ticks(one) & ticks(others))
    assert overlap_ms(iter(others), iter(one)) == overlap_ms(one, others)


def test_one_after_another_saves_nothing() -> None:
    assert savings_ms([Span(name="a", start_ms=0, end_ms=5), Span(name="b", start_ms=5, end_ms=9)]) == 0
    assert busy_ms([]) == savings_ms([]) == 0


def test_a_head_start_is_nothing_that_running_stages_beside_one_another_saved() -> None:
    testing = Span(name="testing", start_ms=10, end_ms=60)
    linting = Span(name="refactoring", start_ms=0, end_ms=80, ahead_ms=60)  # its tool began before the run asked for anything
    assert replace(PASSED, spans=(testing, linting)).savings_ms == 0
    assert replace(PASSED, spans=(testing, replace(linting, ahead_ms=0))).savings_ms == 50
    assert linting.without_head_start == Span(name="refactoring", start_ms=60, end_ms=80)


def test_a_clock_that_went_back_gives_no_negative_time() -> None:
    backwards = Span(name="a", start_ms=5, end_ms=3)
    assert backwards.duration_ms == 0
    assert busy_ms([backwards]) == pytest.approx(0)
