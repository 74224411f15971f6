"""The component's modules, read once: the judge parses them while the base imports pytest, and hands them over."""

from __future__ import annotations

import os
import pickle
import tokenize
from collections.abc import Callable
from typing import Any

from .mutating import Module
from .statements import executable

UNFIT = (RecursionError, pickle.PicklingError, TypeError, ValueError)  # a tree too deep to be written down; the base reads it itself


def text_of(path: str) -> str:
    """Return a module's source, as Python reads it."""
    with tokenize.open(path) as opened:
        return opened.read()


def read(request: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Module]:
    """Parse the component's modules, and tell the mutants; what does not parse is told, and has none."""
    modules: dict[str, Module] = {}
    mutable, is_mutating = request.get("mutable"), request.get("mutate", "matrix") != "none"
    for file in request["modules"]:
        path = os.path.realpath(os.path.join(request["root"], file))
        try:
            module = Module(file, path, text_of(path), mutable=is_mutating)
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            tell({"event": "unreadable", "module": file, **_why(error)})
            continue
        if mutable is not None:
            module.mutants = [each for each in module.mutants if each.id in mutable]
        modules[path] = module
        tell({"event": "module", "module": file, "statements": executable(module.tree)})
        for mutant in module.mutants:
            tell({"event": "mutant", **mutant.told()})
    return modules


def _why(error: Exception) -> dict[str, Any]:
    """Return why a module cannot be read, and the line, 1-based, or 0 where there is none."""
    if isinstance(error, RecursionError):
        return {"reason": "it is nested too deeply for this Python", "line": 0}
    if isinstance(error, SyntaxError):
        return {"reason": error.msg, "line": error.lineno or 0}
    return {"reason": str(error), "line": 0}


def hand_over(modules: dict[str, Module], request: dict[str, Any]) -> None:
    """Write the modules down for the base, unless that is not possible. Nothing of the judged project has run by now."""
    try:
        content = pickle.dumps(modules, pickle.HIGHEST_PROTOCOL)
    except UNFIT:
        return
    with open(handed(request), "xb") as file:
        file.write(content)


def taken(request: dict[str, Any]) -> dict[str, Module]:
    """Return the modules that the judge handed over, or read them again."""
    try:
        with open(handed(request), "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return read(request, lambda _: None)
    os.remove(handed(request))
    modules: dict[str, Module] = pickle.loads(content)  # noqa: S301 - written by the judge, in a folder of its own
    return modules


def handed(request: dict[str, Any]) -> str:
    """Return the path of what is handed over."""
    return os.path.join(os.path.realpath(request["scratch"]), "modules")
