"""Process families: limits for a child, and how to end everything that it started.

On Linux the process that starts judged code is a "subreaper": what escapes from a group (a daemon) becomes its child,
and is found there. Elsewhere only the process group is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

try:
    import resource as _resource
except ImportError:  # no POSIX
    resource: ModuleType | None = None
else:
    resource = _resource

LINUX = sys.platform.startswith("linux")
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
MIB = 1024 * 1024
ROUNDS = 200  # a family that still has members after so many kills cannot be ended from here


def prctl(option: int, value: int) -> None:
    """Ask the kernel for a property of this process; elsewhere than on Linux there is none."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of whatever our descendants leave behind."""
    prctl(SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; it may be dead already."""
    prctl(SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def limit(*, memory_mb: int, file_mb: int, cpu_s: int) -> None:
    """Bound this process: memory beyond what it has now, the size of a file, CPU time; no core dumps."""
    if resource is None:
        return
    bounds = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, file_mb * MIB), (resource.RLIMIT_CPU, cpu_s)]
    if LINUX:
        bounds.append((resource.RLIMIT_AS, virtual_bytes() + memory_mb * MIB))
    for kind, bound in bounds:
        _, hard = resource.getrlimit(kind)
        least = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (least, least))


def virtual_bytes() -> int:
    """Return the size of this process's address space (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, 0 where it is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def waited_seconds(pid: int) -> float:
    """Return how long a process, with all its threads, was ready to run and had no processor; 0 where it is not known."""
    total = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                total = max(total, int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text(encoding="ascii").split()[1]))
    return total / 1e9


def children(pid: int) -> list[int]:
    """Return the numbers of a process's children (Linux); our own zombies among them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError, ValueError):
                found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii").split())
    return found


def descendants(pid: int) -> list[int]:
    """Return everything below a process."""
    found, queue = [], [pid]
    while queue:
        below = children(queue.pop())
        found += below
        queue += below
    return found


def kill_group(pid: int) -> None:
    """End a process group that is named after its leader."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def kill(pid: int) -> None:
    """End one process."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def end_orphans(spared: frozenset[int] = frozenset()) -> list[str]:
    """Kill and reap every child of ours but the spared ones; return the names of those that still lived."""
    names: list[str] = []
    for _ in range(ROUNDS):
        alive = [pid for pid in children(os.getpid()) if pid not in spared]
        if not alive:
            break
        for pid in alive:
            if not is_zombie(pid):
                names.append(name_of(pid))
            for each in (*descendants(pid), pid):
                kill(each)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
    return names


def is_zombie(pid: int) -> bool:
    """Whether a process has ended, but was not waited for."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] == "Z"
    return True


def name_of(pid: int) -> str:
    """Return a process's command line, shortened."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b" ".join(words).decode("utf-8", errors="replace").strip()[:80] or "a process"
    return "a process"
