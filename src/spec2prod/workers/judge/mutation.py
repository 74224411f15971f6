"""One small change of a module's syntax tree, and how to compile the module with it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

FUTURE = "__future__"
Unit = tuple[int, ...]  # the index of one of the module's statements, then, where it is a class, of one in its body, and so on


@dataclass(frozen=True)
class Slot:
    """A place in the tree: a node's field, or one element of it where `index` is not None."""

    node: ast.AST
    field: str
    index: int | None

    def get(self) -> Any:  # noqa: ANN401 - a field holds nodes, lists of nodes and plain values
        """Return what stands there."""
        value = getattr(self.node, self.field)
        return value if self.index is None else value[self.index]

    def put(self, new: Any) -> None:  # noqa: ANN401 - as get
        """Put something else there."""
        if self.index is None:
            setattr(self.node, self.field, new)
        else:
            getattr(self.node, self.field)[self.index] = new


@dataclass(frozen=True)
class Mutant:
    """One changed place. `line` and `column` are 1-based; `statement` is the line at which its statement begins.

    `unit` leads to the smallest statement around it that can be compiled by itself; `owner` is the chain of functions around it (outermost
    first, classes included in the names), empty where the place is evaluated while the module is imported.
    """

    id: str
    file: str
    line: int
    column: int
    operator: str
    words: str
    statement: int
    unit: Unit
    owner: tuple[str, ...]
    slot: Slot = field(repr=False)
    new: Any = field(repr=False)

    def told(self) -> dict[str, Any]:
        """Return what a reader of the answer needs."""
        names = ("id", "file", "line", "column", "operator", "words", "statement")
        return {**{name: getattr(self, name) for name in names}, "owner": ".".join(self.owner), "module_level": not self.owner}


@contextmanager
def applied(mutant: Mutant | None) -> Iterator[None]:
    """Hold the change in the tree for the time of the block."""
    if mutant is None:
        yield
        return
    old = mutant.slot.get()
    mutant.slot.put(mutant.new)
    try:
        yield
    finally:
        mutant.slot.put(old)


def whole(tree: ast.Module, file: str, mutant: Mutant | None) -> CodeType:
    """Compile the whole module."""
    with applied(mutant):
        return compiled(tree, file)


def part(tree: ast.Module, unit: Unit, file: str, mutant: Mutant | None) -> CodeType:
    """Compile one statement of the module alone, under the module's own `from __future__` imports, in what is left of its classes."""
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == FUTURE]
    with applied(mutant):
        return compiled(ast.Module(body=[*futures, alone(tree.body[unit[0]], unit[1:])], type_ignores=[]), file)


def alone(node: ast.stmt, below: Unit) -> ast.stmt:
    """Return a class as if it had no other statement than the one that leads to the unit, with the names that this one may know."""
    if not below:
        return node
    if not isinstance(node, ast.ClassDef):
        raise TypeError(f"line {node.lineno} is no class")
    left = copy.copy(node)
    left.body, left.decorator_list = [alone(node.body[below[0]], below[1:])], []
    return left


def compiled(tree: ast.Module, file: str) -> CodeType:
    """Compile as the import system does: nothing of this file's own future imports leaks in."""
    code = compile(tree, file, "exec", dont_inherit=True)
    assert isinstance(code, CodeType)  # noqa: S101 - the type checker cannot know it
    return code


def nested(code: CodeType) -> Iterator[CodeType]:
    """Yield the code objects of functions and classes inside, however deep."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from nested(constant)
