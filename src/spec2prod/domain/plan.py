"""How far a run climbs, through which stages, under which rules. A plan is a value: nothing has run yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from spec2prod.domain.component import Component
from spec2prod.domain.specification import Specification
from spec2prod.domain.trace import NOT_ASKED, REQUIREMENTS
from spec2prod.domain.verdict import Rule
from spec2prod.domain.waiver import Waiver


class Target(StrEnum):
    """How far a run climbs. A longer climb extends the plan of a shorter one (law 7)."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Stage(StrEnum):
    """One step of a run, in the order of the climb."""

    SPECIFICATION = "specification"
    TESTING = "testing"
    GENERATION = "openhands_test_generation"
    REFACTORING = "refactoring"
    ACCEPTANCE = "test_acceptance"
    STAGING_DEPLOYMENT = "staging_deployment"
    PRODUCTION_DEPLOYMENT = "production_deployment"


class Mode(StrEnum):
    """What runs beside what; never what is done (law 3)."""

    SYNC = "sync"
    ASYNC = "async"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A promotion, decided and not yet begun.

    `coverage_goal` (percent) is what generation aims at: the strictest coverage rule in force, at least 80.
    `auto_fix` lets the linter mend what it can safely mend in the component's own files.

    `generators` names who writes tests where `generate` says that somebody does: spec, openhands. `rounds` is how often one task may
    bring tests: after each but the last, what the judgement found is told in the same conversation.

    `time_limit_s` is the time that the whole run may take, in seconds; None where there is no limit.
    `left_out` names the optional gates that the settings do not ask, the rules that ask nothing of this specification, and the tests of
    the project that belong to no component, a clause each.

    `rules` are those of the whole climb; a climb to production releases to staging under `staging_rules`, as a climb that
    ends there would (law 7). The rule on requirements is in force where the plan `traces_requirements`, and as soon as a test of the
    suite carries a requirement's ID, also one that this very run adopts: the next run would ask it, so this one does.
    """

    run_id: str
    component: Component
    specification: Specification
    target: Target
    mode: Mode
    stages: tuple[Stage, ...]
    rules: tuple[Rule, ...]
    staging_rules: tuple[Rule, ...] = ()
    traces_requirements: bool = True
    waivers: tuple[Waiver, ...] = ()
    left_out: tuple[str, ...] = ()
    time_limit_s: float | None = None
    generate: bool
    generation_required: bool
    auto_fix: bool
    coverage_goal: float
    fail_fast: bool = False
    model: str = ""
    scripted_model: bool = False
    generators: tuple[str, ...] = ("openhands",)
    rounds: int = 1

    @property
    def requirements_not_asked(self) -> str:
        """Say why no rule on requirements is in force; empty where one is."""
        if any(rule.gate == REQUIREMENTS for rule in self.rules):
            return ""
        nobody = f"{NOT_ASKED}: no rule asks anything of this specification"
        return next((clause for clause in self.left_out if clause.startswith(NOT_ASKED)), nobody)

    @property
    def first_rules(self) -> tuple[Rule, ...]:
        """Return the rules that are in force before any test is known."""
        return tuple(rule for rule in self.rules if self.traces_requirements or rule.gate != REQUIREMENTS)
