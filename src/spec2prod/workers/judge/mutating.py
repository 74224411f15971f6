"""Finds the mutants of a module: walks its syntax tree once, in order, and knows of each place when it is evaluated."""

from __future__ import annotations

import ast
import marshal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

from . import operators
from .mutation import Mutant, Slot, Unit, nested, part
from .pointing import told_apart
from .statements import first_lines

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
UNTOUCHED = ("pragma: no mutate", "pragma: no cover")
UNTOUCHED_NAMES = {"__all__", "__slots__", "__version__", "__author__"}
TYPING_CALLS = {"TypeVar", "NewType", "ParamSpec", "namedtuple", "NamedTuple", "TypedDict", "getLogger"}
ANNOTATIONS = ("annotation", "returns", "type_params")


@dataclass(frozen=True)
class Place:
    """Where the walk is: the slot of the node, the functions around it, the unit it stands in, and whether it is that unit itself."""

    slot: Slot
    unit: Unit
    is_unit: bool = True
    owner: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    in_raise: bool = False

    def at(self, node: ast.AST, field: str, index: int | None) -> Place:
        """Return the place of a child; the statements of a class that is a unit are units themselves."""
        if self.is_unit and isinstance(node, ast.ClassDef) and field == "body" and index is not None:
            return replace(self, slot=Slot(node, field, index), unit=(*self.unit, index))
        return replace(self, slot=Slot(node, field, index), is_unit=False)


class Module:
    """One module of the component: its text, its tree and its mutants."""

    def __init__(self, file: str, path: str, source: str, *, mutable: bool = True) -> None:
        """`file` is the name in the answer, `path` the one that compiled code carries; nothing is looked for that is not asked for."""
        self.file, self.path = file, path
        self.tree = ast.parse(source, filename=path)
        self.first_lines = first_lines(self.tree)
        lines = source.splitlines()
        self._untouched = {number for number, line in enumerate(lines, start=1) if any(word in line for word in UNTOUCHED)}
        self._count: dict[str, int] = {}
        self._skeletons: dict[Unit, list[Any]] = {}
        self._parts: dict[tuple[Unit, str], CodeType] = {}  # compiled once, before any fork
        self.mutants = told_apart([each for each in self._found() if not self._is_equal(each)], source.split("\n")) if mutable else []

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process of this Python needs to go on; compiled code travels as in a `.pyc` file."""
        return {**self.__dict__, "_parts": marshal.dumps(self._parts), "_skeletons": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Be as the other one was."""
        self.__dict__.update(state, _parts=marshal.loads(state["_parts"]))  # noqa: S302 - written by the judge

    def part(self, unit: Unit, mutant: Mutant | None = None) -> CodeType:
        """Return one statement of the module compiled, changed or not."""
        key = (unit, mutant.id if mutant else "")
        if key not in self._parts:
            self._parts[key] = part(self.tree, unit, self.path, mutant)
        return self._parts[key]

    def _found(self) -> Iterator[Mutant]:
        for top, node in enumerate(self.tree.body):
            yield from self._of(node, Place(Slot(self.tree, "body", top), (top,)))

    def _of(self, node: ast.AST, place: Place) -> Iterator[Mutant]:
        if self._is_left_out(node, place):
            return
        for operator, words, field, index, new in operators.changes(node):
            slot = place.slot if not field else Slot(node, field, index)
            yield self._mutant(node, place, slot, (operator, words, new))
        for child, below in children(node, place):
            yield from self._of(child, below)

    def _mutant(self, node: ast.AST, place: Place, slot: Slot, change: tuple[str, str, Any]) -> Mutant:
        operator, words, new = change
        line, column = getattr(node, "lineno", 0) or line_of(node), getattr(node, "col_offset", 0) + 1
        address = f"{self.file}:{line}:{column} {operator}"
        self._count[address] = self._count.get(address, 0) + 1
        return Mutant(
            id=f"{address} {self._count[address]}",
            file=self.file,
            line=line,
            column=column,
            operator=operator,
            words=words,
            statement=self.first_lines.get(line, line),
            unit=place.unit,
            owner=place.owner,
            slot=slot,
            new=located(new, node),
        )

    def _is_left_out(self, node: ast.AST, place: Place) -> bool:
        if getattr(node, "lineno", 0) in self._untouched or isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Assert)):
            return True
        if isinstance(node, ast.If) and is_never_run(node.test):
            return True
        if isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or operators.is_talk(node.value)):
            return True
        if isinstance(node, ast.Constant) and place.in_raise and isinstance(node.value, str):
            return True
        if isinstance(node, ast.Call) and (operators.name_of(node) in TYPING_CALLS or operators.is_talk(node)):
            return True
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        return any(operators.name_of(each) in UNTOUCHED_NAMES for each in targets) or is_not_implemented(node)

    def _is_equal(self, mutant: Mutant) -> bool:
        """Whether the changed statement compiles to the same code, or not at all."""
        try:
            new = self.part(mutant.unit, mutant)
        except (SyntaxError, ValueError, TypeError):
            return True
        if mutant.unit not in self._skeletons:
            self._skeletons[mutant.unit] = skeleton(self.part(mutant.unit))
        is_equal = self._skeletons[mutant.unit] == skeleton(new)
        if is_equal or not mutant.owner:
            del self._parts[mutant.unit, mutant.id]
        return is_equal


