"""Does the project's own ruff configuration leave any rule for a file? Pure; it reads the parsed `lint` table.

Ruff ends with exit 0 and "All checks passed!" also where no rule is selected, and its log does not tell. Source of the reading:
ruff's settings `lint.select`, `extend-select`, `ignore`, `extend-ignore` and `per-file-ignores`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from posixpath import basename

_ALL = "ALL"


def leaves_nothing(lint: Mapping[str, object], path: str) -> bool:
    """Whether no rule is in force for the file at `path` (relative to the configuration, POSIX)."""
    ignored = _words(lint, "ignore") | _words(lint, "extend-ignore")
    extended = _words(lint, "extend-select") - ignored
    if _ALL in _ignored_for(lint, path):
        return True
    if extended:
        return False
    if "select" not in lint:
        return _ALL in ignored
    return _words(lint, "select") <= ignored


def _ignored_for(lint: Mapping[str, object], path: str) -> frozenset[str]:
    """Return what is ignored for one file: a pattern speaks of the file's name or of its path."""
    tables = (lint.get(name) for name in ("per-file-ignores", "extend-per-file-ignores"))
    found = (_words(table, pattern) for table in tables if isinstance(table, Mapping) for pattern in table if _matches(str(pattern), path))
    return frozenset().union(*found)


def _matches(pattern: str, path: str) -> bool:
    plain = pattern.removeprefix("!")
    met = fnmatchcase(basename(path), plain) or fnmatchcase(path, plain) or fnmatchcase("/" + path, plain)
    return met != pattern.startswith("!")


def _words(table: Mapping[str, object], name: str) -> frozenset[str]:
    found = table.get(name)
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()
