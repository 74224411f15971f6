"""The database on PostgreSQL: for several machines. Everything lies in the schema `spec2prod` of the database that the URL names."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql as composed

from spec2prod.adapters.store.database import Row, Statements, Value
from spec2prod.adapters.store.layout import LAYOUT, MIGRATIONS, TABLES
from spec2prod.errors import StoreError, StoreLayoutError

SCHEMA = "spec2prod"
_CONNECT_S = 10
_PATIENCE_S = 60.0  # how long a lost server is waited for: a restart takes seconds
_LAYOUT_LOCK = 0x5BEC2


class SessionHold:
    """A session's advisory lock: the server lets it go when the session ends, however it ends."""

    def __init__(self, session: psycopg.Connection[Row]) -> None:
        """Take the session that holds it."""
        self._session = session

    @property
    def is_over(self) -> bool:
        """Whether it was let go, or lost with its server."""
        return self._session.closed or self._session.broken

    def release(self) -> None:
        """Let it go."""
        self._session.close()


class PostgresDatabase:
    """One connection for all threads of a process in turn, made anew where it was lost; and one for each lock that is held."""

    shared = True

    def __init__(self, url: str) -> None:
        """Connect, and make or check the tables.

        Raises:
            StoreError: where that is not possible, or the layout is not ours.
        """
        self._url = url
        self._turn = threading.RLock()
        self._holds: list[SessionHold] = []
        with self._told():
            self._connection = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    @property
    def name(self) -> str:
        """Return host and database, without user and password."""
        known = psycopg.conninfo.conninfo_to_dict(self._url)
        return f"postgresql://{known.get('host', 'localhost')}/{known.get('dbname', '')}"

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement and return its rows; outside of a transaction it is one of its own."""
        with self.transaction(), self._told():
            return self._run(sql, values)

    def many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement for each row of values, in one transaction and one round trip."""
        with self.transaction(), self._told(), self._connection.cursor() as cursor:
            cursor.executemany(_placed(sql), rows)

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        """Do all or nothing; one that is begun inside another is part of it."""
        with self._turn:
            if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE and not self._lost:
                yield self
                return
            with self._told():
                self._begin()
            try:
                yield self
                with self._told():
                    self._run("COMMIT", ())
            except BaseException:
                with suppress(psycopg.Error):  # a lost connection has rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise

    def now(self) -> float:
        """Return the server's time."""
        ((now,),) = self.rows("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(now or 0)

    def hold(self, name: str) -> SessionHold | None:
        """Take a named lock, None where a living session has it."""
        with self._told():
            session = self._connect()
            ((taken,),) = session.execute("SELECT pg_try_advisory_lock(%s)", (_number(name),)).fetchall()
            if not taken:
                session.close()
                return None
        hold = SessionHold(session)
        with self._turn:  # a worker takes and lets go for days: what is over is forgotten
            self._holds = [*(each for each in self._holds if not each.is_over), hold]
        return hold

    def is_held(self, name: str) -> bool:
        """Whether a living session holds a named lock."""
        number = _number(name)
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

    @property
    def _lost(self) -> bool:
        return self._connection.closed or self._connection.broken

    def _connect(self) -> psycopg.Connection[Row]:
        return psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_S,
            options=f"-c search_path={SCHEMA}",
            keepalives_idle=5,
            tcp_user_timeout=20_000,
        )

    def _begin(self) -> None:
        """Begin a transaction; where the connection was lost, wait for the server a while."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if self._lost:
                    self._connection = self._connect()
                self._connection.execute("BEGIN")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                self._connection.close()
                time.sleep(0.2)
            else:
                return

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
            step = "check the URL, that the server runs, and the role's grants (docs/how-to/run-a-fleet.md)"
            raise StoreError(
                f"the database cannot be used ({str(error).strip()})", where="SPEC2PROD_DATABASE_URL", next_step=step
            ) from error


def _placed(sql: str) -> bytes:
    """Return the statement with the driver's placeholders; no text of ours holds a question mark or a percent sign otherwise."""
    return sql.replace("?", "%s").encode()


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
