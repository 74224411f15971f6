"""The JSON report: the guide's fields at the top level, the full run below. This is the contract; the rest are views."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from spec2prod.domain.candidate import TaskOutcome
from spec2prod.domain.command import Completed
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Refusal, Run, StageResult
from spec2prod.domain.schedule_measured import MeasuredSchedule
from spec2prod.domain.timeline import busy_ms
from spec2prod.domain.verdict import Verdict
from spec2prod.reports import document, rounds, trace
from spec2prod.reports.parts import told


def render(run: Run, *, metrics_dashboard: str | None = None) -> str:
    """Return the report as JSON text with a final newline; `metrics_dashboard` is where a page about the run lies."""
    return json.dumps(as_document(run, metrics_dashboard=metrics_dashboard), indent=2, ensure_ascii=False) + "\n"


def as_document(run: Run, *, metrics_dashboard: str | None = None) -> dict[str, Any]:
    """Return the report as JSON values, in the order of `document.Report`."""
    report = document.Report(
        success=run.success,
        component_name=run.plan.component.name,
        target_stage=run.plan.target,
        stages_completed=tuple(result.stage for result in run.stages if result.verdict.lets_pass),
        stages_failed=tuple(result.stage for result in run.stages if not result.verdict.lets_pass),
        stage_results={result.stage: _stage(run, result) for result in run.stages},
        total_execution_time_ms=run.total_ms,
        context_session_id=run.plan.run_id,
        metrics_dashboard=metrics_dashboard,
        execution_mode=run.plan.mode,
        stage_timings=stage_timings(run),
        openhands_submission_time_ms=run.submission_ms,
        openhands_collection_time_ms=run.collection_ms,
        parallel_execution_savings_ms=run.savings_ms,
        format=document.FORMAT,
        exit_code=int(run.exit_code),
        error=None,
        run=_full(run),
    )
    return _values(report)


def refusal_document(refusal: Refusal) -> dict[str, Any]:
    """Return the report of a run that never began: the reading of what was asked is its one stage, and it errored."""
    stage, error = Stage.SPECIFICATION, refusal.error
    reading = document.StageResult(
        stage_name=stage,
        success=False,
        verdict=Verdict.ERRORED,
        execution_time_ms=refusal.total_ms,
        gates=(),
        first_gates=(),
        errors=(str(error),),
        next_steps=(error.next_step,) if error.next_step else (),
        outputs={},
    )
    report = document.Report(
        success=False,
        component_name=refusal.component_name,
        target_stage=refusal.target,
        stages_completed=(),
        stages_failed=(stage,),
        stage_results={stage: reading},
        total_execution_time_ms=refusal.total_ms,
        context_session_id=refusal.run_id,
        metrics_dashboard=None,
        execution_mode=refusal.mode,
        stage_timings={stage: refusal.total_ms},
        openhands_submission_time_ms=0.0,
        openhands_collection_time_ms=0.0,
        parallel_execution_savings_ms=0.0,
        format=document.FORMAT,
        exit_code=int(refusal.exit_code),
        error=document.Problem(slug=error.slug, message=error.message, where=error.where, next_step=error.next_step),
        run=None,
    )
    return _values(report)


def _values(report: document.Report) -> dict[str, Any]:
    return dict(told(document.Report, report))


def stage_timings(run: Run) -> dict[str, float]:
    """Return how long each stage that ran was busy, in milliseconds; generation's two halves have entries of their own."""
    ran = {span.name for span in run.stage_spans} | {result.stage for result in run.stages}
    timings = {str(stage): _busy(run, stage) for stage in Stage if stage in ran}
    if Stage.GENERATION in ran:
        timings |= {"openhands_submission": run.submission_ms, "openhands_collection": run.collection_ms}
    return timings


def _busy(run: Run, stage: Stage) -> float:
    """Return a stage's time: a stage may run in several pieces, and pieces that overlap count once."""
    return busy_ms(span for span in run.stage_spans if span.name == stage)


