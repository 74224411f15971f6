"""Does the project's own configuration let a type checker say anything about a file? Pure; it reads the checker's parsed table.

Each of these ends with exit 0 and no error, whatever the files hold. Source: pyright's `ignore` (paths, with `**`, `*` and `?`), and
mypy's `ignore_errors`, global or in an override.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

_PYRIGHT = frozenset({"pyright", "basedpyright"})


def sets_aside(checker: str, table: Mapping[str, object], path: str, dotted: str) -> bool:
    """Whether nothing is ever told about the module at `path` (relative to the configuration, POSIX), imported as `dotted`."""
    if checker in _PYRIGHT:
        ignored = table.get("ignore")
        return isinstance(ignored, list) and any(_covers(str(pattern), path) for pattern in ignored)
    if checker == "mypy":
        return table.get("ignore_errors") is True or any(fnmatchcase(dotted, each) for each in _ignoring(table))
    return False


def _covers(pattern: str, path: str) -> bool:
    """Whether a pattern of pyright's covers a file: it names the file, or a folder above it."""
    words = [word for word in pattern.removeprefix("./").split("/") if word not in {"", "."}]
    regex = "".join("(?:[^/]+/)*" if word == "**" else _word(word) + "/" for word in words)
    return re.match(regex, path + "/") is not None


def _word(word: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)) for sign in word)


def _ignoring(table: Mapping[str, object]) -> Iterator[str]:
    """Yield the modules' patterns of mypy's overrides that ignore errors; `a.*` covers `a` too."""
    overrides = table.get("overrides")
    for override in overrides if isinstance(overrides, list) else ():
        if isinstance(override, dict) and override.get("ignore_errors") is True:
            named = override.get("module")
            for pattern in named if isinstance(named, list) else [named]:
                yield str(pattern)
                yield str(pattern).removesuffix(".*")
