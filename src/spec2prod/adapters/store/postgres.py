"""The database on PostgreSQL: for several machines. Everything lies in the schema `spec2prod` of the database that the URL names.

A server that goes away in mid-run is waited for. What was asked meanwhile is asked again where nothing of it can have been committed;
where the answer to a COMMIT was lost, the server itself is asked what became of that transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql as composed

from spec2prod.adapters.store.database import NothingDoneError, Row, Statements, Value, repeatable
from spec2prod.adapters.store.layout import LAYOUT, MIGRATIONS, TABLES
from spec2prod.adapters.store.session import (
    PATIENCE_S,
    SCHEMA,
    Outage,
    Session,
    SessionHold,
    connect,
    has_answered,
    name_of,
    number_of,
    take,
)
from spec2prod.errors import StoreError, StoreLayoutError, StoreRightsError, StoreUnreachableError

_LAYOUT_LOCK = 0x5BEC2
# Who is cut off in mid-transaction is ended there: else what it has locked stays locked until the server notices.
_END_IT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid = (?::text::xid8)::xid"
_COMMITTED, _UNDECIDED = "committed", "in progress"
# Source: docs/how-to/run-a-fleet.md, roles.sql.
_RIGHTS = (
    "name a login in SPEC2PROD_DATABASE_URL that may: queue, runs, defects list and show need spec2prod_read; run of several components, "
    "queue move, queue remove, cancel of a job's run and defects dispose need spec2prod_submit; worker, run of one component, resume, "
    "retry, cancel of any run, extend, judge, trace, cache and queue drain need spec2prod_work (the roles: spec2prod docs run-a-fleet)"
)


class PostgresDatabase:
    """One connection for all threads of a process in turn, made anew where it was lost; and one for each lock that is held."""

    shared = True

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        """Connect, and make or check the tables. A server that was there before in this process is waited for.

        Raises:
            StoreError: where that is not possible, or the layout is not ours.
            UsageError: where it is no URL.
        """
        self._url, self._name = url, name_of(url)
        self._turn = threading.RLock()
        self._inside = False
        self._holds: list[SessionHold] = []
        self._outage = Outage(patience_s if has_answered(url) else 0.0)
        try:
            self._connection = self._connected()
        except psycopg.Error as error:
            raise self._trouble(StoreError, error) from error
        self._outage = Outage(patience_s)
        try:
            with self._told():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    @property
    def name(self) -> str:
        """Return host, port and database, without user and password."""
        return self._name

    @repeatable
    def rows(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement and return its rows; outside of a transaction it is one of its own."""
        with self._turn:
            if not self._inside and sql.startswith("SELECT"):
                with self._told():
                    found = self._asked(lambda: self._run(sql, values))
                self._outage.over()
                return found
            with self.transaction(), self._told():
                return self._run(sql, values)

    @repeatable
    def many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement for each row of values, in one transaction and one round trip."""
        with self.transaction(), self._told(), self._connection.cursor() as cursor:
            cursor.executemany(_placed(sql), rows)

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        """Do all or nothing; one that is begun inside another is part of it."""
        with self._turn:
            if self._inside:
                yield self
                return
            with self._told():
                begun = self._asked(self._begin)
            self._inside = True
            try:
                yield self
                with self._told():
                    self._run("COMMIT", ())
            except BaseException as error:
                if not self._connection.is_lost:
                    with suppress(psycopg.Error):  # then it is lost now, and the server rolls back by itself
                        self._connection.execute("ROLLBACK")
                    raise
                if not isinstance(error, StoreUnreachableError):
                    raise
                if self._is_undone(*begun):
                    raise NothingDoneError(error.message, where=error.where, next_step=error.next_step) from error
            finally:
                self._inside = False
            self._outage.over()

    def now(self) -> float:
        """Return the server's time."""
        ((now,),) = self.rows("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(now or 0)

    def hold(self, name: str) -> SessionHold | None:
        """Take a named lock, None where a living session has it."""
        with self._told():
            session = self._connected()
            while (taken := take(session, name)) is None:
                session.close()
                if not self._outage.wait():
                    raise self._trouble(StoreUnreachableError, psycopg.OperationalError("the connection was lost"))
                session = self._connected()
        if not taken:
            session.close()
            return None
        hold = SessionHold(session)
        with self._turn:  # a worker takes and lets go for days: what is over is forgotten
            self._holds = [*(each for each in self._holds if not each.is_over), hold]
        return hold

    def is_held(self, name: str) -> bool:
        """Whether a living session holds a named lock."""
        number = number_of(name)
        # Both halves of a lock's number are unsigned in the view.
        high, low = (number >> 32) & 0xFFFFFFFF, number & 0xFFFFFFFF
        # The view tells of every database of the server; of which one a lock is, its own column tells.
        sql = (
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = ?::bigint::oid AND objid = ?::bigint::oid AND objsubid = 1 "
            "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return bool(self.rows(sql, high, low))

    def close(self) -> None:
        """Close it, with every lock that is still held."""
        for hold in self._holds:
            hold.release()
        self._holds.clear()
        with self._turn:
            self._connection.close()

    def _connected(self) -> Session:
        """Connect; a server that is away is waited for while patience lasts."""
        while True:
            try:
                return connect(self._url)
            except psycopg.OperationalError:
                if not self._outage.wait():
                    raise

    def _asked[T](self, ask: Callable[[], T]) -> T:
        """Ask what changes nothing, again where the connection was lost."""
        while True:
            if self._connection.is_lost:
                self._connection = self._connected()
            try:
                return ask()
            except psycopg.Error:
                if not (self._connection.is_lost and self._outage.wait()):
                    raise

    def _begin(self) -> tuple[str, str]:
        """Begin a transaction; return the server's own name of it, and since when the server lives."""
        cursor = self._connection.execute("BEGIN; SELECT pg_current_xact_id()::text, pg_postmaster_start_time()::text")
        cursor.nextset()
        ((name, life),) = cursor.fetchall()
        return str(name), str(life)

    def _is_undone(self, name: str, life: str) -> bool:
        """Whether nothing came of a transaction whose connection was lost: the server says so, once it has decided.

        Raises:
            StoreUnreachableError: where the server does not come back, or cannot know: after a crash it may have given the name anew.
        """
        with self._told():
            fate, now = self._asked(lambda: self._fate(name))
            while fate == _UNDECIDED and self._outage.wait():
                self._asked(lambda: self._run(_END_IT, (name,)))
                fate, now = self._asked(lambda: self._fate(name))
        if fate == _UNDECIDED or (fate == _COMMITTED and now != life):
            message = f"the database {self.name} was lost, and it is not known whether it kept what was written last"
            raise StoreUnreachableError(message, where="SPEC2PROD_DATABASE_URL", next_step="see that the server runs")
        if fate != _COMMITTED and not self._outage.wait():
            message = f"the database {self.name} was lost again and again"
            raise StoreUnreachableError(message, where="SPEC2PROD_DATABASE_URL", next_step="see that the server runs")
        return fate != _COMMITTED

    def _fate(self, name: str) -> tuple[str, str]:
        try:
            ((fate, life),) = self._run("SELECT pg_xact_status(?::text::xid8), pg_postmaster_start_time()::text", (name,))
        except psycopg.errors.InvalidParameterValue:  # it comes from before a crash, and is not known any more
            return "aborted", ""
        return str(fate), str(life)

    def _run(self, sql: str, values: Sequence[Value]) -> list[Row]:
        cursor = self._connection.execute(_placed(sql), values)
        return cursor.fetchall() if cursor.description else []

    def _prepare(self) -> None:
        known = self._connection.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.layout",)).fetchone()
        if known is not None and known[0] is not None and self._found() == LAYOUT:
            return
        with self.transaction():
            self._run(f"SELECT pg_advisory_xact_lock({_LAYOUT_LOCK})", ())  # two first starts at once
            self._connection.execute(composed.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(composed.Identifier(SCHEMA)))
            self._run("CREATE TABLE IF NOT EXISTS layout (version INTEGER NOT NULL)", ())
            found = self._found()
            if found > LAYOUT:
                raise StoreLayoutError(
                    f"this database has layout {found}; this spec2prod knows {LAYOUT}", where=self.name, next_step="use a newer spec2prod"
                )
            for statement in (*(each for layout in range(max(found, 1), LAYOUT) for each in MIGRATIONS[layout]), *TABLES):
                self._run(statement, ())
            self._run("DELETE FROM layout", ())
            self._run("INSERT INTO layout VALUES (?)", (LAYOUT,))

    def _found(self) -> int:
        row = self._connection.execute("SELECT max(version) FROM layout").fetchone()
        return int(row[0] or 0) if row else 0

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._trouble(StoreUnreachableError if self._connection.is_lost else StoreError, error) from error

    def _trouble(self, kind: type[StoreError], error: psycopg.Error) -> StoreError:
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            who = self._connection.info.user
            return StoreRightsError(f"{who} has no right to do that ({str(error).strip()})", where=self.name, next_step=_RIGHTS)
        step = "check the URL, that the server runs, and the role's grants (spec2prod docs run-a-fleet)"
        return kind(f"the database {self.name} cannot be used ({str(error).strip()})", where="SPEC2PROD_DATABASE_URL", next_step=step)


def _placed(sql: str) -> bytes:
    """Return the statement with the driver's placeholders; no text of ours holds a question mark or a percent sign otherwise."""
    return sql.replace("?", "%s").encode()
