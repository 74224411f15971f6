"""Tests that state the code once more: what they expect is computed by the expression, or by the statements, of the unit itself.

Pure: syntax trees go in, sentences come out. What is not followed is no mirror.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spec2prod.domain.screening import Function, last_name

_WRAPPERS = frozenset({"approx", "isclose", "assertEqual", "assertAlmostEqual", "assertIs"})
_TELLING = (
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.Call,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.JoinedStr,
    ast.IfExp,
)
_SWAPPABLE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
_LEAST_NODES = 12  # a copied run of statements that is shorter may be chance
_DEEPEST = 6  # names that stand for names
_LARGEST = 400  # nodes of an expression with all its names resolved; a larger one is not followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One function of the component."""

    name: str
    node: Function
    module: str


class Units:
    """The component's functions, by their names and by the shape of their bodies."""

    def __init__(self, sources: Mapping[str, ast.Module]) -> None:
        """`sources` leads from an import name to the module's tree."""
        self.by_name: dict[str, list[Unit]] = {}
        self.by_shape: dict[str, Unit] = {}
        self.lengths: set[int] = set()
        for module, tree in sources.items():
            for node in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)):
                unit = Unit(name=node.name, node=node, module=module)
                self.by_name.setdefault(node.name, []).append(unit)
                for body in _telling_bodies(node):
                    self.by_shape[_shape(body)] = unit
                    self.lengths.add(len(body))


def mirrored(function: Function, units: Units) -> Iterator[str]:
    """Yield where what is expected is computed by the very expression that the unit returns."""
    known = assigned_once(function)
    for left, right in compared(function):
        one, other = resolved(left, known), resolved(right, known)
        for called, expected in ((one, other), (other, one)):
            if isinstance(called, ast.Call) and last_name(called.func) in units.by_name and not is_spread(called):
                yield from _of_call(called, expected, units.by_name[last_name(called.func)])


def _of_call(called: ast.Call, expected: ast.expr, units: list[Unit]) -> Iterator[str]:
    if _same(called, expected):
        yield f"it compares {last_name(called.func)} with itself"
    for unit in units:
        yield from (
            f"it mirrors the implementation: what it expects of {unit.name} is computed as line {line} of {unit.module} computes it"
            for line, result in _results(unit.node, called)
            if _same(result, expected)
        )


def copied(function: Function, units: Units) -> Iterator[str]:
    """Yield where a run of statements is a unit's body, its names aside."""
    fields = ((node, field) for node in ast.walk(function) for field in ("body", "orelse"))
    lists = [found for node, field in fields if isinstance(found := getattr(node, field, None), list)]
    for statements in lists:
        for size in sorted(each for each in units.lengths if each <= len(statements)):
            shapes = (_shape(statements[start : start + size]) for start in range(len(statements) - size + 1))
            yield from (
                f"it mirrors the implementation: it repeats the statements of {unit.name} in {unit.module}"
                for shape in shapes
                if (unit := units.by_shape.get(shape)) is not None
            )


def _telling_bodies(node: Function) -> Iterator[list[ast.stmt]]:
    """Yield a function's statements without its docstring and its guards, and the same without what it returns."""
    body = [each for each in _without_docstring(node.body) if not _is_guard(each)]
    shorter = [body[:-1]] if body and isinstance(body[-1], ast.Return) else []
    for each in (body, *shorter):
        if _is_telling(each) and sum(1 for statement in each for _ in ast.walk(statement)) >= _LEAST_NODES:
            yield each


def is_spread(called: ast.Call) -> bool:
    """Whether a call's arguments stand elsewhere: `f(*words)`."""
    return any(isinstance(each, ast.Starred) for each in called.args) or any(each.arg is None for each in called.keywords)


def compared(function: Function) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the two sides of each equality that a function asserts."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
            if isinstance(node.test.ops[0], ast.Eq | ast.Is):
                yield _bare(node.test.left), _bare(node.test.comparators[0])
        elif isinstance(node, ast.Call) and last_name(node.func) in _WRAPPERS and len(node.args) > 1:
            yield _bare(node.args[0]), _bare(node.args[1])


