"""Laws of what is expected from what was seen, and of failing fast."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec2prod.domain.durations import KEPT, estimate_mb, estimate_ms, failure_rate, first_agent_ms, first_tool_ms
from spec2prod.domain.failing_fast import Risk, ends_the_run, expected_ms, expected_saving_ms, riskiest_first

times = st.lists(st.floats(1, 1e6), min_size=1, max_size=30)
risks = st.builds(
    lambda ms, rate, required: Risk(name=f"{ms}", expected_ms=float(ms), failure_rate=rate / 10, required=required),
    st.integers(1, 60),
    st.integers(1, 9),
    st.booleans(),
)
questions = st.lists(risks, min_size=1, max_size=5)


@given(times)
def test_an_estimate_is_something_that_was_seen_lately(seen: list[float]) -> None:
    assert estimate_ms(seen) in seen[:KEPT]
    assert estimate_ms([*seen, *[1e9] * KEPT][:KEPT]) == estimate_ms([*seen, *[1e9] * KEPT])


@given(st.lists(st.floats(90, 110), min_size=3, max_size=20), st.floats(1e5, 1e9))
def test_one_run_that_hung_changes_little(seen: list[float], hung: float) -> None:
    assert 90 <= (estimate_ms([hung, *seen]) or 0) <= 110


def test_a_suite_that_has_grown_is_believed_after_five_runs() -> None:
    assert estimate_ms([900.0] * 5 + [100.0] * 15) == 900
    assert estimate_ms([900.0] * 3 + [100.0] * 15) == 100
    assert estimate_ms([]) is None


def test_the_largest_peak_that_still_counts_is_expected() -> None:
    assert estimate_mb([100.0, 400.0, 90.0]) == 400
    assert estimate_mb([100.0] * KEPT + [400.0]) == 100
    assert estimate_mb([]) is None


@given(st.lists(st.booleans(), max_size=30))
def test_no_gate_is_ever_sure(seen: list[bool]) -> None:
    assert 0 < failure_rate(seen) < 1
    assert failure_rate([True, *seen]) >= failure_rate([False, *seen])


def test_a_gate_that_was_never_asked_is_at_one_half() -> None:
    assert failure_rate([]) == 0.5
    assert failure_rate([True] * 3) == 0.8


def test_a_longer_specification_is_expected_to_take_longer() -> None:
    assert first_agent_ms(10, modules=2) == 40_000 > first_agent_ms(1, modules=2)
    assert first_tool_ms(10, 4, runs_tests=True) == 2_200
    assert first_tool_ms(10, 4, runs_tests=False) == 1_200


@settings(max_examples=60)
@given(questions)
def test_no_order_ends_sooner_on_average_than_the_riskiest_first(asked: list[Risk]) -> None:
    best = min(expected_ms(order) for order in itertools.permutations(asked))
    assert expected_ms(riskiest_first(asked)) == pytest.approx(best)


def test_what_a_no_spares_is_the_time_of_the_others_times_its_risk() -> None:
    cheap, dear = Risk(name="linting", expected_ms=10, failure_rate=0.5), Risk(name="tests", expected_ms=100, failure_rate=0.1)
    assert [each.name for each in riskiest_first([dear, cheap])] == ["linting", "tests"]
    assert expected_saving_ms(cheap, [dear]) == 50
    assert expected_saving_ms(Risk(name="style", expected_ms=1, failure_rate=0.9, required=False), [dear]) == 0


def test_only_a_required_red_gate_that_nothing_can_mend_ends_a_run() -> None:
    required = ["tests", "coverage", "linting"]
    assert ends_the_run(["coverage", "style", "linting"], required=required, mendable=["coverage"]) == ("linting",)
    assert ends_the_run(["coverage", "style"], required=required, mendable=["coverage"]) == ()
