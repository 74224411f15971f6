"""Seconds of processor time of a command with everything that it starts, also what nobody waits for."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ACCOUNTS = Path("/sys/fs/cgroup/cpuacct")  # control groups, version 1
_GROUPS = Path("/sys/fs/cgroup")  # version 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that came to its end, or that was stopped (`timed_out`). `exact` says whether `cpu_s` holds every process."""

    code: int
    stdout: str
    stderr: str
    wall_s: float
    cpu_s: float
    exact: bool
    timed_out: bool = False


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout_s: float) -> Ended:
    """Run a command to its end.

    A sandbox's processes are not waited for by those that start them, so that the usual account of children misses them: a control
    group of its own counts all, where this machine lets us make one.
    """
    group = _group()
    before, start = os.times(), time.perf_counter()
    words = ["sh", "-c", 'echo $$ > "$0"; exec "$@"', str(group / "cgroup.procs"), *command] if group else list(command)
    timed_out = False
    try:
        done = subprocess.run(
            words, cwd=cwd, env=dict(env), capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
        )
        code, stdout, stderr = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        code, stdout, stderr, timed_out = 124, "", "", True
    wall, after = time.perf_counter() - start, os.times()
    children = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    cpu = _used(group) if group else children
    return Ended(code=code, stdout=stdout, stderr=stderr, wall_s=wall, cpu_s=cpu, exact=group is not None, timed_out=timed_out)


def _group() -> Path | None:
    """Make a control group; None where that may not be done."""
    name = f"spec2prod-benchmark-{uuid.uuid4().hex}"
    for parent in (_ACCOUNTS, _GROUPS):
        if (parent / "cgroup.procs").exists():
            try:
                (parent / name).mkdir()
            except OSError:
                continue
            return parent / name
    return None


def _used(group: Path) -> float:
    """Read a group's account, and remove the group once it is empty."""
    usage = group / "cpuacct.usage"
    if usage.exists():
        seconds = int(usage.read_text()) / 1e9
    else:
        lines = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        seconds = int(lines["usage_usec"]) / 1e6
    for _ in range(20):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.1)  # its last processes are still going
        else:
            break
    return seconds
