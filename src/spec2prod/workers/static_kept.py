"""What was found in a file is looked up where the same was asked of the same before: a changed file is looked at, its neighbours are not.

The same is: the question, the file's name and bytes, this code, this Python, and all that is installed for it. The answers lie in an
SQLite file of the user's, whose least recently used parts go first. It decides nothing: where it cannot be read or written,
everything is asked, and where a file changes while it is asked about, nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

_MOST = 100_000  # parts: some hundred bytes each
_DAY_S = 86_400.0
_PATIENCE_S = 2.0  # for another process that writes
_TABLE = "create table if not exists parts (key text primary key, used real not null, part text not null) without rowid"

type Parts = dict[str, Any]
"""What was found in each file, by its path: anything that JSON can hold."""


class Kept:
    """Answers by file. Without a place nothing is kept, and everything asked."""

    def __init__(self, place: str) -> None:
        """`place` is the SQLite file, made where there is none; empty for none."""
        self._place = place
        self._same = context() if place else ""

    def parts(self, question: str, root: Path, paths: Iterable[str], ask: Callable[[list[str]], Parts]) -> Parts:
        """Return what is found in each of the files; `ask` is called with those of which it is not known, if there are any.

        A file of which `ask` returns nothing has no part, and is asked about again next time.
        """
        names = list(paths)
        if not self._place:
            return ask(names) if names else {}
        keys = {path: self._key(question, root, path) for path in names}
        known = self._looked_up(keys)
        missing = [path for path in names if path not in known]
        fresh = ask(missing) if missing else {}
        self._keep({keys[path]: part for path, part in fresh.items() if self._key(question, root, path) == keys[path]})
        return {path: known[path] if path in known else fresh[path] for path in names if path in known or path in fresh}

    def _key(self, question: str, root: Path, path: str) -> str:
        """Return the name of an answer; of a file that cannot be read one that is never found again."""
        try:
            content = Path(root, path).read_bytes()
        except OSError as error:
            content = f"{error}{time.time_ns()}".encode()
        head = f"{self._same}\0{question}\0{path}".encode("utf-8", "surrogateescape")
        return hashlib.sha256(head + b"\0" + content).hexdigest()

    def _looked_up(self, keys: Mapping[str, str]) -> Parts:
        try:
            with closing(self._opened()) as database:
                now, found = time.time(), {}
                for path, key in keys.items():
                    row = database.execute("select part, used from parts where key = ?", (key,)).fetchone()
                    if row is not None:
                        found[path] = json.loads(row[0])
                        if now - row[1] > _DAY_S:
                            database.execute("update parts set used = ? where key = ?", (now, key))
                return found
        except (sqlite3.Error, OSError, ValueError) as error:
            self._let_go(error)
            return {}

    def _keep(self, parts: Mapping[str, Any]) -> None:
        if not parts or not self._place:
            return
        rows = [(key, time.time(), json.dumps(part)) for key, part in parts.items()]
        try:
            with closing(self._opened()) as database:
                database.execute("begin immediate")
                database.executemany("insert or replace into parts values (?, ?, ?)", rows)
                (many,) = database.execute("select count(*) from parts").fetchone()
                if many > _MOST:
                    database.execute(
                        "delete from parts where key in (select key from parts order by used limit ?)", (many - _MOST * 9 // 10,)
                    )
                database.execute("commit")
        except (sqlite3.Error, OSError) as error:
            self._let_go(error)

    def _opened(self) -> sqlite3.Connection:
        Path(self._place).parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._place, timeout=_PATIENCE_S, isolation_level=None)
        try:
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = normal")
            database.execute(_TABLE)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _let_go(self, error: Exception) -> None:
        """Ask everything from now on; a file that is no database any more is taken away, since it would never heal."""
        sys.stderr.write(f"what was found in files is not kept: {error}\n")
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            for end in ("", "-wal", "-shm"):
                Path(self._place + end).unlink(missing_ok=True)
        self._place = ""


def context() -> str:
    """Return the digest of what decides all answers beside the files: this code, this Python, the packages that it finds."""
    digest = hashlib.sha256(sys.version.encode())
    code = sorted(Path(__file__).parent.glob("static_*.py"))
    packages = sorted(record for folder in sys.path if folder for record in Path(folder).glob("*.dist-info/RECORD"))
    for file in (*code, *packages):
        digest.update(file.read_bytes())
    return digest.hexdigest()
