"""What may be waived, who says so, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.config.rules import not_waivable_at, rules_for
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.plan import Target
from spec2prod.domain.specification import Specification
from spec2prod.domain.verdict import Comparison, Evidence, Limit, Measurement, Rule, Unanswered, Verdict, judge
from spec2prod.domain.waiver import Waiver
from spec2prod.errors import SettingsError

PLAIN = Specification(path="specs/x.md", title="X")
PROMISING = Specification(path="specs/x.md", title="X", coverage_target=80, coverage_target_line=3)
WAIVER = '[[tool.spec2prod.waivers]]\ngate = "linting"\nreason = "old code"\napprover = "Ann"\nexpires = 2027-01-31\n'


def project(root: Path, text: str) -> Settings:
    (root / "pyproject.toml").write_text(text)
    return read_settings(root)


def waivable(settings: Settings, target: Target, specification: Specification = PLAIN) -> set[str]:
    return {rule.gate for rule in rules_for(target, settings, specification) if rule.waivable}


def test_by_default_optional_gates_may_be_waived_but_not_security_nor_a_suspected_defect() -> None:
    development = {rule.gate for rule in rules_for(Target.DEVELOPMENT, Settings(), PLAIN) if not rule.required}
    assert waivable(Settings(), Target.DEVELOPMENT) == development - {"security", "suspected_defects"}
    assert "linting" not in waivable(Settings(), Target.STAGING)


def test_a_setting_lets_a_required_gate_be_waived_if_every_target_on_the_climb_does(tmp_path: Path) -> None:
    settings = project(tmp_path, "[tool.spec2prod.rules.staging]\nlinting.waivable = true\ntest_coverage.waivable = true\n")
    assert "linting" not in waivable(settings, Target.STAGING)
    assert not_waivable_at("linting", Target.STAGING, settings, PLAIN) == (Target.DEVELOPMENT,)
    assert "test_coverage" in waivable(settings, Target.STAGING)
    assert not_waivable_at("test_coverage", Target.STAGING, settings, PLAIN) == ()
    assert "test_coverage" not in waivable(settings, Target.PRODUCTION)


def test_what_a_specification_promises_is_waivable_only_where_the_settings_say_so(tmp_path: Path) -> None:
    assert "test_coverage" not in waivable(Settings(), Target.DEVELOPMENT, PROMISING)
    settings = project(tmp_path, "[tool.spec2prod.rules.development.test_coverage]\nwaivable = true\n")
    assert "test_coverage" in waivable(settings, Target.DEVELOPMENT, PROMISING)


def test_waivers_are_read_with_their_dates(tmp_path: Path) -> None:
    (waiver,) = project(tmp_path, WAIVER).waivers_given()
    assert waiver == Waiver(gate="linting", reason="old code", approver="Ann", expires=date(2027, 1, 31))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("linting", "lintig"), "waivers[0].gate: no gate is called lintig; did you mean linting?"),
        (("2027-01-31", '"2027-01-31"'), "waivers[0].expires: must be a date without quotes, such as 2027-01-31"),
        (("old code", " "), "waivers[0].reason: must not be empty"),
        (("approver", "aprover"), "waivers[0].aprover: no such setting; did you mean approver?"),
        (('approver = "Ann"\n', ""), "waivers[0].approver: field required"),
        (("[[tool.spec2prod.waivers]]", "[tool.spec2prod.waivers]"), "waivers: must be a list"),
    ],
)
def test_a_wrong_waiver_is_refused_with_its_address(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        project(tmp_path, WAIVER.replace(*change))
    assert f"pyproject.toml: tool.spec2prod.{says}" in str(caught.value)


def evidence(issues: float) -> Evidence:
    answer = Measurement(gate="linting", values={"issues": issues}, checked=3)
    return Evidence(answer=answer, digest="d", measured_at="2026-01-01T00:00:00Z", tool="ruff")


UNASKED = Evidence(answer=Unanswered(gate="linting", reason="ruff is missing"), digest="d", measured_at="", tool="ruff")
LAST_DAY = date(2027, 1, 31)
NOT_WAIVABLE = (
    "the waiver by Ann does not count: linting may not be waived here: waivable = true is needed in its rule, at every target of the climb"
)
ANNS = Waiver(gate="linting", reason="old code", approver="Ann", expires=LAST_DAY)


def rule(*, required: bool = True, waivable: bool = True) -> Rule:
    limit = Limit(value="issues", comparison=Comparison.AT_MOST, threshold=0)
    return Rule(gate="linting", limits=(limit,), required=required, waivable=waivable)


@pytest.mark.parametrize("required", [True, False])
def test_a_waiver_that_holds_turns_a_no_into_waived_and_says_who_until_when_and_why(required: bool) -> None:  # noqa: FBT001
    judged = judge(rule(required=required), evidence(2), waivers=[ANNS], today=LAST_DAY)
    assert (judged.verdict, judged.waiver) == (Verdict.WAIVED, "waived by Ann until 2027-01-31: old code")
    assert judged.reason == "issues is 2, needed <= 0"


@pytest.mark.parametrize(
    ("asked", "found", "today", "verdict", "says"),
    [
        (rule(), evidence(2), date(2027, 2, 1), Verdict.FAILED, "the waiver by Ann does not count: it expired on 2027-01-31"),
        (
            rule(waivable=False),
            evidence(2),
            LAST_DAY,
            Verdict.FAILED,
            NOT_WAIVABLE,
        ),
        (rule(), UNASKED, LAST_DAY, Verdict.ERRORED, "the waiver by Ann does not count: a gate that could not be asked is not waived"),
        (rule(), None, LAST_DAY, Verdict.ERRORED, "the waiver by Ann does not count: a gate that could not be asked is not waived"),
        (rule(), evidence(0), LAST_DAY, Verdict.PASSED, ""),
    ],
)
def test_a_waiver_that_does_not_count_is_told(asked: Rule, found: Evidence | None, today: date, verdict: Verdict, says: str) -> None:
    judged = judge(asked, found, waivers=[ANNS], today=today)
    assert (judged.verdict, judged.waiver) == (verdict, says)


def test_of_several_waivers_the_one_that_holds_longest_counts() -> None:
    later = Waiver(gate="linting", reason="still", approver="Bo", expires=date(2028, 1, 1))
    assert judge(rule(), evidence(1), waivers=[later, ANNS], today=date(2027, 6, 1)).waiver.startswith("waived by Bo")


@given(st.booleans(), st.booleans(), st.floats(0, 5), st.dates(), st.sampled_from(["linting", "security"]))
def test_no_waiver_changes_a_yes_or_an_unasked_question(required: bool, may: bool, issues: float, today: date, gate: str) -> None:  # noqa: FBT001
    waiver = Waiver(gate=gate, reason="r", approver="a", expires=LAST_DAY)
    asked = rule(required=required, waivable=may)
    plain, waived = judge(asked, evidence(issues)), judge(asked, evidence(issues), waivers=[waiver], today=today)
    counts = may and gate == "linting" and today <= LAST_DAY and plain.verdict is not Verdict.PASSED
    assert waived.verdict is (Verdict.WAIVED if counts else plain.verdict)
    assert judge(asked, UNASKED, waivers=[waiver], today=today).verdict is Verdict.ERRORED
