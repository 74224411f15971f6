"""The cheap look at a proposed test: its syntax tree alone, before anything runs.

Source of the filters: ACCEPTANCE.md, filter 1. Pure: a text goes in, reasons come out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from spec2prod.domain.screening_guards import guarded_skips

type Function = ast.FunctionDef | ast.AsyncFunctionDef

_RAISING_CONTEXTS = frozenset({"raises", "warns", "deprecated_call", "assertRaises", "assertRaisesRegex", "assertWarns"})
_ASSERTIONS = frozenset({"AssertionError", "Exception", "BaseException"})  # what catches a failing assertion
_EQUALS = frozenset(
    {"assertEqual", "assertEquals", "assertListEqual", "assertDictEqual", "assertTupleEqual", "assertSetEqual", "assertAlmostEqual"}
)
_BARE = frozenset({"assertTrue", "assertFalse", "assertIsNotNone", "assertIsNone", "assertIsInstance", "assertIs", "assertIsNot"})
_SET_ASIDE = frozenset({"skip", "skipif", "xfail", "importorskip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """One test function as the screen saw it; `objection` is empty where it may go on.

    `name` is the node ID's part after the file: `test_add` or `TestAdd::test_zero`. `line` is 1-based. `states_value` says that
    it asserts that something equals a value that it does not ask the code for, `compares` that it asserts more than that something is
    there, is true, or is of a kind, `may_skip` that it skips itself on machines that lack something.
    """

    name: str
    line: int
    objection: str
    states_value: bool = False
    compares: bool = False
    may_skip: bool = False


def screen(text: str) -> tuple[Screened, ...] | str:
    """Look at a whole proposed file; return its tests, or the one reason why it cannot be looked at."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        return f"it does not parse: {line}{error.args[0]}"
    tests = tuple(_screened(name, node, tree) for name, node in tests_of(tree))
    return tests or "it defines no test function"


def _screened(name: str, node: Function, tree: ast.Module) -> Screened:
    checks = list(_checks(node, _helpers(tree), seen={node.name}))
    guarded = guarded_skips(node)
    return Screened(
        name=name,
        line=node.lineno,
        objection=_objection(node, checks, guarded),
        states_value=any(map(_states_value, checks)),
        compares=any(map(_compares, checks)),
        may_skip=bool(guarded),
    )


def without(text: str, rejected: Collection[str]) -> str:
    """Return the file without the rejected tests (and without a class that has none left)."""
    tree = ast.parse(text)
    doomed = [node for name, node in tests_of(tree) if name in rejected]
    doomed_ids = {id(node) for node in doomed}
    emptied = [node for node in tree.body if isinstance(node, ast.ClassDef) and _is_emptied(node, doomed_ids)]
    dropped = {line for node in (*doomed, *emptied) for line in range(_first_line(node), (node.end_lineno or node.lineno) + 1)}
    lines = re.split(r"\r\n|\r|\n", text)  # as the parser counts them; str.splitlines knows more ends of lines
    kept = [line for number, line in enumerate(lines, start=1) if number not in dropped]
    return "\n".join(kept).rstrip() + "\n"


