"""The package as it is built and laid out."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import spec2prod

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_of_the_distribution_is_the_one_in_pyproject() -> None:
    assert metadata.version("spec2prod") == PROJECT["project"]["version"]


def test_the_distribution_says_that_it_is_typed_and_mit() -> None:
    assert (Path(spec2prod.__file__).parent / "py.typed").is_file()
    assert metadata.metadata("spec2prod")["License-Expression"] == "MIT"


def test_the_guides_example_is_the_guides_text() -> None:
    operations = (ROOT / "src/test_components/calculator/operations.py").read_text()
    assert operations.startswith('"""Simple calculator operations for testing."""\n\ndef add(a: int, b: int) -> int:\n')
    assert 'raise ValueError("Cannot divide by zero")' in operations
    assert (ROOT / "specs/calculator_operations.md").read_text().endswith("- Achieve 80% coverage\n")


def test_the_guides_example_stays_out_of_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"spec2prod", f"spec2prod-{PROJECT['project']['version']}.dist-info"}


def test_the_wheel_holds_the_pages_that_errors_name(wheel: Path) -> None:
    pages = {f"spec2prod/{page.relative_to(ROOT)}" for page in (ROOT / "docs").rglob("*.md")}
    assert pages
    assert pages <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "src/spec2prod"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    expected = {name.removeprefix("src/") for name in tracked if (ROOT / name).exists()}
    assert expected <= set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the pinned backend, as a user's installer would."""
    pytest.importorskip("hatchling", reason="`uv run` builds in an environment of its own; `make test` has the backend here")
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", build, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True)
    return folder / done.stdout.splitlines()[-1]
