"""SQLite's file: how it is opened, to be written or only to be looked into, and what to do where that fails."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from spec2prod.adapters.state_folder import mark_state_folder

_BUSY_S = 30.0
_MOVE = "move it away: a new one is made, without the runs, answers and suspected defects that it holds"
_ROOM = "free some disk space"
_UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST})
_CLOSED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open or make the file, and the folder that it lies in.

    Raises:
        OSError, sqlite3.Error: where that is not possible.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mark_state_folder(path.parent)
    return _connect(str(path))


def open_to_look(path: Path) -> sqlite3.Connection:
    """Open the file to look into it: nothing is made where none is (an empty one in memory is given), and a read-only one is only read.

    Raises:
        sqlite3.Error: where it cannot be read.
    """
    if not path.exists():
        return _connect(":memory:")
    connection = _connect(str(path))
    try:
        connection.execute("PRAGMA user_version").fetchall()
    except sqlite3.Error as error:
        connection.close()
        # Where it would need files beside it that cannot be made: all is in the file itself, unless a writer died and left its log.
        if _code(error) not in _CLOSED or path.with_name(f"{path.name}-wal").exists():
            raise
        return _connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
    return connection


def is_writable(path: Path) -> bool:
    """Whether the file, or where it is not there yet the folder that it would be made in, can be written."""
    there = next(each for each in (path, *path.parents) if each.exists())
    folder = path.parent if there == path else there
    return folder.is_dir() and all(os.access(each, os.W_OK, effective_ids=True) for each in {there, folder})


def is_full(error: BaseException | None) -> bool:
    """Whether a disk has no room: SQLite says so itself, or that its file of shared memory could not be made."""
    return _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def next_step(error: Exception, path: Path) -> str:
    """Return what to do about an error with the file."""
    code, number = _code(error), error.errno if isinstance(error, OSError) else None
    if code in _CLOSED or number in _UNWRITABLE:
        return f"make {path.parent} a folder that you can write, or name another place: SPEC2PROD_DATABASE_URL=sqlite:///PATH"
    if is_full(error) or number in _NO_ROOM:
        return _ROOM
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return _MOVE
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return f"see which process has it for more than {_BUSY_S:g} s"
    return f"{_ROOM}, or {_MOVE}"


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=uri)


def _code(error: BaseException | None) -> int:
    """Return SQLite's primary code of an error; some of the driver's own have none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF if isinstance(error, sqlite3.Error) else 0
