"""Choose the Python that a component runs in: its own environment's, so that tools see its imports."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from spec2prod.errors import SettingsError

_PLACES = (Path("bin/python"), Path("bin/python3"), Path("Scripts/python.exe"))


def find_interpreter(root: Path, setting: str | None, environ: Mapping[str, str]) -> Path:
    """Return the component's Python: the setting's, the project's `.venv`, `$VIRTUAL_ENV`'s, else our own.

    The setting is an interpreter, an environment's folder (both relative to the project), or a name on the PATH.
    Links are not resolved: an environment's `python` is a link, and what it leads to is another environment.

    Raises:
        SettingsError: where the chosen one is missing or cannot be started; a broken environment is never passed over.
    """
    if setting:
        return _set(root, setting, environ)
    if (root / ".venv" / "pyvenv.cfg").exists() or any(os.path.lexists(root / ".venv" / place) for place in _PLACES):
        return _of_environment(root.absolute() / ".venv", ".venv")
    if environ.get("VIRTUAL_ENV"):
        return _of_environment(Path(environ["VIRTUAL_ENV"]).absolute(), "VIRTUAL_ENV")
    return _startable(Path(sys.executable), "this process's own Python")


def _set(root: Path, setting: str, environ: Mapping[str, str]) -> Path:
    where = "tool.spec2prod.python"
    stated = root.absolute() / Path(setting).expanduser()
    if stated.is_dir():
        return _of_environment(stated, where)
    if Path(setting).name == setting and not os.path.lexists(stated):
        found = shutil.which(setting, path=environ.get("PATH"))
        stated = Path(found) if found else stated
    return _startable(stated, where)


def _of_environment(folder: Path, where: str) -> Path:
    return _startable(next((folder / place for place in _PLACES if os.path.lexists(folder / place)), folder / _PLACES[0]), where)


def _startable(python: Path, where: str) -> Path:
    if python.is_file() and os.access(python, os.X_OK):
        return python
    why = "is a broken link" if python.is_symlink() and not python.exists() else "is no program" if python.exists() else "does not exist"
    step = "Make the environment again (for example: uv venv --clear), or name an interpreter in tool.spec2prod.python."
    raise SettingsError(f"the interpreter {python} {why}", where=where, next_step=step)
