"""What is left when nothing works any more: orphans, locks, half files, another end."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path

from benchmarks.chaos.project import End, Project, working_in
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.runs import Runs

ORPHANS_S = 10.0  # what dies with a killed run dies within this time
_IS_LOCK = re.compile(r"uv-[0-9a-f]+\.lock")
_SHOWN = 10


def left_by(project: Project, temporary: Path, url: str) -> list[str]:
    """Return what a dead run has left: processes, half and temporary files, and locks where a URL is given."""
    found = [f"an orphan: {each[:200]}" for each in orphans_in(project.root)]
    found += [f"a half file: {each}" for each in project.half_written()]
    found += forgotten_in(temporary)
    return found + (locks_in(url) if url else [])


def orphans_in(folder: Path) -> list[str]:
    """Return what still works in a folder after a time in which it should have ended."""
    deadline = time.monotonic() + ORPHANS_S
    while (found := working_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def forgotten_in(temporary: Path) -> list[str]:
    """Return the temporary files that nobody has taken away after a time in which they should be gone; uv leaves its locks on purpose."""
    deadline = time.monotonic() + ORPHANS_S
    while (left := [each for each in temporary.iterdir() if not _IS_LOCK.fullmatch(each.name)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [f"a temporary file: {file.relative_to(temporary)}" for each in left for file in (each, *each.rglob("*"))][:_SHOWN]


def locks_in(url: str) -> list[str]:
    """Return the runs whose lock is held, although nobody works on them any more."""
    deadline = time.monotonic() + ORPHANS_S  # a server notices a dead client when it next hears of it
    with closing(open_database(url)) as database:
        while (held := [run for run in Runs(database).all() if database.is_held(run.lock_name)]) and time.monotonic() < deadline:
            time.sleep(0.05)
    return [f"a lock is held: {run.lock_name}" for run in held]


def differences(wanted: End, found: End, who: str = "") -> list[str]:
    """Return what is not as it was undisturbed."""
    pairs = (
        ("exit code", wanted.exit_code, found.exit_code),
        ("verdicts", wanted.verdicts, found.verdicts),
        ("candidates", wanted.candidates, found.candidates),
        ("files", wanted.files, found.files),
        ("release", wanted.released, found.released),
    )
    return [f"{who}other {name}: {right} instead of {left}"[:2000] for name, left, right in pairs if left != right]
