"""Which of a project's modules and stubs a type checker may read: what the component imports, and what that imports."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath

_MILD = {  # settings that choose what is told, and never which files are read; anything else may
    "pyright": (
        *("report", "strict", "typeCheckingMode", "pythonVersion", "pythonPlatform", "ignore", "exclude", "include"),
        *("enable", "disable"),
        *("deprecate", "venv", "analyzeUnannotatedFunctions", "allowedUntypedLibraries", "failOnWarnings", "defineConstant"),
    ),
    "mypy": (
        *("warn_", "disallow_", "allow_", "check_", "strict", "no_", "show_", "ignore_", "implicit_", "enable_", "disable_"),
        *("extra_checks", "python_version", "platform", "local_partial_types", "exclude", "pretty", "error_summary", "overrides"),
        *("module", "color_output"),
    ),
    "ty": ("rules", "terminal"),
}


def may_read_elsewhere(checker: str, table: Mapping[str, object]) -> bool:
    """Whether a checker's configuration may send it to files that no import names: search paths, stubs, plugins."""
    mild = _MILD["pyright" if checker == "basedpyright" else checker]
    return any(not str(name).startswith(mild) for name in table)


def closure(modules: Collection[str], roots: Collection[str], files: Collection[str], read: Mapping[str, str]) -> set[str]:
    """Return the project's `.py` and `.pyi` files that the modules lead to, themselves included.

    `roots` are the folders where imports begin, `files` all of the project's, `read` maps a path to its text.
    """
    known = frozenset(each for each in files if each.endswith((".py", ".pyi")))
    found: set[str] = set()
    waiting = [each for each in modules if each in known]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        imported = _imports(read[path], path, frozenset(roots))
        if imported is None:
            return set(known)  # a checker makes something of it all the same, and nobody knows what
        places = {*roots, _folder(path)}
        waiting += [each for name in imported for each in _files(name, places, known)]
        waiting += [each for each in _beside(path) if each in known]
    return found


def _files(dotted: str, roots: Collection[str], known: Collection[str]) -> Iterator[str]:
    """Yield the files that an import of `a.b.c` may read: every package on the way, the module, and their stubs."""
    names = dotted.split(".")
    for root in roots:
        for stubs in ("", "-stubs"):
            for depth in range(1, len(names) + 1):
                stem = "/".join(filter(None, (root, names[0] + stubs, *names[1:depth])))
                yield from (each for each in (f"{stem}.py", f"{stem}.pyi", f"{stem}/__init__.py", f"{stem}/__init__.pyi") if each in known)


def _beside(path: str) -> Iterator[str]:
    """Yield the stub of a module, and the packages that it lies in."""
    yield path.removesuffix(".py") + ".pyi"
    for parent in PurePosixPath(path).parents:
        yield from (f"{parent}/__init__.py", f"{parent}/__init__.pyi")


@cache
def _imports(text: str, path: str, roots: frozenset[str]) -> tuple[str, ...] | None:
    """Return the dotted names that a text imports, each `from` import with and without what is taken from it; None of no Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            for base in _bases(node, path, roots):
                names |= {base, *(f"{base}.{each.name}" for each in node.names)}
    return tuple(sorted(filter(None, names)))


def _bases(node: ast.ImportFrom, path: str, roots: frozenset[str]) -> Iterator[str]:
    """Yield what a `from` import may mean: of a relative one, the package counted from each root that holds the file."""
    if not node.level:
        yield node.module or ""
        return
    folder = PurePosixPath(path).parent
    for _ in range(node.level - 1):
        folder = folder.parent
    for root in roots:
        if not root or folder.is_relative_to(root):
            parts = folder.relative_to(root).parts if root else folder.parts
            yield ".".join(part for part in (*parts, node.module or "") if part)


def _folder(path: str) -> str:
    parent = PurePosixPath(path).parent.as_posix()
    return "" if parent == "." else parent
