"""Which lines of the component each test executes, as the interpreter itself tells them (`sys.monitoring`, PEP 669, Python 3.12 and later).

A trace function is called for every function and line of pytest, its plugins and all libraries; here only the component's own code is
watched, and a line is told once per test. After a test the code that it used, and no other, is watched anew. Other processes are
measured by coverage, as ever. It must be read by Python 3.9, and imports nothing of spec2prod.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType

TOOL = 5  # what a test itself may take stays free: debuggers (0), coverage (1) and profilers (2) have their own, hypothesis takes 3
_RUNNING: list[Monitored] = []


def is_possible() -> bool:
    """Whether this interpreter can tell, and our place is free."""
    return hasattr(sys, "monitoring") and sys.monitoring.get_tool(TOOL) is None


def running() -> Monitored | None:
    """Return what is measuring in this process: nothing in pytest-xdist's workers, nor where a trace function measures."""
    return _RUNNING[-1] if _RUNNING else None


class Monitored:
    """What has been executed so far: of each test (empty: outside any), each file's lines."""

    def __init__(self, files: Iterable[str]) -> None:
        """Watch these files' code from here on."""
        self.lines: dict[str, dict[str, set[int]]] = {}
        self._files = {os.path.realpath(file) for file in files}
        self._paths: dict[str, str] = {}  # what code objects call their file
        self._codes: dict[
            int, tuple[CodeType, str]
        ] = {}  # by identity: code of two files may be equal, and it is kept, so that no number comes twice
        self._hits: set[tuple[int, int]] = set()
        self._context = ""
        sys.monitoring.use_tool_id(TOOL, "spec2prod")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.PY_START, self._began)
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, self._line)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.PY_START)
        sys.monitoring.restart_events()  # an earlier tool's silence may outlast it
        _RUNNING.append(self)

    def switch(self, context: str) -> None:
        """What comes next belongs to this test."""
        hits, self._hits = self._hits, set()
        files = self.lines.setdefault(self._context, {})
        for number, line in hits:
            files.setdefault(self._codes[number][1], set()).add(line)
        for number in {number for number, _ in hits}:
            sys.monitoring.set_local_events(TOOL, self._codes[number][0], 0)
            self._watch(self._codes[number][0])
        self._context = context

    def settle(self, data: Any) -> None:  # noqa: ANN401 - a `coverage.CoverageData`
        """Watch no more, and hand all lines over, without the tests' names."""
        sys.monitoring.set_events(TOOL, 0)
        self.switch("")
        for code, _ in self._codes.values():
            sys.monitoring.set_local_events(TOOL, code, 0)
        sys.monitoring.free_tool_id(TOOL)
        _RUNNING.remove(self)
        whole: dict[str, set[int]] = {}
        for files in self.lines.values():
            for file, lines in files.items():
                whole.setdefault(file, set()).update(lines)
        data.add_lines(whole)

    def by_test(self, file: str) -> dict[str, set[int]]:
        """Return the lines of one file that each test executed."""
        place = os.path.realpath(file)
        return {context: files[place] for context, files in self.lines.items() if context and place in files}

    def _watch(self, code: CodeType) -> None:
        sys.monitoring.set_local_events(TOOL, code, sys.monitoring.events.LINE)

    def _began(self, code: CodeType, _: int) -> object:
        file = self._paths.get(code.co_filename)
        if file is None:
            path = os.path.realpath(code.co_filename)
            file = self._paths[code.co_filename] = path if path in self._files else ""
        if file and id(code) not in self._codes:
            self._codes[id(code)] = code, file
            self._watch(code)
        return sys.monitoring.DISABLE

    def _line(self, code: CodeType, line: int) -> object:
        self._hits.add((id(code), line))  # one step, so that no thread loses one
        return sys.monitoring.DISABLE
