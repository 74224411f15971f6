"""Runs a command that must not outlive us, where no sandbox does that: a small parent, started by path.

`python lifeline.py <our pid> <argv…>`. It ends with the command, and takes every descendant with it, also those that
made themselves a session of their own (tmux does): when the command ends, on SIGTERM, and when our process is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

import psutil

_LOOK_EVERY_S = 0.2
_GRACE_S = 3.0
# <sys/prctl.h>
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main(argv: list[str]) -> int:
    """Run the command; return its exit code, or 143 where it was ended."""
    owner, command = int(argv[0]), argv[1:]
    adopt_descendants()
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: told.append(received))
    child = subprocess.Popen(command)
    while child.poll() is None and not told and os.getppid() == owner:
        time.sleep(_LOOK_EVERY_S)
    code = child.poll()
    end_descendants()
    return 128 + signal.SIGTERM if code is None else code


def adopt_descendants() -> None:
    """Make orphans of ours our own children, and have us told when our parent is gone (Linux; elsewhere we look)."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def end_descendants() -> None:
    """End every descendant: asked first, then killed. Killing may orphan others, so look until none is left."""
    me = psutil.Process()
    for each in me.children(recursive=True):
        _signal(each, signal.SIGTERM)
    _, left = psutil.wait_procs(me.children(recursive=True), timeout=_GRACE_S)
    while left:
        for each in left:
            _signal(each, signal.SIGKILL)
        psutil.wait_procs(left, timeout=_GRACE_S)
        left = me.children(recursive=True)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
