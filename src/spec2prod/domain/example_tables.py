"""Examples in tables of inputs and outputs.

Three forms: calls beside results (`| add(1, 2) | 3 |`), names beside a call of them (`| a | b | add(a, b) |`), and names beside a
result (`| a | b | result |`) where the requirement's text names one function in code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from spec2prod.domain.example_literals import Call, call, is_error_name, literal, parsed
from spec2prod.domain.example_prose import Said, pieces
from spec2prod.domain.specification import Table

_RESULT_NAMES = frozenset(
    {"result", "results", "output", "outputs", "expected", "returns", "return", "return value", "value", "gives", "outcome"}
)
_RAISES = re.compile(r"(?:raises?|throws?)\s+(?:an?\s+)?`?(?P<name>[A-Za-z_][\w.]{0,100})`?", re.IGNORECASE)


def in_table(table: Table, text: str) -> Iterator[tuple[Said, int]]:
    """Give each row's example with the row's number, from 0; `text` is the requirement that the table stands with."""
    *names, last = (_code(cell) for cell in table.header)
    for number, row in enumerate(table.rows):
        *cells, result = row
        said = _of_row(names, cells, last, text)
        if said is None:
            continue
        source = f"| {' | '.join(row)} |"
        yield (Said(source=source, doubt=said) if isinstance(said, str) else _with_result(source, said, result)), number


def _of_row(names: list[str], cells: list[str], last: str, text: str) -> Call | str | None:
    """Return the call that a row stands for; None where the table is no table of examples."""
    if len(cells) == 1 and isinstance(first := parsed(_code(cells[0])), ast.Call):
        return call(first)
    if not names or not all(name.isidentifier() for name in names):
        return None
    values = [literal(parsed(_code(cell))) for cell in cells]
    bound = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    if isinstance(header := parsed(last), ast.Call):
        return call(header, bound)
    if last.lower() not in _RESULT_NAMES:
        return None
    return _by_name(values, text)


def _by_name(values: list[str | None], text: str) -> Call | str | None:
    functions = {name for piece in pieces(text) if piece.is_code and (name := _function(piece.text))}
    if len(functions) != 1:
        return "the requirement names no function in code" if not functions else "the requirement names several functions in code"
    if None in values:
        return "its arguments are no literals"
    return Call(callee=functions.pop(), arguments=tuple(value for value in values if value is not None))


def _function(code: str) -> str:
    node = parsed(code)
    named = node.func if isinstance(node, ast.Call) else node
    if isinstance(named, ast.Name | ast.Attribute):
        told = ast.unparse(named)
        return "" if is_error_name(told) else told
    return ""


def _with_result(source: str, called: Call, cell: str) -> Said:
    raises = _RAISES.fullmatch(cell.strip())
    name = raises["name"] if raises else _code(cell)
    if is_error_name(name):
        return Said(source=source, call=called, raises=name)
    value = literal(parsed(_code(cell)))
    return Said(source=source, doubt="its result is no literal") if value is None else Said(source=source, call=called, expected=value)


def _code(cell: str) -> str:
    """Return a cell's words without the backticks around them."""
    return cell.strip().strip("`").strip()
