"""Agent slots and money by the hour: whose turn it is, and how long it surely is not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.quota import HOUR_S, Claim, QuotaRules, Spent, after_spending, turn_of

_NOW = 100_000.0
_AMOUNTS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0])
_CLAIMS = st.builds(
    Claim,
    task=st.just("other"),
    endpoint=st.sampled_from(["a", "b"]),
    ticket=st.integers(1, 20),
    is_given=st.booleans(),
    promise_usd=_AMOUNTS,
)
_SPENT = st.lists(st.builds(Spent, at=st.floats(_NOW - 2 * HOUR_S, _NOW), usd=_AMOUNTS), max_size=6)


def _mine(ticket: int = 10, **changes: object) -> Claim:
    return replace(Claim(task="mine", endpoint="a", ticket=ticket), **changes)  # type: ignore[arg-type]  # a test's shorthand


def _other(ticket: int, *, at_work: bool = False, endpoint: str = "a", promise_usd: float = 0.0) -> Claim:
    return Claim(task=f"t{ticket}", endpoint=endpoint, ticket=ticket, is_given=at_work, promise_usd=promise_usd)


def test_a_slot_is_for_who_came_first() -> None:
    rules = QuotaRules(endpoint_slots=2)
    at_work = _other(1, at_work=True)
    assert turn_of(_mine(), [at_work], [], _NOW, rules).is_given
    assert turn_of(_mine(), [at_work, _other(20)], [], _NOW, rules).is_given, "who came later does not count"
    assert turn_of(_mine(), [at_work, _other(2, endpoint="b")], [], _NOW, rules).is_given, "nor who waits elsewhere"
    refused = turn_of(_mine(), [at_work, _other(2)], [], _NOW, rules)
    assert (refused.is_given, refused.reason) == (False, "1 of 2 agent slots at a are taken, and 1 asked before")


def test_what_is_at_work_may_still_cost_what_it_was_promised() -> None:
    rules = QuotaRules(usd_per_hour=3.0)
    others = [_other(1, at_work=True, promise_usd=1.0, endpoint="b")]
    assert turn_of(_mine(promise_usd=1.0), others, [Spent(at=_NOW, usd=1.0)], _NOW, rules).is_given
    refused = turn_of(_mine(promise_usd=1.0), others, [Spent(at=_NOW, usd=1.5)], _NOW, rules)
    assert refused.reason == "$1.50 of the $3 for an hour are spent and $1.00 more are promised, and it may cost $1.00"
    assert refused.wait_s == 0, "the other one may cost less than it was promised"
    assert after_spending(others[0], 0.25).promise_usd == 0.75
    assert after_spending(others[0], 5.0).promise_usd == 0.0


def test_money_is_there_again_an_hour_after_it_was_spent() -> None:
    rules, spent = QuotaRules(usd_per_hour=2.0), [Spent(at=_NOW - 600, usd=1.5), Spent(at=_NOW - 60, usd=1.0)]
    refused = turn_of(_mine(), [], spent, _NOW, rules)
    assert (refused.is_given, refused.wait_s) == (False, HOUR_S - 600)
    assert turn_of(_mine(), [], spent, _NOW + refused.wait_s, rules).is_given


def test_who_may_cost_more_than_an_hour_has_never_begins_and_is_told() -> None:
    refused = turn_of(_mine(promise_usd=5.0), [], [], _NOW, QuotaRules(usd_per_hour=2.0))
    assert (refused.wait_s, refused.reason) == (math.inf, "it may cost $5.00, and $2 are for an hour")


@given(claims=st.lists(_CLAIMS, max_size=8), spent=_SPENT, promise=_AMOUNTS, slots=st.none() | st.integers(1, 4), usd=st.none() | _AMOUNTS)
def test_no_turn_exceeds_a_limit_and_none_is_refused_without_one(
    claims: list[Claim], spent: list[Spent], promise: float, slots: int | None, usd: float | None
) -> None:
    rules, mine = QuotaRules(endpoint_slots=slots, usd_per_hour=usd), _mine(promise_usd=promise)
    turn = turn_of(mine, claims, spent, _NOW, rules)
    at_work = [each for each in claims if each.is_given]
    if turn.is_given and slots is not None:
        assert sum(each.endpoint == "a" for each in at_work) < slots
    if turn.is_given and usd is not None:
        recent = sum(each.usd for each in spent if each.at > _NOW - HOUR_S)
        assert recent + sum(each.promise_usd for each in at_work) + promise <= usd
    assert turn.is_given or rules.limits
    assert bool(turn.reason) is not turn.is_given
    if turn.is_given:
        worse = [*claims, _other(30), _other(31, endpoint="b")]
        assert turn_of(mine, worse, spent, _NOW, rules).is_given, "nobody is overtaken"


@given(spent=_SPENT, promise=_AMOUNTS, usd=st.sampled_from([0.5, 1.0, 2.5]))
def test_the_wait_that_is_told_is_neither_too_long_nor_too_short(spent: list[Spent], promise: float, usd: float) -> None:
    rules, mine = QuotaRules(usd_per_hour=usd), _mine(promise_usd=promise)
    turn = turn_of(mine, [], spent, _NOW, rules)
    if turn.is_given:
        return
    if math.isinf(turn.wait_s):
        assert promise > usd
        return
    assert not turn_of(mine, [], spent, _NOW + turn.wait_s - 1.0, rules).is_given or turn.wait_s < 1.0
    assert turn_of(mine, [], spent, _NOW + turn.wait_s + 1e-3, rules).is_given


@pytest.mark.parametrize("rules", [QuotaRules(endpoint_slots=1), QuotaRules(usd_per_hour=1.0)])
def test_a_turn_that_was_given_stays_given(rules: QuotaRules) -> None:
    assert turn_of(_mine(is_given=True), [_other(1, at_work=True)], [Spent(at=_NOW, usd=9.0)], _NOW, rules).is_given
