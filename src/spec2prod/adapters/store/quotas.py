"""Agent slots and money by the hour in the one database: first come, first served, over all runs that share it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence

from spec2prod.adapters.store.database import Database, Hold, Row, Statements, repeatable
from spec2prod.domain.quota import HOUR_S, Asking, Claim, QuotaRules, Spent, Turn, after_spending, turn_of

# Whoever writes the one row first, every other transaction waits for it, on both databases; and it gives the places their numbers.
_TICKET = """INSERT INTO agent_tickets (id, ticket) VALUES (1, 1)
    ON CONFLICT (id) DO UPDATE SET ticket = agent_tickets.ticket + 1 RETURNING ticket"""
_NEW = """INSERT INTO agent_turns (task, endpoint, ticket, promise_usd, holder, seen_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, seen_at = excluded.seen_at, endpoint = excluded.endpoint,
        given = CASE WHEN agent_turns.endpoint = excluded.endpoint THEN agent_turns.given ELSE 0 END"""
_ALL = "SELECT task, endpoint, ticket, given, promise_usd, holder, seen_at FROM agent_turns ORDER BY ticket"
_WRITE = "UPDATE agent_turns SET given = ?, promise_usd = ? WHERE task = ?"
_SPENT = "INSERT INTO agent_spending (task, at, usd, total_usd) VALUES (?, ?, ?, ?)"
_FORGET = """DELETE FROM agent_spending WHERE at < ? AND EXISTS
    (SELECT 1 FROM agent_spending n WHERE n.task = agent_spending.task AND n.total_usd > agent_spending.total_usd)"""
_LEASE_S = 10.0  # a server that was restarted has freed every lock: the living need a moment to take theirs again


class SharedQuota:
    """The turns of every process on one database. `holder` names who asks: one process at a time.

    A dead process's turns are free again: at once where its lock is the kernel's, and on a server as soon as its session is over
    and it has not asked for `lease_s` seconds.
    """

    def __init__(self, database: Database, rules: QuotaRules, holder: str, *, lease_s: float = _LEASE_S) -> None:
        """Nothing is asked, and no lock is taken yet."""
        self._database, self._rules, self._holder, self._lease_s = database, rules, holder, lease_s
        self._hold: Hold | None = None
        self._turn = threading.Lock()

    def ask(self, asking: Asking) -> Turn:
        """Ask for a turn, or ask again; who has one says by it that it lives.

        Raises:
            StoreError: where the database cannot answer.
        """
        if not self._rules.limits:
            return Turn(is_given=True)
        with self._turn:
            self._hold_on()
            return self._asked(asking)

    @repeatable
    def leave(self, task: str) -> None:
        """Give a turn back, or a place in the queue.

        Raises:
            StoreError: where the database cannot be written; the turn is free when this process ends.
        """
        with self._database.transaction() as statements:
            statements.rows("DELETE FROM agent_turns WHERE task = ?", task)

    @repeatable
    def spent(self, task: str, usd: float) -> None:
        """Note what a task has cost so far, all in all.

        Raises:
            StoreError: where the database cannot be written.
        """
        if usd <= self._total(self._database, task):
            return
        with self._database.transaction() as statements:
            statements.rows(_TICKET)
            now = self._database.now()
            more = usd - self._total(statements, task)
            if more <= 0:
                return
            statements.rows(_SPENT, task, now, more, usd)
            statements.rows(_FORGET, now - HOUR_S)
            for claim in (after_spending(_claim(row), more) for row in statements.rows(_ALL) if row[0] == task):
                statements.rows(_WRITE, int(claim.is_given), claim.promise_usd, task)

    @repeatable
    def _asked(self, asking: Asking) -> Turn:
        """Find it out and write it down, all or nothing: of two that ask at once, one is first."""
        with self._database.transaction() as statements:
            ((ticket,),) = statements.rows(_TICKET)
            now = self._database.now()
            statements.rows(_NEW, asking.task, asking.endpoint, ticket, asking.promise_usd, self._holder, now)
            rows = statements.rows(_ALL)
            spent = [Spent(at=float(at or 0), usd=float(usd or 0)) for at, usd in self._recent(statements, now)]
            turn = self._turn_in(rows, asking.task, spent, now)
            if not turn.is_given and (dead := self._dead(rows, now)):
                for task in dead:
                    statements.rows("DELETE FROM agent_turns WHERE task = ?", task)
                turn = self._turn_in([row for row in rows if row[0] not in dead], asking.task, spent, now)
            if turn.is_given:
                statements.rows("UPDATE agent_turns SET given = 1 WHERE task = ?", asking.task)
        return turn

    def _turn_in(self, rows: Sequence[Row], task: str, spent: Sequence[Spent], now: float) -> Turn:
        claims = {str(row[0]): _claim(row) for row in rows}
        mine = claims.pop(task)
        return turn_of(mine, tuple(claims.values()), spent, now, self._rules)

    def _recent(self, statements: Statements, now: float) -> list[Row]:
        if self._rules.usd_per_hour is None:
            return []
        return statements.rows("SELECT at, usd FROM agent_spending WHERE at > ?", now - HOUR_S)

    def _dead(self, rows: Sequence[Row], now: float) -> frozenset[str]:
        """Return the tasks of processes that have died: nobody holds their lock, and nothing was heard of them for a while."""
        heard: dict[str, float] = {}
        for *_, holder, seen_at in rows:
            heard[str(holder)] = max(heard.get(str(holder), 0.0), float(seen_at or 0))
        lease_s = self._lease_s if self._database.shared else 0.0
        silent = {each for each, at in heard.items() if each != self._holder and abs(now - at) >= lease_s}
        gone = {each for each in silent if not self._database.is_held(each)}
        return frozenset(str(row[0]) for row in rows if row[5] in gone)

    def _hold_on(self) -> None:
        """Hold the lock that says that this process lives, also after the server was away. Who held it before has died."""
        if self._hold is None:
            hold = self._database.hold(self._holder)
            if hold is None:  # somebody looks at it just now, or lives under the same name
                self._holder = f"{self._holder} {uuid.uuid4().hex}"
                hold = self._database.hold(self._holder)
            self._hold = hold
            self._database.rows("DELETE FROM agent_turns WHERE holder = ?", self._holder)
        elif self._database.shared and not self._database.is_held(self._holder):
            self._hold = self._database.hold(self._holder) or self._hold

    def _total(self, statements: Statements, task: str) -> float:
        ((total,),) = statements.rows("SELECT max(total_usd) FROM agent_spending WHERE task = ?", task)
        return float(total or 0)


def _claim(row: Row) -> Claim:
    task, endpoint, ticket, given, promise_usd, *_ = row
    return Claim(
        task=str(task),
        endpoint=str(endpoint),
        ticket=int(ticket or 0),
        is_given=bool(given),
        promise_usd=float(promise_usd or 0),
    )
