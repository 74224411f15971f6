"""What lies in a warehouse."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

log = logging.getLogger("inventory")
FEW = 3


class Missing(Exception):
    """There is not as much as was asked for."""


class Stock:
    """Pieces by the name of the thing; `notify` is told what runs low."""

    def __init__(self, notify: Callable[[str, int], None] | None = None) -> None:
        self._pieces: dict[str, int] = {}
        self._notify = notify

    def add(self, name: str, pieces: int = 1) -> int:
        """Put pieces in; return how many there are now."""
        if pieces < 1:
            raise ValueError("add at least one piece")
        self._pieces[name] = self._pieces.get(name, 0) + pieces
        return self._pieces[name]

    def take(self, name: str, pieces: int = 1) -> int:
        """Take pieces out; return how many are left."""
        there = self._pieces.get(name, 0)
        if pieces > there:
            raise Missing(f"{name}: {there} of {pieces}")
        left = there - pieces
        if left:
            self._pieces[name] = left
        else:
            del self._pieces[name]
        if left < FEW:
            log.warning("%s runs low: %d left", name, left)
            if self._notify is not None:
                self._notify(name, left)
        return left

    def count(self, name: str) -> int:
        """Return how many there are."""
        return self._pieces.get(name, 0)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        yield from sorted(self._pieces.items())

    def __len__(self) -> int:
        return sum(self._pieces.values())