def tests_of(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield the test functions of a file with their names, as pytest names them after the file."""
    for node in tree.body:
        if _is_test(node):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or any("TestCase" in last_name(each) for each in node.bases)):
            yield from ((f"{node.name}::{each.name}", each) for each in node.body if _is_test(each))


def _is_test(node: ast.stmt) -> TypeGuard[Function]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def _is_emptied(node: ast.ClassDef, doomed: Collection[int]) -> bool:
    tests = [each for each in node.body if _is_test(each)]
    return bool(tests) and all(id(each) in doomed for each in tests)


def _first_line(node: Function | ast.ClassDef) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _helpers(tree: ast.Module) -> dict[str, Function]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def _objection(test: Function, checks: Sequence[ast.AST], guarded: Collection[int]) -> str:
    if any(last_name(each) in _SET_ASIDE for each in _decorators_and_calls(test, guarded)):
        return "it skips itself or expects to fail"
    if not checks:
        return "it asserts nothing"
    if all(_is_constant(each) for each in checks):
        return "its assertions hold whatever the code does"
    if any(_is_swallowed(node) for node in ast.walk(test)) or _gathers_failures(test):
        return "it swallows its own assertion"
    return ""


def _states_value(check: ast.AST) -> bool:
    """Whether an assertion has a side without a call: a value that is known before the code is asked."""
    return any(not any(isinstance(part, ast.Call) for part in ast.walk(side)) for sides in _equalities(check) for side in sides)


def _equalities(check: ast.AST) -> Iterator[Sequence[ast.expr]]:
    """Yield the sides of each equality in an assertion, unittest's included."""
    if isinstance(check, ast.Call):
        if last_name(check.func) in _EQUALS:
            yield check.args[:2]
        return
    for each in ast.walk(check.test) if isinstance(check, ast.Assert) else ():
        if isinstance(each, ast.Compare) and isinstance(each.ops[0], ast.Eq):
            yield (each.left, *each.comparators)


def _compares(check: ast.AST) -> bool:
    """Whether an assertion asks for more than truth, presence or a kind; a context that waits for an exception does."""
    if isinstance(check, ast.Call | ast.Try):
        return isinstance(check, ast.Try) or last_name(check.func) not in _BARE
    told = ast.walk(check.test) if isinstance(check, ast.Assert) else ()
    return any(isinstance(each, ast.Compare) and not _asks_for_presence(each) for each in told)


def _asks_for_presence(node: ast.Compare) -> bool:
    """Whether a comparison is true of anything that is there: `… is not None`, `len(…) > 0`, `… != ""`, and their like."""
    match node:
        case ast.Compare(ops=[ast.Is() | ast.IsNot(), *_]):
            return any(isinstance(each, ast.Constant) and each.value is None for each in node.comparators)
        case (
            ast.Compare(left=ast.Call(func=measure), ops=[ast.Gt() | ast.NotEq()], comparators=[ast.Constant(value=0)])
            | ast.Compare(left=ast.Call(func=measure), ops=[ast.GtE()], comparators=[ast.Constant(value=1)])
            | ast.Compare(left=ast.Constant(value=0), ops=[ast.Lt() | ast.NotEq()], comparators=[ast.Call(func=measure)])
            | ast.Compare(left=ast.Constant(value=1), ops=[ast.LtE()], comparators=[ast.Call(func=measure)])
        ):
            return last_name(measure) == "len"
        case ast.Compare(ops=[ast.NotEq()], comparators=[other]):
            return _is_empty(node.left) or _is_empty(other)
        case _:
            return False


def _is_empty(node: ast.expr) -> bool:
    """Whether it is written as an empty text, list, tuple or dictionary."""
    match node:
        case ast.Constant(value="" | b"") | ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return True
        case _:
            return False


def _decorators_and_calls(test: Function, left_out: Collection[int]) -> Iterator[ast.expr]:
    yield from (each for each in test.decorator_list if not isinstance(each, ast.Call))
    yield from (each.func for each in ast.walk(test) if isinstance(each, ast.Call) and id(each) not in left_out)


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name, empty where it is none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _checks(function: Function, helpers: dict[str, Function], seen: set[str]) -> Iterator[ast.AST]:
    """Yield what can make the test fail on purpose, also in helpers of the same file that it calls."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Try) and any(isinstance(each, ast.Raise) for each in node.orelse)):
            yield node  # `else: raise` demands the exception that the handler takes
        elif isinstance(node, ast.Call):
            name = last_name(node.func)
            if name in _RAISING_CONTEXTS or name.startswith("assert") or (name == "fail" and isinstance(node.func, ast.Attribute)):
                yield node
            elif name in helpers and name not in seen:
                yield from _checks(helpers[name], helpers, seen | {name})


def _is_constant(check: ast.AST) -> bool:
    """Whether an assertion cannot fail: a literal, or something compared with itself."""
    if not isinstance(check, ast.Assert):
        return False
    test = check.test
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is | ast.GtE | ast.LtE):
        left, right = test.left, test.comparators[0]
        is_plain = not any(isinstance(each, ast.Call | ast.Await) for each in ast.walk(left))  # `Point(1) == Point(1)` asks `__eq__`
        return (is_plain and ast.dump(left) == ast.dump(right)) or (isinstance(left, ast.Constant) and isinstance(right, ast.Constant))
    return isinstance(test, ast.Constant) or (isinstance(test, ast.Tuple) and bool(test.elts))


def _is_swallowed(node: ast.AST) -> bool:
    """Whether a `try` holds an assertion and a handler that catches AssertionError without raising again; so does `raises` around one."""
    if isinstance(node, ast.With | ast.AsyncWith):
        catching = any(_expects_assertions(item.context_expr) for item in node.items)
        return catching and any(isinstance(each, ast.Assert) for part in node.body for each in ast.walk(part))
    if not isinstance(node, ast.Try) or not any(isinstance(each, ast.Assert) for part in node.body for each in ast.walk(part)):
        return False
    return any(_catches_assertions(handler) and not _fails_itself(handler) for handler in node.handlers)


def _gathers_failures(test: Function) -> bool:
    """Whether assertions stand in inner functions whose exceptions are gathered and dropped: `gather(check(), return_exceptions=True)`."""
    inner = [each for each in ast.walk(test) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each is not test]
    dropped = (each for each in ast.walk(test) if isinstance(each, ast.Expr))
    gathering = (word for each in dropped for word in ast.walk(each) if isinstance(word, ast.keyword) and word.arg == "return_exceptions")
    gathers = any(isinstance(word.value, ast.Constant) and word.value.value is True for word in gathering)
    return gathers and any(isinstance(each, ast.Assert) for function in inner for each in ast.walk(function))


def _expects_assertions(context: ast.expr) -> bool:
    """Whether a context takes a failing assertion for what it waits for: `raises(AssertionError)`, `suppress(Exception)`."""
    if not isinstance(context, ast.Call) or last_name(context.func) not in _RAISING_CONTEXTS | {"suppress"}:
        return False
    named = [each for word in context.args for each in (word.elts if isinstance(word, ast.Tuple) else [word])]
    return any(last_name(each) in _ASSERTIONS for each in named)


def _fails_itself(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(each, ast.Raise | ast.Assert) for each in ast.walk(handler))


def _catches_assertions(handler: ast.ExceptHandler) -> bool:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(name is None or last_name(name) in _ASSERTIONS for name in names)
