"""The projects that the candidates test: small ones of our own, and real packages from their source distributions."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
OWN = HERE / "modules"
LONGEST_S = 14400.0  # for a package's own tests: on a busy machine a large package takes its time


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A real package. `source` is what is tested, `tests` are its own tests, all relative to the unpacked distribution."""

    archive: str
    source: str
    tests: tuple[str, ...]
    import_root: str = "."
    left_out: str = ""


# Their hashes stand in subjects.txt. `left_out` says which of their own tests need what is not here.
PACKAGES: Mapping[str, Package] = {
    "inflection": Package(archive="inflection-0.5.1", source="inflection", tests=("test_inflection.py",)),
    "iniconfig": Package(archive="iniconfig-2.3.1", source="src/iniconfig", tests=("testing",), import_root="src"),
    "semver": Package(archive="semver-3.1.1", source="src/semver", tests=("tests",), import_root="src"),
    "humanize": Package(
        archive="humanize-4.17.0",
        source="src/humanize",
        tests=("tests/test_filesize.py", "tests/test_lists.py", "tests/test_number.py"),
        import_root="src",
        left_out="test_time and test_i18n need freezegun, test_benchmarks needs pytest-codspeed",
    ),
    "tabulate": Package(archive="tabulate-0.10.0", source="tabulate", tests=("test",)),
}
_SPEC = "# {name}\n\n## Requirements\n\n- REQ-1: Does what its own documentation says.\n"
_SETTINGS = '[project]\nname = "{name}"\nversion = "1"\n\n[tool.spec2prod.components.{name}]\npath = "{path}"\ntests = [{tests}]\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project on disk that is ready to be judged in. `source` and `tests` are relative to `root`."""

    name: str
    root: Path
    source: str
    import_root: str

    @property
    def specification(self) -> str:
        """Return the specification's path."""
        return f"specs/{self.name}.md"

    @property
    def suite(self) -> Path:
        """Return the existing suite, which may be empty of tests."""
        return self.root / "tests" / f"test_{self.name}.py"


def project_of(name: str, work: Path) -> Project:
    """Make the project of a module in a fresh folder; a real package comes without its own tests.

    Raises:
        subprocess.CalledProcessError: where its distribution cannot be fetched, or is another than the pinned one.
    """
    root = work / name
    return _real(name, root, work) if name in PACKAGES else _own(name, root)


def _own(name: str, root: Path) -> Project:
    _write(root / f"{name}.py", (OWN / name / f"{name}.py").read_text(encoding="utf-8"))
    _write(root / "specs" / f"{name}.md", (OWN / name / "spec.md").read_text(encoding="utf-8"))
    suite = OWN / name / "suite.py"
    if suite.exists():
        _write(root / "tests" / f"test_{name}.py", suite.read_text(encoding="utf-8"))
    _settle(root, name, f"{name}.py", ["tests"] if suite.exists() else [])
    return Project(name=name, root=root, source=f"{name}.py", import_root=".")


def _real(name: str, root: Path, work: Path) -> Project:
    package = PACKAGES[name]
    shutil.copytree(unpacked(name, work) / package.source, root / package.source, ignore=shutil.ignore_patterns("tests", "sandbox"))
    _write(root / "specs" / f"{name}.md", _SPEC.format(name=name))
    _settle(root, name, package.source, [])
    return Project(name=name, root=root, source=package.source, import_root=package.import_root)


def upstream_of(name: str, work: Path) -> tuple[Project, tuple[Path, ...]]:
    """Make a project of a package as it was published, and return it with its own test files.

    Raises:
        subprocess.CalledProcessError: as `project_of`.
    """
    package, root = PACKAGES[name], work / "upstream" / name
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(unpacked(name, work), root)
    _write(root / "specs" / f"{name}.md", _SPEC.format(name=name))
    tests = ", ".join(f'"{each}"' for each in package.tests)
    setting = f"\n[tool.spec2prod]\ntest_timeout_seconds = {LONGEST_S:g}\n"
    setting += f'\n[tool.spec2prod.components.{name}]\npath = "{package.source}"\ntests = [{tests}]\n'
    pyproject = root / "pyproject.toml"
    _write(pyproject, (pyproject.read_text(encoding="utf-8") if pyproject.exists() else "") + setting)
    files = [
        file for each in package.tests for file in ([root / each] if each.endswith(".py") else sorted((root / each).glob("test_*.py")))
    ]
    return Project(name=name, root=root, source=package.source, import_root=package.import_root), tuple(files)


def unpacked(name: str, work: Path) -> Path:
    """Return a package's unpacked source distribution, fetched once for all."""
    archives = work / "archives"
    if not archives.exists():
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
        subprocess.run([*fetch, "-r", str(HERE / "subjects.txt"), "-d", str(archives)], check=True)
    folder = work / "unpacked"
    if not (folder / PACKAGES[name].archive).exists():
        with tarfile.open(archives / f"{PACKAGES[name].archive}.tar.gz") as packed:
            packed.extractall(folder, filter="data")
    return folder / PACKAGES[name].archive


def _settle(root: Path, name: str, path: str, tests: list[str]) -> None:
    told = ", ".join(f'"{each}"' for each in tests)
    _write(root / "pyproject.toml", _SETTINGS.format(name=name, path=path, tests=told))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
