"""What an interpreter brings: its own version, and the distributions that are installed for it. No process is started for it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

type Digesting = Callable[[list[str]], Mapping[str, str]]
"""Returns the digests of files, by their absolute paths."""

# What tells where a distribution lies and who installed it, and the scripts, which name the environment's folder in their first line.
_OF_THE_PLACE = re.compile(rb"(\.\./)+(bin|Scripts)/|[^/]*\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json)")
_LIBRARIES = ("lib/libpython*", "lib64/libpython*")


def interpreter_digest(python: Path, digests: Digesting) -> str:
    """Return the digest of an interpreter: the program itself, the library that it is linked with, and the platform."""
    program = python.resolve()
    libraries = sorted({str(each.resolve()) for pattern in _LIBRARIES for each in program.parent.parent.glob(pattern)})
    found = digests([str(program), *libraries])
    return _of([platform.machine(), platform.system(), program.name, *found.values()])


def environment_digest(site_packages: tuple[str, ...], digests: Digesting) -> str:
    """Return the digest of what is installed: each distribution with its RECORD, and the files that add to the path."""
    # Where an environment lies is no input: a fleet's checkouts differ in it.
    return _of(sorted(f"{name}={content}" for folder in site_packages for name, content in _contents(Path(folder), digests)))


def distributions(site_packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return `name-version` of each installed distribution, for people."""
    found = (each.name.removesuffix(".dist-info") for folder in site_packages for each in Path(folder).glob("*.dist-info"))
    return tuple(sorted(found))


def _contents(folder: Path, digests: Digesting) -> Iterator[tuple[str, str]]:
    """Yield what tells of each distribution in a folder, with the digest of its content."""
    telling = {_telling(f"{folder}{os.sep}{name}"): name for name in _entries(folder)}
    for path, digest in digests(list(telling)).items():
        yield telling[path], _portable(path, digest) if path.endswith("RECORD") else digest


def _telling(entry: str) -> str:
    if entry.endswith(".dist-info"):
        return f"{entry}{os.sep}RECORD"
    return f"{entry}{os.sep}PKG-INFO" if os.path.isdir(entry) else entry  # noqa: PTH112 - as below


def _entries(folder: Path) -> list[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - for each question, hundreds of names: a Path for each costs ten times as much
    except OSError:
        return []
    return [name for name in names if os.path.splitext(name)[1] in {".dist-info", ".egg-info", ".egg-link", ".pth"}]  # noqa: PTH122


@cache
def _portable(record: str, digest: str) -> str:
    """Return the digest of a RECORD without the scripts: these name the environment's own folder in their first line.

    `digest` is that of the whole file, so that a changed one is read again.
    """
    try:
        lines = Path(record).read_bytes().splitlines()
    except OSError:
        return digest
    kept = sorted(line for line in lines if not _OF_THE_PLACE.match(line))
    return hashlib.sha256(b"\n".join(kept)).hexdigest()


def _of(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
