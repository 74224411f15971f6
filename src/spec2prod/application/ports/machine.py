"""The machine that a run is on: its time, its processes, the project's files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spec2prod.domain.command import Command, Completed


class Clock(Protocol):
    """Time, from one place."""

    def now(self) -> str:
        """Return the time of day, ISO 8601 in UTC."""
        ...

    def elapsed_ms(self) -> float:
        """Return milliseconds since the clock was made; never goes back."""
        ...


class Host(Protocol):
    """Starts processes."""

    async def run(self, command: Command) -> Completed:
        """Run to the end and never raise for what the process does; a cancelled call leaves no process behind."""
        ...

    @property
    def processes(self) -> Sequence[Completed]:
        """Return every process that was started, in the order of their ends."""
        ...


class Tree(Protocol):
    """The project's files."""

    def digest(self, paths: Collection[str]) -> str:
        """Return the SHA-256 (hex) over names and contents of the given relative paths; absent ones count as absent."""
        ...

    def read(self, path: str) -> str | None:
        """Return a file's text (undecodable bytes replaced), None where there is no such file."""
        ...

    def list_files(self) -> tuple[str, ...]:
        """Return every file of the project, relative and sorted, without caches and environments."""
        ...

    def exists(self, path: str) -> bool:
        """Whether something stands at this relative path."""
        ...

    async def copy(self, name: str) -> Tree:
        """Return an isolated copy of the project's tree under the run's folder, without caches and environments."""
        ...

    def write_new(self, path: str, text: str) -> None:
        """Write a file that does not exist yet: whole or not at all.

        Raises:
            OutputError: where something stands at `path`, or it cannot be written.
        """
        ...

    def replace(self, path: str, text: str) -> None:
        """Write a file, replacing what stood there: whole or not at all.

        Raises:
            OutputError: where it cannot be written.
        """
        ...

    def remove(self, path: str) -> None:
        """Take a file away, if it is there.

        Raises:
            OutputError: where it cannot be taken away.
        """
        ...

    def keep(self, name: str, text: str) -> str:
        """Keep a text in the run's own folder; return its path relative to the project."""
        ...

    def state(self, names: Collection[str]) -> Mapping[str, str]:
        """Return the digest of each input: `file:` a file, `listing:` the names in a folder, `importables:` what can be imported there.

        Unlike other calls this one also takes absolute paths: a tool may read what lies outside the project.
        """
        ...

    def changed_within(self, names: Collection[str], seconds: float) -> str:
        """Return one of these inputs' files that was written since then, empty where none was."""
        ...

    @property
    def root(self) -> Path:
        """Return the folder that relative paths start from."""
        ...
