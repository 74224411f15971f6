"""A specification's examples as a witness: a test that asserts another value for the same call states the opposite of it.

Source: ACCEPTANCE.md, filter 6. Pure: a test file's text and examples go in, names of tests come out. Calls are compared where their
arguments are literals; what cannot be compared says nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from spec2prod.domain.example import Example
from spec2prod.domain.screening import Function, last_name, tests_of
from spec2prod.domain.screening_mirrors import assigned_once, compared, is_spread, resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the witness says of the tests of one file: those that state the opposite of an example, in words, and those that state one."""

    opposite: Mapping[str, str] = field(default_factory=dict)
    agreeing: frozenset[str] = frozenset()


def heard(text: str, examples: Iterable[Example]) -> Heard:
    """Compare what the tests of a file assert with the examples."""
    known = {_key_of(each): each for each in examples if each.said.call is not None}
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Heard()
    opposite: dict[str, str] = {}
    agreeing: set[str] = set()
    for name, test in tests_of(tree):
        for key, value in _stated(test):
            example = known.get(key)
            if example is None:
                continue
            if not example.said.raises and _value(example.said.expected) == value:
                agreeing.add(name)
            else:
                opposite.setdefault(
                    name, f"it states the opposite of the specification's example at {example.where}: {example.said.source}"
                )
    return Heard(opposite=opposite, agreeing=frozenset(agreeing - opposite.keys()))


def _key_of(example: Example) -> str:
    called = ast.parse(str(example.said.call), mode="eval").body
    return _key(called) if isinstance(called, ast.Call) else ""


def _key(called: ast.Call) -> str:
    words = [ast.unparse(each) for each in called.args]
    words += sorted(f"{each.arg}={ast.unparse(each.value)}" for each in called.keywords)
    return f"{last_name(called.func)}({', '.join(words)})"


def _stated(test: Function) -> Iterator[tuple[str, str]]:
    """Yield each call with the literal that a test says it returns, case by case where it is parametrised."""
    once = assigned_once(test)
    for case in [{}, *_cases(test)]:
        for left, right in compared(test):
            one, other = resolved(left, once | case), resolved(right, once | case)
            for called, value in ((one, other), (other, one)):
                if isinstance(called, ast.Call) and not is_spread(called) and (literal := _literal(value)):
                    yield _key(called), literal


def _cases(test: Function) -> Iterator[dict[str, ast.expr]]:
    """Yield the values of each row of `parametrize`."""
    for each in test.decorator_list:
        if not isinstance(each, ast.Call) or last_name(each.func) != "parametrize" or len(each.args) < 2:  # noqa: PLR2004 - names and rows
            continue
        stated, rows = each.args[0], each.args[1]
        listed = stated.elts if isinstance(stated, ast.Tuple | ast.List) else [stated]
        names = [part.strip() for word in listed if isinstance(word, ast.Constant) for part in str(word.value).split(",")]
        for row in rows.elts if isinstance(rows, ast.List | ast.Tuple) else ():
            values = row.elts if len(names) > 1 and isinstance(row, ast.Tuple | ast.List) else [row]
            yield dict(zip(names, values, strict=False))


def _literal(node: ast.expr) -> str:
    try:
        return repr(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ""


def _value(source: str) -> str:
    try:
        return _literal(ast.parse(source, mode="eval").body)
    except (SyntaxError, ValueError):
        return ""
