"""The one database of a project or a team: SQLite in `.spec2prod/` by default, PostgreSQL where a URL names one.

The SQL of every room is written once, with `?` for parameters, in what both understand. Importing this file costs nothing: the
PostgreSQL driver is imported when a URL names PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Protocol

from spec2prod.errors import StoreUnreachableError, UsageError

type Value = str | int | float | bytes | None
type Row = tuple[Value, ...]


class NothingDoneError(StoreUnreachableError):
    """The connection was lost in mid-transaction, and nothing of that was committed: it may be done again."""


def repeatable[**P, T](whole: Callable[P, T]) -> Callable[P, T]:
    """Do again what is one transaction and nothing else, from its beginning, where the connection was lost and nothing of it was done.

    How long a server is waited for, the database decides: in the end it raises a plain `StoreUnreachableError`.
    """

    @wraps(whole)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            try:
                return whole(*args, **kwargs)
            except NothingDoneError:
                continue

    return again


class Statements(Protocol):
    """What can be asked inside a transaction."""

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement and return its rows, none where it has none.

        Raises:
            StoreError: where the database cannot answer.
        """
        ...

    def many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement for each row of values."""
        ...


class Hold(Protocol):
    """A named lock that is held until `release`, or until the process that holds it dies."""

    def release(self) -> None:
        """Let it go. Safe to call twice."""
        ...


class Database(Statements, Protocol):
    """A database: each statement outside of a transaction is one of its own. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """Return what to call it in messages: a path, or a URL without its password."""
        ...

    @property
    def shared(self) -> bool:
        """Whether several machines may reach it."""
        ...

    def transaction(self) -> AbstractContextManager[Statements]:
        """Do all or nothing. On SQLite it waits for its turn to write; a lost PostgreSQL connection is made anew before it begins.

        Raises:
            StoreError: where the database cannot be reached, written to, or is full.
        """
        ...

    def now(self) -> float:
        """Return the database's time, in seconds since 1970: one clock for all machines that share it."""
        ...

    def hold(self, name: str) -> Hold | None:
        """Take a named lock, None where a living process has it."""
        ...

    def is_held(self, name: str) -> bool:
        """Whether a living process holds a named lock."""
        ...

    def close(self) -> None:
        """Close it, with every lock that is still held. Safe to call twice."""
        ...


def open_database(place: str | Path, *, looking: bool = False) -> Database:
    """Open the database at a path (SQLite) or URL (`sqlite:///path`, `postgresql://…`), and make or check its tables.

    Who is only `looking` makes no file where none is, and can look into one that is read-only. On a server the tables are made all the
    same: looking at the queue is how its owner makes them.

    Raises:
        StoreError: where it cannot be opened, or its layout is not ours.
        UsageError: where the URL is of no kind that is known.
    """
    text = str(place)
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme in {"postgresql", "postgres"}:
        from spec2prod.adapters.store.postgres import PostgresDatabase

        return PostgresDatabase(text)
    if scheme in {"", "sqlite"}:
        from spec2prod.adapters.store.sqlite import SqliteDatabase

        return SqliteDatabase(Path(text.removeprefix("sqlite:///") if scheme else text), looking=looking)
    message = f"a database of the kind {scheme!r} is not known"
    raise UsageError(message, where="SPEC2PROD_DATABASE_URL", next_step="use postgresql://… or sqlite:///path, or leave it unset")
