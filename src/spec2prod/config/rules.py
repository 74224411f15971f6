"""What each target asks of each gate: the defaults, what the settings change, and what the specification promises.

Source of the defaults: the table "Rules per target" of the project's promotion page. A climb passes through every target below
it, so that a rule is as tight as the tightest on the way: to loosen a figure for production, loosen it for staging too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce

from spec2prod.config.schema import TargetRules
from spec2prod.config.settings import Settings
from spec2prod.domain.plan import Target
from spec2prod.domain.specification import Specification
from spec2prod.domain.verdict import Comparison, Limit, Rule
from spec2prod.errors import SettingsError

COVERAGE = "test_coverage"
SECURITY = "security"
_NEVER_BY_DEFAULT = frozenset({SECURITY, "suspected_defects"})  # not waivable unless the settings say so, even where it is optional
_LEAST_GOAL = 80.0  # percent

_AT_LEAST = frozenset({"percent", "p0_percent", "p1_percent", "readme"})  # every other figure counts what is wrong


def _default(gate: str, *, required: bool = True, **limits: float) -> Rule:
    return Rule(gate=gate, limits=tuple(_limit(value, threshold, "default") for value, threshold in limits.items()), required=required)


def _limit(value: str, threshold: float, origin: str) -> Limit:
    comparison = Comparison.AT_LEAST if value in _AT_LEAST else Comparison.AT_MOST
    return Limit(value=value, comparison=comparison, threshold=threshold, origin=origin)


_VULNERABILITIES = _default("vulnerabilities", required=False, vulnerabilities=0)
_DEFECTS = _default("suspected_defects", open=0)
_COMPLEXITY = _default("complexity", required=False, complexity=20)
DEFAULTS: Mapping[Target, tuple[Rule, ...]] = {
    Target.DEVELOPMENT: (
        _default("test_pass_rate", percent=100),
        _default(COVERAGE, required=False, percent=50),
        _default("linting", issues=0),
        _default("type_checking", required=False, errors=0),
        _default("security", required=False, critical=0, high=0, medium=5),
        _default("flaky_tests", required=False, flaky=0),
        _default("requirements", required=False, p0_percent=100),
        replace(_DEFECTS, required=False),
    ),
    Target.STAGING: (
        _default("test_pass_rate", percent=100),
        _default(COVERAGE, percent=70),
        _default("linting", issues=0),
        _default("type_checking", errors=0),
        _default("security", critical=0, high=0, medium=5),
        _default("flaky_tests", flaky=0),
        _default("requirements", p0_percent=100),
        _DEFECTS,
        _VULNERABILITIES,
        _COMPLEXITY,
        _default("performance", required=False, response_ms=5000, memory_mb=512, slower_percent=10),
    ),
    Target.PRODUCTION: (
        _default("test_pass_rate", percent=100),
        _default(COVERAGE, percent=80),
        _default("linting", issues=0),
        _default("type_checking", errors=0),
        _default("security", critical=0, high=0, medium=5),
        _default("flaky_tests", flaky=0),
        _default("requirements", p0_percent=100, p1_percent=90, percent=80),
        _DEFECTS,
        _VULNERABILITIES,
        _COMPLEXITY,
        _default("performance", response_ms=5000, memory_mb=512, slower_percent=10),
        _default("documentation", required=False, percent=80, readme=1),
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
    for gate in (*defaults, *(gate for gate, changes in stated.items() if gate not in defaults and _asks(gate, changes))):
        default = defaults.get(gate) or next((rule for rule in DEFAULTS[Target.PRODUCTION] if rule.gate == gate), _own(gate, settings))
        changes = dict(stated[gate])
        required = bool(changes.pop("required", default.required))
        if not changes.pop("asked", True):
            _refuse_left_out(target, gate, settings, required=required)
            continue
        waivable = bool(changes.pop("waivable", not required and gate not in _NEVER_BY_DEFAULT))
        limits = {limit.value: limit for limit in default.limits}
        for value, threshold in changes.items():
            limit = _limit(value, threshold, settings.origin(f"rules.{target.value}.{gate}.{value}"))
            limits[value] = replace(limit, comparison=limits[value].comparison) if value in limits else limit
        yield Rule(gate=gate, limits=tuple(limits.values()), required=required, waivable=waivable)


def left_out(target: Target, settings: Settings) -> tuple[str, ...]:
    """Return the gates that the settings leave out on a climb to `target`, a clause each: what is not asked is told."""
    stated = settings.rules.model_dump()
    climb = tuple(Target)[: tuple(Target).index(target) + 1]
    return tuple(
        f"{gate} is not asked at {step} ({settings.origin(f'rules.{step.value}.{gate}.asked')})"
        for step in climb
        for gate, rule in stated[step.value].items()
        if rule["asked"] is False
    )


def _refuse_left_out(target: Target, gate: str, settings: Settings, *, required: bool) -> None:
    if required:
        where = settings.origin(f"rules.{target.value}.{gate}.asked")
        raise SettingsError(
            f"{gate} is required at {target}: it cannot be left out", where=where, next_step="set required = false beside it, or ask it"
        )


def _asks(gate: str, changes: Mapping[str, object]) -> bool:
    """Whether a table asks for a gate without a default; a project's own gate is asked by an empty one too."""
    return bool(changes) or gate not in TargetRules.model_fields


def _own(gate: str, settings: Settings) -> Rule:
    """Return what is asked of a gate of the project's own by default: no failure, where less of its figure is better."""
    table = settings.gates.get(gate)
    if table is None:  # from an entry point: only the rule says which figures it has
        return Rule(gate=gate, limits=())
    comparison = Comparison.AT_LEAST if table.better == "higher" else Comparison.AT_MOST
    return Rule(gate=gate, limits=(Limit(value=table.figure_name, comparison=comparison, threshold=0, origin="default"),))


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
