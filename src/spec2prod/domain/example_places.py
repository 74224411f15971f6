"""Where an example's call is defined: which of the component's modules, by their syntax trees. What is ambiguous is said, not guessed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from spec2prod.domain.example import Doubt, Example, Examples, examples_of
from spec2prod.domain.example_literals import is_builtin_error
from spec2prod.domain.specification import Specification

type Definitions = Mapping[str, Mapping[str, str]]
"""Module (dotted) → what it defines at its top → its kind: function, async, class. A method is there if it needs no object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An example whose call can be imported. `code` calls it once `imports` (module, name) are made; `error` is the exception's code."""

    example: Example
    module: str
    code: str
    imports: tuple[tuple[str, str], ...]
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a specification gives as examples of a component: those that can become tests, those that no test uses, and doubts."""

    found: tuple[Placed, ...] = ()
    unused: tuple[Placed, ...] = ()
    doubts: tuple[Doubt, ...] = ()


def given(specification: Specification, modules: Callable[[], Mapping[str, str]], tests: Callable[[], Iterable[str]]) -> Given:
    """Return a specification's examples; `modules` (dotted name → text) and `tests` (texts) are read only where there are any."""
    examples = examples_of(specification)
    if not examples.found:
        return Given(doubts=examples.doubts)
    found, doubts = placed(examples, definitions(modules()))
    return Given(found=found, unused=unused(found, tests()) if found else (), doubts=doubts)


def definitions(texts: Mapping[str, str]) -> Definitions:
    """Return what each module defines; one that does not parse defines nothing."""
    return {module: dict(_defined(text)) for module, text in texts.items()}


def placed(examples: Examples, known: Definitions) -> tuple[tuple[Placed, ...], tuple[Doubt, ...]]:
    """Return the examples that can be turned into tests, and doubts about all others."""
    found: list[Placed] = []
    doubts = list(examples.doubts)
    for example in examples.found:
        told = _place(example, known)
        if isinstance(told, Placed):
            found.append(told)
        else:
            doubts.append(Doubt(where=example.where, source=example.said.source, reason=told))
    return tuple(found), tuple(doubts)


def unused(found: Iterable[Placed], tests: Iterable[str]) -> tuple[Placed, ...]:
    """Return the examples whose call stands in no test: neither written out, nor as arguments beside a call with a star."""
    used = [_used(text) for text in tests]
    return tuple(each for each in found if not any(_is_used(each, seen) for seen in used))


def calling(found: Iterable[Placed], tests: Mapping[str, str]) -> dict[str, str]:
    """Return for each requirement the first test that makes the call of one of its examples.

    `tests` maps paths to texts. A test is told as pytest names it, without parameters; where the call stands outside of any, its file is.
    """
    wanted = [each for each in found if each.example.requirement]
    told: dict[str, str] = {}
    for path, text in tests.items() if wanted else ():
        parts = [(name, _used_in(node)) for name, node in _test_functions(text)]
        for name, used in (*((f"{path}::{name}", used) for name, used in parts), (path, _used(text))):
            for each in wanted:
                if each.example.requirement not in told and _is_used(each, used):
                    told[each.example.requirement] = name
    return told


def _test_functions(text: str) -> Iterator[tuple[str, ast.stmt]]:
    for node in _body(text):
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from ((f"{node.name}::{inner.name}", inner) for inner in node.body if _is_test(inner))
        elif _is_test(node):
            yield node.name, node


def _is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def _defined(text: str) -> Iterator[tuple[str, str]]:
    for node in _body(text):
        match node:
            case ast.FunctionDef():
                yield node.name, "function"
            case ast.AsyncFunctionDef():
                yield node.name, "async"
            case ast.ClassDef():
                yield node.name, "class"
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and _needs_no_object(inner):
                        yield f"{node.name}.{inner.name}", "function"
            case _:
                pass


def _body(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _needs_no_object(function: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id in {"staticmethod", "classmethod"} for each in function.decorator_list)


def _place(example: Example, known: Definitions) -> Placed | str:
    call = example.said.call
    if call is None:
        return example.said.doubt
    found = _find(call.callee, known)
    if isinstance(found, str):
        return found
    module, name, kind = found
    if kind == "async":
        return f"{name} is asynchronous, and an example calls it directly"
    imports, error = [(module, name.partition(".")[0])], ""
    if example.said.raises:
        raised = _error(example.said.raises, known)
        if isinstance(raised, str):
            return raised
        error = raised[1]
        imports += [raised] if raised[0] else []
    return Placed(example=example, module=module, code=name, imports=tuple(imports), error=error)


def _find(callee: str, known: Definitions) -> tuple[str, str, str] | str:
    """Return module, name and kind of what a dotted name means; a text says why nobody knows."""
    parts = callee.split(".")
    fitting = {
        (module, name)
        for split in range(len(parts))
        for module in known
        if (name := ".".join(parts[split:])) in known[module] and _names(module, ".".join(parts[:split]))
    }
    if not fitting:
        return f"no module of the component defines {callee}" + _object_needed(parts, known)
    if len(fitting) > 1:
        return f"{callee} is ambiguous: {' and '.join(sorted(module for module, _ in fitting))} define it; write module.{parts[-1]}"
    ((module, name),) = fitting
    return module, name, known[module][name]


def _names(module: str, prefix: str) -> bool:
    return not prefix or module == prefix or module.endswith(f".{prefix}")


def _object_needed(parts: list[str], known: Definitions) -> str:
    is_method = len(parts) > 1 and any(kind == "class" for each in known.values() for name, kind in each.items() if name == parts[-2])
    return " to be called without an object" if is_method else ""


def _error(name: str, known: Definitions) -> tuple[str, str] | str:
    """Return module (empty for a built-in one) and name of an exception."""
    found = _find(name, known)
    if not isinstance(found, str):
        return (found[0], found[1]) if found[2] == "class" else f"{name} is no class"
    return ("", name) if is_builtin_error(name) else found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """What a test file holds: calls written out, names called with a star, and literals that may be their arguments."""

    calls: frozenset[str] = frozenset()
    starred: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()


def _used(text: str) -> _Used:
    try:
        return _used_in(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Used()


def _used_in(tree: ast.AST) -> _Used:
    nodes = list(ast.walk(tree))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return _Used(
        calls=frozenset(_plain(node) for node in calls),
        starred=frozenset(_last_name(node) for node in calls if any(isinstance(each, ast.Starred) for each in node.args)),
        literals=frozenset(ast.dump(node) for node in nodes if isinstance(node, ast.Tuple | ast.Dict)),
    )


def _plain(node: ast.Call) -> str:
    """Return a call by the last part of its name, and its arguments."""
    return " ".join([_last_name(node), *map(ast.dump, node.args), *map(ast.dump, node.keywords)])


def _last_name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""


def _is_used(each: Placed, used: _Used) -> bool:
    node = ast.parse(str(each.example.said.call), mode="eval").body
    if not isinstance(node, ast.Call):
        return False
    arguments = [ast.dump(ast.Tuple(elts=node.args, ctx=ast.Load()))]
    if node.keywords:
        names: list[ast.expr | None] = [ast.Constant(word.arg) for word in node.keywords]
        arguments.append(ast.dump(ast.Dict(keys=names, values=[word.value for word in node.keywords])))
    return _plain(node) in used.calls or (_last_name(node) in used.starred and used.literals.issuperset(arguments))
