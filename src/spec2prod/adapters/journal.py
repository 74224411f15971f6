"""The journal without an engine: every step runs, nothing is kept. A durable one takes its place behind the same port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from spec2prod.domain.run import Replayed


class InMemoryJournal:
    """Runs each step as it comes, and remembers the names in order: tests count steps by them."""

    attempt = 1
    resumed_from = ""
    replayed: tuple[Replayed, ...] = ()

    _ended: Mapping[str, float] = {}

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def step[**P, T](self, name: str, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call."""
        self.steps.append(name)
        return await call(*args, **kwargs)

    def ended_at(self, name: str) -> float | None:
        """Return None: nothing was done before."""
        return self._ended.get(name)

    async def intend(self, path: str, original: str | None, text: str) -> None:
        """Take no note."""
        del path, original, text
