"""Another date for the judged code: `time` and `datetime` tell it that another day has come. What counts durations stays as it is.

Only Python's own ways to ask for the time are shifted, before anything of the project is imported: `time.monotonic` and
`perf_counter` go on, and so do the clocks of files, other processes and native code. Replaced classes may disturb a test by
themselves, so a test that ends otherwise here is run again with the same classes and no shift: only where that ends as it
does elsewhere was it the date.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

BETWEEN_LOOKS_S = 0.1  # on a shifted clock the machine is a busy one too: that much time passes between two looks at it
_NANO = 1_000_000_000


class Clock:
    """A date that is off by so many seconds; with 0 it is the same date, asked in the same way."""

    def __init__(self, shift_s: float) -> None:
        """Nothing is shifted until it is installed."""
        self.shift_s = shift_s
        self._now, self._now_ns, self._looks = time.time, time.time_ns, 0

    def now(self) -> float:
        """Return the shifted time in seconds since 1970."""
        return self._now() + self._passed_s()

    def now_ns(self) -> int:
        """Return the shifted time in nanoseconds since 1970."""
        return self._now_ns() + int(self._passed_s() * _NANO)

    def _passed_s(self) -> float:
        self._looks += 1
        return self.shift_s + self._looks * BETWEEN_LOOKS_S if self.shift_s else 0.0

    def install(self) -> None:
        """Replace what modules imported from now on find in `time` and `datetime`."""
        self._shift_functions()
        self._shift_classes()

    def _shift_functions(self) -> None:
        told: Any = time
        now = self.now

        def from_seconds(original: Any) -> Any:  # noqa: ANN401 - a builtin of `time`
            def ask(seconds: float | None = None) -> Any:  # noqa: ANN401 - as the original
                return original(now() if seconds is None else seconds)

            return ask

        def from_tuple(original: Any, local: Any, count: int) -> Any:  # noqa: ANN401 - as above
            def ask(*words: Any) -> Any:  # noqa: ANN401 - as the original
                return original(*words) if len(words) != count else original(*words, local(now()))

            return ask

        local = time.localtime
        told.time, told.time_ns = self.now, self.now_ns
        told.strftime, told.asctime = from_tuple(time.strftime, local, 1), from_tuple(time.asctime, local, 0)
        for name in ("localtime", "gmtime", "ctime"):
            setattr(told, name, from_seconds(getattr(time, name)))

    def _shift_classes(self) -> None:
        now = self.now
        moment: Any = dt.datetime
        day: Any = dt.date
        originals: dict[type, type] = {}

        class Like(type):
            """Takes the interpreter's own objects for its own: most are made behind our back."""

            def __instancecheck__(cls, value: object) -> bool:
                return isinstance(value, originals[cls]) if cls in originals else type.__instancecheck__(cls, value)

            def __subclasscheck__(cls, other: type) -> bool:
                return issubclass(other, originals[cls]) if cls in originals else type.__subclasscheck__(cls, other)

        class Moment(moment, metaclass=Like):  # type: ignore[misc]
            """`datetime.datetime`, that many seconds later."""

            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> Any:  # noqa: ANN401 - of its own class
                return cls.fromtimestamp(now(), tz)

            @classmethod
            def utcnow(cls) -> Any:  # noqa: ANN401 - of its own class
                return cls.fromtimestamp(now(), dt.timezone.utc).replace(tzinfo=None)  # noqa: UP017 - Python 3.9

            @classmethod
            def today(cls) -> Any:  # noqa: ANN401 - of its own class
                return cls.fromtimestamp(now())

            def __repr__(self) -> str:
                return "datetime." + str(super().__repr__())

        class Day(day, metaclass=Like):  # type: ignore[misc]
            """`datetime.date`, that many seconds later."""

            @classmethod
            def today(cls) -> Any:  # noqa: ANN401 - of its own class
                return cls.fromtimestamp(now())

            def __repr__(self) -> str:
                return "datetime." + str(super().__repr__())

        originals.update({Moment: moment, Day: day})
        for name, new in (("datetime", Moment), ("date", Day)):
            new.__name__ = new.__qualname__ = name
            new.__module__ = "datetime"
            setattr(dt, name, new)
