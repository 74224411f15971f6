"""What a judged process says to the judge: lines of JSON, each behind the nonce of its test, over a pipe the judge owns.

The nonce is drawn by the judge for each test and reaches the process only after the fork, in a closure: code of the
test cannot have known it while it was collected, and finds it in no variable, file or environment. That is a guard
against forged files and stray output; it does not protect from code that searches its own process (`gc`, frames,
`ctypes`, `/proc/self/mem`) for it. Such a search is told as evidence where Python tells us of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

LONGEST_FRAME = 1_000_000  # bytes; whoever sends more floods the judge
Send = Callable[[int, str, dict[str, Any]], None]


def sender(descriptor: int, nonces: list[str]) -> Send:
    """Return what sends one frame about the test of that index."""

    def send(index: int, kind: str, content: dict[str, Any]) -> None:
        frame = json.dumps({"kind": kind, "test": index, **content}, default=str)
        left = f"{nonces[index]} {frame}\n".encode("utf-8", errors="replace")
        while left:
            left = left[os.write(descriptor, left) :]

    return send


class Receiver:
    """Takes the bytes of one job's pipe apart; what carries no known nonce is counted as forged."""

    def __init__(self, nonces: list[str]) -> None:
        """`nonces` are those of the job's tests, in order."""
        self.forged = 0
        self.flooded = False
        self._indexes = {nonce: index for index, nonce in enumerate(nonces)}
        self._left = b""

    def take(self, data: bytes) -> list[dict[str, Any]]:
        """Return the true frames in what has come."""
        *lines, self._left = (self._left + data).split(b"\n")
        if len(self._left) > LONGEST_FRAME:
            self.flooded, self._left = True, b""
        return [frame for frame in map(self._frame, lines) if frame is not None]

    def end(self) -> None:
        """Count what was left without an end."""
        self.forged += bool(self._left)
        self._left = b""

    def _frame(self, line: bytes) -> dict[str, Any] | None:
        nonce, _, rest = line.partition(b" ")
        index = self._indexes.get(nonce.decode("ascii", errors="replace"))
        try:
            frame = json.loads(rest) if index is not None else None
        except ValueError:
            frame = None
        if not isinstance(frame, dict) or frame.get("test") != index:
            self.forged += 1
            return None
        return frame
