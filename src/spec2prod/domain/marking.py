"""Requirement markers in a proposed test file get the hash of the text that they were written for. Pure.

Whoever writes tests knows the requirements' IDs; hashes are copied wrong by people and models alike, so they are put in here. From
then on a changed requirement makes its evidence stale. A hash that is there already stays: it says for what the test was written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from spec2prod.domain.trace import MARKERS

type _Edit = tuple[int, int, str]  # of the file's bytes: from, to, what stands there instead

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")  # as the parser counts them


CONFIGURATIONS = ("pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "conftest.py", "tests/conftest.py")
"""Where a project makes its markers known."""

_MADE_KNOWN = re.compile(r"""(?m)(?:^|["'=])\s*requirement\s*(?:$|[("':])""")


def makes_known(texts: Iterable[str]) -> bool:
    """Whether a project's configuration registers the marker `requirement`: a pytest that does not know it warns, or refuses the file."""
    return any(_MADE_KNOWN.search(text) for text in texts)


def stamped(text: str, hashes: Mapping[str, str]) -> str:
    """Return a test file's text with a hash in each marker that names requirements; `hashes` is ID → hash of the requirement's text.

    A decorator that names several becomes one for each. What cannot be read so (computed IDs, several IDs elsewhere than in a
    decorator, an ID that nobody states) stays as it is: evidence without a hash is never stale.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return text
    decorators = {id(each) for node in ast.walk(tree) for each in getattr(node, "decorator_list", ())}
    data = text.encode(errors="surrogatepass")
    starts = [0, *accumulate(len(line) for line in _LINE.findall(data))]
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_marker(node.func))
    edits = [edit for node in calls if (edit := _edit(node, data, starts, hashes, is_decorator=id(node) in decorators))]
    for begin, end, instead in sorted(edits, reverse=True):
        data = data[:begin] + instead.encode() + data[end:]
    return data.decode(errors="surrogatepass")


def _is_marker(called: ast.expr) -> bool:
    """Whether `pytest.mark.requirement` is called, under whatever name pytest was imported."""
    if not isinstance(called, ast.Attribute) or called.attr not in MARKERS:
        return False
    return (isinstance(called.value, ast.Attribute) and called.value.attr == "mark") or (
        isinstance(called.value, ast.Name) and called.value.id == "mark"
    )


def _edit(call: ast.Call, data: bytes, starts: Sequence[int], hashes: Mapping[str, str], *, is_decorator: bool) -> _Edit | None:
    names = _names(call)
    if not any(name in hashes for name in names) or (len(names) > 1 and not is_decorator):
        return None
    begin, end = starts[call.lineno - 1] + call.col_offset, starts[(call.end_lineno or 1) - 1] + (call.end_col_offset or 0)
    if b"#" in data[begin:end]:  # a comment would be lost
        return None
    line = data[starts[call.lineno - 1] : begin].decode(errors="surrogatepass")
    indent = line[: len(line) - len(line.lstrip())]
    called = ast.unparse(call.func)
    told = [f'{called}("{name}"' + (f', text="{hashes[name]}")' if name in hashes else ")") for name in names]
    return begin, end, f"\n{indent}@".join(told)


def _names(call: ast.Call) -> tuple[str, ...]:
    """Return the IDs that a marker names; none where something else stands there, a hash already among it."""
    given = [*call.args, *(each.value for each in call.keywords)]
    if any(each.arg != "id" for each in call.keywords):
        return ()
    names = tuple(each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str))
    return tuple(dict.fromkeys(names)) if len(names) == len(given) and all(map(_is_plain, names)) else ()


def _is_plain(name: str) -> bool:
    return name.isprintable() and not set(name) & {'"', "\\"}
