"""What each target asks of each gate: the defaults, what the settings change, and what the specification promises.

Source of the defaults: the table "Rules per target" of the project's promotion page. A climb passes through every target below
it, so that a rule is as tight as the tightest on the way: to loosen a figure for production, loosen it for staging too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce

from spec2prod.config.settings import Settings
from spec2prod.domain.plan import Target
from spec2prod.domain.specification import Specification
from spec2prod.domain.verdict import Comparison, Limit, Rule

COVERAGE = "test_coverage"
SECURITY = "security"  # not waivable unless the settings say so, even where it is optional
_LEAST_GOAL = 80.0  # percent

_AT_LEAST = frozenset({"percent"})  # every other figure counts what is wrong


def _default(gate: str, *, required: bool = True, **limits: float) -> Rule:
    return Rule(gate=gate, limits=tuple(_limit(value, threshold, "default") for value, threshold in limits.items()), required=required)


def _limit(value: str, threshold: float, origin: str) -> Limit:
    comparison = Comparison.AT_LEAST if value in _AT_LEAST else Comparison.AT_MOST
    return Limit(value=value, comparison=comparison, threshold=threshold, origin=origin)


_VULNERABILITIES = _default("vulnerabilities", required=False, vulnerabilities=0)
DEFAULTS: Mapping[Target, tuple[Rule, ...]] = {
    Target.DEVELOPMENT: (
        _default("test_pass_rate", percent=100),
        _default(COVERAGE, required=False, percent=50),
        _default("linting", issues=0),
        _default("type_checking", required=False, errors=0),
        _default("security", required=False, critical=0, high=0, medium=5),
    ),
    Target.STAGING: (
        _default("test_pass_rate", percent=100),
        _default(COVERAGE, percent=70),
        _default("linting", issues=0),
        _default("type_checking", errors=0),
        _default("security", critical=0, high=0, medium=5),
        _VULNERABILITIES,
    ),
    Target.PRODUCTION: (
        _default("test_pass_rate", percent=100),
        _default(COVERAGE, percent=80),
        _default("linting", issues=0),
        _default("type_checking", errors=0),
        _default("security", critical=0, high=0, medium=5),
        _VULNERABILITIES,
    ),
}


def rules_for(target: Target, settings: Settings, specification: Specification) -> tuple[Rule, ...]:
    """Return the rules in force on a climb to `target`, one per gate.

    Coverage, in this order: the targets' rules, tightened by what the specification asks (required at every target). A
    `coverage_threshold` in pyproject.toml stands in for the targets' rules alone; given by the caller for this run, it stands in
    for the specification's too, and the report says so.
    """
    climb = tuple(Target)[: tuple(Target).index(target) + 1]
    rules = _tightest(rule for step in climb for rule in _of_target(step, settings))
    return tuple(_coverage(rule, settings, specification, climb) if rule.gate == COVERAGE else rule for rule in rules)


def not_waivable_at(gate: str, target: Target, settings: Settings, specification: Specification) -> tuple[Target, ...]:
    """Return the targets on the climb that do not let a gate's "no" be waived; empty where it may be."""
    climb = tuple(Target)[: tuple(Target).index(target) + 1]
    asked = (rule for rule in rules_for(target, settings, specification) if rule.gate == gate)
    if all(rule.waivable for rule in asked):
        return ()
    return tuple(step for step in climb if not _stated(settings, step, gate).get("waivable"))


def coverage_goal(rules: Iterable[Rule]) -> float:
    """Return what generation aims at, in percent: the strictest coverage rule in force, 80 at least."""
    limits = (limit.threshold for rule in rules if rule.gate == COVERAGE for limit in rule.limits if limit.value == "percent")
    return max(_LEAST_GOAL, *limits, _LEAST_GOAL)


def _of_target(target: Target, settings: Settings) -> Iterator[Rule]:
    """Yield a target's rules: the defaults, with what the settings give in their place, and gates that only the settings ask."""
    stated = settings.rules.model_dump(exclude_none=True)[target.value]
    defaults = {rule.gate: rule for rule in DEFAULTS[target]}
    for gate in (*defaults, *(gate for gate, changes in stated.items() if changes and gate not in defaults)):
        default = defaults.get(gate) or next(rule for rule in DEFAULTS[Target.PRODUCTION] if rule.gate == gate)
        changes = dict(stated[gate])
        required = bool(changes.pop("required", default.required))
        waivable = bool(changes.pop("waivable", not required and gate != SECURITY))
        limits = {limit.value: limit for limit in default.limits}
        for value, threshold in changes.items():
            limits[value] = _limit(value, threshold, settings.origin(f"rules.{target.value}.{gate}.{value}"))
        yield Rule(gate=gate, limits=tuple(limits.values()), required=required, waivable=waivable)


def _stated(settings: Settings, target: Target, gate: str) -> Mapping[str, object]:
    """Return what the settings say about a gate at one target."""
    stated: Mapping[str, object] = settings.rules.model_dump(exclude_none=True)[target.value].get(gate, {})
    return stated


def _tightest(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return one rule per gate, each limit the tightest of its kind, required where any is, waivable where all are."""
    by_gate: dict[str, Rule] = {}
    for rule in rules:
        by_gate[rule.gate] = _both(by_gate[rule.gate], rule) if rule.gate in by_gate else rule
    return tuple(by_gate.values())


def _both(one: Rule, other: Rule) -> Rule:
    limits = {limit.value: limit for limit in one.limits}
    for limit in other.limits:
        limits[limit.value] = limit.tightest(limits[limit.value]) if limit.value in limits else limit
    return Rule(
        gate=one.gate,
        limits=tuple(limits.values()),
        required=one.required or other.required,
        waivable=one.waivable and other.waivable,
    )


def _coverage(rule: Rule, settings: Settings, specification: Specification, climb: Iterable[Target]) -> Rule:
    """Return the rule on coverage; what a specification or a caller asks is waivable only where the settings say so."""
    stated_waivable = all(_stated(settings, step, COVERAGE).get("waivable") for step in climb)
    promised = _promised(specification, waivable=stated_waivable)
    threshold = settings.coverage_threshold
    if threshold is None:
        return reduce(_both, promised, rule)
    origin = settings.origin("coverage_threshold")
    if origin.startswith("pyproject.toml"):
        stated = replace(rule, limits=(_limit("percent", threshold, origin),), required=True, waivable=stated_waivable)
        return reduce(_both, promised, stated)
    instead = "".join(f", instead of {limit.threshold:g} from {limit.origin}" for each in promised for limit in each.limits)
    limit = _limit("percent", threshold, f"coverage_threshold of the {origin}{instead}")
    return replace(rule, limits=(limit,), required=True, waivable=stated_waivable)


def _promised(specification: Specification, *, waivable: bool) -> tuple[Rule, ...]:
    if specification.coverage_target is None:
        return ()
    origin = f"{specification.path}:{specification.coverage_target_line}"
    return (Rule(gate=COVERAGE, limits=(_limit("percent", specification.coverage_target, origin),), waivable=waivable),)
