"""What a person must look at, seen in the syntax trees alone: a test that leans on private names, or states the code once more.

Source: ACCEPTANCE.md, verdict `review`. Such a test may well notice changes of the code: it would notice every refactoring too,
and where the code is wrong it is wrong in the same way. Pure: texts go in, sentences come out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from spec2prod.domain.screening import Function, last_name, tests_of
from spec2prod.domain.screening_mirrors import Units, copied, mirrored

_BY_NAME = frozenset({"getattr", "setattr", "hasattr", "delattr", "attrgetter", "methodcaller", "object"})


def doubts(text: str, modules: Mapping[str, str]) -> dict[str, str]:
    """Return what is doubtful, by the test's name as `screen` tells it; `modules` leads from an import name to the source."""
    tree = _parsed(text)
    sources = {name: parsed for name, source in modules.items() if (parsed := _parsed(source)) is not None}
    if tree is None:
        return {}
    private = frozenset(name for each in sources.values() for name in _private_names(each))
    units = Units(sources)
    tables = frozenset(name for each in sources.values() for name in _tables(each))
    helpers = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    found: dict[str, str] = {}
    for name, test in tests_of(tree):
        parts = list(_with_helpers(test, helpers))
        told = next((f"it leans on the private name {each}" for part in parts for each in _leaning(part, private)), "")
        told = told or next(
            (each for part in parts for each in (*mirrored(part, units), *copied(part, units), *_borrowed(part, tables))), ""
        )
        if told:
            found[name] = f"{told}: a person must say whether that is wanted"
    return found


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _with_helpers(test: Function, helpers: Mapping[str, Function]) -> Iterator[Function]:
    """Yield a test, and the functions of its file that it names: helpers by their call, fixtures by their argument."""
    seen, queue = {test.name}, [test]
    while queue:
        node = queue.pop()
        yield node
        names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} | {each.arg for each in node.args.args}
        queue += [helpers[name] for name in sorted(names & helpers.keys() - seen)]
        seen |= names


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__")) and name.strip("_") != ""


def _private_names(tree: ast.Module) -> Iterator[str]:
    """Yield the private names that a module defines: functions, classes, variables, attributes of its objects."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = last_name(node)
        else:
            continue
        if _is_private(name):
            yield name


def _leaning(function: Function, private: frozenset[str]) -> Iterator[str]:
    """Yield the component's private names that a function of the test file uses; its own object's attributes are its own."""
    own = {each.id for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and node.attr in private and last_name(node.value) not in {"self", "cls"}:
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in private and node.id not in own:
            yield node.id
        elif isinstance(node, ast.Call) and last_name(node.func) in _BY_NAME:
            yield from (each.value for each in node.args if isinstance(each, ast.Constant) and each.value in private)


def _tables(tree: ast.Module) -> Iterator[str]:
    """Yield the public constants of a module that hold several things."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if isinstance(getattr(node, "value", None), ast.Dict | ast.List | ast.Tuple | ast.Set):
            yield from (name for each in targets if (name := last_name(each)).isupper())


def _borrowed(function: Function, tables: frozenset[str]) -> Iterator[str]:
    """Yield where each of a component's own constants is what the component is compared with."""
    for node in ast.walk(function):
        loops = node.generators if isinstance(node, ast.GeneratorExp | ast.ListComp) else [node] if isinstance(node, ast.For) else []
        bound = {each.id for loop in loops for each in ast.walk(loop.target) if isinstance(each, ast.Name)}
        named = {last_name(each) for loop in loops for each in ast.walk(loop.iter) if isinstance(each, ast.Name | ast.Attribute)} & tables
        for each in ast.walk(node) if named else ():
            if isinstance(each, ast.Compare) and len(each.ops) == 1 and isinstance(each.ops[0], ast.Eq):
                sides = (each.left, each.comparators[0])
                if any(isinstance(a, ast.Call) and isinstance(b, ast.Name) and b.id in bound for a, b in (sides, sides[::-1])):
                    yield f"it takes its expectation from the component ({min(named)})"
