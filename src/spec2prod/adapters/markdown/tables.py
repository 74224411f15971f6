"""Pipe tables inside a block: taken out of its text, so that no cell is read as a promise."""

from __future__ import annotations

import re

from spec2prod.domain.specification import Table

_RULE = re.compile(r"\|?(?:[ \t]*:?-+:?[ \t]*\|)*[ \t]*:?-+:?[ \t]*\|?")
_BAR = re.compile(r"(?<!\\)\|")
_MOST_CELLS = 100


def split_tables(text: str, line: int) -> tuple[str, list[Table]]:
    """Return a block's text with empty lines where tables stood, and the tables; `line` is the block's own, 0-based."""
    lines, tables, number = text.split("\n"), [], 0
    while number + 1 < len(lines):
        if _starts(lines[number]) and _is_rule(lines[number + 1]):
            end = next((at for at in range(number + 2, len(lines)) if not _starts(lines[at])), len(lines))
            rows = [_cells(each) for each in (lines[number], *lines[number + 2 : end])]
            width = len(rows[0])
            header, *body = (tuple([*row, *[""] * width][:width]) for row in rows)
            tables.append(Table(header=header, rows=tuple(body), line=line + number + 1))
            lines[number:end] = [""] * (end - number)
            number = end
        else:
            number += 1
    return "\n".join(lines), tables


def _starts(line: str) -> bool:
    return line.lstrip().startswith("|")


def _is_rule(line: str) -> bool:
    told = line.strip()
    return _starts(line) and set(told) <= set("|:- \t") and _RULE.fullmatch(told) is not None


def _cells(line: str) -> list[str]:
    """Return a row's cells; an escaped bar is part of one."""
    inner = line.strip().removeprefix("|")
    cells = [" ".join(cell.split()) for cell in _BAR.split(inner, _MOST_CELLS)]
    return cells[:-1] if len(cells) > 1 and not cells[-1] else cells
