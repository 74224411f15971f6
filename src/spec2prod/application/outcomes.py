"""What came of the tasks, in words: the stage's result, and a sentence for each outcome and round. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec2prod.domain.candidate import TaskStatus, is_scripted
from spec2prod.domain.plan import Stage
from spec2prod.domain.rounds import cost_of
from spec2prod.domain.run import StageResult
from spec2prod.domain.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec2prod.domain.candidate import TaskOutcome, TestRequest
    from spec2prod.domain.plan import Plan
    from spec2prod.domain.rounds import Round
    from spec2prod.errors import Spec2prodError


def result_of(  # noqa: PLR0913 - each is one thing that the stage knows
    plan: Plan,
    requests: Sequence[TestRequest],
    outcomes: Sequence[TaskOutcome],
    rounds: Sequence[Round],
    errors: Sequence[Spec2prodError],
    *,
    marker_known: bool,
) -> StageResult:
    """Tell what was asked and what came; `errors` are of generators that could not be asked. No file is no success, whatever was said.

    `marker_known` says whether the project's own pytest knows the marker that ties tests to requirements.
    """
    answered = sorted({each.model for each in outcomes if each.model})
    undelivered = [each for each in outcomes if each.status is not TaskStatus.DELIVERED]
    steps = [*(each.next_step for each in errors), *(each.next_step for each in undelivered)]
    return StageResult(
        stage=Stage.GENERATION,
        verdict=_verdict(requests, outcomes, errors),
        errors=(*map(str, errors), *(f"{each.module}: {each.reason}" for each in undelivered)),
        next_steps=tuple(dict.fromkeys(filter(None, steps))),
        outputs={
            "asked": [request.module for request in requests],
            "delivered": [each.test_file for each in outcomes if each.text is not None],
            "llm_calls": sum(each.llm_calls for each in outcomes),
            "cost_usd": cost_of(rounds).cost_usd,  # None where no price is known
            "model": plan.model,
            "scripted_model": any(map(is_scripted, answered)) if answered else plan.scripted_model,
            "answered_by": answered,
            "given_up": [f"{each.module}: {why}" for each in outcomes for why in each.tried],
            "marker_known": marker_known,
            "paused": [{"task": each.task_id, "module": each.module, "go_on": each.next_step} for each in outcomes if each.resumable],
        },
    )


def sentence(outcome: TaskOutcome) -> str:
    """Tell how a task's first round ended."""
    if outcome.status is TaskStatus.DELIVERED:
        if not outcome.llm_calls and outcome.reason:
            return f"{outcome.module}: proposed {outcome.test_file}, {outcome.reason}"
        return f"{outcome.module}: proposed {outcome.test_file} after {outcome.llm_calls} calls of the model"
    return f"{outcome.module}: {outcome.status}: {outcome.reason}"


def sentence_of_round(done: Round) -> str:
    """Tell how a later round ended."""
    what = "proposed its file anew" if done.is_new else "brought nothing new"
    why = f": {done.reason}" if done.reason else ""
    return f"{done.module}: round {done.number} {what} after {done.llm_calls} calls of the model{why}"


def _verdict(requests: Sequence[TestRequest], outcomes: Sequence[TaskOutcome], errors: Sequence[Spec2prodError]) -> Verdict:
    statuses = {each.status for each in outcomes}
    if errors:
        return Verdict.ERRORED
    if statuses <= {TaskStatus.DELIVERED} and len(outcomes) == len(requests):
        return Verdict.PASSED
    if any(each.text is not None for each in outcomes):
        return Verdict.WARNED
    return Verdict.ERRORED if TaskStatus.ERRORED in statuses else Verdict.FAILED
