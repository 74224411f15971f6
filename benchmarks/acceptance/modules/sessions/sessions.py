"""Sessions that end, and tokens."""

from __future__ import annotations

import random
import time
from functools import lru_cache

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_sessions: dict[str, float] = {}


def open_session(user: str, ttl_s: float = 60.0) -> float:
    """Open one; return when it ends, in seconds since the epoch."""
    if ttl_s <= 0:
        raise ValueError("a session lasts")
    _sessions[user] = _now() + ttl_s
    return _sessions[user]


def is_open(user: str) -> bool:
    """Say whether the session has not ended."""
    return user in _sessions and _now() < _sessions[user]


def close(user: str) -> bool:
    """Close it; say whether there was one."""
    return _sessions.pop(user, None) is not None


def token(length: int = 8, source: random.Random | None = None) -> str:
    """Return letters and digits that nobody confuses."""
    chosen = source or random
    return "".join(chosen.choice(LETTERS) for _ in range(length))


@lru_cache(maxsize=None)
def strength(text: str) -> int:
    """Return 0..3: one for length, one for a digit, one for a capital."""
    return (len(text) >= 8) + any(each.isdigit() for each in text) + any(each.isupper() for each in text)


def _now() -> float:
    return time.time()
