"""Builders of small projects in the layouts that people use, and the command line in their folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.end_to_end.conftest import REPOSITORY, Ended, environment

SPEC = "# Sums\n\n## Requirements\n\n- Adds two numbers\n"
CODE = '"""Sums."""\n\n\ndef add(a: int, b: int) -> int:\n    """Add."""\n    return a + b\n'
TEST = "from {dotted} import add\n\n\ndef test_add() -> None:\n    assert add(1, 2) == 3\n"
PLAIN = '[tool.pytest.ini_options]\naddopts = "-p no:hypothesispytest -p no:asyncio"\n'  # the judged suites start a second faster
# No such program is installed: what a project loses by it is one optional verdict, and no test here is about types without saying so.
NO_TYPES = '[tool.spec2prod]\ntype_checker = "ty"\n'
PATIENCE_S = 120
LIBRARIES = sysconfig.get_path("purelib")


class Project:
    """A project in a folder of its own, with the specification `spec.md`."""

    def __init__(self, root: Path, files: Mapping[str, str] | None = None) -> None:
        self.root = root
        root.mkdir(parents=True)
        self.write({"spec.md": SPEC, "pyproject.toml": PLAIN + NO_TYPES, **(files or {})})

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def program(self, name: str, script: str) -> None:
        """Put a program into the project's own environment, where it comes before ours."""
        path = self.root / ".venv" / "bin" / name
        self.write({f".venv/bin/{name}": "#!/bin/sh\n" + textwrap.dedent(script)})
        path.chmod(0o755)

    def command(self, component: str, *extra: str, python: Path | None = None) -> list[str]:
        """Return the command line; flags given later win."""
        target = ("--target", "development")
        return [str(python or sys.executable), "-m", "spec2prod", "run", "--spec", "spec.md", "--component", component, *target, *extra]

    def run(
        self,
        component: str,
        *extra: str,
        env: Mapping[str, str] | None = None,
        python: Path | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Ended:
        command = self.command(component, *extra, python=python)
        done = subprocess.run(command, cwd=self.root, env=environment(env), capture_output=True, timeout=patience_s, check=False)
        out, err = (stream.decode("utf-8", errors="replace") for stream in (done.stdout, done.stderr))
        assert "Traceback" not in out + err, out + err
        return Ended(done.returncode, out, err, self.report(component))

    def report(self, component: str) -> dict[str, Any]:
        file = self.root / f"workflow_report_{component}.json"
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return told

    def git(self, *words: str) -> str:
        identity = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "init.defaultBranch=main")
        return subprocess.run(["git", *identity, *words], cwd=self.root, capture_output=True, text=True, timeout=60, check=True).stdout

    def files(self) -> dict[str, bytes]:
        """Return what the project holds, apart from what a run may leave."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not {".spec2prod", ".git", ".venv"} & set(path.parts) and not path.name.startswith("workflow_report_")
        }


def flat_module(root: Path) -> Project:
    """Return `sums.py` with `tests/test_sums.py`."""
    return Project(root, {"sums.py": CODE, "tests/test_sums.py": TEST.format(dotted="sums")})


def flat_package(root: Path) -> Project:
    """Return `sums/` with two modules, and its tests in `tests/`."""
    tests = {"tests/test_sums.py": TEST.format(dotted="sums"), "tests/test_more.py": TEST.format(dotted="sums.more")}
    return Project(root, {"sums/__init__.py": CODE, "sums/more.py": CODE, **tests})


def src_package(root: Path) -> Project:
    """Return `src/app/sums/` with its tests mirrored in `tests/app/sums/`."""
    code = {"src/app/__init__.py": '"""An application."""\n', "src/app/sums/__init__.py": '"""Sums."""\n', "src/app/sums/basic.py": CODE}
    return Project(root, {**code, "tests/app/sums/test_basic.py": TEST.format(dotted="app.sums.basic")})


def src_module(root: Path) -> Project:
    """Return `src/sums.py` with its tests beside it, in one file."""
    return Project(root, {"src/sums.py": CODE, "src/test_sums.py": TEST.format(dotted="sums")})


def workspace(root: Path) -> Project:
    """Return two distributions in one repository, each with its own tests."""
    one = {"packages/sums/src/sums/__init__.py": CODE, "packages/sums/tests/test_sums.py": TEST.format(dotted="sums")}
    other = {"packages/words/src/words/__init__.py": CODE, "packages/words/tests/test_words.py": TEST.format(dotted="words")}
    return Project(root, one | other)


def own_environment(project: Project, *, sees_ours: bool = True) -> None:
    """Give a project a virtual environment without pip, that sees what ours has installed, but none of our programs."""
    folder = project.root / ".venv"
    venv.EnvBuilder(symlinks=True).create(folder)
    if sees_ours:
        _site_packages(folder).joinpath("ours.pth").write_text(f"{LIBRARIES}\n")


def half_installed(folder: Path, without: Collection[str]) -> Path:
    """Return the Python of a spec2prod that lacks some libraries, and every program of them."""
    venv.EnvBuilder(symlinks=True).create(folder)
    site = _site_packages(folder)
    for entry in Path(LIBRARIES).iterdir():
        if entry.suffix != ".pth" and not any(entry.name.startswith(name) for name in without):
            (site / entry.name).symlink_to(entry)
    (site / "spec2prod-of-this-repository.pth").write_text(f"{REPOSITORY / 'src'}\n")
    return folder / "bin" / "python"


def bare_path(folder: Path) -> str:
    """Return a PATH with the system's basic programs alone."""
    folder.mkdir()
    for name in ("sh", "env", "cat", "kill"):
        program = shutil.which(name)
        if program:
            (folder / name).symlink_to(program)
    return str(folder)


def at_once[T](*calls: Callable[[], T]) -> list[T]:
    """Run several command lines beside one another."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def _site_packages(folder: Path) -> Path:
    return next(folder.glob("lib/python3*/site-packages"))
