"""Ends what a run has started when the run itself is gone without a word: killed, or out of memory. Started by path.

`python watcher.py <mark> <folder> <site-packages>…`, with a pipe as its standard input that only the run holds. A line on it is a
farewell: all is in order. Its end without one means that the run is dead: every process that carries the mark in its environment
is killed, until none is left, and the folder of scratch files is taken away. Until then it costs nothing: it waits for the pipe.
"""

from __future__ import annotations

import os
import signal
import sys
import time

_LOOKS = 3  # a process between fork and exec does not carry the mark yet
_PAUSE_S = 0.05
_LONGEST_S = 10.0
_MARK = "SPEC2PROD_COMMANDS"


def main(argv: list[str]) -> int:
    """Wait for the end of the run; clear up unless it said farewell."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever ends the run's group must not end who clears up after it
    mark, folder, *packages = argv
    if os.read(0, 1):
        return 0
    sys.path.extend(packages)
    end_marked(mark)

    import shutil  # noqa: PLC0415 - only where it is needed: this process must be cheap to start

    shutil.rmtree(folder, ignore_errors=True)
    return 0


def end_marked(mark: str) -> None:
    """Kill every process of ours that carries the mark, until none was seen for a few looks."""
    deadline, quiet = time.monotonic() + _LONGEST_S, 0
    while quiet < _LOOKS and time.monotonic() < deadline:
        found = [pid for pid in _pids() if mark in _marks(pid)]
        quiet = 0 if found else quiet + 1
        for pid in found:
            _kill(pid)
        time.sleep(_PAUSE_S)


def _pids() -> list[int]:
    if os.path.isdir("/proc/self"):  # noqa: PTH112 - pathlib costs 5 ms at the start
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]  # noqa: PTH208 - as above
    import psutil  # noqa: PLC0415 - not on Linux alone

    return [pid for pid in psutil.pids() if pid != os.getpid()]


def _marks(pid: int) -> str:
    try:
        if os.path.isdir("/proc/self"):  # noqa: PTH112 - as above
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - as above
                variables = file.read().split(b"\0")
            return next((each.decode("ascii", "replace") for each in variables if each.startswith(_MARK.encode() + b"=")), "")
        import psutil  # noqa: PLC0415 - as above

        return str(psutil.Process(pid).environ().get(_MARK, ""))
    except Exception:  # noqa: BLE001 - gone, or another user's: not ours; nobody is left who could be told
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
