"""The journal without an engine: every step runs, nothing is kept. A durable one takes its place behind the same port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class InMemoryJournal:
    """Runs each step as it comes, and remembers the names in order: tests count steps by them."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def step[**P, T](self, name: str, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call."""
        self.steps.append(name)
        return await call(*args, **kwargs)
