"""What a person sees while a run goes on: a line an event, and on a terminal what is going on right now."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from spec2prod.adapters.terminal.words import SECOND, limits, sign
from spec2prod.application.ports import Event
from spec2prod.domain.plan import Stage

if TYPE_CHECKING:
    from rich.status import Status


class Progress:
    """Tells each event as it comes. As a context manager it also keeps a line with what runs now, on a terminal only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[Stage, None] = {}
        self._status: Status | None = None

    def __enter__(self) -> Self:
        """Begin to show what runs now."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Take the line away, whatever happened."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def tell(self, event: Event) -> None:
        """Write one line."""
        self._note(event)
        if event.kind == "stopped" and self._status is not None:
            self._status.stop()  # nothing follows, and the cursor must come back
        at, told = f"{event.at_ms / SECOND:7.1f} s", limits(event.text)
        if self._console.is_terminal:
            line = Text.assemble((at, "dim"), "  ", sign(event.verdict), " ", told)
        else:
            stage = str(event.stage or "")
            said = told.removeprefix(stage).lstrip(": ") if stage else told  # the stage has a column of its own
            line = Text("  ".join(part for part in (at, stage, said) if part) + _plain_verdict(event))
        self._console.print(line, soft_wrap=True)

    def _note(self, event: Event) -> None:
        if event.stage is not None and event.kind == "stage_started":
            self._running[event.stage] = None
        elif event.stage is not None and event.kind == "stage_ended":
            self._running.pop(event.stage, None)
        if self._status is not None:
            self._status.update(escape(", ".join(self._running) or "working"))


def _plain_verdict(event: Event) -> str:
    """Say the verdict, unless it is the sentence: `5 of 5 tests passed` is what was measured."""
    return "" if event.verdict is None or event.kind == "stage_ended" else f"  [{event.verdict}]"
