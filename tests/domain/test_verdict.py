"""Laws of judging: honest, and never looser for being stricter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.verdict import Comparison, Evidence, Finding, Limit, Measurement, Rule, Unanswered, Verdict, judge, worst

figures = st.floats(min_value=0, max_value=100, allow_nan=False)
comparisons = st.sampled_from(Comparison)
limits = st.builds(Limit, value=st.sampled_from(["percent", "issues"]), comparison=comparisons, threshold=figures)
rules = st.builds(
    lambda limit, required: Rule(gate="g", limits=tuple(limit), required=required), st.lists(limits, min_size=1, max_size=3), st.booleans()
)
measurements = st.builds(
    lambda values, checked: Measurement(gate="g", values=values, checked=checked),
    st.dictionaries(st.sampled_from(["percent", "issues"]), figures),
    st.integers(0, 3),
)
verdicts = st.sampled_from(Verdict)


def evidence(answer: Measurement | Unanswered) -> Evidence:
    return Evidence(answer=answer, digest="d", measured_at="2026-01-01T00:00:00Z", tool="t")


@given(rules)
def test_no_evidence_is_errored(rule: Rule) -> None:
    assert judge(rule, None).verdict is Verdict.ERRORED


@given(rule=rules, no_tests=st.booleans())
def test_a_question_that_could_not_be_asked_never_passes(rule: Rule, *, no_tests: bool) -> None:
    verdict = judge(rule, evidence(Unanswered(gate="g", reason="r", no_tests=no_tests))).verdict
    expected = (Verdict.FAILED if rule.required else Verdict.WARNED) if no_tests else Verdict.ERRORED
    assert verdict is expected


@given(rules, measurements)
def test_nothing_checked_or_no_figure_never_passes(rule: Rule, measurement: Measurement) -> None:
    verdict = judge(rule, evidence(measurement)).verdict
    complete = measurement.checked > 0 and all(limit.value in measurement.values for limit in rule.limits)
    assert (verdict is Verdict.ERRORED) is not complete


@given(rules, measurements)
def test_it_passes_exactly_where_every_limit_holds(rule: Rule, measurement: Measurement) -> None:
    judgement = judge(rule, evidence(measurement))
    if judgement.verdict is not Verdict.ERRORED:
        holds = all(limit.holds(measurement.values[limit.value]) for limit in rule.limits)
        assert (judgement.verdict is Verdict.PASSED) is holds
        assert bool(judgement.reason) is not holds
        assert holds or judgement.verdict is (Verdict.FAILED if rule.required else Verdict.WARNED)


@given(rules, limits, measurements)
def test_a_stricter_rule_never_passes_more(rule: Rule, more: Limit, measurement: Measurement) -> None:
    stricter = Rule(gate=rule.gate, limits=(*rule.limits, more), required=rule.required)
    if judge(stricter, evidence(measurement)).verdict is Verdict.PASSED:
        assert judge(rule, evidence(measurement)).verdict is Verdict.PASSED


@given(comparisons, figures, figures, figures)
def test_the_tightest_of_two_limits_holds_where_both_do(comparison: Comparison, one: float, other: float, measured: float) -> None:
    first, second = (Limit(value="v", comparison=comparison, threshold=threshold) for threshold in (one, other))
    assert first.tightest(second).holds(measured) is (first.holds(measured) and second.holds(measured))


@given(st.lists(verdicts))
def test_the_worst_verdict_is_one_of_them_and_order_does_not_matter(each: list[Verdict]) -> None:
    assert worst(each) is worst(reversed(each))
    assert worst(each) in each if each else worst(each) is Verdict.ERRORED


@given(st.lists(verdicts, min_size=1), verdicts)
def test_one_more_verdict_never_lets_more_pass(each: list[Verdict], more: Verdict) -> None:
    assert worst([*each, more]).lets_pass is (worst(each).lets_pass and more.lets_pass)
    assert worst([worst(each), more]) is worst([*each, more])


def test_a_place_whose_own_figure_the_rule_allows_is_not_told_as_one_to_mend() -> None:
    places = tuple(Finding(path="a.py", line=each, code="complexity", figure=float(each)) for each in (48, 21, 20, 19))
    measured = Measurement(gate="complexity", values={"complexity": 48.0}, checked=1, findings=places)
    rule = Rule(gate="complexity", limits=(Limit(value="complexity", comparison=Comparison.AT_MOST, threshold=20),))
    told = judge(rule, evidence(measured)).evidence
    assert told is not None
    assert isinstance(told.answer, Measurement)
    assert [each.line for each in told.answer.findings] == [48, 21]
