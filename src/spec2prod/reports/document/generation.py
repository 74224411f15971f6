"""What generation brought: tasks, rounds, their price, and the proposed tests."""

from typing import TypedDict

from spec2prod.domain.candidate import CandidateVerdict, TaskStatus
from spec2prod.reports.document.figures import Figure


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
