"""A session with a PostgreSQL server: how it is made, how long silence is borne, and how long a server that went away is waited for."""

from __future__ import annotations

import hashlib
import random
import time
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from spec2prod.adapters.store.database import Row
from spec2prod.errors import UsageError

SCHEMA = "spec2prod"
PATIENCE_S = 60.0  # how long a lost server is waited for: a restart takes seconds
SILENCE_S = 30.0  # a statement of ours takes milliseconds: a server that says nothing for so long is behind a cut wire, or hangs
_PARTING_S = 2.0  # who cannot be told goodbye notices by itself
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.4  # a worker that comes back later than others would be taken for dead by them
_USUAL = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
# What the server does about us: whoever is cut off from it keeps no lock for long.
_THERE = {
    "search_path": SCHEMA,
    "idle_in_transaction_session_timeout": "20s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_ANSWERED: set[str] = set()


class SilentServerError(psycopg.OperationalError):
    """The server took a question, and said nothing for too long."""


class Session(psycopg.Connection[Row]):
    """A connection that counts as lost, too, where the server says nothing for `silence_s`.

    Keepalives see a dead machine; they do not see a proxy whose way on is cut, nor a server that hangs.
    """

    silence_s = SILENCE_S

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the driver's own signature, which varies by version
        """Wait for the driver's next answer, but not for ever."""
        try:
            return super().wait(_impatient(gen, self.silence_s), *args, **kwargs)
        except SilentServerError:
            self.pgconn.finish()
            raise

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be asked over it any more."""
        return self.closed or self.broken


def _impatient(gen: Any, silence_s: float) -> Any:  # noqa: ANN401 - a generator of the driver's
    """Pass on what the driver waits for, as long as something comes."""
    try:
        state, heard_at = next(gen), time.monotonic()
        while True:
            if ready := (yield state):
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > silence_s:
                message = f"the server said nothing for {silence_s:g} s"
                raise SilentServerError(message)
            state = gen.send(ready)
    except StopIteration as over:
        return over.value


class SessionHold:
    """A session's advisory lock: the server lets it go when the session ends, however it ends."""

    def __init__(self, session: Session) -> None:
        """Take the session that holds it."""
        self._session = session

    @property
    def is_over(self) -> bool:
        """Whether it was let go, or lost with its server."""
        return self._session.is_lost

    def release(self) -> None:
        """Let it go, and be sure of it: a server notices only later that a session was closed."""
        self._session.silence_s = _PARTING_S
        with suppress(psycopg.Error):
            self._session.execute("SELECT pg_advisory_unlock_all()")
        self._session.close()


def take(session: Session, name: str) -> bool | None:
    """Take a named lock for a session; False where a living one has it, None where the session was lost meanwhile."""
    try:
        ((taken,),) = session.execute("SELECT pg_try_advisory_lock(%s)", (number_of(name),)).fetchall()
    except psycopg.Error:
        if not session.is_lost:
            raise
        return None
    return bool(taken)


def name_of(url: str) -> str:
    """Return what a URL says of host, port and database, without user and password; the port only where it is stated.

    Raises:
        UsageError: where it is no URL. What is wrong with it is not told: the driver's words have the password in them.
    """
    try:
        known = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        step = "write postgresql://USER@HOST:PORT/DATABASE; what is special in a name or a password as %20 and the like"
        raise UsageError("this is no URL that PostgreSQL understands", where="SPEC2PROD_DATABASE_URL", next_step=step) from None
    hosts, ports = str(known.get("host") or "localhost").split(","), str(known.get("port") or "").split(",")
    named = [f"[{host}]" if ":" in host else host for host in hosts]
    each = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    where = ",".join(f"{host}:{port}" if port else host for host, port in zip(named, each, strict=True))
    return f"postgresql://{where}/{known.get('dbname') or ''}"


def number_of(name: str) -> int:
    """Return the number by which the server knows a named lock."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def connect(url: str) -> Session:
    """Connect once. What the URL says of time limits goes before what is usual here.

    Raises:
        psycopg.Error: where that is not possible.
    """
    asked = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    options = " ".join([*(f"-c {name}={value}" for name, value in _THERE.items()), str(asked.pop("options", ""))]).strip()
    session = Session.connect(make_conninfo("", **{**_USUAL, **asked, "options": options}), autocommit=True)
    _ANSWERED.add(url)
    return session


def has_answered(url: str) -> bool:
    """Whether that server was there before in this process: one that never was is told at once, and not waited for."""
    return url in _ANSWERED


class Outage:
    """How long a server has been away: pauses that grow and differ, so that not all come back at once, until patience is over."""

    def __init__(self, patience_s: float) -> None:
        """Begin with a server that is there."""
        self.patience_s = patience_s
        self._since: float | None = None
        self._pause_s = _FIRST_PAUSE_S

    def wait(self) -> bool:
        """Wait a little for another try; False where it was waited long enough."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= self.patience_s:
            return False
        time.sleep(self._pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2)
        return True

    def over(self) -> None:
        """Be told that something was asked and done."""
        self._since, self._pause_s = None, _FIRST_PAUSE_S
