"""The watcher ends what a dead run has left, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil

from spec2prod.adapters.host import MARK

WATCHER = Path(__file__).resolve().parents[2] / "src" / "spec2prod" / "adapters" / "watcher.py"
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
        "import os, subprocess, sys, time; from spec2prod.adapters.host.starting import marked;"
        f"child = subprocess.Popen({SLEEPER!r}, env={{**os.environ, **marked()}}, start_new_session=True);"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        child = psutil.Process(int(run.stdout.readline()))
        run.kill()
    assert psutil.wait_procs([child], timeout=30)[1] == []


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
