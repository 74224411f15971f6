"""Time, from the system's clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The time of day for people, a monotonic clock for durations: a clock set back changes no measurement."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def now(self) -> str:
        """Return the time of day, ISO 8601 in UTC, to the millisecond."""
        return datetime.now(tz=UTC).isoformat(timespec="milliseconds")

    def elapsed_ms(self) -> float:
        """Return milliseconds since the clock was made."""
        return (time.monotonic() - self._start) * 1000.0
