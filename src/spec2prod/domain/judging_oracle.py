"""A specification's examples as a witness: a test that asserts another value for the same call states the opposite of it.

Source: ACCEPTANCE.md, filter 6. Pure: a test file's text and claims go in, names of tests come out. Calls are compared as they are
written, the module that they are asked of aside: an object or a class must be the example's own, by its name, and an object that the test
has used before is nobody's any more. What cannot be compared says nothing.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from spec2prod.domain.example import Example, Examples
from spec2prod.domain.screening import Function, last_name, tests_of
from spec2prod.domain.screening_mirrors import assigned_once, compared, is_spread, resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a specification's example says of a call: the literal that it returns (`expected`, as code) or the exception that it `raises`.

    The call's arguments may be objects of the component (`total(Line(100, 10))`), which the generator of tests does not take.
    """

    call: ast.Call
    where: str
    source: str
    expected: str = ""
    raises: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the witness says of the tests of one file: those that state the opposite of an example, in words, and those that state one."""

    opposite: Mapping[str, str] = field(default_factory=dict)
    agreeing: frozenset[str] = frozenset()


def claims_of(examples: Examples) -> tuple[Claim, ...]:
    """Return what the examples say, also those whose arguments are calls themselves."""
    told = (_claim(each) for each in examples.found)
    spoken = (_spoken(each.source, each.where) for each in examples.doubts)
    return tuple(each for each in (*told, *spoken) if each is not None)


def _claim(example: Example) -> Claim | None:
    called = _parsed(str(example.said.call))
    if not isinstance(called, ast.Call):
        return None
    said = example.said
    return Claim(call=called, where=example.where, source=said.source, expected=said.expected, raises=said.raises)


def _spoken(source: str, where: str) -> Claim | None:
    """Return the claim of a comparison in code whose arguments are more than literals."""
    node = _parsed(source)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
        for called, value in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
            if isinstance(called, ast.Call) and not is_spread(called) and (literal := _literal(value)):
                return Claim(call=called, where=where, source=source, expected=literal)
    return None


def heard(text: str, claims: Iterable[Claim]) -> Heard:
    """Compare what the tests of a file assert with what examples claim."""
    known = _known(claims)
    tree = _file(text)
    opposite: dict[str, str] = {}
    agreeing: set[str] = set()
    for name, test in tests_of(tree):
        for key, value in _stated(test):
            claim = known.get(key)
            if claim is None:
                continue
            if not claim.raises and _value(claim.expected) == value:
                agreeing.add(name)
            else:
                opposite.setdefault(name, f"it states the opposite of the specification's example at {claim.where}: {claim.source}")
    return Heard(opposite=opposite, agreeing=frozenset(agreeing - opposite.keys()))


def _known(claims: Iterable[Claim]) -> dict[str, Claim]:
    """Return the claims by their calls. Nobody says of `cart.total()` whether `cart` is a module: it is found as either.

    Where examples of several objects say several things, none of them is about a module.
    """
    known: dict[str, Claim] = {}
    of_modules: dict[str, list[Claim]] = {}
    for each in claims:
        known[_key(each.call, {_root(each.call)})] = each
        of_modules.setdefault(_key(each.call), []).append(each)
    return {key: told[-1] for key, told in of_modules.items() if len({(each.expected, each.raises) for each in told}) == 1} | known


def _key(called: ast.Call, objects: Collection[str] = ()) -> str:
    words = [_plain(each, objects) for each in called.args]
    words += sorted(f"{each.arg}={_plain(each.value, objects)}" for each in called.keywords)
    return f"{_receiver(called, objects)}{last_name(called.func)}({', '.join(words)})"


def _receiver(called: ast.Call, objects: Collection[str]) -> str:
    """Return whom a call is asked of: `Cart(1).total()` is another's than `Cart(2).total()`. A module is left out.

    `objects` are names that are no modules'; neither is one that begins as a class's or a constant's does.
    """
    if not isinstance(called.func, ast.Attribute):
        return ""
    maker = called.func.value
    if isinstance(maker, ast.Call):
        return f"{_key(maker, objects)}."
    root, name = _root(called), last_name(maker)
    if not root:
        return f"{ast.unparse(maker)}."
    return f"{name}." if root in objects or name[:1].isupper() else ""


def _root(called: ast.Call) -> str:
    """Return the first of a dotted name's parts, if there are several; empty where no name begins it."""
    node = called.func.value if isinstance(called.func, ast.Attribute) else None
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _plain(node: ast.expr, objects: Collection[str]) -> str:
    """Return an argument as it is written; a call in it without the module that it is called by."""
    return _key(node, objects) if isinstance(node, ast.Call) else ast.unparse(node)


def _stated(test: Function) -> Iterator[tuple[str, str]]:
    """Yield each call with the literal that a test says it returns, case by case where it is parametrised."""
    test = _with_later_uses(test)
    once, objects = assigned_once(test), _bound(test)
    for case in [{}, *_cases(test)]:
        for left, right in compared(test):
            one, other = resolved(left, once | case), resolved(right, once | case)
            for called, value in ((one, other), (other, one)):
                if isinstance(called, ast.Call) and not is_spread(called) and (literal := _literal(value)):
                    yield _key(called, objects), literal


def _bound(test: Function) -> frozenset[str]:
    """Return the names that stand for what a test was given or has made: objects. A later use of one is named by no identifier."""
    given = (*test.args.posonlyargs, *test.args.args, *test.args.kwonlyargs)
    made = (each.id for each in _names(test) if isinstance(each.ctx, ast.Store) or not each.id.isidentifier())
    return frozenset((*(each.arg for each in given), *made))


def _with_later_uses(test: Function) -> Function:
    """Return a test in which an object that it made has another name from its second use on: the first may have changed it."""
    made = {name for name, value in assigned_once(test).items() if isinstance(value, ast.Call)}
    asked = {_root(each) for each in ast.walk(test) if isinstance(each, ast.Call)} & made
    if not asked:
        return test
    changed = copy.deepcopy(test)  # trees of others are not changed
    uses = sorted((each for each in _names(changed) if each.id in asked), key=lambda each: (each.lineno, each.col_offset))
    for name in asked:
        for each in [use for use in uses if use.id == name and isinstance(use.ctx, ast.Load)][1:]:
            each.id = f"{name}, used before"
    return changed


def _names(test: Function) -> list[ast.Name]:
    return [each for each in ast.walk(test) if isinstance(each, ast.Name)]


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
    node = _parsed(source)
    return "" if node is None else _literal(node)


def _parsed(source: str) -> ast.expr | None:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _file(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
