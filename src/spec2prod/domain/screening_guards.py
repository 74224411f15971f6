"""Which skips depend on the machine alone: something is not installed, another system, another Python. The run decides about those.

Any other skip leaves it to the test, or to what the code answers, whether anything is asserted. Pure: syntax trees go in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_SKIPS = frozenset({"skip", "skipTest"})
_MISSING = frozenset({"ImportError", "ModuleNotFoundError"})
_MACHINE = frozenset({"sys", "os", "platform", "importlib", "shutil", "find_spec", "which"})  # what may be asked for the machine's sake


def guarded_skips(test: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[int]:
    """Return the identities of the calls in a test, its decorators included, that skip it for the machine's sake."""
    skipping = (each for node in ast.walk(test) for each in _guarded_in(node))
    return frozenset(id(each) for each in skipping)


def _guarded_in(node: ast.AST) -> Iterator[ast.Call]:
    if isinstance(node, ast.ExceptHandler):
        yield from _skips(node.body) if node.type is not None and _awaits_import(node.type) else ()
    elif isinstance(node, ast.If):
        yield from _skips(node.body) if _asks_the_machine(node.test) else ()
    elif isinstance(node, ast.Call):
        is_asking = _called(node) == "skipif" and bool(node.args) and _asks_the_machine(node.args[0])
        yield from (node,) if is_asking or _called(node) == "importorskip" else ()


def _skips(body: list[ast.stmt]) -> Iterator[ast.Call]:
    calls = (each for part in body for each in ast.walk(part) if isinstance(each, ast.Call))
    return (each for each in calls if _called(each) in _SKIPS)


def _awaits_import(caught: ast.expr) -> bool:
    return all(isinstance(each, ast.Name) and each.id in _MISSING for each in (caught.elts if isinstance(caught, ast.Tuple) else [caught]))


def _asks_the_machine(condition: ast.expr) -> bool:
    """Whether a condition asks for something, and for nothing but what the machine is."""
    names = {each.id for each in ast.walk(condition) if isinstance(each, ast.Name)}
    return bool(names) and names <= _MACHINE


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
