"""How much memory processes can still take on this machine before it swaps or kills, within the limits of this process's groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Where a version of Linux's control groups tells memory, in bytes; `idle` are the file caches, which give way."""

    folder: str
    limit: str
    used: str
    idle: tuple[str, ...]


_ONE = _Kind(
    folder="sys/fs/cgroup/memory",
    limit="memory.limit_in_bytes",
    used="memory.usage_in_bytes",
    idle=("total_active_file", "total_inactive_file"),
)
_TWO = _Kind(folder="sys/fs/cgroup", limit="memory.max", used="memory.current", idle=("active_file", "inactive_file"))


def available_mb(root: Path = Path("/")) -> float:
    """Return what is available, in MiB: the machine's, and no more than what each control group around this process has left.

    A group's use counts without its file caches, as the machine's does: else every container that has read files would seem full.
    """
    return max(0.0, min([_of_machine(root), *_of_groups(root)]))


def _of_machine(root: Path) -> float:
    told = _figures(root / "proc" / "meminfo").get("MemAvailable:")
    if told is not None:
        return told / 1024
    import psutil  # noqa: PLC0415 - 15 ms, and not needed on Linux

    return float(psutil.virtual_memory().available) / _MIB


def _of_groups(root: Path) -> Iterator[float]:
    """Yield what each group has left that has a limit, from this process's own up to the outermost that can be seen."""
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        _, _, named = line.partition(":")
        controllers, _, path = named.partition(":")
        kind = _TWO if not controllers else _ONE if "memory" in controllers.split(",") else None
        if kind is None:
            continue
        group = PurePosixPath(path.lstrip("/"))
        for each in (group, *group.parents):
            if ".." not in each.parts and (left := _left(root / kind.folder / each, kind)) is not None:
                yield left


def _left(group: Path, kind: _Kind) -> float | None:
    limit, used = _text(group / kind.limit).strip(), _text(group / kind.used).strip()
    if not (limit.isdecimal() and used.isdecimal()):  # "max", or not to be seen from inside a container
        return None
    caches = _figures(group / "memory.stat")
    return (int(limit) - int(used) + sum(caches.get(name, 0) for name in kind.idle)) / _MIB


def _figures(path: Path) -> dict[str, int]:
    """Return the lines that are a name and a figure, by name."""
    parts = [line.split() for line in _text(path).splitlines()]
    return {words[0]: int(words[1]) for words in parts if len(words) > 1 and words[1].isdecimal()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