def _bare(node: ast.expr) -> ast.expr:
    """Return what stands in `approx(…)`."""
    return node.args[0] if isinstance(node, ast.Call) and last_name(node.func) == "approx" and node.args else node


def assigned_once(function: Function) -> dict[str, ast.expr]:
    """Return the names that stand for one expression in the whole function."""
    stored = [each.id for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    plain = [node for node in ast.walk(function) if isinstance(node, ast.Assign) and len(node.targets) == 1]
    told = {target.id: node.value for node in plain if isinstance(target := node.targets[0], ast.Name)}
    return {name: value for name, value in told.items() if stored.count(name) == 1}


class _Names(ast.NodeTransformer):
    """Puts expressions in the place of names."""

    def __init__(self, known: Mapping[str, ast.expr]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._known.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def resolved(node: ast.expr, known: Mapping[str, ast.expr]) -> ast.expr:
    """Return an expression with the names that stand for others resolved."""
    for _ in range(_DEEPEST):
        if not any(isinstance(each, ast.Name) and each.id in known for each in ast.walk(node)):
            break
        node = _put(node, known)
        if sum(1 for _ in ast.walk(node)) > _LARGEST:
            break
    return node


def _put(node: ast.expr, known: Mapping[str, ast.expr]) -> ast.expr:
    changed: ast.expr = _Names(known).visit(copy.deepcopy(node))  # trees of others are not changed
    return changed


def _results(unit: Function, called: ast.Call) -> Iterator[tuple[int, ast.expr]]:
    """Yield the telling expressions that a unit returns, with the call's arguments in the place of its parameters."""
    names = [each.arg for each in (*unit.args.posonlyargs, *unit.args.args)]
    given: dict[str, ast.expr] = {}
    if names[:1] in (["self"], ["cls"]):
        if isinstance(called.func, ast.Attribute):
            given[names[0]] = called.func.value
        names = names[1:]
    defaults = unit.args.defaults
    given |= dict(zip(names[len(names) - len(defaults) :], defaults, strict=False)) if defaults else {}
    given |= dict(zip(names, called.args, strict=False)) | {each.arg: each.value for each in called.keywords if each.arg}
    inner = {name: value for name, value in assigned_once(unit).items() if name not in given}
    for node in ast.walk(unit):
        if isinstance(node, ast.Return) and node.value is not None:
            value = resolved(node.value, inner)
            if isinstance(value, _TELLING) and any(isinstance(each, ast.Name) and each.id in given for each in ast.walk(value)):
                yield node.lineno, _put(value, given)


class _Same(ast.NodeTransformer):
    """Makes equal what differs only in how it is written: `unit.RATE` and `RATE`, `a + b` and `b + a`."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        is_constant = node.attr.isupper() and isinstance(node.value, ast.Name)
        return ast.Name(id=node.attr, ctx=ast.Load()) if is_constant else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, _SWAPPABLE) and ast.dump(node.left) > ast.dump(node.right):
            node.left, node.right = node.right, node.left
        return node


def _same(one: ast.expr, other: ast.expr) -> bool:
    return ast.dump(_Same().visit(_put(one, {}))) == ast.dump(_Same().visit(_put(other, {})))


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    return body[1:] if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else body


def _is_guard(node: ast.stmt) -> bool:
    """Whether a statement only refuses what must not come in."""
    return isinstance(node, ast.If) and not node.orelse and all(isinstance(each, ast.Raise) for each in node.body)


def _is_telling(statements: list[ast.stmt]) -> bool:
    """Whether a run of statements is more than a call or a value: it has a loop or a branch, or several steps."""
    return any(isinstance(each, ast.For | ast.While | ast.If | ast.Match) for each in statements) or len(statements) > 1


def _shape(statements: list[ast.stmt]) -> str:
    """Return statements as text, every name that is not Python's own replaced by its number."""
    numbers: dict[str, str] = {}
    text = ast.dump(ast.Module(body=statements, type_ignores=[]))
    for node in (each for statement in statements for each in ast.walk(statement)):
        name = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else ""
        if name and not hasattr(builtins, name):
            numbers.setdefault(name, f"<{len(numbers)}>")
    for name, number in numbers.items():
        text = text.replace(f"id='{name}'", f"id='{number}'").replace(f"arg='{name}'", f"arg='{number}'")
    return text
