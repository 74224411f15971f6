"""Which line a statement begins at: what runs in the middle of a long statement counts for its first line."""

from __future__ import annotations

import ast
from collections.abc import Iterable


def first_lines(tree: ast.Module) -> dict[int, int]:
    """Return for each line of a statement of several lines the line that stands for it, as coverage.py counts.

    A block's header reaches to the line before its body; a decorator is a line of its own, and so is the `def` below it.
    """
    found: dict[int, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.stmt, ast.ExceptHandler)) or type(node).__name__ == "match_case":
            for first, last in spans(node):
                for line in range(first, last + 1):
                    if found.get(line, 0) < first:
                        found[line] = first
    return found


def spans(node: ast.AST) -> Iterable[tuple[int, int]]:
    """Return the (first, last) lines of a statement's own parts, those of the statements inside it left out."""
    decorators = getattr(node, "decorator_list", [])
    for each in decorators:
        yield each.lineno, each.end_lineno
    first = getattr(node, "lineno", 0) or getattr(getattr(node, "pattern", None), "lineno", 0)
    body = getattr(node, "body", None)
    if not isinstance(body, list) or not body:
        yield first, getattr(node, "end_lineno", first) or first
    else:
        yield first, max(first, min([body[0].lineno, *(each.lineno for each in getattr(body[0], "decorator_list", []))]) - 1)


def executable(tree: ast.Module) -> list[int]:
    """Return the lines at which statements begin, docstrings left out."""
    documents = {id(node.body[0]) for node in ast.walk(tree) if has_document(node)}  # type: ignore[attr-defined]
    lines: set[int] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.stmt, ast.ExceptHandler))
            and id(node) not in documents
            and not isinstance(node, (ast.Global, ast.Nonlocal))
        ):
            lines.update(first for first, _ in spans(node))
    return sorted(lines)


def has_document(node: ast.AST) -> bool:
    """Whether a module, class or function begins with a docstring."""
    if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) or not node.body:
        return False
    first = node.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
