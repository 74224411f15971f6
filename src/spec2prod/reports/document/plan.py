"""What was planned: specification, component, and the rules with the addresses of their limits."""

from datetime import date
from typing import TypedDict

from spec2prod.domain.plan import Mode, Stage, Target
from spec2prod.domain.verdict import Comparison


class Requirement(TypedDict):
    """One promise of the specification, with its line."""

    id: str
    text: str
    line: int
    id_given: bool
    priority: str


class Specification(TypedDict):
    """What the component promises; `unread` are lines that look like promises and were not read, `draft_line` marks a draft."""

    path: str
    title: str
    overview: str
    requirements: tuple[Requirement, ...]
    testing_requirements: tuple[Requirement, ...]
    coverage_target: float | None
    coverage_target_line: int
    unread: tuple[int, ...]
    draft_line: int


class Component(TypedDict):
    """What was promoted; paths are relative to the project."""

    name: str
    source: str
    import_root: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    tests_folder: str


class Limit(TypedDict):
    """One threshold, and which file, line or default set it."""

    value: str
    comparison: Comparison
    threshold: float
    origin: str


class Rule(TypedDict):
    """What the target asks of one gate."""

    gate: str
    limits: tuple[Limit, ...]
    required: bool
    waivable: bool


class Waiver(TypedDict):
    """A "no" that somebody took the responsibility for; `expires` is the last day on which it holds."""

    gate: str
    reason: str
    approver: str
    expires: date
    component: str


class Plan(TypedDict):
    """The promotion as it was decided, before anything ran."""

    run_id: str
    component: Component
    specification: Specification
    target: Target
    mode: Mode
    stages: tuple[Stage, ...]
    rules: tuple[Rule, ...]
    traces_requirements: bool
    waivers: tuple[Waiver, ...]
    left_out: tuple[str, ...]
    time_limit_s: float | None
    generate: bool
    generators: tuple[str, ...]
    generation_required: bool
    auto_fix: bool
    fail_fast: bool
    coverage_goal: float
    model: str
    scripted_model: bool
