"""A whole run as a command has it: run, report, tell, exit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec2prod.bootstrap.listening import telling
from spec2prod.bootstrap.reporting import as_text, document_of, refuse_unwritable, save, summarise
from spec2prod.bootstrap.request import Request
from spec2prod.bootstrap.running import promote, run_to_the_end
from spec2prod.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console


def run_and_report(request: Request, *, output: Path, console: Console, emit: Callable[[str], None] | None) -> int:
    """Run a request, write its report, tell its summary; return the exit code. `emit` takes the document, where one is wanted."""
    refuse_unwritable(output)
    with telling(console):
        told = run_to_the_end(promote(request))
    document = document_of(told)
    trouble = _not_saved(output, document)
    summarise(told, console, None if trouble else output)
    if emit is not None:
        emit(as_text(document))
    if trouble:
        raise trouble
    return told.exit_code


def _not_saved(output: Path, document: Mapping[str, Any]) -> OutputError | None:
    """Save a report; return why it could not be, so that the verdict is told all the same."""
    try:
        save(output, document)
    except OutputError as error:
        return error
    return None
