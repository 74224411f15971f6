"""Changes of what a module declares: a table, a set of names or `__all__` loses its last entry, `__slots__` closes its class no longer.

Nobody is asked to notice them, and few tests do: they are tried last, on tests that noticed nothing else, before those are said to notice
nothing, and are told only where an assertion notices one. So they cost nothing elsewhere, and survive nowhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from . import operators
from .mutating import FUNCTIONS, Module, is_never_run, located
from .mutation import Mutant, Slot

OPERATOR = "declaration"
SLOTS = "__slots__"
BRANCHES = (ast.ClassDef, ast.If, ast.Try, ast.With)
ENTRIES = (ast.Tuple, ast.List, ast.Set)
FEWEST = 2  # entries: what is left is no other kind of thing


def declared(module: Module) -> Iterator[Mutant]:
    """Yield the changes of a module's declarations, in order."""
    for top, node in enumerate(module.tree.body):
        yield from _of(module, node, top)


def _of(module: Module, node: ast.stmt, top: int) -> Iterator[Mutant]:
    if isinstance(node, BRANCHES) and not (isinstance(node, ast.If) and is_never_run(node.test)):
        for each in ast.iter_child_nodes(node):
            yield from _of(module, each, top) if isinstance(each, ast.stmt) else ()
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return
    name = operators.name_of(node.targets[0] if isinstance(node, ast.Assign) else node.target) or "a table"
    if name == SLOTS:
        if isinstance(node.value, (ast.Tuple, ast.List)):
            opened = [*node.value.elts, ast.Constant(value="__dict__")]
            yield _mutant(module, top, node.value, Slot(node.value, "elts", None), (f"`{name}` allows any attribute", opened))
        return
    for table, slot in _tables(node.value, Slot(node, "value", None)):
        last = table.elts[-1] if isinstance(table, ENTRIES) else table.keys[-1] or table.values[-1]
        yield _mutant(module, top, table, slot, (f"`{name}` loses its last entry `{operators.text(last)}`", _shorter(table)))


def _tables(node: ast.AST, slot: Slot) -> Iterator[tuple[ast.Tuple | ast.List | ast.Set | ast.Dict, Slot]]:
    """Yield the outermost displays in an expression, with their places; types in brackets are none, and what runs later neither."""
    if isinstance(node, (*ENTRIES, ast.Dict)):
        if len(node.values if isinstance(node, ast.Dict) else node.elts) >= FEWEST and isinstance(
            getattr(node, "ctx", ast.Load()), ast.Load
        ):
            yield node, slot
        return
    if isinstance(node, (*FUNCTIONS, ast.Subscript)):
        return
    for field, value in ast.iter_fields(node):
        for index, each in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(each, ast.AST):
                yield from _tables(each, Slot(node, field, index if isinstance(value, list) else None))


def _shorter(table: ast.Tuple | ast.List | ast.Set | ast.Dict) -> ast.expr:
    if isinstance(table, ast.Dict):
        return ast.Dict(keys=table.keys[:-1], values=table.values[:-1])
    if isinstance(table, ast.Set):
        return ast.Set(elts=table.elts[:-1])
    return type(table)(elts=table.elts[:-1], ctx=ast.Load())


def _mutant(module: Module, top: int, node: ast.expr, slot: Slot, change: tuple[str, Any]) -> Mutant:
    words, new = change
    return Mutant(
        id=f"{module.file}:{node.lineno}:{node.col_offset + 1} {OPERATOR}",
        file=module.file,
        line=node.lineno,
        column=node.col_offset + 1,
        operator=OPERATOR,
        words=words,
        statement=module.first_lines.get(node.lineno, node.lineno),
        unit=(top,),
        owner=(),
        slot=slot,
        new=[located(each, node) for each in new] if isinstance(new, list) else located(new, node),
    )
