"""Find a project's components without being told a name: what `spec2prod init` proposes. Pure, on the project's file list.

A component is an importable package, or a single module, at the top of where imports begin; what only helps (scripts,
documentation, examples) is left out. Each gets a name by which `locate` finds it again, or its path is stated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from posixpath import basename, dirname

from spec2prod.domain.belonging import Imports
from spec2prod.domain.layout import Layout
from spec2prod.domain.locate import locate
from spec2prod.errors import ComponentAmbiguousError, ComponentNotFoundError

_MOST_PROMISES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A component that was found. `stated` is whether its name alone does not lead to it, so that its path must be stated."""

    name: str
    source: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    stated: bool = False


def discover(files: Iterable[str], read: Callable[[str], str | None], imports: Imports) -> tuple[Proposal, ...]:
    """Return the project's components by name; packages and modules without any code and tests are none."""
    layout = Layout(files)
    proposals = (_proposed(layout, source, imports) for source in _sources(layout))
    return tuple(sorted((each for each in proposals if each.tests or _has_code(each, read)), key=lambda each: each.name))


def _sources(layout: Layout) -> tuple[str, ...]:
    """Return the outermost packages and modules, each where its imports begin."""
    found = {_top(layout, path) for path in layout.modules if not layout.is_helper(path)}
    kept = {source for source in found if basename(source).removesuffix(".py").isidentifier() and basename(source) != "__main__.py"}
    return tuple(sorted(kept))


def _top(layout: Layout, path: str) -> str:
    """Return what a module belongs to: its outermost folder below the import root that holds modules itself, else itself."""
    root = layout.import_root(path)
    holding = {dirname(module) for module in layout.modules}
    parts = path.split("/")
    start = 0 if root == "." else len(root.split("/"))
    folders = ("/".join(parts[:end]) for end in range(start + 1, len(parts)))
    return next((folder for folder in folders if folder in holding), path)


def _proposed(layout: Layout, source: str, imports: Imports) -> Proposal:
    dotted = layout.dotted(source)
    for start in range(len(dotted) - 1, -1, -1):
        name = "_".join(dotted[start:])
        try:
            found = locate(name, layout.files, imports=imports)
        except (ComponentNotFoundError, ComponentAmbiguousError):
            continue
        if found.source == source:
            return Proposal(name=name, source=source, modules=found.modules, tests=found.tests)
    found = locate("_".join(dotted), layout.files, explicit=source, imports=imports)
    return Proposal(name=found.name, source=source, modules=found.modules, tests=found.tests, stated=True)


def _has_code(proposal: Proposal, read: Callable[[str], str | None]) -> bool:
    return any((read(path) or "").strip() for path in proposal.modules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a public function or class seems to promise: its signature, and its docstring's first line, which may be empty."""

    signature: str
    sentence: str


def promises_in(texts: Iterable[str]) -> tuple[Promise, ...]:
    """Return what the public functions and classes of some modules seem to promise; a text that does not parse has none."""
    parsed = [tree for text in texts if (tree := _parsed(text)) is not None]
    exported = {name for tree in parsed for name in _exported(tree)}
    found = [node for tree in parsed for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    public = (node for node in found if (node.name in exported if exported else not node.name.startswith("_")))
    return tuple(dict.fromkeys(Promise(signature=_signature(node), sentence=_first_line(node)) for node in public))


def draft(title: str, promises: tuple[Promise, ...], mark: str) -> str:
    """Return a specification to be edited: marked as a draft, since nobody has promised anything yet."""
    bullets = [f"- `{each.signature}`: {each.sentence or '(say what it promises)'}" for each in promises[:_MOST_PROMISES]]
    rest = len(promises) - _MOST_PROMISES
    lines = [
        f"# {title}",
        "",
        f"> {mark}: made from the code, and not yet a promise. Say below what the component promises, then delete this line.",
        "",
        "## Requirements",
        "",
        *(bullets or ["- (say what the component promises, one sentence a line)"]),
        "",
        "## Testing Requirements",
        "",
        "- Every requirement above has a test",
        "",
    ]
    left_out = f"Left out of this draft: {rest} further public functions and classes."
    return "\n".join([*lines, left_out, ""] if rest > 0 else lines)


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _exported(tree: ast.Module) -> Iterator[str]:
    """Yield the names in a module's `__all__`, where it is written out."""
    for node in tree.body:
        named = isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets)
        if named and isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Tuple):
            yield from (each.value for each in node.value.elts if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    arguments = node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    names += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    names += [each.arg for each in arguments.kwonlyargs]
    names += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return f"{node.name}({', '.join(names)})"


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    text = ast.get_docstring(node) or ""
    return re.sub(r"[`<>|]", "", " ".join(text.split("\n\n", 1)[0].split()))
