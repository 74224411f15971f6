"""The contracts of import-linter hold, and would notice a breach."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BREACHES = {
    "a stray file": ("stray.py", '"""Nobody planned this room."""\n', "stray"),
    "a gate that knows a setting": ("gates/nosy.py", "import spec2prod.config\n", "spec2prod.config"),
    "a value that starts a process": ("domain/command.py", "import subprocess\n", "subprocess"),
    "a command line that speaks HTTP": ("cli/extra.py", "import httpx\n", "httpx"),
    "an adapter that imports the agent": ("adapters/host/starting.py", "import openhands\n", "openhands"),
    "a scripted model that knows the domain": ("testing/endpoint.py", "import spec2prod.domain.run\n", "spec2prod.domain.run"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name in ("src", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert program
    env = os.environ | {"PYTHONPATH": str(folder / "src")}
    return subprocess.run([program, "--no-cache"], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_floors_hold(house: Path) -> None:
    done = lint_imports(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_breaks_the_build(house: Path, breach: str) -> None:
    name, code, told = BREACHES[breach]
    file = house / "src" / "spec2prod" / name
    if not file.parent.is_dir():
        file = file.parent.with_suffix(".py")
    file.write_text((file.read_text() if file.exists() else "") + code)
    done = lint_imports(house)
    assert done.returncode == 1, done.stderr
    assert told in done.stdout
