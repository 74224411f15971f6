"""One attempt at a run: watched from outside, and killed at its moment."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from benchmarks.chaos.course import Moment
from benchmarks.chaos.watch import Watch

LONGEST_S = 600.0
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An attempt as it was seen: its exit code (negative: killed), how many steps it had when (seconds after its start), its last sight.

    `tools` is how many processes it had at work when it was killed.
    """

    exit_code: int
    lasts_s: float
    seen: Sequence[tuple[int, float]]
    tools: int = 0

    @property
    def is_killed(self) -> bool:
        """Whether it did not end by itself."""
        return self.exit_code < 0


def watched_until(process: subprocess.Popen[bytes], watch: Watch, moment: Moment | None, noted: int) -> Watched:
    """Watch a run until its end, or until the moment at which it is killed; `noted` is its last attempt that the database knows.

    Raises:
        TimeoutError: where it hangs.
    """
    begun, seen, reached = time.monotonic(), list[tuple[int, float]](), 0.0 if moment and not moment.steps else None
    tools = 0
    try:
        while process.poll() is None:
            now = time.monotonic() - begun
            _see(watch, seen, now, noted)
            if moment and reached is None and seen and seen[-1][0] >= moment.steps:
                reached = now
            if moment and reached is not None and now >= reached + moment.delay_s:
                tools = len(psutil.Process(process.pid).children(recursive=True))
                break
            if now > LONGEST_S:
                message = f"a run hangs for {LONGEST_S:g} s"
                raise TimeoutError(message)
            rest_s = reached + moment.delay_s - now if moment and reached is not None else _LOOK_S
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.001, min(_LOOK_S, rest_s)))
    finally:  # also where the series is stopped: nothing of it works on
        process.kill()
        code = process.wait()
        watch.close()
    return Watched(exit_code=code, lasts_s=time.monotonic() - begun, seen=seen, tools=tools)


def _see(watch: Watch, seen: list[tuple[int, float]], now: float, noted: int) -> None:
    """Note when the attempt is noted, and when another step is there."""
    sight = watch.look()
    if sight is not None and sight.attempt > noted and (not seen or len(sight.steps) > seen[-1][0]):
        seen.append((len(sight.steps), now))
