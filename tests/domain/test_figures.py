"""How figures stand in sentences: short, and never on the other side of a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.figures import exactly, figure
from spec2prod.domain.verdict import Comparison, Evidence, Limit, Measurement, Rule, Verdict, judge

MEASURED = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "written"),
    [(99.7807, "99.8"), (62.0, "62"), (0.03149, "0.031"), (0.0, "0"), (5_000_000.0, "5000000"), (-0.04, "-0.04"), (1e300, f"{10**300}")],
)
def test_a_figure_is_written_as_people_write_it(value: float, written: str) -> None:
    assert figure(value) == written


@pytest.mark.parametrize(("value", "written"), [(80.0, "80"), (99.75, "99.75"), (1_000_000.0, "1000000"), (0.0001, "0.0001")])
def test_a_limit_is_written_as_it_was_set(value: float, written: str) -> None:
    assert exactly(value) == written


def test_a_reason_is_rounded_and_the_measured_value_is_not() -> None:
    rule = Rule(gate="test_pass_rate", limits=(Limit(value="percent", comparison=Comparison.AT_LEAST, threshold=100),))
    answer = Measurement(gate="test_pass_rate", values={"percent": 99.999_999}, checked=1)
    judged = judge(rule, Evidence(answer=answer, digest="d", measured_at="t", tool="tests"))
    assert (judged.verdict, judged.reason) == (Verdict.FAILED, "percent is 99.9, needed >= 100")
    assert judged.evidence is not None
    assert judged.evidence.answer == answer


@given(MEASURED, MEASURED, st.sampled_from(Comparison))
def test_a_broken_limit_reads_as_broken(measured: float, threshold: float, comparison: Comparison) -> None:
    limit = Limit(value="x", comparison=comparison, threshold=threshold)
    assert limit.holds(measured) or not limit.holds(float(limit.told(measured)))
