"""Examples become a pytest file: parametrised, tied to their requirements, the same text for the same specification.

A failing example says `contradicts specs/x.md:12: expected …, got …`: the code may be wrong, not the test.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Sequence

from spec2prod.domain.example import Example
from spec2prod.domain.example_places import Placed

_WIDTH = 88  # characters: what most projects allow
_RETURNS = '''\
def {name}(
    where: str, {arguments}, expected: object
) -> None:
    """{told}"""
    try:
        found = {call}
    except Exception as error:
        said = f"{{type(error).__name__}}: {{error}}"
        message = f"contradicts {{where}}: expected {{expected!r}}, got {{said}}"
        raise AssertionError(message) from error
    assert found == expected, (
        f"contradicts {{where}}: expected {{expected!r}}, got {{found!r}}"
    )
'''
_RAISES = '''\
def {name}(
    where: str, {arguments}, expected: type[BaseException]
) -> None:
    """{told}"""
    found: object = None
    raised: BaseException | None = None
    try:
        found = {call}
    except expected as error:
        raised = error
    except Exception as error:
        said = f"{{type(error).__name__}}: {{error}}"
        message = f"contradicts {{where}}: expected {{expected.__name__}}, got {{said}}"
        raise AssertionError(message) from error
    assert raised is not None, (
        f"contradicts {{where}}: expected {{expected.__name__}}, got {{found!r}}"
    )
'''


def render_tests(found: Sequence[Placed]) -> str:
    """Return a whole test file for examples of one module, in their order; the same requirement's examples of one callee share a test."""
    groups: dict[tuple[str, str, bool, bool], list[Placed]] = {}
    for each in found:
        said = each.example.said
        groups.setdefault((each.example.requirement, each.code, bool(said.raises), bool(said.call and said.call.keywords)), []).append(each)
    taken: set[str] = set()
    tests = [_test(group, taken) for group in groups.values()]
    paths = ", ".join(sorted({_safe(each.example.path) for each in found}))
    head = [f'"""What {paths} gives as examples, as tests: made by spec2prod, without a model."""', "", _imports(found)]
    return "\n".join(head) + "\n\n\n" + "\n\n".join(tests)


def _imports(found: Sequence[Placed]) -> str:
    names: dict[str, set[str]] = {}
    for module, name in (pair for each in found for pair in each.imports):
        names.setdefault(module, set()).add(name)
    lines = [_import(module, sorted(names[module])) for module in sorted(names)]
    return "\n".join(["from __future__ import annotations", "", "import pytest", "", *lines])


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= _WIDTH else "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def _test(group: Sequence[Placed], taken: set[str]) -> str:
    first = group[0]
    said = first.example.said
    has_keywords = bool(said.call and said.call.keywords)
    names = ("where", "arguments", *(("keywords",) if has_keywords else ()), "expected")
    arguments = "arguments: tuple[object, ...]" + (", keywords: dict[str, object]" if has_keywords else "")
    head = [*_marker(first.example), "@pytest.mark.parametrize("]
    head += [
        f"    ({', '.join(_quoted(name) for name in names)}),",
        "    [",
        *(line for each in group for line in _case(each)),
        "    ],",
        ")",
    ]
    body = (_RAISES if said.raises else _RETURNS).format(
        name=_name(first, taken),
        arguments=arguments,
        told=_told(group),
        call=f"{first.code}(*arguments{', **keywords' if has_keywords else ''})",
    )
    return "\n".join(head) + "\n" + body


def _marker(example: Example) -> list[str]:
    if not example.requirement:
        return []
    return [f"@pytest.mark.requirement({_quoted(example.requirement)}, text={_quoted(example.text_hash)})"]


def _case(each: Placed) -> list[str]:
    call, said = each.example.said.call, each.example.said
    if call is None:
        return []
    values = [_quoted(_safe(each.example.where)), _tuple(call.arguments)]
    values += [f"{{{', '.join(f'{_quoted(name)}: {value}' for name, value in call.keywords)}}}"] if call.keywords else []
    values += [each.error or _expected(said.expected), f"id={_quoted(_identifier(str(call)))}"]
    line = f"        pytest.param({', '.join(values)}),"
    if len(line) <= _WIDTH:
        return [line]
    return ["        pytest.param(", *(f"            {value}," for value in values), "        ),"]


def _expected(literal: str) -> str:
    """Return what is expected; a fraction is met to nine digits, as people write it."""
    value = ast.literal_eval(literal)
    is_fraction = isinstance(value, float) and math.isfinite(value)
    return f"pytest.approx({literal}, rel=1e-9, abs=1e-12)" if is_fraction else literal


def _tuple(values: Sequence[str]) -> str:
    return f"({', '.join(values)}{',' if len(values) == 1 else ''})"


def _name(first: Placed, taken: set[str]) -> str:
    """Return a test's name: what is called, of which requirement; a number where it is taken."""
    words = [first.code, first.example.requirement or "example", *(["raises"] if first.example.said.raises else [])]
    wanted = "test_" + re.sub(r"\W+", "_", "_".join(words), flags=re.ASCII).strip("_").lower()
    name = next(each for each in (wanted, *(f"{wanted}_{number}" for number in range(2, len(taken) + 3))) if each not in taken)
    taken.add(name)
    return name


def _told(group: Sequence[Placed]) -> str:
    example = group[0].example
    lines = sorted({each.example.line for each in group})
    where = f"{_safe(example.path)}:{', '.join(map(str, lines[:10]))}"
    return f"{where}{f' ({example.requirement})' if example.requirement else ''}: what the specification gives as examples."


def _identifier(text: str) -> str:
    """Return a case's name: no sign in it that a node ID gives a meaning."""
    return re.sub(r"[^\w(),.+*/ -]", "_", text, flags=re.ASCII).replace("::", "_")[:60]


def _safe(text: str) -> str:
    """Return a text that can stand in any string."""
    return re.sub(r"[^\w ./:,-]", "_", text, flags=re.ASCII)


def _quoted(text: str) -> str:
    return f'"{text}"' if re.fullmatch(r"[^\"\\\x00-\x1f\x7f-\U0010ffff]*", text) else ascii(text)


def modules_of(found: Iterable[Placed]) -> tuple[str, ...]:
    """Return the modules that examples call, each once, in their order."""
    return tuple(dict.fromkeys(each.module for each in found))
