"""Standard streams that a run can rely on, however it was started: closed, full, gone, or not able to show a sign."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TextIO

_LAST = 2  # standard error


def prepare() -> None:
    """Give every closed standard stream to the null device, and let no sign that a terminal cannot show end a run.

    The numbers 0 to 2 must be taken: else the next file that is opened gets one, and a child process writes into it.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        os.set_inheritable(opened, True)  # noqa: FBT003 - the parameter is positional
    os.close(opened)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the process's life
    sys.stdout = _told(sys.stdout, 1)
    sys.stderr = _told(sys.stderr, _LAST)


def silence(stream: TextIO) -> None:
    """Point a stream whose reader went away elsewhere, so that the interpreter's last flush stays quiet."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


class Patient:
    """A text stream whose place may be full or gone without that changing a verdict: what cannot be told is dropped."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream` as long as it takes anything."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, unless nothing can be written any more."""
        try:
            return self._stream.write(text)
        except OSError:
            silence(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush; see `write`."""
        try:
            self._stream.flush()
        except OSError:
            silence(self._stream)

    def isatty(self) -> bool:
        """Whether people read there."""
        return self._stream.isatty()

    def __getattr__(self, name: str) -> object:
        """Be the stream in everything else."""
        return getattr(self._stream, name)


def _told(stream: TextIO | None, number: int) -> TextIO:
    stream = stream or open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the process's life
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 loses a sign, not the report
    return stream
