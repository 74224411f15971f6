"""A table of words and numbers on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def width(rows: Sequence[Sequence[str]], column: int) -> int:
    """Return the width of a column."""
    return max((len(row[column]) for row in rows if column < len(row)), default=0)


def render(rows: Sequence[Sequence[str]], gap: int = 2) -> str:
    """Return the rows as text: numbers to the right, words to the left, no blanks at the end of a line."""
    columns = max((len(row) for row in rows), default=0)
    widths = [width(rows, column) for column in range(columns)]
    lines = []
    for row in rows:
        cells = [cell.rjust(size) if is_number(cell) else cell.ljust(size) for cell, size in zip(row, widths, strict=False)]
        lines.append((" " * gap).join(cells).rstrip())
    return "\n".join(lines)


def is_number(text: str) -> bool:
    """Say whether a cell holds a number."""
    return text.removeprefix("-").replace(".", "", 1).isdecimal()


def shorten(text: str, length: int) -> str:
    """Return the text in at most so many characters, with three dots where something is left out."""
    if length < 3:
        raise ValueError("there is no room for the dots")
    return text if len(text) <= length else text[: length - 3] + "..."


def main(argv: Sequence[str]) -> int:
    """Print `a=1 b=2` as a table."""
    if not argv:
        print("give me name=value", file=sys.stderr)
        return 2
    rows = [tuple(word.split("=", 1)) for word in argv]
    print(render(rows))
    return 0
