"""What each target asks, and the laws that hold for it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from spec2prod.config.rules import coverage_goal, rules_for
from spec2prod.config.schema import FindingsRule, PercentRule, RulesTable, TargetRules, VulnerabilitiesRule
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.plan import Target
from spec2prod.domain.specification import Specification
from spec2prod.domain.verdict import Evidence, Limit, Measurement, Rule, Verdict, judge

PLAIN = Specification(path="specs/x.md", title="X")


def promising(target: float | None) -> Specification:
    return Specification(path="specs/x.md", title="X", coverage_target=target, coverage_target_line=15)


def told(rules: tuple[Rule, ...]) -> dict[str, tuple[str, bool]]:
    return {rule.gate: (", ".join(map(str, rule.limits)), rule.required) for rule in rules}


def coverage(rules: tuple[Rule, ...]) -> tuple[Limit, bool]:
    (rule,) = (rule for rule in rules if rule.gate == "test_coverage")
    (limit,) = rule.limits
    return limit, rule.required


def test_the_defaults_are_those_of_the_promotion_page() -> None:
    security = "critical <= 0, high <= 0, medium <= 5"
    assert told(rules_for(Target.DEVELOPMENT, Settings(), PLAIN)) == {
        "test_pass_rate": ("percent >= 100", True),
        "test_coverage": ("percent >= 50", False),
        "linting": ("issues <= 0", True),
        "type_checking": ("errors <= 0", False),
        "security": (security, False),
        "flaky_tests": ("flaky <= 0", False),
        "requirements": ("p0_percent >= 100", False),
        "suspected_defects": ("open <= 0", False),
    }
    at_staging = {"requirements": ("p0_percent >= 100", True)}
    at_production = {
        "documentation": ("percent >= 80, readme >= 1", False),
        "requirements": ("p0_percent >= 100, p1_percent >= 90, percent >= 80", True),
    }
    for target, percent, more in ((Target.STAGING, 70, at_staging), (Target.PRODUCTION, 80, at_production)):
        assert told(rules_for(target, Settings(), PLAIN)) == more | {
            "test_pass_rate": ("percent >= 100", True),
            "test_coverage": (f"percent >= {percent}", True),
            "linting": ("issues <= 0", True),
            "type_checking": ("errors <= 0", True),
            "security": (security, True),
            "vulnerabilities": ("vulnerabilities <= 0", False),
            "flaky_tests": ("flaky <= 0", True),
            "suspected_defects": ("open <= 0", True),
            "complexity": ("complexity <= 20", False),
            "performance": ("response_ms <= 5000, memory_mb <= 512, slower_percent <= 10", target is Target.PRODUCTION),
        }


def test_75_percent_coverage_passes_up_to_staging_and_fails_production() -> None:
    evidence = Evidence(
        answer=Measurement(gate="test_coverage", values={"percent": 75.0}, checked=1),
        digest="d",
        measured_at="2026-01-01T00:00:00Z",
        tool="t",
    )
    verdicts = [
        judge(rule, evidence).verdict for target in Target for rule in rules_for(target, Settings(), PLAIN) if rule.gate == "test_coverage"
    ]
    assert verdicts == [Verdict.PASSED, Verdict.PASSED, Verdict.FAILED]


def test_what_the_specification_asks_is_required_at_every_target() -> None:
    for target in Target:
        limit, required = coverage(rules_for(target, Settings(), promising(85)))
        assert (limit.threshold, limit.origin, required) == (85, "specs/x.md:15", True)
    limit, required = coverage(rules_for(Target.PRODUCTION, Settings(), promising(60)))
    assert (limit.threshold, limit.origin, required) == (80, "default", True)


def test_the_callers_threshold_overrides_the_coverage_rule_and_says_so(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, {"coverage_threshold": 40})
    limit, required = coverage(rules_for(Target.PRODUCTION, settings, promising(85)))
    assert (limit.threshold, required) == (40, True)
    assert limit.origin == "coverage_threshold of the caller, instead of 85 from specs/x.md:15"


def test_a_threshold_in_pyproject_stands_in_for_the_targets_but_not_for_the_specification(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.spec2prod]\ncoverage_threshold = 60\n")
    settings = read_settings(tmp_path)
    limit, _ = coverage(rules_for(Target.PRODUCTION, settings, PLAIN))
    assert (limit.threshold, limit.origin) == (60, "pyproject.toml: tool.spec2prod.coverage_threshold")
    assert coverage(rules_for(Target.PRODUCTION, settings, promising(85)))[0].threshold == 85


def test_settings_change_single_figures_and_say_where(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.spec2prod.rules.staging.security]\nmedium = 2\nlow = 10\n[tool.spec2prod.rules.development]\n"
        "type_checking.required = true\nvulnerabilities.required = true\n"
    )
    settings = read_settings(tmp_path)
    rules = {rule.gate: rule for rule in rules_for(Target.STAGING, settings, PLAIN)}
    assert [str(limit) for limit in rules["security"].limits] == ["critical <= 0", "high <= 0", "medium <= 2", "low <= 10"]
    assert rules["security"].limits[2].origin == "pyproject.toml: tool.spec2prod.rules.staging.security.medium"
    development = told(rules_for(Target.DEVELOPMENT, settings, PLAIN))
    assert development["type_checking"] == ("errors <= 0", True)
    assert development["vulnerabilities"] == ("vulnerabilities <= 0", True)


def test_generation_aims_at_the_strictest_rule_and_80_at_least() -> None:
    assert coverage_goal(()) == 80
    assert coverage_goal(rules_for(Target.DEVELOPMENT, Settings(), PLAIN)) == 80
    assert coverage_goal(rules_for(Target.DEVELOPMENT, Settings(), promising(95))) == 95


percents = st.floats(0, 100, allow_nan=False)
counts = st.integers(0, 20).map(float)
target_rules = st.builds(
    TargetRules,
    test_coverage=st.builds(PercentRule, percent=st.none() | percents, required=st.none() | st.booleans()),
    security=st.builds(FindingsRule, medium=st.none() | counts, low=st.none() | counts, required=st.none() | st.booleans()),
    vulnerabilities=st.builds(VulnerabilitiesRule, vulnerabilities=st.none() | counts),
)
settings_of_all_kinds = st.builds(
    Settings,
    coverage_threshold=st.none() | percents,
    rules=st.builds(RulesTable, development=target_rules, staging=target_rules, production=target_rules),
    origins=st.sampled_from([{}, {"coverage_threshold": "caller"}, {"coverage_threshold": "pyproject.toml: x"}]),
)


@given(settings_of_all_kinds, st.none() | percents)
def test_a_longer_climb_never_loosens_a_limit(settings: Settings, promised: float | None) -> None:
    climbs = [{rule.gate: rule for rule in rules_for(target, settings, promising(promised))} for target in Target]
    for shorter, longer in pairwise(climbs):
        for gate, rule in shorter.items():
            assert longer[gate].required >= rule.required
            limits = {limit.value: limit for limit in longer[gate].limits}
            assert all(limits[limit.value].tightest(limit).threshold == limits[limit.value].threshold for limit in rule.limits)


@given(settings_of_all_kinds, percents, st.sampled_from(Target))
def test_a_promise_of_coverage_never_loosens_the_rule(settings: Settings, promised: float, target: Target) -> None:
    without, _ = coverage(rules_for(target, settings, PLAIN))
    limit, required = coverage(rules_for(target, settings, promising(promised)))
    assert limit.threshold >= without.threshold
    assert required
    if settings.coverage_threshold is None:
        assert limit.threshold >= promised


@given(settings_of_all_kinds, st.none() | percents, st.sampled_from(Target))
def test_there_is_one_rule_per_gate_and_each_has_limits(settings: Settings, promised: float | None, target: Target) -> None:
    rules = rules_for(target, settings, promising(promised))
    assert len({rule.gate for rule in rules}) == len(rules)
    assert all(rule.limits for rule in rules)
    assert coverage_goal(rules) >= 80


def test_a_suspected_defect_is_not_waivable_unless_the_settings_say_so(tmp_path: Path) -> None:
    def waivable(settings: Settings) -> list[bool]:
        return [rule.waivable for target in Target for rule in rules_for(target, settings, PLAIN) if rule.gate == "suspected_defects"]

    assert waivable(Settings()) == [False, False, False]
    tables = "".join(
        f"[tool.spec2prod.rules.{target}.suspected_defects]\nwaivable = true\nopen = 1\n" for target in ("development", "staging")
    )
    (tmp_path / "pyproject.toml").write_text(tables)
    assert waivable(read_settings(tmp_path)) == [True, True, False]
