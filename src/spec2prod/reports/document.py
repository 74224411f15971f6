"""The JSON report as a contract: its parts, from which the published schema is made (law 8).

`parts.told` reads the domain's values by these names, and only what is named here is told: no environment
variable, no key, no output of a tool can slip into a report. Times are milliseconds, memory is MiB, lines are 1-based.

Typed dictionaries, because every run makes them: pydantic, which makes the schema of them, would take thirty times as long.
"""

from datetime import date
from typing import Annotated, Any, Literal, TypedDict

from spec2prod.domain.candidate import CandidateVerdict, TaskStatus
from spec2prod.domain.plan import Mode, Stage, Target
from spec2prod.domain.trace import Status
from spec2prod.domain.verdict import Comparison, Severity, Verdict

FORMAT: Literal[1] = 1

DECIMALS = 3

Figure = Annotated[float, DECIMALS]
"""A measured figure, told with three decimals."""


class Finding(TypedDict):
    """One thing that a tool found."""

    path: str
    line: int
    code: str
    message: str
    severity: Severity


class Measurement(TypedDict):
    """A measured answer; `checked` counts what was looked at."""

    gate: str
    values: dict[str, Figure]
    checked: int
    findings: tuple[Finding, ...]
    summary: str


class Unanswered(TypedDict):
    """Why a question could not be asked, or its answer not be read."""

    gate: str
    reason: str
    next_step: str
    no_tests: bool


class Evidence(TypedDict):
    """An answer, bound to the SHA-256 of what was measured; `from_cache` is the earlier run that measured it, empty where this one did."""

    answer: Measurement | Unanswered
    digest: str
    measured_at: str
    tool: str
    from_cache: str


class Judgement(TypedDict):
    """One gate's verdict; `waiver` tells of the waiver that was given for it, whether or not it counts."""

    gate: str
    verdict: Verdict
    reason: str
    measured: str
    needed: str
    required: bool
    next_step: str
    waiver: str
    evidence: Evidence | None


class StageResult(TypedDict):
    """How one stage went; `first_gates` is what its gates said before the tree changed."""

    stage_name: Stage
    success: bool
    verdict: Verdict
    execution_time_ms: Figure
    gates: tuple[Judgement, ...]
    first_gates: tuple[Judgement, ...]
    errors: tuple[str, ...]
    outputs: dict[str, Any]


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


class Task(TypedDict):
    """What one of the agent's tasks brought: `text` is the proposed file, `reason` says why there is none.

    `model` answered last, `tried` says why others were given up; a `resumable` task is paused, `next_step` goes on with it.
    Where it is not `is_priced` no price is known, and `cost_usd` is null.
    `generator` wrote the file; a `characterisation` shows what the code does, not what it should do.
    """

    task_id: str
    module: str
    test_file: str
    status: TaskStatus
    text: str | None
    reason: str
    next_step: str
    strayed: tuple[str, ...]
    llm_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    wall_ms: Figure
    attempts: int
    model: str
    tried: tuple[str, ...]
    resumable: bool
    is_priced: bool
    generator: str
    characterisation: bool


class Round(TypedDict):
    """One round of a task: what it alone has used, and how its tests were judged. `cost_usd` is null where no price is known.

    `told_…` counts what the judgement of the round before gave it to mend; `is_new` says whether it brought a file to judge; `is_kept`
    whether its file is the one that counts.
    """

    task_id: str
    module: str
    test_file: str
    number: int
    status: TaskStatus
    is_new: bool
    is_kept: bool
    reason: str
    llm_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    wall_ms: Figure
    told_rejected: int
    told_uncovered: int
    told_survivors: int
    proposed: int
    judged: dict[CandidateVerdict, int]


class Cost(TypedDict):
    """What all rounds have used. US dollars are null where no price is known (then `why` says so), and per unit where there is none.

    `requirements` counts those that the adopted tests are the first to show.
    """

    llm_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    accepted_tests: int
    usd_per_accepted_test: float | None
    requirements: int
    usd_per_requirement: float | None
    why: str


class Generation(TypedDict):
    """What the agent was asked (modules), what came (tasks), and why not (`unanswered`: module → reason); `rounds` tells it by rounds."""

    ran: bool
    model: str
    scripted_model: bool
    asked: tuple[str, ...]
    tasks: tuple[Task, ...]
    unanswered: dict[str, str]
    rounds: tuple[Round, ...]
    cost: Cost
    submission_ms: Figure
    collection_ms: Figure


class Candidate(TypedDict):
    """One proposed test, judged. `filter` names what decided, with its number where it is one of the judge's; `reason` says why.

    `evidence` is what was seen while it ran. `kills` are the changes of the code that its assertions notice, `stops` those at which it only
    stops with an exception, `only` those of both that nothing else that is kept notices. `gained` are the module's lines that it is the
    first to run, `requirements` the IDs that it is tied to. `round` counts how often the agent had brought the file.
    `generator` wrote it; a `characterisation` shows what the code does, not what it should do.
    """

    module: str
    test_file: str
    name: str
    line: int
    verdict: CandidateVerdict
    filter: str
    filter_number: int | None
    reason: str
    evidence: tuple[str, ...]
    kills: tuple[str, ...]
    stops: tuple[str, ...]
    only: tuple[str, ...]
    gained: tuple[int, ...]
    requirements: tuple[str, ...]
    round: int
    generator: str
    characterisation: bool


