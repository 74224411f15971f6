"""How many ways lead through a function (McCabe's number)? Lizard counts, also through `match`, comprehensions and `and`/`or`."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

from static_unread import leave_unread  # type: ignore[import-not-found]  # it lies beside this file

if TYPE_CHECKING:
    import argparse

NOTHING: dict[str, Any] = {"trouble": "", "files": 0, "found": []}


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """Count in every module."""
    root = Path(options.root)
    functions = options.kept.parts("complexity", root, options.module, lambda paths: counted(root, paths))
    return {"files": len(options.module), "found": [{"path": path, **each} for path, found in functions.items() for each in found]}


def counted(root: Path, modules: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return each module's functions; a file that is not Python is refused, where lizard would count what it can make of it."""
    leave_unread("pygments.lexers")  # lizard needs it for Erlang alone
    import lizard  # type: ignore[import-untyped]  # noqa: PLC0415 - only where something is to be counted

    found = {}
    for module in modules:
        file = root / module
        ast.parse(file.read_bytes(), module)
        told = lizard.analyze_file(str(file)).function_list
        found[module] = [{"line": each.start_line, "name": each.name, "complexity": each.cyclomatic_complexity} for each in told]
    return found
