"""The laws of agent slots and of money by the hour, as values: whoever keeps the queue (a process, a database) obeys the same ones.

First come, first served: who asks takes a place, and is given its turn when there is room for it and for all who came before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRules:
    """How many conversations one endpoint has at a time, and how many US dollars any hour may cost; None where there is no limit."""

    endpoint_slots: int | None = None
    usd_per_hour: float | None = None

    @property
    def limits(self) -> bool:
        """Whether anything is limited."""
        return self.endpoint_slots is not None or self.usd_per_hour is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who wants to begin a conversation, and where. `promise_usd` is what it may still cost at most, 0 where it has no limit of its own."""

    task: str
    endpoint: str
    promise_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A place in the queue, or the turn that came of it. Who came before has the smaller `ticket`.

    `promise_usd` of a conversation at work is what it may still cost, beside what it has spent.
    """

    task: str
    endpoint: str
    ticket: int
    is_given: bool = False
    promise_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Money that was spent: US dollars, and when (seconds of one clock, which may be set back)."""

    at: float
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether a conversation may begin. Where it may not: why, and the seconds in which it surely can not (infinite: never)."""

    is_given: bool
    reason: str = ""
    wait_s: float = 0.0


GIVEN = Turn(is_given=True)


def turn_of(mine: Claim, others: Sequence[Claim], spent: Sequence[Spent], now: float, rules: QuotaRules) -> Turn:
    """Say whether it is the turn of a claim; `others` are all the living ones beside it. A turn that was given stays given."""
    if mine.is_given:
        return GIVEN
    return _slot(mine, others, rules) or _money(mine, others, [each for each in spent if each.at > now - HOUR_S], now, rules) or GIVEN


def after_spending(claim: Claim, usd: float) -> Claim:
    """Return a claim of which so many dollars were spent."""
    return replace(claim, promise_usd=max(0.0, claim.promise_usd - usd))


def _slot(mine: Claim, others: Sequence[Claim], rules: QuotaRules) -> Turn | None:
    """Say why there is no slot for a claim, None where there is one."""
    if rules.endpoint_slots is None:
        return None
    here = [each for each in others if each.endpoint == mine.endpoint]
    at_work = sum(each.is_given for each in here)
    before = sum(not each.is_given and each.ticket < mine.ticket for each in here)
    if at_work + before < rules.endpoint_slots:
        return None
    behind = f", and {before} asked before" if before else ""
    return Turn(is_given=False, reason=f"{at_work} of {rules.endpoint_slots} agent slots at {mine.endpoint} are taken{behind}")


def _money(mine: Claim, others: Sequence[Claim], recent: Sequence[Spent], now: float, rules: QuotaRules) -> Turn | None:
    """Say why there is no money for a claim, None where there is. What others may still cost counts as if it was spent."""
    limit = rules.usd_per_hour
    if limit is None:
        return None
    spent = math.fsum(each.usd for each in recent)
    promised = math.fsum(each.promise_usd for each in others if each.is_given or each.ticket < mine.ticket)
    if _fits(spent + promised, mine, limit):
        return None
    also = f" and ${promised:.2f} more are promised" if promised else ""
    reason = f"${spent:.2f} of the ${limit:g} for an hour are spent{also}"
    if mine.promise_usd > limit:
        reason = f"it may cost ${mine.promise_usd:.2f}, and ${limit:g} are for an hour"
    elif mine.promise_usd:
        reason += f", and it may cost ${mine.promise_usd:.2f}"
    return Turn(is_given=False, reason=reason, wait_s=_wait_s(mine, recent, now, limit))


def _fits(used: float, mine: Claim, limit: float) -> bool:
    return used < limit and used + mine.promise_usd <= limit


def _wait_s(mine: Claim, recent: Sequence[Spent], now: float, limit: float) -> float:
    """Return the seconds until enough of what was spent is an hour old; what is promised may cost less, and is not counted."""
    if mine.promise_usd > limit:
        return math.inf
    in_order = sorted(recent, key=lambda each: each.at)
    for gone in range(len(in_order) + 1):
        if _fits(math.fsum(each.usd for each in in_order[gone:]), mine, limit):
            return max(0.0, in_order[gone - 1].at + HOUR_S - now) if gone else 0.0
    return math.inf
