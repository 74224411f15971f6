"""What is available: the machine's, within the limits of the groups around this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from spec2prod.adapters.free_memory import available_mb

MIB = 2**20
MACHINE = {"proc/meminfo": f"MemTotal:  {8000 * 1024} kB\nMemFree:  1 kB\nMemAvailable:   {3000 * 1024} kB\nHugePages_Total:  0\n"}
INNER = "0::/user.slice/build.scope\n"


def machine(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in {**MACHINE, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def group(folder: str, limit: str, used: int, **caches: int) -> dict[str, str]:
    stat = "".join(f"{name} {mib * MIB}\n" for name, mib in caches.items())
    limit = limit if limit == "max" else str(int(limit) * MIB)
    return {f"{folder}/memory.max": f"{limit}\n", f"{folder}/memory.current": f"{used * MIB}\n", f"{folder}/memory.stat": f"anon 7\n{stat}"}


@pytest.mark.parametrize(
    ("files", "mb"),
    [
        ({}, 3000),
        ({"proc/self/cgroup": "0::/\n", **group("sys/fs/cgroup", "max", 500)}, 3000),
        ({"proc/self/cgroup": "0::/\n", **group("sys/fs/cgroup", "2000", 500)}, 1500),
        ({"proc/self/cgroup": "0::/\n", **group("sys/fs/cgroup", "2000", 2000, active_file=300, inactive_file=400, file=900)}, 700),
        ({"proc/self/cgroup": "0::/\n", **group("sys/fs/cgroup", "9000", 500)}, 3000),
        ({"proc/self/cgroup": "0::/\n", **group("sys/fs/cgroup", "400", 500)}, 0),
        ({"proc/self/cgroup": INNER, **group("sys/fs/cgroup/user.slice/build.scope", "max", 100)}, 3000),
        (
            {
                "proc/self/cgroup": INNER,
                **group("sys/fs/cgroup/user.slice/build.scope", "1000", 100),
                **group("sys/fs/cgroup/user.slice", "800", 300),
            },
            500,
        ),
        ({"proc/self/cgroup": "0::/../../elsewhere\n", **group("sys/fs/cgroup", "2000", 500)}, 1500),
        ({"proc/self/cgroup": "0::/../../elsewhere\n", **group("sys/elsewhere", "2000", 500)}, 3000),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99\n"}, 3000),
    ],
    ids=[
        "no groups",
        "no limit",
        "a limit",
        "a limit that file caches have reached",
        "a limit above the machine",
        "a limit that is exceeded",
        "no limit on the own group",
        "a tighter limit on an outer group",
        "a group that a container does not see, below a limit that it sees",
        "a folder that is no group",
        "a limit without a use",
    ],
)
def test_the_tightest_limit_counts(tmp_path: Path, files: Mapping[str, str], mb: float) -> None:
    assert available_mb(machine(tmp_path, files)) == mb


def test_the_older_kind_of_groups_counts_too(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/memory/docker/1"
    files = {
        "proc/self/cgroup": "9:name=systemd:/\n4:memory,hugetlb:/docker/1\n0::/\n",
        f"{folder}/memory.limit_in_bytes": f"{1000 * MIB}\n",
        f"{folder}/memory.usage_in_bytes": f"{900 * MIB}\n",
        f"{folder}/memory.stat": f"total_active_file {50 * MIB}\ntotal_inactive_file {150 * MIB}\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{900 * MIB}\n",
    }
    assert available_mb(machine(tmp_path, files)) == 300


def test_this_machine_has_some_and_no_more_than_all() -> None:
    assert 1 < available_mb() <= psutil.virtual_memory().total / MIB


def test_where_the_system_tells_nothing_of_itself_a_library_does(tmp_path: Path) -> None:
    assert 1 < available_mb(tmp_path) <= psutil.virtual_memory().total / MIB
