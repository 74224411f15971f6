"""The first stage: what is promised, of which component, and which climb follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spec2prod.domain.component import Component
from spec2prod.domain.plan import Mode, Plan, Stage, Target
from spec2prod.domain.run import StageResult
from spec2prod.domain.specification import Specification
from spec2prod.domain.verdict import Rule, Verdict
from spec2prod.domain.waiver import Waiver
from spec2prod.errors import SpecificationError

_CLIMB = {
    Target.DEVELOPMENT: (),
    Target.STAGING: (Stage.STAGING_DEPLOYMENT,),
    Target.PRODUCTION: (Stage.STAGING_DEPLOYMENT, Stage.PRODUCTION_DEPLOYMENT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What a caller asks for, already read and checked, but not yet a plan."""

    run_id: str
    target: Target
    mode: Mode
    generate: bool
    generation_required: bool
    auto_fix: bool
    coverage_goal: float
    model: str = ""
    scripted_model: bool = False
    waivers: tuple[Waiver, ...] = ()
    staging_rules: tuple[Rule, ...] = ()
    left_out: tuple[str, ...] = ()
    time_limit_s: float | None = None
    fail_fast: bool = False
    traces_requirements: bool = True
    generators: tuple[str, ...] = ("openhands",)
    rounds: int = 1


def plan_promotion(asked: Promotion, component: Component, specification: Specification, rules: Sequence[Rule]) -> Plan:
    """Lay out the climb. A longer one extends the plan of a shorter one (law 7).

    Raises:
        SpecificationError: where a draft is to be released: nobody has promised anything yet.
    """
    if specification.draft_line and asked.target is not Target.DEVELOPMENT:
        raise SpecificationError(
            f"is a draft that nobody has confirmed, and {asked.target} needs a promise",
            where=f"{specification.path}:{specification.draft_line}",
            next_step="Say in it what the component promises, then delete that line; --target development judges a draft too.",
        )
    generation = (Stage.GENERATION,) if asked.generate else ()
    acceptance = (Stage.ACCEPTANCE,) if asked.generate else ()
    return Plan(
        run_id=asked.run_id,
        component=component,
        specification=specification,
        target=asked.target,
        mode=asked.mode,
        stages=(Stage.SPECIFICATION, Stage.TESTING, *generation, Stage.REFACTORING, *acceptance, *_CLIMB[asked.target]),
        rules=tuple(rules),
        staging_rules=asked.staging_rules,
        traces_requirements=asked.traces_requirements,
        left_out=asked.left_out,
        time_limit_s=asked.time_limit_s,
        generate=asked.generate,
        generation_required=asked.generation_required,
        auto_fix=asked.auto_fix,
        coverage_goal=asked.coverage_goal,
        fail_fast=asked.fail_fast,
        generators=asked.generators,
        rounds=asked.rounds,
        model=asked.model,
        scripted_model=asked.scripted_model,
        waivers=tuple(waiver for waiver in asked.waivers if waiver.covers(waiver.gate, component.name)),
    )


def specification_result(specification: Specification) -> StageResult:
    """Tell what was read; lines that look like promises but were not read are a warning, never silence."""
    unread = tuple(
        f"{specification.path}:{line}: looks like a requirement, but stands outside the requirement sections"
        for line in specification.unread
    )
    warnings = (*_unconfirmed(specification), *unread)
    return StageResult(
        stage=Stage.SPECIFICATION,
        verdict=Verdict.WARNED if warnings else Verdict.PASSED,
        errors=warnings,
        outputs={
            "title": specification.title,
            "requirements": len(specification.requirements),
            "testing_requirements": len(specification.testing_requirements),
            "coverage_target": specification.coverage_target,
        },
    )


def _unconfirmed(specification: Specification) -> tuple[str, ...]:
    if not specification.draft_line:
        return ()
    return (f"{specification.path}:{specification.draft_line}: is a draft: say what the component promises, then delete that line",)
