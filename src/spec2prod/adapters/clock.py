"""Time, from the system's clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The time of day for people, a monotonic clock for durations: a clock set back changes no measurement.

    `made_ms` is what the clock showed when it was made: 0, unless something had begun before. `began_at` is the time of day at 0.
    """

    def __init__(self, since: float | None = None) -> None:
        """Count from now; or from a moment of `time.monotonic` (seconds) at which a run's first tool was started before the run."""
        self._start = time.monotonic() if since is None else since
        self.made_ms = self.elapsed_ms() if since is not None else 0.0
        self.began_at = _iso(datetime.now(tz=UTC) - timedelta(milliseconds=self.made_ms))

    def now(self) -> str:
        """Return the time of day, ISO 8601 in UTC, to the millisecond."""
        return _iso(datetime.now(tz=UTC))

    def elapsed_ms(self) -> float:
        """Return milliseconds since the clock was made."""
        return (time.monotonic() - self._start) * 1000.0


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
