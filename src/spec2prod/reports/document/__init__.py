"""The JSON report as a contract: its parts, a file each topic, from which the published schema is made (law 8).

`parts.told` reads the domain's values by these names, and only what is named here is told: no environment
variable, no key, no output of a tool can slip into a report. Times are milliseconds, memory is MiB, lines are 1-based.

Typed dictionaries, because every run makes them: pydantic, which makes the schema of them, would take thirty times as long.
"""

from typing import Literal, TypedDict

from spec2prod.domain.plan import Mode, Stage
from spec2prod.reports.document.evidence import Evidence, Finding, Judgement, Measurement, StageResult, Unanswered
from spec2prod.reports.document.figures import DECIMALS, Figure
from spec2prod.reports.document.generation import Candidate, Cost, Generation, Round, Task
from spec2prod.reports.document.machine import Cache, Process, Replayed, Schedule, Span, Waited
from spec2prod.reports.document.plan import Component, Limit, Plan, Requirement, Rule, Specification, Waiver
from spec2prod.reports.document.requirements import (
    DoubtfulExample,
    GivenExamples,
    Matrix,
    OpenDefect,
    Promised,
    Requirements,
    ShownTest,
    TracedRequirement,
    UnknownId,
)

__all__ = [
    "DECIMALS",
    "FORMAT",
    "Cache",
    "Candidate",
    "Component",
    "Cost",
    "DoubtfulExample",
    "Evidence",
    "Figure",
    "Finding",
    "FullRun",
    "Generation",
    "GivenExamples",
    "Judgement",
    "Limit",
    "Matrix",
    "Measurement",
    "OpenDefect",
    "Plan",
    "Problem",
    "Process",
    "Promised",
    "Replayed",
    "Report",
    "Requirement",
    "Requirements",
    "Round",
    "Rule",
    "Schedule",
    "ShownTest",
    "Span",
    "Specification",
    "StageResult",
    "Task",
    "TracedRequirement",
    "Unanswered",
    "UnknownId",
    "Waited",
    "Waiver",
]

FORMAT: Literal[1] = 1


class FullRun(TypedDict):
    """Everything that is known about the run.

    `attempt` counts the processes that have worked on it, `resumed_from` is when the first one began; `processes` are those that this
    attempt started, `replayed` the steps that earlier ones had done.
    """

    conclusion: str
    started_at: str
    interrupted: bool
    out_of_time: bool
    defects: tuple[OpenDefect, ...]
    digest: str
    plan: Plan
    not_run: dict[Stage, str]
    generation: Generation
    requirements: Requirements | None
    candidates: tuple[Candidate, ...]
    adopted: tuple[str, ...]
    diffs: dict[str, str]
    cache: Cache
    timeline: tuple[Span, ...]
    schedule: Schedule
    processes: tuple[Process, ...]
    attempt: int
    resumed_from: str | None
    steps_replayed: int
    replayed: tuple[Replayed, ...]


class Problem(TypedDict):
    """Why a run never began: `slug` names the kind of error, `where` is a `file:line` or a setting's name."""

    slug: str
    message: str
    where: str
    next_step: str


class Report(TypedDict):
    """The report of one run: the guide's fields, then the format's number, the exit code and the full run.

    A run that was refused before it began has an `error` and no `run`; its `target_stage` is what was asked for, which
    may be no target at all. Every other run has a `run` and no `error`.
    """

    success: bool
    component_name: str
    target_stage: str
    stages_completed: tuple[Stage, ...]
    stages_failed: tuple[Stage, ...]
    stage_results: dict[Stage, StageResult]
    total_execution_time_ms: Figure
    context_session_id: str
    metrics_dashboard: str | None
    execution_mode: Mode
    stage_timings: dict[str, Figure]
    openhands_submission_time_ms: Figure
    openhands_collection_time_ms: Figure
    parallel_execution_savings_ms: Figure
    format: Literal[1]
    exit_code: int
    error: Problem | None
    run: FullRun | None