class Process(TypedDict):
    """One process that was started. `exit_code` is null where it never started or was stopped at its time limit.

    `ahead_ms` of `wall_ms` had gone by when somebody asked for it: all of it where nobody did, and it was ended and not believed.
    """

    tool: str
    argv: tuple[str, ...]
    cwd: str
    exit_code: int | None
    wall_ms: Figure
    cpu_ms: Figure
    peak_memory_mb: Figure
    not_found: bool
    timed_out: bool
    ahead_ms: Figure


class Span(TypedDict):
    """One piece of work, in milliseconds since the run's start; `stage` is empty for a stage itself.

    `waited_ms` of it went by before a slot was free.
    """

    name: str
    stage: str
    start_ms: Figure
    end_ms: Figure
    waited_ms: Figure


class Waited(TypedDict):
    """Idle slot-milliseconds of a resource, by what they waited for."""

    resource: str
    slot_ms: Figure
    waited_for: str


class Schedule(TypedDict):
    """The run as a schedule, computed from its measured steps.

    `critical_path` is the longest chain of steps that need one another; no order of the steps could have ended before
    `lower_bound_ms`, the largest of `bounds_ms` (the critical path's length, and for each resource its work divided by its slots or
    more). `idle` tells what free slots waited for, the longest first.
    """

    makespan_ms: Figure
    lower_bound_ms: Figure
    bounds_ms: dict[str, Figure]
    slots: dict[str, int]
    critical_path: tuple[Span, ...]
    idle: tuple[Waited, ...]


class Cache(TypedDict):
    """How many questions earlier runs had answered (`hits`), and how many this one asked (`misses`)."""

    hits: int
    misses: int


class Replayed(TypedDict):
    """A step that an earlier attempt of this run had done; its answer was taken from the record. Times are ISO 8601 in UTC."""

    step: str
    attempt: int
    began_at: str
    ended_at: str
    wall_ms: Figure


class ShownTest(TypedDict):
    """One test that names a requirement; `is_stale` says that it was written for another text.

    `kills` are the mutants it fails for, as the run (or `spec2prod judge`) `judged_by` measured at `judged_at`; these are empty where
    no judge has measured it.
    """

    node_id: str
    file: str
    line: int
    outcome: str
    is_stale: bool
    is_flaky: bool
    kills: tuple[str, ...]
    judged_by: str
    judged_at: str


class TracedRequirement(TypedDict):
    """One requirement with its tests; `reason` says why it has its status, `text_hash` names the text that evidence is for."""

    id: str
    text: str
    line: int
    priority: str
    text_hash: str
    status: Status
    reason: str
    tests: tuple[ShownTest, ...]


class UnknownId(TypedDict):
    """A test that names a requirement which the specification does not have; `near` is what it may have meant."""

    id: str
    node_id: str
    file: str
    line: int
    near: str


class Matrix(TypedDict):
    """Which requirement is shown by which test; `orphans` are tests that name none, `is_judged` says whether mutants took part."""

    path: str
    rows: tuple[TracedRequirement, ...]
    unknown: tuple[UnknownId, ...]
    orphans: tuple[str, ...]
    is_judged: bool


class DoubtfulExample(TypedDict):
    """What looks like an example and is not used, with the reason."""

    where: str
    source: str
    reason: str


class GivenExamples(TypedDict):
    """The specification's examples: how many could become tests, those that no test uses, and doubts."""

    found: int
    unused: tuple[str, ...]
    doubts: tuple[DoubtfulExample, ...]


class Requirements(TypedDict):
    """The matrix requirement, test, mutant, result; `asked` says whether the gate `requirements` was asked, `why` the reason.

    `next_step` is the command that judges the tests which no judge has measured, empty where there are none.
    """

    asked: bool
    why: str
    next_step: str
    matrix: Matrix
    examples: GivenExamples


class Promised(TypedDict):
    """A requirement as the specification `path` stated it, at this line (1-based), when a defect was noted."""

    id: str
    text: str
    path: str
    line: int


class OpenDefect(TypedDict):
    """A suspected defect that nobody has disposed of: `test` in `source` fails, and `sentence` says what contradicts what.

    `requirements` are pairs of an ID and the hash of the text that the test was written for; `promises` tell what those said when it was
    noted, as far as the specification had them.
    """

    id: str
    module: str
    test_file: str
    test: str
    source: str
    requirements: tuple[tuple[str, str], ...]
    promises: tuple[Promised, ...]
    sentence: str
    message: str
    run_id: str
    seen_at: str
    next_step: str


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
