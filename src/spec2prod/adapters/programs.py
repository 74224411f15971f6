"""Which programs answer the questions: the component's own environment first, ours else."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

_FOLDERS = ("bin", "Scripts")


def own_or_ours(name: str, interpreter: Path) -> tuple[str, ...]:
    """Return how to start a tool: the component's environment's program, else our own installation of it.

    Where neither is there the bare name is returned: starting it tells that it is missing.
    """
    for home in (interpreter.parent, Path(sys.executable).parent):
        for suffix in ("", ".exe"):
            program = home / f"{name}{suffix}"
            if program.exists():
                return (str(program),)
    return (name,)


def ours(module: str) -> tuple[str, ...]:
    """Return how to start one of our own dependencies, by its module: no PATH and no folder of the project takes part."""
    return (sys.executable, "-I", "-m", module)


def site_packages(interpreter: Path) -> tuple[str, ...]:
    """Return the package folders of an environment, read from its layout: no process is started for it."""
    home = interpreter.parent.parent
    return tuple(sorted(str(each) for pattern in ("lib/python3*/site-packages", "Lib/site-packages") for each in home.glob(pattern)))


def pyproject(root: Path) -> Mapping[str, object]:
    """Return the project's parsed `pyproject.toml`, empty where there is none. Settings have checked that it can be read."""
    file = root / "pyproject.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
