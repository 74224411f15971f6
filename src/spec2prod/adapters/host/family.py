"""Ends a command with all that it has started, and tells what it has used."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec2prod.adapters.host.watch import HAS_PROC
from spec2prod.adapters.host.watcher import MARK

if TYPE_CHECKING:
    import psutil

MAXRSS_PER_MIB = 1024 * 1024 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the leader ended: its exit code as `Popen` gives it, CPU milliseconds, `ru_maxrss` in MiB."""

    exit_code: int
    cpu_ms: float
    maxrss_mb: float


def end_family(process: subprocess.Popen[bytes], mark: str) -> Ending:
    """Kill the whole family, and reap the leader last: until then its number is still its own."""
    signal_group(process.pid, signal.SIGKILL)
    _kill_marked(mark, process.pid)
    return _reap(process)


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a leader's group, if anybody is left in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left to tell
        os.killpg(pid, number)


def _kill_marked(mark: str, leader: int) -> None:
    """Kill whoever left the group (daemons, new sessions) but inherited the mark; again, until nobody is left.

    The leader has its own end: waiting for it here would reap it, and with it what it has used.
    """
    for _ in range(10):
        family = [pid for pid in _pids() if pid != leader and _carries(pid, mark)]
        if not family:
            return
        import psutil  # noqa: PLC0415 - seldom needed, and slow to import

        psutil.wait_procs([each for pid in family if (each := _killed(pid, mark))], timeout=0.2)


def _carries(pid: int, mark: str) -> bool:
    """Whether a process inherited the mark; every process of the machine is asked at every command's end."""
    if not HAS_PROC:
        return _carries_elsewhere(pid, mark)
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as variables:  # noqa: PTH123 - a Path for each process costs more than its answer
            return mark.encode() in variables.read()
    except OSError:  # gone, or another user's: not ours
        return False


def _pids() -> list[int]:
    """Return every process of the machine."""
    if HAS_PROC:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names are all that is wanted
    import psutil  # noqa: PLC0415 - as above

    return psutil.pids()


def _carries_elsewhere(pid: int, mark: str) -> bool:
    """Whether a process inherited the mark, where there is no /proc to tell."""
    import psutil  # noqa: PLC0415 - as above

    try:
        return mark in psutil.Process(pid).environ().get(MARK, "")
    except (psutil.Error, OSError):  # gone, or another user's: not ours
        return False


def _killed(pid: int, mark: str) -> psutil.Process | None:
    import psutil  # noqa: PLC0415 - as above

    with contextlib.suppress(psutil.Error):  # gone already
        process = psutil.Process(pid)
        if _carries(pid, mark):  # and not a stranger that got the number meanwhile
            process.kill()
            return process
    return None


def _reap(process: subprocess.Popen[bytes]) -> Ending:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for a stranger
    return Ending(
        exit_code=process.returncode,
        cpu_ms=(usage.ru_utime + usage.ru_stime) * 1000,
        maxrss_mb=usage.ru_maxrss / MAXRSS_PER_MIB,
    )
