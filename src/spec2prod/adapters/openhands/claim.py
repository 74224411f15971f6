"""One process at a time works on a run's agent tasks: two servers on one folder would write over each other's conversations."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from spec2prod.errors import AgentUnavailableError


class Claim:
    """A lock on a folder, which the kernel lets go when its process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        """`folder` is what is claimed; nothing is taken yet."""
        self._file = folder / "lock"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it, or keep it.

        Raises:
            AgentUnavailableError: where another process, or another writer of this one, has it.
        """
        if self._descriptor is not None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            message = "another process works on this run's agent tasks"
            raise AgentUnavailableError(message, where=str(self._file.parent), next_step="wait for its end, or stop it") from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Let it go. Safe to call twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
