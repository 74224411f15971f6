"""Who is told about the runs of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from spec2prod.adapters import terminal
from spec2prod.application.ports import Listener

if TYPE_CHECKING:
    from rich.console import Console


_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


class Silent:
    """A listener for callers that want the result alone."""

    def tell(self, event: object) -> None:
        """Take no note."""


@contextmanager
def telling(console: Console) -> Iterator[None]:
    """Tell the progress of every run inside on a console."""
    with terminal.Progress(console) as progress, listening(progress):
        yield


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell every run inside to a listener."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def is_listening() -> bool:
    """Whether somebody is told: a library's caller may want the result alone."""
    return _LISTENER.get() is not None


def told_to() -> Listener:
    """Return who is told here and now."""
    return _LISTENER.get() or Silent()
