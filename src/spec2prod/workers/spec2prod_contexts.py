"""Keeps in memory which test executed which lines, instead of a transaction of coverage's database at the beginning and end of each test.

It stands in for two public methods of one `CoverageData`; all of its lines go there at the end, without the tests' names. What other
processes measure goes its own way. It must run on Python 3.9 and imports nothing of spec2prod.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Contexts:
    """What this process has measured so far: of each test (empty: outside any), each file's lines."""

    def __init__(self, data: Any) -> None:  # noqa: ANN401 - a `coverage.CoverageData`, two of whose methods are replaced
        """Stand in for the data's own methods from here on."""
        self.lines: dict[str, dict[str, set[int]]] = {}
        self._owner = os.getpid()
        self._context: str | None = None
        self._data = data
        self._add, self._set = data.add_lines, data.set_context
        self._data.add_lines, self._data.set_context = self.add_lines, self.set_context

    def add_lines(self, line_data: Mapping[str, Iterable[int]]) -> None:
        """Keep the lines of each file; a forked child's go where they always went."""
        if os.getpid() != self._owner:
            self._set(self._context)
            self._add(line_data)
            return
        files = self.lines.setdefault(self._context or "", {})
        for file, lines in line_data.items():
            files.setdefault(file, set()).update(lines)

    def set_context(self, context: str | None) -> str | None:
        """Keep which test comes next; return which one came before."""
        before, self._context = self._context, context
        return before

    def settle(self, data: Any) -> None:  # noqa: ANN401 - as above
        """Hand all lines over, and stand aside."""
        data.add_lines, data.set_context = self._add, self._set
        whole: dict[str, set[int]] = {}
        for files in self.lines.values():
            for file, lines in files.items():
                whole.setdefault(file, set()).update(lines)
        self._set("")
        self._add(whole)

    def by_test(self, file: str) -> dict[str, set[int]]:
        """Return the lines of one file that each test executed."""
        return {context: files[file] for context, files in self.lines.items() if context and file in files}
