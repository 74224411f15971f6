"""The plugin that comes with spec2prod: every pytest beside it knows the markers, and nothing else is another."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from spec2prod.domain import trace
from spec2prod.workers import release_worker, spec2prod_markers, spec2prod_requirements

_TEST = """
import pytest

@pytest.mark.requirement("REQ-1")
@pytest.mark.req(id="REQ-2", text="1f0c.9a2b.3d4e")
@pytest.mark.verifies_requirement("REQ-3")
def test_it(): pass
"""


def _asked(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(_TEST)
    (folder / "pytest.ini").touch()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error::pytest.PytestUnknownMarkWarning", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PYTEST_ADDOPTS": ""})


def test_a_pytest_beside_spec2prod_knows_the_markers_however_strict_it_is(tmp_path: Path) -> None:
    told = _asked(tmp_path, "--strict-markers")
    assert told.returncode == 0, told.stdout
    without = _asked(tmp_path, "--strict-markers", "-p", "no:spec2prod_markers")
    assert "'requirement' not found in `markers`" in without.stdout


def test_beside_the_plugin_of_our_own_runs_it_changes_nothing(tmp_path: Path) -> None:
    told = _asked(tmp_path, "--strict-markers", "-p", "spec2prod.workers.spec2prod_requirements")
    assert told.returncode == 0, told.stdout


def test_all_name_the_same_markers() -> None:
    assert spec2prod_markers.MARKERS == spec2prod_requirements.MARKERS == trace.MARKERS
    (own,) = (each for each in entry_points(group="pytest11") if each.name == "spec2prod_markers")
    assert own.load() is spec2prod_markers


def test_it_imports_nothing() -> None:
    program = "import sys; known = set(sys.modules); import spec2prod.workers.spec2prod_markers; print(*sorted(set(sys.modules) - known))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert [each for each in told if each != "__future__"] == ["spec2prod", "spec2prod.workers", "spec2prod.workers.spec2prod_markers"]


def test_what_spec2prod_needs_is_no_tool_of_a_releases_tests() -> None:
    told = release_worker.tools(argparse.Namespace(without=[], names=[]))
    names = {Path(each).name for each in told["files"]}
    assert "pytest" in names
    assert not {"bandit", "pydantic", "psycopg"} & names
