"""Which lines of the component's files one test runs, exactly: `sys.monitoring` where there is one, else a trace function.

Only the component's own code objects are instrumented; a location is told once. Lines are those where statements
begin. Arcs are branches taken, as (line, line), where the interpreter tells them (3.12 and later). What a test runs in other
processes is not seen.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

TOOL = 4  # free: debugger 0, coverage 1, profiler 2, hypothesis 3, optimizer 5
Trace = Callable[[FrameType, str, Any], Any]


class Lines:
    """Collects lines by file between `start` and `stop`."""

    def __init__(self, files: dict[str, str], first_lines: dict[str, dict[int, int]]) -> None:
        """`files` leads from the path that code carries to the name in the answer."""
        self._files = files
        self._first_lines = first_lines
        self._lines: dict[str, set[int]] = {}
        self._arcs: dict[str, set[tuple[int, int]]] = {}
        self._offsets: dict[CodeType, dict[int, int]] = {}
        self.start, self.stop = (
            (self._start_monitoring, self._stop_monitoring) if hasattr(sys, "monitoring") else (self._start_trace, self._stop_trace)
        )

    def answer(self) -> dict[str, Any]:
        """Return lines and arcs by the names in the answer."""
        lines = {self._files[path]: sorted({self._first(path, line) for line in found}) for path, found in self._lines.items()}
        arcs = {
            self._files[path]: sorted({(self._first(path, a), self._first(path, b)) for a, b in found})
            for path, found in self._arcs.items()
        }
        return {"lines": lines, "arcs": arcs}

    def _first(self, path: str, line: int) -> int:
        return self._first_lines[path].get(line, line)

    def _start_monitoring(self) -> None:
        told = sys.monitoring
        told.use_tool_id(TOOL, "spec2prod judge")
        told.register_callback(TOOL, told.events.PY_START, self._began)
        told.register_callback(TOOL, told.events.LINE, self._line)
        told.register_callback(TOOL, told.events.BRANCH, self._branch)
        told.set_events(TOOL, told.events.PY_START)
        # what an earlier collector silenced stays silent beyond the end of its tool: a function used at import would be lost
        told.restart_events()

    def _stop_monitoring(self) -> None:
        told = sys.monitoring
        if told.get_tool(TOOL) is not None:
            told.set_events(TOOL, 0)
            for event in (told.events.PY_START, told.events.LINE, told.events.BRANCH):
                told.register_callback(TOOL, event, None)
            told.free_tool_id(TOOL)

    def _began(self, code: CodeType, _: int) -> object:
        if code.co_filename in self._files:
            sys.monitoring.set_local_events(TOOL, code, sys.monitoring.events.LINE | sys.monitoring.events.BRANCH)
        return sys.monitoring.DISABLE

    def _line(self, code: CodeType, line: int) -> object:
        self._lines.setdefault(code.co_filename, set()).add(line)
        return sys.monitoring.DISABLE

    def _branch(self, code: CodeType, source: int, target: int) -> object:
        lines = self._offsets.get(code)
        if lines is None:
            spans = [(start, end, line) for start, end, line in code.co_lines() if line]
            lines = self._offsets[code] = {offset: line for start, end, line in spans for offset in range(start, end, 2)}
        arc = (lines.get(source, 0), lines.get(target, 0))
        taken = self._arcs.setdefault(code.co_filename, set())
        taken.add(arc)
        # to disable a place silences both of its directions: only after both were seen
        return sys.monitoring.DISABLE if sum(first == arc[0] for first, _ in taken) > 1 else None

    def _start_trace(self) -> None:
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def _stop_trace(self) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Trace | None:  # noqa: ANN401 - the interpreter's own signature
        path = frame.f_code.co_filename
        if path not in self._files:
            return None
        if event == "line":
            self._lines.setdefault(path, set()).add(frame.f_lineno)
        return self._trace
