"""A head start: commands that run before anybody has asked for them, because a run like the last one will. Quick to import.

A host takes such a process over where it is asked for the very same command, with the same variables, and nothing that a run could read
has changed since before the process began. Any other is killed with its whole family, and what it has cost is told.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress

from spec2prod.adapters.host.starting import Started, handed_on, scratch_folder, start
from spec2prod.domain.command import Command, Completed


class HeadStart:
    """Processes that wait for somebody to ask for them. `secret` is what the tests' answers of the run must repeat.

    `began` is when the first of them was started (a moment of `time.monotonic`, in seconds), None where none was; `given_up` are those
    that nobody may believe.
    """

    def __init__(self, unchanged: Callable[[], bool]) -> None:
        """`unchanged` tells whether everything is as it was before the first start."""
        self.secret = uuid.uuid4().hex
        self.began: float | None = None
        self.given_up: list[Completed] = []
        self._unchanged = unchanged
        self._waiting: list[Started] = []

    def start(self, command: Command) -> None:
        """Start a command; one that cannot be started is left to whoever asks for it."""
        scratch = scratch_folder()
        try:
            started = start(command, handed_on(), scratch)
        except (OSError, ValueError):
            shutil.rmtree(scratch, ignore_errors=True)
            return
        self.began = started.began if self.began is None else self.began
        self._waiting.append(started)

    def take(self, command: Command, variables: Mapping[str, str]) -> Started | None:
        """Hand over the process of a command, once: whoever takes it attends it to its end, and takes its scratch folder away.

        None where it was not started, or may not be believed: then it is over.
        """
        alike = next((each for each in self._waiting if each.command.tool == command.tool), None)
        if alike is None:
            return None
        self._waiting.remove(alike)
        if alike.command == command and alike.variables == variables and self._unchanged():
            return alike
        self._give_up(alike)
        return None

    def end(self) -> tuple[Completed, ...]:
        """Kill what nobody has asked for; return all that was given up, now or before."""
        while self._waiting:
            self._give_up(self._waiting.pop())
        return tuple(self.given_up)

    def _give_up(self, started: Started) -> None:
        from spec2prod.adapters.host.family import end_family  # noqa: PLC0415 - only a head start that was of no use needs it

        try:
            ending = end_family(started.process, started.mark)
        finally:
            for pipe in (started.process.stdout, started.process.stderr):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            shutil.rmtree(started.scratch, ignore_errors=True)
        wall_ms = (time.monotonic() - started.began) * 1000
        self.given_up.append(
            Completed(
                command=started.command,
                exit_code=ending.exit_code,
                wall_ms=wall_ms,
                cpu_ms=ending.cpu_ms,
                peak_memory_mb=ending.maxrss_mb,
                ahead_ms=wall_ms,
            )
        )