def _stage(run: Run, result: StageResult) -> document.StageResult:
    return document.StageResult(
        stage_name=result.stage,
        success=result.verdict.lets_pass,
        verdict=result.verdict,
        execution_time_ms=_busy(run, result.stage),
        gates=tuple(told(document.Judgement, gate) for gate in result.gates),
        first_gates=tuple(told(document.Judgement, gate) for gate in result.first_gates),
        errors=result.errors,
        next_steps=result.next_steps,
        outputs=dict(result.outputs),
    )


def _full(run: Run) -> document.FullRun:
    return document.FullRun(
        conclusion=run.conclusion,
        started_at=run.started_at,
        interrupted=run.interrupted,
        out_of_time=run.out_of_time,
        defects=tuple(told(document.OpenDefect, each) for each in run.defects),
        digest=run.digest,
        plan=told(document.Plan, replace(run.plan, rules=run.plan.first_rules)),  # one more may have come into force since
        not_run=run.not_run,
        generation=generation(run),
        requirements=trace.requirements(run),
        candidates=tuple(told(document.Candidate, each, **_labels(run, each.test_file)) for each in run.candidates),
        adopted=run.adopted,
        diffs=run.diffs,
        cache=document.Cache(hits=run.cache_hits, misses=run.cache_misses),
        timeline=tuple(told(document.Span, each) for each in sorted(run.spans, key=lambda span: (span.start_ms, span.end_ms))),
        schedule=_schedule(run.schedule),
        processes=tuple(_process(each) for each in run.processes),
        attempt=run.attempt,
        resumed_from=run.resumed_from or None,
        steps_replayed=len(run.replayed),
        replayed=tuple(told(document.Replayed, each) for each in run.replayed),
    )


def generation(run: Run) -> document.Generation:
    """Tell what was asked, what came, and why not: a module that was asked about is in `tasks` or in `unanswered`."""
    result = next((each for each in run.stages if each.stage is Stage.GENERATION), None)
    answered = {each.test_file for each in run.outcomes}
    asked = tuple(dict.fromkeys([*(request.module for request in run.requests), *(each.module for each in run.outcomes)]))
    why = "; ".join(result.errors) if result and result.errors else run.not_run.get(Stage.GENERATION, "nothing came back")
    return document.Generation(
        ran=result is not None,
        model=run.model,
        scripted_model=run.scripted_model,
        asked=asked,
        tasks=tuple(_task(run, each) for each in run.outcomes),
        unanswered={each.module: why for each in run.requests if each.test_file not in answered},
        rounds=rounds.rounds(run),
        cost=rounds.cost(run),
        submission_ms=run.submission_ms,
        collection_ms=run.collection_ms,
    )


def _task(run: Run, outcome: TaskOutcome) -> document.Task:
    """Tell a task; what no price is known for has cost nobody knows what, and not 0."""
    cost = outcome.cost_usd if outcome.is_priced else None
    return told(document.Task, outcome, cost_usd=cost, **_labels(run, outcome.test_file))


def _labels(run: Run, test_file: str) -> dict[str, object]:
    """Say beside what was proposed who wrote it, and whether it can show more than what the code does."""
    return {"generator": run.generator_of(test_file), "characterisation": run.is_characterisation(test_file)}


def _schedule(schedule: MeasuredSchedule) -> document.Schedule:
    return document.Schedule(
        makespan_ms=schedule.makespan_ms,
        lower_bound_ms=schedule.lower_bound_ms,
        bounds_ms=dict(schedule.bounds_ms),
        slots=dict(schedule.slots),
        critical_path=tuple(told(document.Span, each) for each in schedule.path),
        idle=tuple(told(document.Waited, each) for each in schedule.idle),
    )


def _process(completed: Completed) -> document.Process:
    return document.Process(
        tool=completed.command.tool,
        argv=completed.command.argv,
        cwd=str(completed.command.cwd),
        exit_code=completed.exit_code,
        wall_ms=completed.wall_ms,
        cpu_ms=completed.cpu_ms,
        peak_memory_mb=completed.peak_memory_mb,
        not_found=completed.not_found,
        timed_out=completed.timed_out,
        ahead_ms=completed.ahead_ms,
    )
