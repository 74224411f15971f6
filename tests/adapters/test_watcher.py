"""The watcher ends what a dead run has left, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from spec2prod.adapters.host import MARK
from spec2prod.adapters.host.watcher import FOLDERS

WATCHER = Path(__file__).resolve().parents[2] / "src" / "spec2prod" / "adapters" / "host" / "watcher.py"
SLEEPER = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]


def watcher(mark: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", "-S", str(WATCHER), mark, str(folder)], stdin=subprocess.PIPE)


def test_a_run_that_ends_without_a_farewell_is_cleared_up_after(tmp_path: Path) -> None:
    mark, folder = uuid.uuid4().hex, tmp_path / "scratch"
    folder.mkdir()
    ours = subprocess.Popen(SLEEPER, env=os.environ | {MARK: f"outer:{mark}:inner"}, start_new_session=True)
    others = subprocess.Popen(SLEEPER, env=os.environ | {MARK: uuid.uuid4().hex})
    with watcher(mark, folder) as process:
        process.communicate(timeout=30)
    assert ours.wait(timeout=30) == -9
    assert psutil.Process(others.pid).is_running()
    assert not folder.exists()
    others.kill()
    others.wait()


def test_what_was_started_with_our_mark_ends_with_us_though_nobody_else_ties_it_to_us() -> None:
    program = (
        "import os, subprocess, sys, time; from spec2prod.adapters.host.watch import belongings;"
        f"child = subprocess.Popen({SLEEPER!r}, env={{**os.environ, **belongings().marks}}, start_new_session=True);"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        child = psutil.Process(int(run.stdout.readline()))
        run.kill()
    assert psutil.wait_procs([child], timeout=30)[1] == []


LEAVES = """
import asyncio, os, sys, tempfile, time
from spec2prod.adapters.host.watch import belongings
open(tempfile.mkdtemp(dir=belongings().folder) + "/file", "w").close()
print(flush=True)
time.sleep(600 if sys.argv[1:] else 0)
"""


@pytest.mark.parametrize("killed", [["killed"], []], ids=["killed", "ended"])
def test_temporary_files_of_a_run_end_with_it(killed: list[str], tmp_path: Path) -> None:
    argv = [sys.executable, "-c", LEAVES, *killed]
    with subprocess.Popen(argv, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "\n"
        watching = psutil.Process(run.pid).children() if killed else []
        if killed:
            assert len(list(tmp_path.iterdir())) == 1
            run.kill()
    psutil.wait_procs(watching, timeout=30)
    assert list(tmp_path.iterdir()) == []


def test_what_neither_run_nor_watcher_could_clear_up_the_next_one_does(tmp_path: Path) -> None:
    forsaken, young, held, own = (tmp_path / f"{FOLDERS}{name}" for name in ("forsaken", "young", "held", "own"))
    other = tmp_path / "spec2prod-other"
    for folder in (forsaken, young, held, other, own):
        folder.mkdir()
        (folder / "file").touch()
    (tmp_path / f"{FOLDERS}link").symlink_to(other, target_is_directory=True)
    an_hour_ago = time.time() - 3600
    for folder in (forsaken, held, other):
        os.utime(folder, (an_hour_ago, an_hour_ago))
    with watcher("one", held) as living:
        wait_until_opened(living, held)
        with watcher("two", own) as process:
            process.communicate(b"\n", timeout=30)
        living.communicate(b"\n", timeout=30)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([young.name, held.name, other.name, own.name, f"{FOLDERS}link"])
    assert (other / "file").exists()


def wait_until_opened(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Return when a process has a folder open: asking for its lock would take that away."""
    deadline = time.monotonic() + 30
    while not any(each.is_symlink() and each.readlink() == folder for each in Path(f"/proc/{process.pid}/fd").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_after_a_farewell_it_touches_nothing(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    sleeper = subprocess.Popen(SLEEPER, env=os.environ | {MARK: mark})
    with watcher(mark, tmp_path) as process:
        process.communicate(b"\n", timeout=30)
    assert process.returncode == 0
    assert psutil.Process(sleeper.pid).is_running()
    assert tmp_path.exists()
    sleeper.kill()
    sleeper.wait()
