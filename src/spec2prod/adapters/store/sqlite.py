"""The database on SQLite: a file in the project, for one machine. No server, no driver to import."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from spec2prod.adapters.store.database import Row, Statements, Value
from spec2prod.adapters.store.layout import LAYOUT, MIGRATIONS, TABLES
from spec2prod.adapters.store.sqlite_file import is_full, next_step, open_to_look, open_to_write
from spec2prod.errors import StoreError, StoreLayoutError


class FileHold:
    """An flock on a file: the kernel lets it go when its process dies, however it dies."""

    def __init__(self, descriptor: int) -> None:
        """Take a locked file."""
        self._descriptor: int | None = descriptor

    @property
    def is_over(self) -> bool:
        """Whether it was let go."""
        return self._descriptor is None

    def release(self) -> None:
        """Let it go; the file stays, for taking it away would race with who is about to lock it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class SqliteDatabase:
    """One connection in write-ahead mode, for all threads of a process in turn; other processes have their own."""

    shared = False

    def __init__(self, path: Path, *, looking: bool = False) -> None:
        """Open or make the file; who only looks makes none, and reads one that cannot be written.

        Raises:
            StoreError: where that is not possible, or its layout is not ours.
        """
        self._path = path.absolute()
        self._turn = threading.RLock()
        self._holds: list[FileHold] = []
        with self._told():
            is_new = not self._path.exists()
            self._connection = open_to_look(self._path) if looking else open_to_write(self._path)
            try:
                self._prepare()
            except BaseException as error:
                self._connection.close()
                # On a full disk its remains would take the room that the run itself needs.
                if is_new and is_full(error.__cause__ if isinstance(error, StoreError) else error):
                    self._remove()
                raise

    def _remove(self) -> None:
        for name in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + name).unlink(missing_ok=True)

    @property
    def name(self) -> str:
        """Return the file's path."""
        return str(self._path)

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """Run one statement and return its rows."""
        with self._turn, self._told():
            return self._connection.execute(sql, values).fetchall()

    def many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement for each row of values, in one transaction."""
        with self.transaction(), self._told():
            self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        """Do all or nothing; one that is begun inside another is part of it."""
        with self._turn:
            if self._inside():
                yield self
                return
            self.rows("BEGIN IMMEDIATE")
            try:
                yield self
                self.rows("COMMIT")
            except BaseException:
                if self._inside():  # a full disk may have ended it already
                    with suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                raise

    def now(self) -> float:
        """Return this machine's time: nobody else shares the file."""
        return time.time()

    def hold(self, name: str) -> FileHold | None:
        """Take a named lock, None where a living process has it."""
        with self._told():
            place = self._lock(name)
            place.parent.mkdir(exist_ok=True)
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        hold = FileHold(descriptor)
        with self._turn:  # a worker takes and lets go for days: what is over is forgotten
            self._holds = [*(each for each in self._holds if not each.is_over), hold]
        return hold

    def is_held(self, name: str) -> bool:
        """Whether a living process holds a named lock; nothing is made for it."""
        try:
            with self._lock(name).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        except OSError as error:
            raise self._trouble(error) from error
        return False

    def close(self) -> None:
        """Close it, with every lock that is still held."""
        for hold in self._holds:
            hold.release()
        self._holds.clear()
        with self._turn:
            self._connection.close()

    def _lock(self, name: str) -> Path:
        return self._path.parent / "locks" / hashlib.sha256(name.encode()).hexdigest()[:32]

    def _inside(self) -> bool:
        return self._connection.in_transaction

    def _prepare(self) -> None:
        ((found,),) = self._connection.execute("PRAGMA user_version").fetchall()
        # FULL: a power cut must not undo a step that was paid for.
        self._connection.execute("PRAGMA synchronous=FULL")
        if found == LAYOUT:
            return
        if found > LAYOUT:
            raise StoreLayoutError(
                f"this database has layout {found}; this spec2prod knows {LAYOUT}", where=self.name, next_step="use a newer spec2prod"
            )
        self._connection.execute("PRAGMA journal_mode=WAL")
        with self.transaction():
            for statement in (*(each for layout in range(max(found, 1), LAYOUT) for each in MIGRATIONS[layout]), *TABLES):
                self.rows(statement)
            self.rows(f"PRAGMA user_version={LAYOUT:d}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from error

    def _trouble(self, error: sqlite3.Error | OSError) -> StoreError:
        return StoreError(f"the database cannot be used ({error})", where=self.name, next_step=next_step(error, self._path))
