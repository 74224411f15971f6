"""Makes the agreed test file of what Pynguin wrote: imports and bare test functions are taken, and nothing else. Pure.

A decorator, a fixture or a statement of the module could tie a test to a requirement; what shows only what the code does must never
count as evidence that it does what it should. So functions with decorators or parameters are left out: of Pynguin's own these are the
tests that expect to fail.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

LABEL = "characterisation: shows what the code does, not what it should do"
"""The first line of every such file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A test file: how many `tests` it holds, how many `failing` ones were left out because they end in an unexpected error."""

    text: str
    tests: int
    failing: int


def rewritten(written: str, dotted: str, told: str) -> Rewritten:
    """Return the test file for the module `dotted`; `told` says what wrote it.

    Raises:
        ValueError: where what was written does not parse.
    """
    try:
        tree = ast.parse(written)
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from error
    lines = re.split(r"\r\n|\r|\n", written)  # as the parser counts them
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    tests = [node for node in functions if _is_bare(node)]
    body = [_function(node, lines, dotted) for node in tests]
    head = [f"# {LABEL}", f"# {told}; no evidence for any requirement", f'"""What {dotted} does, as it was found."""', ""]
    imports = sorted({*_imports(tree, dotted)}, key=lambda line: (line.startswith("from "), line))
    text = "\n".join([*head, *imports]) + "".join(f"\n\n\n{each}" for each in body) + "\n"
    return Rewritten(text=text, tests=len(tests), failing=len(functions) - len(tests) - sum(map(_is_empty, functions)))


def _is_bare(node: ast.FunctionDef) -> bool:
    return not (node.decorator_list or ast.unparse(node.args) or _is_empty(node))


def _is_empty(node: ast.FunctionDef) -> bool:
    return all(isinstance(each, ast.Pass) for each in node.body)


def _function(node: ast.FunctionDef, lines: list[str], dotted: str) -> str:
    """Return a test's text under a name that says what it is, with the annotation that strict checkers ask for."""
    own = "\n".join(lines[node.lineno - 1 : node.end_lineno])
    number = node.name.rpartition("_")[2]
    return re.sub(r"^def \w+\(\):", f"def test_{dotted.rpartition('.')[2]}_as_it_is_{number}() -> None:", own, count=1)


def _imports(tree: ast.Module, dotted: str) -> Iterator[str]:
    """Yield the imports, the module under test by its own name instead of a look into `sys.modules`."""
    used = {node.id for each in tree.body if isinstance(each, ast.FunctionDef) for node in ast.walk(each) if isinstance(node, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == f"sys.modules[{dotted!r}]":
            yield f"import {dotted} as {ast.unparse(node.targets[0])}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias for alias in node.names if (alias.asname or alias.name.partition(".")[0]) in used]
            if names:
                yield ast.unparse(type(node)(**{**dict(ast.iter_fields(node)), "names": names}))
