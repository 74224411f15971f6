"""The configuration that a tool obeys: its sections of the files that it looks for, from a component's folder up to the disk's root."""

from __future__ import annotations

import configparser
import os
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

from spec2prod.domain.question import digest_of

_LONGEST_CHAIN = 10  # files that extend one another; a circle ends too


def ruff(root: Path, files: Iterable[str]) -> dict[str, str]:
    """Return what ruff obeys for some files: the nearest configuration above each, what that extends, and ignore files.

    Ruff infers the Python version from `requires-python` where nothing else states it, and, where no project configures it, obeys the
    user's own file.
    """
    found: dict[str, str] = {}
    for start in {PurePosixPath(file).parent for file in files}:
        found |= _ruff_above(root, root / start)
    for folder in folders_above(root, files):
        found |= {name: digest for each in (".gitignore", ".ignore") for name, digest in whole(root, folder / each).items()}
    return found | whole(root, root / ".git/info/exclude")


def _ruff_above(root: Path, start: Path) -> dict[str, str]:
    """Return the nearest configuration from a folder up, else the user's own, with every `requires-python` on the way."""
    python: dict[str, str] = {}
    for folder in (start, *start.parents, Path.home() / ".config/ruff"):
        python |= section(root, folder / "pyproject.toml", "project.requires-python")
        for name, dotted in ((".ruff.toml", ""), ("ruff.toml", ""), ("pyproject.toml", "tool.ruff")):
            if told := _ruff_chain(root, folder / name, dotted, _LONGEST_CHAIN):
                return python | told
    return python


def checker(root: Path, name: str) -> dict[str, str]:
    """Return what a type checker obeys: the nearest configuration, from the project up, and the user's own."""
    names = {"basedpyright": ("basedpyright", "pyright"), "pyright": ("pyright",)}.get(name, (name,))
    files = {"mypy": ("mypy.ini", ".mypy.ini"), "ty": ("ty.toml",)}.get(name, ("pyrightconfig.json",))
    found: dict[str, str] = {}
    for folder in (root, *root.parents):
        found |= {key: digest for each in files for key, digest in whole(root, folder / each).items()}
        for table in names:
            found |= section(root, folder / "pyproject.toml", f"tool.{table}")
        found |= ini(root, folder / "setup.cfg", "mypy") if name == "mypy" else {}
        if found:
            break
    home = Path.home()
    for user in (home / ".config/mypy/config", home / ".mypy.ini", home / ".config/ty/ty.toml"):
        found |= whole(root, user)
    return found | section(root, root / "pyproject.toml", "project.requires-python")


def pytest(root: Path) -> dict[str, str]:
    """Return what pytest obeys: the nearest configuration, from the project up."""
    found: dict[str, str] = {}
    for folder in (root, *root.parents):
        for name in ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"):
            found |= whole(root, folder / name)
        found |= section(root, folder / "pyproject.toml", "tool.pytest")
        found |= ini(root, folder / "setup.cfg", "tool:pytest") | ini(root, folder / "tox.ini", "pytest")
        if found:
            break
    return found


def folders_above(root: Path, files: Iterable[str]) -> list[Path]:
    """Return the folders of some files, and every folder above them."""
    within = {str(parent) for file in files for parent in PurePosixPath(file).parents}
    return [*(root / each for each in sorted(within - {"."})), root, *root.parents]


def whole(root: Path, file: Path) -> dict[str, str]:
    """Return a file's digest under its name; nothing where there is none."""
    content = _content(file)
    return {} if content is None else {f"config:{_name(root, file)}": digest_of(content.hex())}


def section(root: Path, file: Path, dotted: str) -> dict[str, str]:
    """Return the digest of one table (or value) of a TOML file; of the whole file where it cannot be read as TOML."""
    content = _content(file)
    if content is None:
        return {}
    table: object = _toml(content)
    if table is None:
        return {f"config:{_name(root, file)}": digest_of(content.hex())}
    for key in dotted.split("."):
        table = table.get(key) if isinstance(table, Mapping) else None
    return {} if table is None else {f"config:{_name(root, file)}[{dotted}]": digest_of(table)}


def ini(root: Path, file: Path, prefix: str) -> dict[str, str]:
    """Return the digest of the sections of an INI file whose names begin so."""
    content = _content(file)
    if content is None:
        return {}
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(content.decode())
    except (UnicodeDecodeError, configparser.Error):
        return {f"config:{_name(root, file)}": digest_of(content.hex())}
    told = {name: dict(parser[name]) for name in parser.sections() if name.startswith(prefix)}
    return {f"config:{_name(root, file)}[{prefix}]": digest_of(told)} if told else {}


def table_of(root: Path, name: str) -> Mapping[str, object]:
    """Return a tool's table of the project's `pyproject.toml`."""
    content = _content(root / "pyproject.toml")
    tools = (_toml(content) or {}).get("tool") if content is not None else None
    table = tools.get(name) if isinstance(tools, Mapping) else None
    return table if isinstance(table, Mapping) else {}


def _ruff_chain(root: Path, file: Path, dotted: str, chain: int) -> dict[str, str]:
    """Return a file's ruff configuration, and what it extends."""
    told = section(root, file, dotted) if dotted else whole(root, file)
    if not told or not chain:
        return told
    table: object = _toml(_content(file) or b"") or {}
    for key in filter(None, dotted.split(".")):
        table = table.get(key) if isinstance(table, Mapping) else None
    extended = table.get("extend") if isinstance(table, Mapping) else None
    if not isinstance(extended, str):
        return told
    below = file.parent / Path(os.path.expandvars(extended)).expanduser()
    return told | _ruff_chain(root, below, "tool.ruff" if below.name == "pyproject.toml" else "", chain - 1)


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (OSError, ValueError):
        return None


@cache
def _toml(content: bytes) -> Mapping[str, object] | None:
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None


def _name(root: Path, file: Path) -> str:
    """Return a file's name for people: relative to the project, or to what is above it."""
    return Path(os.path.relpath(file, root)).as_posix()
