"""A whole run as a command has it: run, report, tell, exit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.bootstrap.ahead import Ahead
from spec2prod.bootstrap.listening import telling
from spec2prod.bootstrap.reporting import as_text, document_of, refuse_unwritable, save_text, summarise
from spec2prod.bootstrap.request import Request
from spec2prod.bootstrap.running import promote, run_to_the_end
from spec2prod.bootstrap.standing import Asked, keep
from spec2prod.domain.run import Refusal, Run
from spec2prod.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console


def run_and_report(  # noqa: PLR0913 - what is asked, and where its answer goes
    request: Request,
    *,
    output: Path,
    console: Console,
    emit: Callable[[str], None] | None,
    question: Asked | None = None,
    ahead: Ahead | None = None,
) -> int:
    """Run a request, write its report, tell its summary; return the exit code.

    `emit` takes the document, where one is wanted; `question` is what the answer may be kept for, `ahead` its head start.
    """
    refuse_unwritable(output)
    report = _Report(output)
    with telling(console):
        told = run_to_the_end(promote(replace(request, output=output.absolute()), deliver=report.save, ahead=ahead))
    text, trouble = report.text, report.trouble
    summary = _summary(told, console, None if trouble else output)
    if question is not None and isinstance(told, Run) and not trouble:
        keep(question, told, text, summary)
    if emit is not None:
        emit(text)
    if trouble:
        raise trouble
    return told.exit_code


def _summary(told: Run | Refusal, console: Console, output: Path | None) -> str:
    """Tell people what came of it; return it as it was told."""
    with console.capture() as captured:
        summarise(told, console, output)
    text = captured.get()
    console.file.write(text)
    console.file.flush()
    return text


class _Report:
    """A run's report, saved before the run counts as finished. `trouble` says why it could not be: the verdict is told all the same."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self.text = ""
        self.trouble: OutputError | None = None

    def save(self, told: Run | Refusal) -> None:
        """Make the report, and save it."""
        self.text = as_text(document_of(told))
        try:
            save_text(self._output, self.text)
        except OutputError as error:
            self.trouble = error
