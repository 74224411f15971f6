"""A run's report: its document, its page, its summary, and where they are written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec2prod.adapters import terminal
from spec2prod.adapters.tree import write_atomic
from spec2prod.application.ports import Event
from spec2prod.bootstrap.folders import cache_folder
from spec2prod.bootstrap.listening import told_to
from spec2prod.domain.run import Refusal, Run
from spec2prod.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console


def make_ready() -> None:
    """Import and compile what tells of a run at its end: best done while its tools run."""
    import rich.table

    from spec2prod.reports import html, json_report

    del rich, json_report
    html.make_ready(_compiled())


def refuse_unwritable(output: Path) -> None:
    """Refuse a report's place before anything is spent on the run.

    Raises:
        OutputError: where a folder has that name, or its folder takes no file.
    """
    folder = next(each for each in (output.absolute().parent, *output.absolute().parents) if os.path.lexists(each))
    if os.path.isdir(output):  # noqa: PTH112 - unlike Path's, it minds no name that is too long
        raise OutputError("is a folder, so that no report can be written there", where=str(output), next_step="Name a file with --output.")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(f"cannot be written: {folder} takes no file", where=str(output), next_step="Name another place with --output.")


def summarise(told: Run | Refusal, console: Console, output: Path | None) -> None:
    """Tell people what a report says, and where it lies; None where it could not be written."""
    terminal.summary(told, console, report=str(output or ""), page=dashboard(told))


def save(output: Path, document: Mapping[str, Any]) -> None:
    """Write a report: whole or not at all."""
    save_text(output, as_text(document))


def save_text(output: Path, text: str) -> None:
    """Write a report that is text already."""
    write_atomic(output, text)


def as_text(document: Mapping[str, Any]) -> str:
    """Return a report's document as JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def document_of(told: Run | Refusal) -> dict[str, Any]:
    """Return the report's document."""
    from spec2prod.reports import json_report

    if isinstance(told, Refusal):
        return json_report.refusal_document(told)
    return json_report.as_document(told, metrics_dashboard=dashboard(told))


def dashboard(told: Run | Refusal) -> str | None:
    """Return where a run's page lies; a refused run has none, nor has one whose page could not be written."""
    if isinstance(told, Refusal) or not page_of(told).exists():
        return None
    return str(page_of(told))


def write_page(run: Run) -> None:
    """Write the page about a run; where that fails (a full disk) it is told, and the verdict stays what it is."""
    from spec2prod.reports import html

    try:
        write_atomic(page_of(run), html.render(run, _compiled()))
    except OutputError as error:
        told_to().tell(Event(kind="page", stage=None, text=str(error), at_ms=run.total_ms))


def _compiled() -> Path | None:
    """Return the folder of compiled templates; None where there can be none."""
    folder = cache_folder() / "pages"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder if folder.is_dir() else None


def page_of(run: Run) -> Path:
    """Return where a run's page lies."""
    return run.plan.component.root / ".spec2prod" / "runs" / run.plan.run_id / "report.html"
