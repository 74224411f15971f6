"""How commands without a run tell their rows: folded between words on a terminal of any width, whole in a log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from spec2prod.cli.output import console, emit

if TYPE_CHECKING:
    from rich.console import Console

FORMAT = 1  # of the documents that these commands print with --json


class Teller:
    """Writes to standard output."""

    def __init__(self) -> None:
        """Begin at the terminal's or the pipe's own width."""
        self._console: Console = console(stderr=False)

    def line(self, text: str = "", *, style: str = "", sign: str = "") -> None:
        """Write one line; `sign` is a word before it that carries the style alone."""
        from rich.text import Text

        told = Text.assemble((sign, style), " ", text) if sign else Text(text, style=style)
        self._console.print(told, soft_wrap=not self._console.is_terminal)

    def heading(self, text: str) -> None:
        """Write a line that begins a section."""
        self.line()
        self.line(text, style="bold")


def document(values: Mapping[str, object]) -> None:
    """Print a JSON document, its format number first."""
    import json

    emit(json.dumps({"format": FORMAT, **values}, indent=2, ensure_ascii=False, default=str) + "\n")


def counted(count: int, noun: str) -> str:
    """Return `1 module`, `2 modules`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
