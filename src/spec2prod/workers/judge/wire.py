"""A channel between two of the judge's own processes: lines of JSON over a socket, with a descriptor where one is needed."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LENGTH = struct.Struct(">I")


class Channel:
    """One end. Blocking to send; whoever reads from an event loop uses `arrived`."""

    def __init__(self, end: socket.socket) -> None:
        """`end` is ours from now on."""
        self.end = end
        self._left = b""

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self.end.fileno()

    def send(self, message: dict[str, Any], *descriptors: int) -> None:
        """Send one message; descriptors travel with its length, ahead of it."""
        line = json.dumps(message).encode() + b"\n"
        if descriptors:
            socket.send_fds(self.end, [LENGTH.pack(len(line))], list(descriptors))
        self.end.sendall(line)

    def take_with_descriptor(self, count: int = 1) -> Any:  # noqa: ANN401 - a message and its descriptors, or None at the end
        """Wait for a message that comes with descriptors."""
        header, descriptors, _, _ = socket.recv_fds(self.end, LENGTH.size, count)
        header += self._exactly(LENGTH.size - len(header)) if header else b""
        if len(header) < LENGTH.size:
            return None
        data = self._exactly(LENGTH.unpack(header)[0])
        return (json.loads(data), *descriptors) if data.endswith(b"\n") else None

    def _exactly(self, size: int) -> bytes:
        """Read that many bytes, fewer only where the other end is gone."""
        data = b""
        while len(data) < size:
            more = self.end.recv(size - len(data))
            if not more:
                break
            data += more
        return data

    def arrived(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the messages that have come, and whether the other end is gone."""
        try:
            data = self.end.recv(65536)
        except OSError:
            data = b""
        *lines, self._left = (self._left + data).split(b"\n")
        return [json.loads(line) for line in lines if line], not data

    def close(self) -> None:
        """Close this end."""
        self.end.close()
