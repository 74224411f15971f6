"""`spec2prod openhands`: what it says where the agent server is, and where it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import environment


def openhands(*words: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = environment({"SPEC2PROD_CACHE_DIR": str(cache)} if cache else None)
    return subprocess.run([sys.executable, "-m", "spec2prod", "openhands", *words], env=env, capture_output=True, text=True, check=False)


def test_status_says_that_nothing_is_installed_and_what_to_do(tmp_path: Path) -> None:
    done = openhands("status", cache=tmp_path)
    assert done.returncode == 4
    assert "spec2prod openhands install" in done.stderr


@pytest.mark.openhands
@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("command", ["status", "install"])
def test_what_is_installed_is_told_and_not_built_again(command: str) -> None:
    done = openhands(command)
    assert done.returncode == 0, done.stderr
    assert "1.58.0" in done.stdout
    assert "Installing" not in done.stdout
