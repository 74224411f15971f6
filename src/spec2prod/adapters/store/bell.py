"""What wakes a worker up: PostgreSQL tells it, on SQLite it looks again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from spec2prod.adapters.store.database import Database, Row
from spec2prod.adapters.store.jobs import CHANNEL

if TYPE_CHECKING:
    import psycopg

_SHORTEST_S, _LONGEST_S, _SLOWER = 0.05, 0.5, 1.15  # looked for at 0.05 s first, at 0.5 s after some four idle seconds


class Bell(Protocol):
    """Rings when there may be something to do."""

    def wait(self) -> bool:
        """Wait until it rings, or for a moment; return whether it rang."""
        ...

    def busy(self) -> None:
        """Be told that there was something to do: more may follow soon."""
        ...

    def close(self) -> None:
        """Listen no longer. Safe to call twice."""
        ...


class Looking:
    """Waits a little, then longer each time that nothing was found."""

    def __init__(self) -> None:
        """Begin with short pauses."""
        self._pause_s = _SHORTEST_S
        self._over = threading.Event()

    def wait(self) -> bool:
        """Wait for the pause, which grows; it never says that something came."""
        self._over.wait(self._pause_s)
        self._pause_s = min(_LONGEST_S, self._pause_s * _SLOWER)
        return False

    def busy(self) -> None:
        """Begin with short pauses again."""
        self._pause_s = _SHORTEST_S

    def close(self) -> None:
        """Wait no longer."""
        self._over.set()


class Listening:
    """Listens on a connection of its own; one that was lost is made anew."""

    def __init__(self, url: str) -> None:
        """Take the server's URL; the connection is made by the first `wait`."""
        self._url = url
        self._session: psycopg.Connection[Row] | None = None
        self._over = threading.Event()

    def wait(self) -> bool:
        """Wait until the queue has changed, half a second at most."""
        import psycopg

        if self._over.is_set():
            return False
        try:
            session = self._session = self._session or self._connect()
            return any(True for _ in session.notifies(timeout=_LONGEST_S, stop_after=1))
        except psycopg.Error:  # the server went away: the worker looks by itself until it is back
            self._session = None
            self._over.wait(_LONGEST_S)
            return True

    def busy(self) -> None:
        """Take no note: the server tells what comes."""

    def close(self) -> None:
        """Close the connection."""
        self._over.set()
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _connect(self) -> psycopg.Connection[Row]:
        from spec2prod.adapters.store.session import connect

        session = connect(self._url)
        session.execute(f"LISTEN {CHANNEL}".encode())
        return session


def bell_of(database: Database, place: str) -> Bell:
    """Return what rings for the queue of a database that was opened at `place`."""
    return Listening(place) if database.shared else Looking()