def skeleton(code: CodeType) -> list[Any]:
    """Return what two equal programs have in common; positions are left out."""
    codes = [code, *nested(code)]
    return [(each.co_name, each.co_code, each.co_names, each.co_varnames, constants(each)) for each in codes]


def constants(code: CodeType) -> list[Any]:
    """Return the constants with their types: `1 == True == 1.0`."""
    return [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]


def children(node: ast.AST, place: Place) -> Iterator[tuple[ast.AST, Place]]:
    """Yield each child that may be changed, with its place."""
    for field, value in ast.iter_fields(node):
        if field in ANNOTATIONS or isinstance(value, ast.expr_context):
            continue
        below = inside(node, field, place)
        if isinstance(value, list):
            yield from ((each, below.at(node, field, index)) for index, each in enumerate(value) if isinstance(each, ast.AST))
        elif isinstance(value, ast.AST):
            yield value, below.at(node, field, None)


def inside(node: ast.AST, field: str, place: Place) -> Place:
    """Return who evaluates a field: a function's body runs when it is called, everything else of it when it is defined."""
    if isinstance(node, FUNCTIONS) and field == "body":
        name = ".".join((*place.names, getattr(node, "name", "<lambda>")))
        return replace(place, owner=(*place.owner, name), names=())
    if isinstance(node, ast.ClassDef) and field == "body":
        return replace(place, names=(*place.names, node.name))
    if isinstance(node, ast.Raise):
        return replace(place, in_raise=True)
    return place


def line_of(node: ast.AST) -> int:
    """Return the line of a node that has none of its own, such as a comprehension's clause."""
    return next((each.lineno for each in ast.walk(node) if hasattr(each, "lineno")), 1)


def located(new: Any, old: ast.AST) -> Any:  # noqa: ANN401 - a replacement is a node, a list of nodes or a plain value
    """Give a new node the place of the old one; nodes that stand in the tree already keep theirs."""
    if not isinstance(new, ast.AST) or hasattr(new, "lineno") or isinstance(new, (ast.operator, ast.cmpop, ast.boolop)):
        return new
    line = getattr(old, "lineno", 0) or line_of(old)
    origin = ast.Pass(lineno=line, col_offset=getattr(old, "col_offset", 0), end_lineno=line, end_col_offset=getattr(old, "col_offset", 0))
    for each in ast.walk(new):
        if not hasattr(each, "lineno"):
            ast.copy_location(each, origin)
    return ast.fix_missing_locations(new)


def is_never_run(test: ast.expr) -> bool:
    """Whether a block is for type checkers or for the command line."""
    if operators.name_of(test) == "TYPE_CHECKING":
        return True
    return isinstance(test, ast.Compare) and operators.name_of(test.left) == "__name__"


def is_not_implemented(node: ast.AST) -> bool:
    """Whether a statement says that there is nothing here."""
    return isinstance(node, ast.Raise) and node.exc is not None and operators.name_of(node.exc) == "NotImplementedError"
