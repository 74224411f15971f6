"""Make `.venv` from nothing but a Python: get uv, find a Python for the package, install what is pinned.

Called by the Makefile. It runs under any Python from 3.8 on and needs the standard library alone, because
nothing is installed yet. Called again, it changes only what differs.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_UV = (0, 9)
OLDEST_PYTHON = (3, 12)
# The version in .python-version comes first: `uv run` would replace a .venv of another one.
ON_PATH = ("python3.12", "python3.13", "python3.14", "python3", "python")
# pip's `--target` is for a Debian python3 without python3-venv; neither touches the system's own packages (PEP 668).
PIP_INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", "requirements/uv.txt")


class SetUpError(Exception):
    """Something outside is missing; the message says what to do."""


def say(text: str) -> None:
    """Tell the user what is being done."""
    print(f"set-up: {text}", flush=True)


def answer(*argv: str | Path) -> str | None:
    """Return what a program prints; None where it is missing or fails (a pyenv shim may stand for nothing)."""
    try:
        done = subprocess.run([str(word) for word in argv], cwd=str(ROOT), capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def run(*argv: str | Path) -> None:
    """Run a program that the user sees.

    Raises:
        SetUpError: where it fails.
    """
    words = [str(word) for word in argv]
    say(" ".join(words))
    if subprocess.run(words, cwd=str(ROOT), check=False).returncode != 0:
        message = "the command above failed; its own message stands before this line"
        raise SetUpError(message)


def version(text: str | None) -> tuple[int, ...]:
    """Return the first dotted number in a text; empty where there is none."""
    found = re.search(r"\d+(?:\.\d+)+", text or "")
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def is_uv(program: str | Path) -> bool:
    """Whether this is a uv that really runs here and is new enough."""
    return version(answer(program, "--version")) >= OLDEST_UV


def is_python(program: str | Path) -> bool:
    """Whether this is a Python that really runs here and is new enough for the package."""
    return version(answer(program, "-c", "import platform; print(platform.python_version())")) >= OLDEST_PYTHON


def get_uv(tools: Path) -> str:
    """Return a uv that runs: the one on PATH, the one that an earlier set-up brought, else the pinned one, put into `tools`.

    Raises:
        SetUpError: where this Python can install nothing.
    """
    in_venv, in_target = tools / "venv" / "bin" / "uv", tools / "target" / "bin" / "uv"
    for program in ("uv", in_venv, in_target):
        if is_uv(program):
            return str(program)
    say("there is no uv on PATH that runs, so the pinned one goes into .tools")
    if answer(sys.executable, "-m", "venv", "--clear", tools / "venv") is not None:
        run(tools / "venv" / "bin" / "python", *PIP_INSTALL)
        return str(in_venv)
    if answer(sys.executable, "-m", "pip", "--version") is not None:
        run(sys.executable, *PIP_INSTALL, "--upgrade", "--target", tools / "target")
        return str(in_target)
    message = f"{sys.executable} has neither venv nor pip: install uv or python3-venv, or set PYTHON=<another Python>"
    raise SetUpError(message)


def pyenv_pythons() -> Iterator[Path]:
    """Give the Pythons in pyenv's folder: its shims answer only for the versions that a folder has chosen."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(root.glob("versions/3.*/bin/python3"), key=lambda path: version(path.parent.parent.name))


def find_python(uv: str, wished: str | None) -> str:
    """Return a Python for `.venv`: the wished one, one on PATH, one of pyenv's, one that uv knows, else a version to fetch."""
    if wished and is_python(wished):
        return wished
    if wished:
        say(f"{wished} is older than 3.12, so it starts this set-up and .venv gets another")
    on_path = [found for found in map(shutil.which, ON_PATH) if found]
    for program in on_path + [str(path) for path in pyenv_pythons()]:
        if is_python(program):
            return program
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return answer(uv, "python", "find", "--no-project", f">={oldest}") or oldest


def make_venv(uv: str, venv: Path, wished: str | None) -> None:
    """Make `.venv`, unless one stands there that works.

    Raises:
        SetUpError: where there is no Python for it, and uv could not fetch one.
    """
    if is_python(venv / "bin" / "python"):
        return
    try:
        run(uv, "venv", "--clear", "--no-project", "--python", find_python(uv, wished), venv)
    except SetUpError as error:
        message = "no Python 3.12 or newer was found, and uv could not fetch one: install one, or set PYTHON=<its path>"
        raise SetUpError(message) from error


def install(uv: str, venv: Path) -> None:
    """Install the pins by hash, then this checkout itself, editable, with the pinned build backend."""
    into = ("--quiet", "--python", venv / "bin" / "python")
    run(uv, "pip", "install", *into, "--compile-bytecode", "--require-hashes", "-r", "requirements/dev.txt")
    run(uv, "pip", "install", *into, "--no-deps", "--no-build-isolation", "--editable", ".")
    # As an installation from a wheel would: where nobody may write bytecode, every start would compile the house anew.
    run(venv / "bin" / "python", "-m", "compileall", "-q", "src")


def main() -> int:
    """Set up, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where the virtual environment goes")
    parser.add_argument("--python", metavar="PATH", help="the Python to make it with, if it is new enough")
    options = parser.parse_args()
    try:
        uv = get_uv(ROOT / ".tools")
        make_venv(uv, options.venv, options.python)
        install(uv, options.venv)
    except SetUpError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
