"""Rounds: what each alone has used, what a task comes to, and sums that never call an unknown price 0."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spec2prod.domain.candidate import TaskOutcome, TaskStatus
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.rounds import cost_of, is_new, round_of, told_cost, whole

FIRST = TaskOutcome(
    task_id="t",
    module="m.py",
    test_file="test_m.py",
    status=TaskStatus.DELIVERED,
    text="one",
    llm_calls=3,
    input_tokens=100,
    output_tokens=10,
    cost_usd=0.25,
    wall_ms=5.0,
)
SECOND = replace(FIRST, text="two", llm_calls=7, input_tokens=300, output_tokens=15, cost_usd=1.0, wall_ms=8.0)


def test_a_round_counts_what_came_on_top() -> None:
    found = round_of(SECOND, 2, FIRST, Feedback(text="", rejected=1, uncovered=2, survivors=3))
    assert (found.number, found.llm_calls, found.input_tokens, found.output_tokens) == (2, 4, 200, 5)
    assert (found.cost_usd, found.wall_ms) == (0.75, 8.0)
    assert (found.told_rejected, found.told_uncovered, found.told_survivors) == (1, 2, 3)
    assert found.is_new


def test_the_first_round_counts_all() -> None:
    found = round_of(FIRST)
    assert (found.number, found.llm_calls, found.cost_usd, found.is_new) == (1, 3, 0.25, True)
    assert not round_of(replace(FIRST, text=None)).is_new


def test_the_same_file_again_is_nothing_new() -> None:
    assert not is_new(replace(SECOND, text="one"), FIRST)
    assert not is_new(replace(SECOND, text=None), FIRST)
    assert is_new(SECOND, FIRST)


@pytest.mark.parametrize("status", [each for each in TaskStatus if each is not TaskStatus.DELIVERED])
def test_what_was_delivered_stays_delivered_whatever_a_later_round_came_to(status: TaskStatus) -> None:
    found = whole(replace(SECOND, status=status, text=None, reason="why", resumable=True, next_step="x"), FIRST)
    assert (found.status, found.text, found.llm_calls, found.wall_ms, found.resumable) == (TaskStatus.DELIVERED, "one", 7, 13.0, False)
    assert found.reason == f"a later round ended {status}: why"


def test_a_delivered_later_round_takes_its_place() -> None:
    found = whole(SECOND, FIRST)
    assert (found.text, found.reason, found.wall_ms) == ("two", "", 13.0)


def test_sums_and_units() -> None:
    found = cost_of([round_of(FIRST), round_of(SECOND, 2, FIRST)])
    assert (found.llm_calls, found.input_tokens, found.output_tokens, found.cost_usd) == (7, 300, 15, 1.0)
    assert found.per(4) == 0.25
    assert found.per(0) is None


def test_one_unknown_price_makes_the_sum_unknown_and_not_0() -> None:
    found = cost_of([round_of(FIRST), round_of(replace(SECOND, cost_usd=0.0, is_priced=False), 2, FIRST)])
    assert found.cost_usd is None
    assert found.per(4) is None


def test_no_round_costs_nothing() -> None:
    assert cost_of([]).cost_usd == 0


def test_what_rounds_cost_is_told_in_one_line_and_an_unknown_price_is_never_a_sum() -> None:
    rounds = [round_of(FIRST), round_of(SECOND, 2, FIRST)]
    judged = [rounds[0], replace(rounds[1], told_rejected=2, told_survivors=1)]
    assert told_cost(judged, 4, "m").startswith("2 rounds (2 tests not taken and 1 unnoticed change went back), 7 LLM calls, 4 accepted")
    assert told_cost(rounds, 4, "m") == "2 rounds, 7 LLM calls, 4 accepted; 1 USD, 0.25 per accepted test"
    assert told_cost(rounds, 0, "m") == "2 rounds, 7 LLM calls, 0 accepted; 1 USD"
    unpriced = [replace(rounds[0], cost_usd=None), replace(rounds[1], task_id="u")]
    assert told_cost(unpriced, 3, "some/model") == "2 rounds of 2 tasks, 7 LLM calls, 3 accepted; no price is known for some/model"
    assert told_cost([round_of(replace(FIRST, llm_calls=0, cost_usd=0.0))], 1, "m") == "1 round, 0 LLM calls, 1 accepted"
    assert told_cost([], 0, "m") == ""
