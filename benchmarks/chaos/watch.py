"""What the journal says while a run is at work, seen from outside: how many steps it has recorded, and how the last attempt stands."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SECONDS = 2
_RUN = "SELECT id, state, attempt, exit_code FROM runs ORDER BY began_at DESC LIMIT 1"
_STEPS = "SELECT name FROM steps WHERE run_id = ? ORDER BY ended_at, name"
_AT_WORK = "SELECT id, component FROM runs WHERE pid = ? AND state = 'running' ORDER BY changed_at DESC LIMIT 1"
_NAME = re.compile(r"\w+:[\w+]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The newest run: its state (empty: none is noted), the attempt that is noted, and its steps as they ended, by short names."""

    state: str = ""
    attempt: int = 0
    steps: tuple[str, ...] = ()
    exit_code: int | None = None


NOTHING = Sight()


class Watch:
    """A reader of its own. It writes nothing, recovers nothing on disk, and is not there when the next attempt opens the database."""

    def __init__(self, url: str) -> None:
        """Take the database's URL; nothing is opened yet."""
        self._url = url
        self._connection: Any = None

    def look(self) -> Sight | None:
        """Return what there is; None where the database does not answer just now."""
        try:
            runs = self._rows(_RUN)
            steps = self._rows(_STEPS, runs[0][0]) if runs else []
        except Exception as error:
            if not _is_of_a_database(error):
                raise
            self.close()
            return NOTHING if self._is_missing or _is_empty(error) else None
        if not runs:
            return NOTHING
        _, state, attempt, exit_code = runs[0]
        return Sight(state=state, attempt=attempt, steps=tuple(short(name) for (name,) in steps), exit_code=exit_code)

    def of_process(self, pid: int) -> tuple[str, tuple[str, ...]]:
        """Return the component that a process works on, and that run's steps; empty where it has none, or nobody answers."""
        try:
            runs = self._rows(_AT_WORK, pid)
            return (str(runs[0][1]), tuple(short(str(name)) for (name,) in self._rows(_STEPS, runs[0][0]))) if runs else ("", ())
        except Exception as error:
            if not _is_of_a_database(error):
                raise
            self.close()
            return "", ()

    def close(self) -> None:
        """Let go of the database."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # a lost connection cannot be told goodbye
                connection.close()

    @property
    def _is_missing(self) -> bool:
        """Whether there is no database yet, which only SQLite's file tells."""
        return self._url.startswith("sqlite:") and not _path_of(self._url).exists()

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = _connected(self._url)
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql if self._url.startswith("sqlite:") else sql.replace("?", "%s"), values)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found


def short(step: str) -> str:
    """Return a step's name without what differs from run to run: `testing:tests`."""
    found = _NAME.match(step)
    return found[0] if found else step


def _connected(url: str) -> Any:  # noqa: ANN401 - one of two drivers' connections
    if url.startswith("sqlite:"):
        return sqlite3.connect(f"{_path_of(url).as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=_SECONDS)
    import psycopg  # noqa: PLC0415 - only what is on PostgreSQL pays for it

    return psycopg.connect(url, autocommit=True, connect_timeout=_SECONDS, options="-c search_path=spec2prod -c statement_timeout=2000")


def _path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _is_empty(error: Exception) -> bool:
    """Whether the database is there, and has no tables yet."""
    return "no such table" in str(error) or getattr(error, "sqlstate", "") in {"42P01", "3F000"}


def _is_of_a_database(error: Exception) -> bool:
    """Whether a database said no (it is not there yet, or away), and not we."""
    return isinstance(error, sqlite3.Error) or any(each.__module__.startswith("psycopg") for each in type(error).__mro__)
