"""The projects that are measured: the calculator, a generated package, and real packages from their source distributions."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
MODULES, TESTS_EACH = 10, 20
CALCULATOR_TESTS = """\
import pytest

from test_components.calculator.operations import add, divide, multiply, subtract


def test_operations() -> None:
    assert (add(1, 2), subtract(3, 1), multiply(2, 3), divide(6, 3)) == (3, 2, 6, 2)


def test_zero() -> None:
    with pytest.raises(ValueError, match="zero"):
        divide(1, 0)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A project on disk. `sources` and `tests` are what the tools by hand are pointed at, relative to `root`."""

    name: str
    root: Path
    component: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    import_root: str = "."

    @property
    def specification(self) -> str:
        """Return the specification's path."""
        return f"specs/{self.component}.md"


def subjects(work: Path) -> Iterator[Subject]:
    """Make every project in a fresh folder."""
    yield calculator(work / "calculator")
    yield generated(work / "generated")
    yield from real(work)


def calculator(root: Path) -> Subject:
    """Return the guide's calculator with two tests."""
    source = "src/test_components/calculator/operations.py"
    for path in (source, "specs/calculator_operations.md"):
        _write(root / path, (REPOSITORY / path).read_text())
    _write(root / "pyproject.toml", (REPOSITORY / "tools/demo.toml").read_text())
    _write(root / "tests/test_operations.py", CALCULATOR_TESTS)
    return Subject(
        name="calculator",
        root=root,
        component="calculator_operations",
        sources=(source,),
        tests=("tests/test_operations.py",),
        import_root="src",
    )


def generated(root: Path) -> Subject:
    """Return a package of 10 modules with 200 tests."""
    _write(root / "src/wide/__init__.py", '"""A wide package."""\n')
    for module in range(MODULES):
        functions = [f'def f{n}(x: int) -> int:\n    """Add {n}."""\n    return x + {n}\n' for n in range(TESTS_EACH)]
        _write(root / f"src/wide/m{module}.py", '"""A module."""\n\n\n' + "\n\n".join(functions))
        tests = [f"def test_f{n}() -> None:\n    assert m{module}.f{n}(1) == {n + 1}\n" for n in range(TESTS_EACH)]
        _write(root / f"tests/test_m{module}.py", f"from wide import m{module}\n\n\n" + "\n\n".join(tests))
    _write(root / "specs/wide.md", "# Wide\n\n## Requirements\n- Adds numbers\n")
    _write(
        root / "pyproject.toml",
        '[project]\nname = "wide"\nversion = "1.0"\n\n[tool.ruff]\n\n[tool.pytest.ini_options]\npythonpath = ["src"]\n',
    )
    return Subject(name="10 modules, 200 tests", root=root, component="wide", sources=("src/wide",), tests=("tests",), import_root="src")


def real(work: Path) -> Iterator[Subject]:
    """Fetch the real packages, by hash, and give each ten lines of specification."""
    archives = work / "archives"
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
    subprocess.run([*fetch, "-r", str(HERE / "subjects.txt"), "-d", str(archives)], check=True)
    for archive in sorted(archives.glob("*.tar.gz")):
        with tarfile.open(archive) as packed:
            packed.extractall(work, filter="data")
    for subject in (
        Subject(
            name="inflection 0.5.1",
            root=work / "inflection-0.5.1",
            component="inflection",
            sources=("inflection",),
            tests=("test_inflection.py",),
        ),
        Subject(
            name="iniconfig 2.3.1",
            root=work / "iniconfig-2.3.1",
            component="iniconfig",
            sources=("src/iniconfig",),
            tests=("testing",),
            import_root="src",
        ),
        Subject(
            name="semver 3.1.1",
            root=work / "semver-3.1.1",
            component="semver",
            sources=("src/semver",),
            tests=("tests",),
            import_root="src",
        ),
    ):
        _specify(subject)
        yield subject


def _specify(subject: Subject) -> None:
    """Give a package the little that spec2prod needs to know of it."""
    _write(subject.root / subject.specification, f"# {subject.component}\n\n## Requirements\n- Does what its own documentation says\n")
    tests = ", ".join(f'"{each}"' for each in subject.tests)
    setting = f'\n[tool.spec2prod.components.{subject.component}]\npath = "{subject.sources[0]}"\ntests = [{tests}]\n'
    pyproject = subject.root / "pyproject.toml"
    _write(pyproject, (pyproject.read_text() if pyproject.exists() else "") + setting)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def clean(root: Path) -> None:
    """Remove what a run leaves, so that each starts alike."""
    for folder in (".spec2prod", ".ruff_cache", ".pytest_cache"):
        shutil.rmtree(root / folder, ignore_errors=True)
