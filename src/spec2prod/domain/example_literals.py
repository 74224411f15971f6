"""Calls and literals in a specification's text, parsed and never evaluated."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

_LONGEST = 2000  # characters of one piece of code
_BAD = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)
_BUILTIN_ERRORS = frozenset(name for name, each in vars(builtins).items() if isinstance(each, type) and issubclass(each, BaseException))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call with literals: `callee` is a dotted name; `arguments` and `keywords` are source texts of literals."""

    callee: str
    arguments: tuple[str, ...] = ()
    keywords: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return it as code."""
        told = (*self.arguments, *(f"{name}={value}" for name, value in self.keywords))
        return f"{self.callee}({', '.join(told)})"


def parsed(text: str) -> ast.expr | None:
    """Return an expression's syntax tree; None where the text is none."""
    if not 0 < len(text) <= _LONGEST:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text.strip(), mode="eval").body
    except _BAD:
        return None


def literal(node: ast.expr | None) -> str | None:
    """Return a literal as canonical code, None where it is none."""
    if node is None:
        return None
    try:
        return written(ast.literal_eval(node))
    except _BAD:
        return None


def call(node: ast.expr | None, bound: Mapping[str, str] | None = None) -> Call | str | None:
    """Return a call; a text says why it cannot be used; None where it is no call. `bound` maps names to literals that stand for them."""
    if not isinstance(node, ast.Call):
        return None
    callee = _dotted(node.func)
    if not callee:
        return "what it calls is no plain name"
    arguments = [_argument(each, bound or {}) for each in node.args]
    keywords = [(each.arg or "", _argument(each.value, bound or {})) for each in node.keywords]
    if None in arguments or any(not name or value is None for name, value in keywords):
        return "its arguments are no literals"
    return Call(
        callee=callee,
        arguments=tuple(each for each in arguments if each is not None),
        keywords=tuple((name, value) for name, value in keywords if value is not None),
    )


def _argument(node: ast.expr, bound: Mapping[str, str]) -> str | None:
    return bound.get(node.id) if isinstance(node, ast.Name) else literal(node)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (inner := _dotted(node.value)):
        return f"{inner}.{node.attr}"
    return ""


def is_builtin_error(name: str) -> bool:
    """Whether it is an exception that every module knows."""
    return name in _BUILTIN_ERRORS


def is_error_name(name: str) -> bool:
    """Whether a dotted name can be meant as an exception's: a built-in one, or one that ends as they do."""
    last = name.rpartition(".")[2]
    return all(part.isidentifier() for part in name.split(".")) and (is_builtin_error(last) or last.endswith(("Error", "Exception")))


def written(value: object) -> str:  # noqa: PLR0911 - one line a kind
    """Return a literal's value as code: double quotes, sets in order, so that equal values are written alike."""
    match value:
        case str():
            return _quoted(value)
        case float() if value in {float("inf"), float("-inf")}:
            return "1e309" if value > 0 else "-1e309"
        case list():
            return f"[{', '.join(map(written, value))}]"
        case tuple():
            return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
        case set() | frozenset():
            return f"{{{', '.join(sorted(map(written, value)))}}}" if value else "set()"
        case dict():
            return f"{{{', '.join(f'{written(key)}: {written(each)}' for key, each in value.items())}}}"
        case _:
            return repr(value)


def _quoted(text: str) -> str:
    told = ascii(text)
    return f'"{told[1:-1]}"' if told.startswith("'") and '"' not in text else told
