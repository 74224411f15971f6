"""What each round of a task brought and cost: a round is one answer of a writer, and the judgement's reply begins the next.

Money is in US dollars as the agent's server counted it; what has no price costs an unknown sum, which is never told as 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from spec2prod.domain.candidate import Candidate, TaskOutcome, TaskStatus
from spec2prod.domain.feedback import Feedback


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of a task: what it alone has used. `number` counts from 1; `wall_ms` is in milliseconds.

    `cost_usd` is None where no price is known. `told` says what the judgement of the round before gave it to mend: rejected tests,
    uncovered lines, mutants that survive, all 0 in the first. `is_new` says whether it brought a file to judge: in a later round, one
    that is not the earlier one again.
    """

    task_id: str
    module: str
    test_file: str
    number: int
    status: TaskStatus
    is_new: bool
    reason: str = ""
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    wall_ms: float = 0.0
    told_rejected: int = 0
    told_uncovered: int = 0
    told_survivors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What all rounds together have used. US dollars are None where one of them has no known price, and per unit where there is no unit."""

    llm_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None

    def per(self, units: int) -> float | None:
        """Return the US dollars for each of so many units; None where there are none, or no price is known."""
        return None if self.cost_usd is None or units <= 0 else self.cost_usd / units


def round_of(after: TaskOutcome, number: int = 1, before: TaskOutcome | None = None, feedback: Feedback | None = None) -> Round:
    """Return what one round brought: outcomes count for the whole task, a round counts what came on top of the one `before`."""
    used = after if before is None else _on_top(after, before)
    return Round(
        task_id=after.task_id,
        module=after.module,
        test_file=after.test_file,
        number=number,
        status=after.status,
        is_new=after.text is not None if before is None else is_new(after, before),
        reason=after.reason,
        llm_calls=used.llm_calls,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_usd=used.cost_usd if after.is_priced else None,
        wall_ms=after.wall_ms,
        told_rejected=feedback.rejected if feedback else 0,
        told_uncovered=feedback.uncovered if feedback else 0,
        told_survivors=feedback.survivors if feedback else 0,
    )


def is_new(after: TaskOutcome, before: TaskOutcome) -> bool:
    """Whether a later round brought a file that is not the earlier one again."""
    return after.text is not None and after.text != before.text


def whole(after: TaskOutcome, before: TaskOutcome) -> TaskOutcome:
    """Return a task's outcome after one more round: what was delivered stays delivered, whatever a later round came to."""
    used = replace(after, wall_ms=before.wall_ms + after.wall_ms, resumable=False, next_step="")
    if before.text is None or after.status is TaskStatus.DELIVERED:
        return used
    reason = "; ".join(part for part in (before.reason, f"a later round ended {after.status}: {after.reason}") if part)
    return replace(used, status=before.status, text=after.text if after.text is not None else before.text, reason=reason)


def cost_of(rounds: Iterable[Round]) -> Cost:
    """Return what the rounds have used together."""
    rounds = tuple(rounds)
    prices = [each.cost_usd for each in rounds if each.cost_usd is not None]
    return Cost(
        llm_calls=sum(each.llm_calls for each in rounds),
        input_tokens=sum(each.input_tokens for each in rounds),
        output_tokens=sum(each.output_tokens for each in rounds),
        cost_usd=sum(prices) if len(prices) == len(rounds) else None,
    )


def told_cost(rounds: Sequence[Round], accepted: int, model: str) -> str:
    """Return what rounds brought and cost, in one line: ``2 rounds, 5 LLM calls, 3 accepted; 0.03 USD, 0.01 per accepted test``.

    Empty where there was no round.
    """
    if not rounds:
        return ""
    used, tasks = cost_of(rounds), len({each.task_id for each in rounds})
    many = _count(len(rounds), "round") + (f" of {tasks} tasks" if tasks > 1 else "")
    counts = f"{many}{_sent_back(rounds)}, {_count(used.llm_calls, 'LLM call')}"
    each = used.per(accepted)
    if used.cost_usd is None:
        return f"{counts}, {accepted} accepted; no price is known for {model}"
    if not used.llm_calls:
        return f"{counts}, {accepted} accepted"
    return f"{counts}, {accepted} accepted; {used.cost_usd:.2g} USD" + ("" if each is None else f", {each:.2g} per accepted test")


def _sent_back(rounds: Sequence[Round]) -> str:
    """Return what later rounds were given to mend, in words."""
    rejected, unnoticed = sum(each.told_rejected for each in rounds), sum(each.told_survivors for each in rounds)
    told = [f"{_count(rejected, 'test')} not taken"] if rejected else []
    told += [_count(unnoticed, "unnoticed change")] if unnoticed else []
    return f" ({' and '.join(told)} went back)" if told else ""


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def tally(candidates: Sequence[Candidate]) -> dict[str, int]:
    """Return how many tests were proposed, and how many came to each verdict."""
    return {"proposed": len(candidates), **Counter(str(each.verdict) for each in candidates)}


def _on_top(after: TaskOutcome, before: TaskOutcome) -> TaskOutcome:
    return replace(
        after,
        llm_calls=max(0, after.llm_calls - before.llm_calls),
        input_tokens=max(0, after.input_tokens - before.input_tokens),
        output_tokens=max(0, after.output_tokens - before.output_tokens),
        cost_usd=max(0.0, after.cost_usd - before.cost_usd),
    )
