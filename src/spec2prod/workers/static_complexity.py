"""How many ways lead through a function (McCabe's number)? Lizard counts, also through `match`, comprehensions and `and`/`or`."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

NOTHING: dict[str, Any] = {"trouble": "", "files": 0, "found": []}
UNREAD = ("pygments.lexers",)  # lizard needs it for Erlang alone


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """Count in every module; a file that is not Python is refused, where lizard would count what it can make of it."""
    import lizard  # type: ignore[import-untyped]  # noqa: PLC0415 - a question of its own

    found = []
    for module in options.module:
        file = Path(options.root, module)
        ast.parse(file.read_bytes(), module)
        told = lizard.analyze_file(str(file))
        found += [
            {"path": module, "line": each.start_line, "name": each.name, "complexity": each.cyclomatic_complexity}
            for each in told.function_list
        ]
    return {"files": len(options.module), "found": found}
