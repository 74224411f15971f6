"""What a mutant may change: one operator a function, each yields (words, replacement) for a node it knows.

Left out on purpose, because the changed program mostly means the same or never runs: annotations, docstrings,
`__all__`, `__slots__`, log and print calls and the texts of exceptions, `TYPE_CHECKING` and `__main__` blocks, assertions of the
component, `raise NotImplementedError`, type aliases, caching and typing decorators, and lines with `# pragma: no mutate`
or `no cover`. `None` is not replaced, `+` next to a text and `%` after one are not: they only crash.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any

Change = tuple[str, str, str, Any, Any]  # operator, words, field, index (a number or None), replacement

SIGNS: dict[type[ast.AST], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in", ast.NotIn: "not in",
    ast.Is: "is", ast.IsNot: "is not", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.And: "and", ast.Or: "or",
    ast.Not: "not", ast.USub: "-", ast.Invert: "~", ast.MatMult: "@",
}  # fmt: skip
COMPARED: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
COMPUTED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Div, ast.Pow: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
}  # fmt: skip
CALLED = {
    "min": "max", "any": "all", "lower": "upper", "lstrip": "rstrip", "startswith": "endswith", "floor": "ceil", "find": "rfind",
    "split": "rsplit", "ljust": "rjust",
}  # fmt: skip
CALLED.update({new: old for old, new in list(CALLED.items())})
DROPPED = {"strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "swapcase", "expandtabs"}
REPLACED = {"sorted": "list", "reversed": "list", "abs": "", "round": "", "sum": "len", "set": "list", "frozenset": "list"}
TALKING = {"print", "debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
TALKERS = {"logging", "logger", "log", "LOG", "LOGGER", "_log", "_logger", "_LOG", "_LOGGER", "warnings"}
KEPT_DECORATORS = {
    "wraps", "cache", "lru_cache", "cached_property", "overload", "override", "final", "abstractmethod", "runtime_checkable",
    "no_type_check", "total_ordering", "staticmethod", "classmethod", "setter", "getter", "deleter", "fixture",
}  # fmt: skip
UNDISTINGUISHED = {"isinstance", "issubclass", "getattr", "hasattr", "setattr", "min", "max", "print", "range", "namedtuple", "cast"}
ONE, LONGEST = 1, 60


def text(node: ast.AST) -> str:
    """Return a node as one short line."""
    line = " ".join(ast.unparse(node).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def becomes(old: str, new: str) -> str:
    """Say what is changed."""
    return f"`{old}` becomes `{new}`"


def name_of(node: ast.AST) -> str:
    """Return the last name of a dotted name or of what is called."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_talk(node: ast.AST) -> bool:
    """Whether a call only tells people something."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id == "print"
    called = node.func
    return isinstance(called, ast.Attribute) and called.attr in TALKING and name_of(called.value) in TALKERS


def changes(node: ast.AST) -> Iterator[Change]:
    """Yield every change of one node."""
    for kind, operator in OPERATORS:
        if isinstance(node, kind):
            yield from operator(node)


def comparison(node: ast.Compare) -> Iterator[Change]:
    """Shift the boundary, and turn the meaning around."""
    for index, old in enumerate(node.ops):
        for new in COMPARED.get(type(old), ()):
            yield "comparison", becomes(SIGNS[type(old)], SIGNS[new]), "ops", index, new()


def arithmetic(node: ast.BinOp) -> Iterator[Change]:
    """Swap an operator with its counterpart."""
    textual = any(
        isinstance(each, ast.JoinedStr) or isinstance(getattr(each, "value", None), (str, bytes)) for each in (node.left, node.right)
    )
    new = COMPUTED.get(type(node.op))
    if new and not (textual and isinstance(node.op, (ast.Add, ast.Mod, ast.Mult))):
        yield "arithmetic", becomes(SIGNS[type(node.op)], SIGNS[new]), "op", None, new()


def augmented(node: ast.AugAssign) -> Iterator[Change]:
    """Swap the operator of an assignment in place."""
    new = COMPUTED.get(type(node.op))
    if new and not isinstance(getattr(node.value, "value", None), (str, bytes)):
        yield "arithmetic", becomes(SIGNS[type(node.op)] + "=", SIGNS[new] + "="), "op", None, new()


def boolean(node: ast.BoolOp) -> Iterator[Change]:
    """`and` against `or`."""
    new = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "boolean", becomes(SIGNS[type(node.op)], SIGNS[type(new)]), "op", None, new


def condition(node: ast.AST) -> Iterator[Change]:
    """Negate a condition that is no comparison: those have changes of their own."""
    test = node.test  # type: ignore[attr-defined]
    if not isinstance(test, (ast.Compare, ast.BoolOp, ast.Constant)) and not (
        isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    ):
        yield "negation", becomes(text(test), "not " + text(test)), "test", None, ast.UnaryOp(op=ast.Not(), operand=test)


def filtered(node: ast.comprehension) -> Iterator[Change]:
    """Drop a condition of a comprehension."""
    for index, each in enumerate(node.ifs):
        yield "negation", f"the condition `{text(each)}` always holds", "ifs", index, ast.Constant(value=True)


def arguments(node: ast.Call) -> Iterator[Change]:
    """Swap the first two arguments; call the counterpart of a well-known function."""
    first_two = node.args[:2]
    plain = len(node.args) > ONE and not any(isinstance(each, ast.Starred) for each in node.args)
    if plain and name_of(node) not in UNDISTINGUISHED and ast.dump(first_two[0]) != ast.dump(first_two[1]):
        swapped = [node.args[1], node.args[0], *node.args[2:]]
        words = f"the arguments `{text(first_two[0])}` and `{text(first_two[1])}` are swapped"
        yield "arguments", words, "args", None, swapped
    yield from dropped(node)
    new = CALLED.get(name_of(node))
    if new:
        called = copy.copy(node.func)
        setattr(called, "attr" if isinstance(called, ast.Attribute) else "id", new)
        yield "call", becomes(name_of(node), new), "func", None, called


def dropped(node: ast.Call) -> Iterator[Change]:
    """Leave out a call that gives back a changed copy; what comes in its place is of the same kind."""
    called = node.func
    if (
        isinstance(called, ast.Attribute)
        and called.attr in DROPPED
        and isinstance(called.value, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    ):
        yield "call", f"`.{called.attr}({'…' if node.args else ''})` is left out", "", None, called.value
    elif isinstance(called, ast.Name) and called.id in REPLACED and node.args and not isinstance(node.args[0], ast.Starred):
        other, first = REPLACED[called.id], node.args[0]
        new = ast.Call(func=ast.Name(id=other, ctx=ast.Load()), args=[first], keywords=[]) if other else first
        if isinstance(first, ast.GeneratorExp) and other == "len":
            return  # a generator has no length: it would only crash
        yield "call", becomes(called.id, other) if other else f"`{called.id}(…)` is left out", "", None, new


def returned(node: ast.Return | ast.Yield) -> Iterator[Change]:
    """Return nothing."""
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        word = "return" if isinstance(node, ast.Return) else "yield"
        yield "return value", becomes(f"{word} {text(node.value)}", f"{word} None"), "value", None, ast.Constant(value=None)


def raised(node: ast.Raise) -> Iterator[Change]:
    """Raise something else."""
    name = name_of(node.exc) if node.exc is not None else ""
    if name and name != "NotImplementedError" and name[:1].isupper():
        new = "LookupError" if name in {"RuntimeError", "RecursionError"} else "RuntimeError"
        other = ast.Call(func=ast.Name(id=new, ctx=ast.Load()), args=[], keywords=[])
        yield "exception", becomes(f"raise {name}", f"raise {new}"), "exc", None, other


def handled(node: ast.ExceptHandler) -> Iterator[Change]:
    """Catch nothing."""
    if node.type is not None:
        yield "exception", f"`except {text(node.type)}` catches nothing", "type", None, ast.Tuple(elts=[], ctx=ast.Load())


def sliced(node: ast.Slice) -> Iterator[Change]:
    """Drop a bound of a slice."""
    for name in ("lower", "upper", "step"):
        bound = getattr(node, name)
        if bound is not None and not (name == "lower" and isinstance(bound, ast.Constant) and bound.value == 0):
            yield (
                "slice",
                f"the slice loses its {name} bound `{text(bound)}`" if name != "step" else "the slice loses its step",
                name,
                None,
                None,
            )


def constant(node: ast.Constant) -> Iterator[Change]:
    """Shift a number by one, turn a truth around, empty a text."""
    value = node.value
    new: list[Any] = []
    if isinstance(value, bool):
        new = [not value]
    elif isinstance(value, int):
        new = [ONE] if value == 0 else [value + 1, value - 1]
    elif isinstance(value, float):
        new = [value + 1.0]
    elif isinstance(value, (str, bytes)):
        new = [type(value)()] if value else ["XX" if isinstance(value, str) else b"XX"]
    for each in new:
        words = becomes(text(node), text(ast.Constant(value=each)))
        yield "constant", words, "value", None, each


def unary(node: ast.UnaryOp) -> Iterator[Change]:
    """Drop a sign; the caller puts the operand in the place of the whole."""
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return  # `-1`: its constant is changed already
    if not isinstance(node.op, ast.UAdd):
        yield "negation", becomes(text(node), text(node.operand)), "", None, node.operand


def statement(node: ast.stmt) -> Iterator[Change]:
    """Remove a statement whose effect is its meaning; the caller puts it in the place of the whole."""
    if isinstance(node, (ast.Break, ast.Continue)):
        old, new = ("break", "continue") if isinstance(node, ast.Break) else ("continue", "break")
        yield "loop", becomes(old, new), "", None, ast.Continue() if old == "break" else ast.Break()
        return
    called = isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await))
    placed = isinstance(node, ast.Assign) and any(isinstance(each, (ast.Attribute, ast.Subscript)) for each in node.targets)
    if called or placed or isinstance(node, (ast.AugAssign, ast.Delete, ast.Raise)):
        yield "removed statement", f"`{text(node)}` is removed", "", None, ast.Pass()


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[Change]:
    """Remove one decorator."""
    for index, each in enumerate(node.decorator_list):
        if name_of(each) not in KEPT_DECORATORS:
            rest = [other for place, other in enumerate(node.decorator_list) if place != index]
            yield "decorator", f"the decorator `@{text(each)}` is removed", "decorator_list", None, rest


OPERATORS: list[tuple[Any, Any]] = [
    (ast.Compare, comparison), (ast.BinOp, arithmetic), (ast.AugAssign, augmented), (ast.BoolOp, boolean),
    ((ast.If, ast.While, ast.IfExp), condition), (ast.comprehension, filtered), (ast.Call, arguments), ((ast.Return, ast.Yield), returned),
    (ast.Raise, raised), (ast.ExceptHandler, handled), (ast.Slice, sliced), (ast.Constant, constant), (ast.UnaryOp, unary),
    (ast.stmt, statement), ((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), decorators),
]  # fmt: skip
