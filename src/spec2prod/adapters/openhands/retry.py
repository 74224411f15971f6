"""How often and how long to wait before asking again: exponential backoff with jitter."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Three tries, waiting 1 s, then 2 s, never above 60 s; `random` gives numbers in [0, 1).

    The jitter takes away up to half of a wait, so that clients that failed together do not come back together.
    """

    tries: int = 3
    base_s: float = 1.0
    factor: float = 2.0
    max_s: float = 60.0
    random: Callable[[], float] = random.random

    def wait_s(self, failures: int, asked_s: float | None = None) -> float:
        """Return the seconds to wait after the given number of failures (1 or more).

        `asked_s` is what the other side asked for (Retry-After): never less than that, up to the maximum.
        """
        # The exponent is bounded: a float overflows where only the maximum would remain anyway.
        longest = min(self.max_s, self.base_s * self.factor ** min(failures - 1, 64))
        jittered = longest * (1 - self.random() / 2)
        return min(self.max_s, max(jittered, asked_s or 0.0))


def retry_after_s(header: str, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), None where it asks for none."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
