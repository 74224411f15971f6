"""A request is read, and its climb laid out: nothing has run yet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from spec2prod.adapters import markdown
from spec2prod.application.specification import Promotion, plan_promotion
from spec2prod.bootstrap.generators import generators_of
from spec2prod.bootstrap.place import Place, place_of
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.questions import applicable, asks_requirements, own_gates, performance_of
from spec2prod.bootstrap.request import Request, target_of
from spec2prod.config.rules import coverage_goal, left_out, rules_for
from spec2prod.config.settings import read_settings
from spec2prod.domain.candidate import is_scripted
from spec2prod.domain.plan import Plan, Target
from spec2prod.domain.specification import Specification
from spec2prod.domain.trace import REQUIREMENTS, in_force
from spec2prod.domain.verdict import Rule

_NAMED = 3  # of the test files that are left out


def prepare(request: Request, run_id: str) -> tuple[Plan, Place]:
    """Read settings, specification and component, and lay out the climb.

    Raises:
        Spec2prodError: whatever is refused, with its address and the next step.
    """
    root = request.root or project_root(request.component_path)
    settings = read_settings(root, request.overrides, os.environ, overrides_from=request.overrides_from)
    place = place_of(request.component, request.component_path, settings, run_id, root)
    specification = markdown.read_spec(request.spec, place.tree.root)
    target = target_of(request.target)
    compared = performance_of(place.tree, place.component, settings)
    asks_performance = compared is not None
    rules, idle = _in_force(applicable(rules_for(target, settings, specification), asks_performance=asks_performance), specification)
    staging = applicable(rules_for(Target.STAGING, settings, specification), asks_performance=asks_performance)
    traced = asks_requirements(place.tree, place.component, settings, specification)
    generators = generators_of(settings)
    gates = own_gates(settings, place.component.interpreter, rules)
    place = replace(place, own_gates=gates, performance=compared, priority=request.priority)
    asked = Promotion(
        run_id=run_id,
        target=target,
        mode=request.mode,
        generate=bool(generators),
        generators=generators,
        rounds=settings.openhands.rounds,
        generation_required=settings.openhands.required,
        auto_fix=settings.auto_fix_linting,
        coverage_goal=coverage_goal(rules),
        model=settings.openhands.model or "",
        scripted_model=is_scripted(settings.openhands.model or ""),
        waivers=settings.waivers_given(),
        left_out=(*left_out(target, settings), *(idle if traced else ()), *_tests_left_out(place)),
        time_limit_s=settings.time_limit_seconds,
        fail_fast=settings.fail_fast,
        staging_rules=_in_force(staging, specification)[0] if target is Target.PRODUCTION else (),
        traces_requirements=traced,
    )
    return plan_promotion(asked, place.component, specification, rules), place


def _tests_left_out(place: Place) -> tuple[str, ...]:
    """Say which tests of the project this run does not run, although it has no other component that they could be of."""
    paths = place.tests_left_out
    if not paths:
        return ()
    few = ", ".join(paths[:_NAMED]) + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")
    count = "1 test file belongs" if len(paths) == 1 else f"{len(paths)} test files belong"
    stated = f"tool.spec2prod.components.{place.component.name}.tests"
    return (f"{count} to no component, and is left out: {few} (neither its name nor what it imports says whose; to count it: {stated})",)


def _in_force(rules: Sequence[Rule], specification: Specification) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """Return the rules without what asks nothing of this specification, and a clause about that."""
    kept, clauses = list[Rule](), list[str]()
    for rule in rules:
        asked, clause = in_force(rule, specification) if rule.gate == REQUIREMENTS else (rule, "")
        kept += [asked] if asked else []
        clauses += [clause] if clause else []
    return tuple(kept), tuple(clauses)
