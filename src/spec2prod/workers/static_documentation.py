"""Which share of the public names has a docstring, and is there a README? The standard library's own parser tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

NOTHING: dict[str, Any] = {"trouble": "", "readme": False, "documented": 0, "found": []}
type Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """Look at every module; an empty `__init__.py` promises nothing and needs no words."""
    named = [
        (module, line, name, bool(ast.get_docstring(node)))
        for module in options.module
        for line, name, node in public(ast.parse(Path(options.root, module).read_bytes(), module), module)
    ]
    return {
        "readme": has_readme(options),
        "documented": sum(has for *_, has in named),
        "found": [{"path": path, "line": line, "name": name} for path, line, name, has in named if not has],
    }


def public(tree: ast.Module, module: str) -> Iterator[tuple[int, str, Documented]]:
    """Give what a reader of the module may use: itself, its public classes and functions, their public methods."""
    name = Path(module).stem
    if tree.body and (not name.startswith("_") or name == "__init__"):
        yield 1, "the module", tree
        yield from members(tree, "")


def members(above: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[int, str, Documented]]:
    """Give the public classes and functions in a body; setters and overloads repeat what is documented already."""
    for node in above.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_") and not repeats(node):
            yield node.lineno, prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from members(node, f"{prefix}{node.name}.")


def repeats(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a definition is another one's setter, overload or override."""
    return any(ast.unparse(each).rpartition(".")[2] in {"setter", "deleter", "overload", "override"} for each in node.decorator_list)


def has_readme(options: argparse.Namespace) -> bool:
    """Whether a README that says something lies in the project's root or in the component's folder."""
    folders = {Path(options.root), Path(options.root, options.folder or ".")}
    files = (each for folder in folders for each in folder.glob("[Rr][Ee][Aa][Dd][Mm][Ee]*"))
    return any(each.is_file() and each.stat().st_size for each in files)
