"""Agent slots and money by the hour within one process: where no database is there to share them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from spec2prod.domain.quota import HOUR_S, Asking, Claim, QuotaRules, Spent, Turn, after_spending, turn_of


@dataclass(slots=True, kw_only=True)
class OwnQuota:
    """The turns of one process. `clock` returns monotonic seconds. Safe in several threads."""

    rules: QuotaRules
    clock: Callable[[], float]
    _claims: dict[str, Claim] = field(default_factory=dict, init=False)
    _spent: list[Spent] = field(default_factory=list, init=False)
    _totals: dict[str, float] = field(default_factory=dict, init=False)
    _ticket: int = field(default=0, init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    def ask(self, asking: Asking) -> Turn:
        """Ask for a turn, or ask again."""
        with self._turn:
            self._ticket += 1
            now, mine = self.clock(), self._claims.pop(asking.task, None)
            if mine is None or mine.endpoint != asking.endpoint:
                mine = Claim(task=asking.task, endpoint=asking.endpoint, ticket=self._ticket, promise_usd=asking.promise_usd)
            self._spent = [each for each in self._spent if each.at > now - HOUR_S]
            turn = turn_of(mine, tuple(self._claims.values()), self._spent, now, self.rules)
            self._claims[asking.task] = replace(mine, is_given=turn.is_given)
            return turn

    def leave(self, task: str) -> None:
        """Give a turn back, or a place in the queue."""
        with self._turn:
            self._claims.pop(task, None)

    def spent(self, task: str, usd: float) -> None:
        """Note what a task has cost so far, all in all."""
        with self._turn:
            more = usd - self._totals.get(task, 0.0)
            if more <= 0:
                return
            self._totals[task] = usd
            self._spent.append(Spent(at=self.clock(), usd=more))
            if task in self._claims:
                self._claims[task] = after_spending(self._claims[task], more)
