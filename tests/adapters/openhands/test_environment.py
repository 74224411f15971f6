"""Finding the agent server's environment, and which Python it is built for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from spec2prod.adapters.openhands.environment import LOCKED, find, install, python_version
from spec2prod.errors import ToolMissingError
from tests.adapters.locked import fake_uv, quietly

_PYTHON = Path(sys.executable)


def test_all_of_openhands_is_of_one_version() -> None:
    pins = dict(line.split()[0].split("==") for line in LOCKED.lock_text().splitlines() if line.startswith("openhands-"))
    assert {pins[name] for name in ("openhands-sdk", "openhands-tools", "openhands-agent-server")} == {LOCKED.version()}


def test_it_is_built_once_and_found_again(tmp_path: Path) -> None:
    uv, cache = fake_uv(tmp_path, program="agent-server"), tmp_path / "cache"
    assert find(cache) is None
    built = install(cache, uv=uv, python=_PYTHON, say=quietly)
    assert install(cache, uv=uv, python=_PYTHON, say=quietly) == built == find(cache)
    assert (tmp_path / "runs").read_text() == "run\n"
    assert built.version == LOCKED.version()
    assert built.folder.parent == cache / "openhands"


def test_one_of_another_lock_or_half_built_is_not_found(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    marker = install(cache, uv=fake_uv(tmp_path, program="agent-server"), python=_PYTHON, say=quietly).folder / "complete"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"lock": "another"}))
    assert find(cache) is None
    marker.unlink()
    assert find(cache) is None


def test_a_python_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="could not be started"):
        python_version(tmp_path / "python")
    with pytest.raises(ToolMissingError, match="no working Python"):
        python_version(Path("/bin/false"))


def test_a_python_that_is_too_old_is_told(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 3.11.9\n")
    old.chmod(0o755)
    with pytest.raises(ToolMissingError, match=r"is 3\.11\.9"):
        python_version(old)
