"""Does the project's own configuration let a type checker say anything about a file? Pure; it reads the checker's parsed table.

Each of these ends with exit 0 and no error, whatever the files hold. Source: pyright's `ignore` (paths, with `**`, `*` and `?`), mypy's
`ignore_errors`, global or in an override, and ty's rule `all`, which every other rule and then every override in turn can speak against.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

_PYRIGHT = frozenset({"pyright", "basedpyright"})


def sets_aside(checker: str, table: Mapping[str, object], path: str, dotted: str) -> bool:
    """Whether nothing is ever told about the module at `path` (relative to the configuration, POSIX), imported as `dotted`."""
    if checker in _PYRIGHT:
        return _any_covers(table.get("ignore"), path)
    if checker == "mypy":
        return table.get("ignore_errors") is True or any(fnmatchcase(dotted, each) for each in _ignoring(table))
    return checker == "ty" and _is_silent(_levels(table, path))


def _levels(table: Mapping[str, object], path: str) -> Mapping[str, object]:
    """Return ty's level of each rule that is set for a file: of the table, then of the overrides that fit it, the last one first."""
    levels: dict[str, object] = dict(_table(table.get("rules")))
    for override in _tables(table.get("overrides")):
        included, excluded = override.get("include", ["**"]), override.get("exclude", [])
        if _any_covers(included, path) and not _any_covers(excluded, path):
            own = _table(override.get("rules"))
            levels = {**({} if "all" in own else levels), **own}
    return levels


def _is_silent(levels: Mapping[str, object]) -> bool:
    return levels.get("all") == "ignore" and set(levels.values()) == {"ignore"}


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> Iterator[Mapping[str, object]]:
    return (_table(each) for each in (value if isinstance(value, list) else ()))


def _any_covers(patterns: object, path: str) -> bool:
    return isinstance(patterns, list) and any(_covers(str(pattern), path) for pattern in patterns)


def _covers(pattern: str, path: str) -> bool:
    """Whether a pattern of pyright's or ty's covers a file: it names the file, or a folder above it."""
    words = [word for word in pattern.removeprefix("./").split("/") if word not in {"", "."}]
    regex = "".join("(?:[^/]+/)*" if word == "**" else _word(word) + "/" for word in words)
    return re.match(regex, path + "/") is not None


def _word(word: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)) for sign in word)


def _ignoring(table: Mapping[str, object]) -> Iterator[str]:
    """Yield the modules' patterns of mypy's overrides that ignore errors; `a.*` covers `a` too."""
    for override in _tables(table.get("overrides")):
        if override.get("ignore_errors") is True:
            named = override.get("module")
            for pattern in named if isinstance(named, list) else [named]:
                yield str(pattern)
                yield str(pattern).removesuffix(".*")
