"""Where in its line a change is: said of those alone that a reader could take for another one of the same line."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace

from .mutation import Mutant

BETWEEN = " \t)"  # what may stand between an operand and its operator


def told_apart(mutants: list[Mutant], lines: list[str]) -> list[Mutant]:
    """Return the mutants, with the column in the words of those that would read the same; `lines` are the module's."""
    alike = Counter((each.line, each.words) for each in mutants)
    return [pointed(each, lines) if alike[each.line, each.words] > 1 else each for each in mutants]


def pointed(mutant: Mutant, lines: list[str]) -> Mutant:
    """Return a mutant whose words end with the column, counted from 1 in characters."""
    return replace(mutant, words=f"{mutant.words} at column {column_of(mutant, lines)}")


def column_of(mutant: Mutant, lines: list[str]) -> int:
    """Return the column of what is changed: for an operator its own, which the syntax tree does not know, else the expression's."""
    operand = before(mutant)
    text = lines[mutant.line - 1].encode()
    if operand is None or operand.end_lineno != mutant.line or operand.end_col_offset is None:
        return len(text[: mutant.column - 1].decode(errors="replace")) + 1
    ahead = text[: operand.end_col_offset].decode(errors="replace")
    rest = text[operand.end_col_offset :].decode(errors="replace")
    return len(ahead) + len(rest) - len(rest.lstrip(BETWEEN)) + 1


def before(mutant: Mutant) -> ast.expr | None:
    """Return the operand that stands before a changed operator, None where something else is changed."""
    node, field, index = mutant.slot.node, mutant.slot.field, mutant.slot.index
    if isinstance(node, ast.Compare) and field == "ops":
        return node.comparators[index - 1] if index else node.left
    if field != "op":
        return None
    if isinstance(node, ast.BinOp):
        return node.left
    if isinstance(node, ast.AugAssign):
        return node.target
    return node.values[0] if isinstance(node, ast.BoolOp) else None
