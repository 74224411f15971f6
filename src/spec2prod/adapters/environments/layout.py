"""Where an environment keeps what: `.spec2prod/environments/<name>/`.

    releases/<digest>/         a virtual environment per release, with its wheel, its tests and its record under `release/`
    releases/.<digest>.part    one that is being made, or taken away; a crash may leave it, the next deployment clears it up
    current/<component>        a link to the release that is served
    history/<component>.jsonl  what happened, one entry a line
    begun/<component>.json     a release that is being switched to, until the history knows of it
    lock                       held while something changes

Nothing is ever half there: a folder, a link and a file get their names by one rename.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from spec2prod.domain.release import SHORT, Entry
from spec2prod.errors import DeliveryError

_ENTRY = TypeAdapter(Entry)
_LOOK_AGAIN_S = 0.1


class Layout:
    """The folders and files of one environment."""

    def __init__(self, project: Path, name: str, *, patience_s: float = 300.0) -> None:
        """Take the project's folder; `patience_s` is how long another deployment is waited for, in seconds."""
        self.name = name
        self.folder = project / ".spec2prod" / "environments" / name
        self.releases = self.folder / "releases"
        self._patience_s = patience_s

    def release(self, digest: str) -> Path:
        """Return a release's folder."""
        return self.releases / digest

    def link(self, component: str) -> Path:
        """Return the link to a component's current release."""
        return self.folder / "current" / _safe(component)

    def current(self, component: str) -> str:
        """Return the digest that the link leads to; empty where there is none, or it leads nowhere."""
        link = self.link(component)
        return link.readlink().name if link.is_symlink() and link.exists() else ""

    def switch(self, component: str, digest: str) -> None:
        """Let the link lead to a release, in one rename; away with it for the empty digest."""
        link = self.link(component)
        if not digest:
            link.unlink(missing_ok=True)
            return
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh = link.with_name(f".{uuid.uuid4().hex}.part")
        fresh.symlink_to(os.path.relpath(self.release(digest), link.parent), target_is_directory=True)
        fresh.replace(link)

    def part(self, digest: str) -> Path:
        """Return a new name for a release that is not one yet, or no longer."""
        return self.releases / f".{digest[:SHORT]}.{uuid.uuid4().hex[:8]}.part"

    def publish(self, part: Path, digest: str) -> None:
        """Give a finished release its name; an older one of the same digest makes room."""
        place, old = self.release(digest), self.part(digest)
        if place.exists():
            place.rename(old)
        part.rename(place)
        remove(old)

    def components(self) -> tuple[str, ...]:
        """Return the components that ever were released here, or should have been."""
        return tuple(sorted({entry.component for file in self.folder.glob("history/*.jsonl") for entry in _read(file)}))

    def history(self, component: str) -> tuple[Entry, ...]:
        """Return what happened to a component, the oldest first.

        Raises:
            DeliveryError: where a line cannot be read; a history is never guessed.
        """
        return _read(self._history(component))

    def note(self, entry: Entry) -> None:
        """Add one entry, whole or not at all."""
        file = self._history(entry.component)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        write(file, text + json.dumps(asdict(entry), ensure_ascii=False) + "\n")

    def begin(self, component: str, digest: str, before: str) -> None:
        """Note that the link is about to lead to `digest` instead of `before`, and that the history does not say so yet."""
        self._begun(component).parent.mkdir(parents=True, exist_ok=True)
        write(self._begun(component), json.dumps([digest, before]))

    def settle(self, component: str) -> None:
        """Forget what was begun: link and history agree."""
        self._begun(component).unlink(missing_ok=True)

    def take_back(self, component: str, told: str) -> None:
        """Let the link lead where it led before a release whose process ended in the middle; `told` is current by the history."""
        try:
            digest, before = json.loads(self._begun(component).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if self.current(component) == digest and before == told != digest:
            self.switch(component, before)
        self.settle(component)

    def clear_up(self, keep: Iterable[str] | None = None) -> None:
        """Take away what a crash left, and with `keep` every release that is not named there."""
        kept = None if keep is None else set(keep)
        for folder in self.releases.glob("*"):
            if folder.name.endswith(".part") or (kept is not None and folder.name not in kept):
                remove(folder)
        for name in ("current", "history", "begun"):
            for fresh in self.folder.glob(f"{name}/.*.part"):
                fresh.unlink(missing_ok=True)

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Keep others out; the system lets go of the lock when its holder dies, however that happens.

        Raises:
            DeliveryError: where another deployment does not end in time.
        """
        self.releases.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            await self._take(file.fileno())
            yield

    async def _take(self, descriptor: int) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                while not _taken(descriptor):  # noqa: ASYNC110 - another process holds it, and tells nobody when it lets go
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            step = "wait for the other run, or end it"
            raise DeliveryError(f"another run has been changing {self.name} for {self._patience_s:g} s", next_step=step) from None

    def _history(self, component: str) -> Path:
        return self.folder / "history" / f"{_safe(component)}.jsonl"

    def _begun(self, component: str) -> Path:
        return self.folder / "begun" / f"{_safe(component)}.json"


def write(file: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    fresh = file.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with fresh.open("w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Take a folder away under a name that says so; what cannot be removed now is left for the next time."""
    if folder.exists() and not folder.name.endswith(".part"):
        folder = folder.rename(folder.with_name(f".{folder.name[:SHORT]}.{uuid.uuid4().hex[:8]}.part"))
    shutil.rmtree(folder, ignore_errors=True)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: Path) -> tuple[Entry, ...]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return tuple(_entry(line, f"{file}:{number}") for number, line in enumerate(lines, 1))


def _entry(line: str, where: str) -> Entry:
    try:
        return _ENTRY.validate_json(line)
    except ValidationError:
        step = "mend or move the file; the releases themselves are not touched"
        raise DeliveryError("this line of an environment's history cannot be read", where=where, next_step=step) from None


def _safe(component: str) -> str:
    """Return a file name for a component, another one for each."""
    name = quote(component, safe="")
    return name if not name.startswith(".") else f"%2E{name[1:]}"
