"""One attempt to promote a component: what happened, what was measured, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spec2prod.domain.candidate import CHARACTERISING, Candidate, TaskOutcome, TestRequest, is_scripted
from spec2prod.domain.plan import Mode, Plan, Stage
from spec2prod.domain.schedule_measured import MeasuredSchedule, measured_schedule
from spec2prod.domain.timeline import Span, savings_ms
from spec2prod.domain.verdict import Judgement, Verdict
from spec2prod.errors import ExitCode, Spec2prodError

if TYPE_CHECKING:
    from spec2prod.domain.command import Completed
    from spec2prod.domain.defect import Defect
    from spec2prod.domain.example_places import Given
    from spec2prod.domain.rounds import Round
    from spec2prod.domain.trace import Matrix

CANCELLED = "the run was cancelled (spec2prod cancel)"
SHORT = 8
"""Characters of a run's ID that people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """How one stage went.

    `gates` are judged last and on the final tree; `first_gates` is what they said before the tree changed, empty where it
    did not. `errors` are sentences, `next_steps` what the reader can do about them; `outputs` are facts for the report. `rolled_back` says
    that a release was tried and taken back, `timed_out` that the stage's own time limit ended it.
    """

    stage: Stage
    verdict: Verdict
    gates: tuple[Judgement, ...] = ()
    first_gates: tuple[Judgement, ...] = ()
    errors: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    outputs: dict[str, object] = field(default_factory=dict)
    rolled_back: bool = False
    timed_out: bool = False

    @property
    def ran_out_of_time(self) -> bool:
        """Whether nothing but time limits kept its required gates, or the stage itself, from an answer."""
        unasked = [gate for gate in self.gates if gate.required and gate.verdict is Verdict.ERRORED]
        return all(gate.timed_out for gate in unasked) if unasked else self.timed_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A step that an earlier attempt of this run had done: its answer was taken from the record. Times are ISO 8601 in UTC."""

    step: str
    attempt: int
    began_at: str
    ended_at: str
    wall_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run. `spans` hold the stages (`stage == ""`) and the steps inside them.

    `attempt` counts the processes that have worked on it; `resumed_from` is when the first began (ISO 8601 in UTC), empty where this
    is the first. `processes` are those that this attempt has started, `replayed` the steps that earlier ones had done.
    `cache_hits` counts the questions that earlier runs had answered, `cache_misses` those that were asked.
    `cpu_slots` is how many processes could run at a time, 0 where that was not limited. `matrix` says which requirement is shown by which
    test, `examples` what the specification gives as examples. `defects` are the component's suspected defects that are open. `idle` are
    stages that did not run since there was nothing for them to do: they hold nobody back. `cancelled` says that somebody else
    interrupted it (`spec2prod cancel`), `can_go_on` that its steps are kept, so that an interrupted one can be gone on with.
    """

    plan: Plan
    started_at: str
    stages: tuple[StageResult, ...]
    not_run: dict[Stage, str]
    spans: tuple[Span, ...]
    total_ms: float
    submission_ms: float = 0.0
    collection_ms: float = 0.0
    requests: tuple[TestRequest, ...] = ()
    outcomes: tuple[TaskOutcome, ...] = ()
    rounds: tuple[Round, ...] = ()
    rounds_judged: Mapping[tuple[str, int], tuple[Candidate, ...]] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    adopted: tuple[str, ...] = ()
    diffs: dict[str, str] = field(default_factory=dict)
    processes: tuple[Completed, ...] = ()
    digest: str = ""
    interrupted: bool = False
    out_of_time: bool = False
    cancelled: bool = False
    can_go_on: bool = False
    attempt: int = 1
    resumed_from: str = ""
    replayed: tuple[Replayed, ...] = ()
    cache_hits: int = 0
    cache_misses: int = 0
    cache_kept: int = 0
    cpu_slots: int = 0
    matrix: Matrix | None = None
    examples: Given | None = None
    defects: tuple[Defect, ...] = ()
    idle: frozenset[Stage] = frozenset()

    def generator_of(self, test_file: str) -> str:
        """Return who wrote a proposed test file, empty where nobody was asked for it."""
        return next((each.generator for each in self.requests if each.test_file == test_file), "")

    def is_characterisation(self, test_file: str) -> bool:
        """Whether a proposed test file shows what the code does, not what it should do."""
        return self.generator_of(test_file) in CHARACTERISING

    @property
    def stage_spans(self) -> tuple[Span, ...]:
        """Return the stages' own spans."""
        return tuple(span for span in self.spans if not span.stage)

    @property
    def schedule(self) -> MeasuredSchedule:
        """Return the run as a schedule: its critical path, the lower bound, and what idle slots waited for."""
        written = {outcome.test_file: outcome.module for outcome in self.outcomes}
        return measured_schedule(self.spans, mode=self.plan.mode, written=written, cpu_slots=self.cpu_slots)

    @property
    def model(self) -> str:
        """Return the models that answered, else the one that was to be asked: a failover changes it."""
        return ", ".join(sorted({each.model for each in self.outcomes if each.model})) or self.plan.model

    @property
    def scripted_model(self) -> bool:
        """Whether what was proposed came from a script, at least in part."""
        answered = [each.model for each in self.outcomes if each.model]
        return any(map(is_scripted, answered)) if answered else self.plan.scripted_model

    @property
    def savings_ms(self) -> float:
        """Return what running stages beside one another saved, measured (law 3); what a tool's head start saved is no part of it."""
        return savings_ms(span.without_head_start for span in self.stage_spans)

    @property
    def exit_code(self) -> ExitCode:
        """Return how the process ends: interrupted, rolled back, failed, errored (or out of time, if that was all), pending, else promoted.

        Generation and acceptance help a run and judge none: they count only where the settings require generation.
        """
        if self.out_of_time:
            return ExitCode.TIME_LIMIT
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if any(result.rolled_back for result in self.stages):
            return ExitCode.ROLLED_BACK
        verdicts = {result.verdict for result in self.stages if self._counts(result.stage)}
        code = next((code for verdict, code in _ENDINGS.items() if verdict in verdicts), None)
        if code is None:
            return ExitCode.COULD_NOT_ASK if any(self._is_missed(stage) for stage in self.not_run) else ExitCode.PROMOTED
        return ExitCode.TIME_LIMIT if code is ExitCode.COULD_NOT_ASK and self._ran_out_of_time else code

    @property
    def _ran_out_of_time(self) -> bool:
        errored = (result for result in self.stages if self._counts(result.stage) and result.verdict is Verdict.ERRORED)
        return all(result.ran_out_of_time for result in errored)

    @property
    def interruption(self) -> str:
        """Say what ended the run before its end."""
        if self.out_of_time:
            return f"the run reached its time limit of {self.plan.time_limit_s:g} s"
        return CANCELLED if self.cancelled else "the run was interrupted"

    @property
    def way_on(self) -> str:
        """Return the command that goes on with what was interrupted; empty where there is nothing to go on with."""
        return f"spec2prod resume {self.plan.run_id[:SHORT]}" if self.interrupted and self.can_go_on else ""

    @property
    def success(self) -> bool:
        """Whether the component was promoted to its target."""
        return self.exit_code is ExitCode.PROMOTED

    def _counts(self, stage: Stage) -> bool:
        return stage not in {Stage.GENERATION, Stage.ACCEPTANCE} or self.plan.generation_required

    def _is_missed(self, stage: Stage) -> bool:
        return self._counts(stage) and stage not in self.idle

    @property
    def blockers(self) -> tuple[str, ...]:
        """Return what stands between the component and its target, one clause each; empty where nothing does."""
        clauses = [clause for result in self.stages if self._counts(result.stage) for clause in _clauses(result)]
        waiting = [f"{stage} did not run ({reason})" for stage, reason in self.not_run.items() if self._is_missed(stage)]
        return tuple(clauses or waiting)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what did not pass and holds nobody back, one clause each."""
        warned = (gate for result in self.stages for gate in result.gates if gate.verdict is Verdict.WARNED)
        return tuple(f"{gate.gate} warned ({gate.reason or gate.measured})" for gate in warned)

    @property
    def conclusion(self) -> str:
        """Return the verdict in one sentence, the same in every way of telling."""
        target = self.plan.target
        if self.success:
            return f"Promoted to {target}."
        why = (self.interruption,) if self.interrupted else self.blockers
        return f"Not promoted to {target}: {'; '.join(why)}."


_ENDINGS = {  # the worst first
    Verdict.FAILED: ExitCode.GATE_FAILED,
    Verdict.ERRORED: ExitCode.COULD_NOT_ASK,
    Verdict.PENDING: ExitCode.PENDING,
}


def _clauses(result: StageResult) -> tuple[str, ...]:
    """Return why a stage lets nobody pass: its required gates that say so, else its own words."""
    if result.verdict.lets_pass:
        return ()
    alike: dict[str, list[str]] = {}  # one process answers several gates, and where it breaks it breaks for all of them
    for gate in result.gates:
        if gate.required and not gate.verdict.lets_pass:
            alike.setdefault(f"{gate.verdict} ({gate.reason or gate.measured})", []).append(gate.title)
    told = tuple(f"{', '.join(names)} {why}" for why, names in alike.items())
    return told or (f"{result.stage} {result.verdict}" + (f" ({'; '.join(result.errors)})" if result.errors else ""),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A run that never began: the specification, the component or a setting was refused. It has a report all the same."""

    run_id: str
    component_name: str
    target: str
    mode: Mode
    started_at: str
    total_ms: float
    error: Spec2prodError

    @property
    def exit_code(self) -> ExitCode:
        """Return how the process ends."""
        return self.error.exit_code
