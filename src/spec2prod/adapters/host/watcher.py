"""Ends what a run has started when the run itself is gone without a word: killed, or out of memory. Started by path.

`python watcher.py <mark> <folder> <site-packages>…`, with a pipe as its standard input that only the run holds. A line on it is a
farewell: all is in order. Its end without one means that the run is dead: every process that carries the mark in its environment
is killed, until none is left, and the folder of temporary files is taken away. Until then it costs nothing: it waits for the pipe.

It holds a lock on the folder as long as it lives. So what even it could not clear up (the machine went down) is known by having no
lock, and the next watcher takes it away.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time

_LOOKS = 3  # a process between fork and exec does not carry the mark yet
_PAUSE_S = 0.05
_LONGEST_S = 10.0
MARK = "SPEC2PROD_COMMANDS"
FOLDERS = "spec2prod-run-"
_YOUNG_S = 60.0  # between the making of a folder and its lock lies the start of a process


def main(argv: list[str]) -> int:
    """Wait for the end of the run; clear up unless it said farewell."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever ends the run's group must not end who clears up after it
    mark, folder, *packages = argv
    locked(folder)
    if not os.read(0, 1):
        sys.path.extend(packages)
        end_marked(mark)
        take_away(folder)
    for each in forsaken(os.path.dirname(folder)):  # noqa: PTH120 - pathlib costs 5 ms at the start
        take_away(each)
    return 0


def locked(folder: str) -> bool:
    """Take the lock on a folder, and keep it as long as this process lives; whether nobody else had it."""
    try:
        fcntl.flock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another's, gone already, or of a file system without locks: there nothing is ever taken for forsaken
        return False
    return True


def forsaken(beside: str) -> list[str]:
    """Return the folders in `beside` whose run and watcher are both gone."""
    with os.scandir(beside) as entries:
        found = [each for each in entries if each.name.startswith(FOLDERS) and each.is_dir(follow_symlinks=False)]
    return [each.path for each in found if _is_ours_and_old(each) and locked(each.path)]


def _is_ours_and_old(entry: os.DirEntry[str]) -> bool:
    try:
        state = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # its own watcher was quicker
        return False
    return state.st_uid == os.getuid() and time.time() - state.st_mtime > _YOUNG_S


def take_away(folder: str) -> None:
    """Remove a folder with all that is in it."""
    import shutil  # noqa: PLC0415 - only where it is needed: this process must be cheap to start

    shutil.rmtree(folder, ignore_errors=True)


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
            return next((each.decode("ascii", "replace") for each in variables if each.startswith(MARK.encode() + b"=")), "")
        import psutil  # noqa: PLC0415 - as above

        return str(psutil.Process(pid).environ().get(MARK, ""))
    except Exception:  # noqa: BLE001 - gone, or another user's: not ours; nobody is left who could be told
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
