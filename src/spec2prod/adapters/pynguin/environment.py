"""Pynguin's own locked environment: it pins a pytest below 9, and must be of the same Python as the component that it imports.

One environment for each kind of Python (`cpython-312`), each built from the same lock, which names no addresses.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from spec2prod.errors import ToolMissingError

INSTALL = "spec2prod pynguin install"
OLDEST, TOO_NEW = (3, 10), (3, 16)
"""What Pynguin says of itself (`Requires-Python`)."""

_NEEDED_BYTES = 150_000_000  # measured: 56 MB installed, and as much again in uv's cache
_MARKER, _LOCK, _FOLDER = "complete", "requirements.txt", "pynguin"
_BUILD_LIMIT_S = 900.0
_ASK_LIMIT_S = 20.0
# Where these are set, uv or its Python would build something else, or leave the bytecode out.
_UNWANTED = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON")
ASK = (
    "import json, platform, sys; print(json.dumps({'kind': (sys.implementation.cache_tag or sys.implementation.name) + sys.abiflags, "
    "'version': platform.python_version(), 'implementation': sys.implementation.name, "
    "'homes': [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix], 'path': sys.path}))"
)
"""What a Python is asked about itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """An interpreter. `kind` says which others can load its extensions (`cpython-312`); `path` is what it imports from."""

    program: Path
    kind: str
    version: str
    implementation: str
    homes: tuple[Path, ...]
    path: tuple[str, ...]

    @property
    def is_served(self) -> bool:
        """Whether Pynguin runs on it."""
        return self.implementation == "cpython" and OLDEST <= tuple(int(part) for part in self.version.split(".")[:2]) < TOO_NEW

    def unserved(self) -> str:
        """Say why Pynguin does not run on it."""
        served = f"CPython {OLDEST[0]}.{OLDEST[1]} to {TOO_NEW[0]}.{TOO_NEW[1] - 1}"
        return f"pynguin runs on {served}, the component's {self.program} is {self.implementation} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An installed environment. `version` is Pynguin's; `kind` is that of its Python, which was installed in `homes`."""

    python: Path
    version: str
    kind: str
    folder: Path
    homes: tuple[Path, ...] = ()


def read_python(program: Path, answer: str) -> Python:
    """Read what an interpreter said of itself (`ASK`).

    Raises:
        ToolMissingError: where it said something else.
    """
    try:
        told = json.loads(answer.strip().splitlines()[-1])
        return Python(
            program=program,
            kind=str(told["kind"]),
            version=str(told["version"]),
            implementation=str(told["implementation"]),
            homes=tuple(dict.fromkeys(Path(home) for home in told["homes"])),
            path=tuple(str(path) for path in told["path"] if path),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        message = f"{program} is no working Python interpreter"
        raise ToolMissingError(message, next_step="name a working one in tool.spec2prod.python") from error


def find(cache: Path, kind: str) -> Environment | None:
    """Return the complete environment of the present lock for this kind of Python, None where there is none."""
    marker = cache / _FOLDER / folder_name(kind) / _MARKER
    found = _read(marker) if marker.is_file() else None
    return found if found is not None and found.python.is_file() else None


def installed(cache: Path) -> tuple[Environment, ...]:
    """Return every complete environment of the present lock."""
    markers = sorted((cache / _FOLDER).glob(f"*/{_MARKER}"))
    read = (_read(marker) for marker in markers)
    return tuple(each for each in read if each.folder.name == folder_name(each.kind) and each.python.is_file())


def install(cache: Path, *, uv: Path, python: Path, say: Callable[[str], None]) -> Environment:
    """Build the environment for an interpreter, or return the one that stands already.

    It is built in its place and a marker is written last: what has none is half-built, and is removed. A second install waits.

    Raises:
        ToolMissingError: where Pynguin does not run on that Python, the disk is too full, or uv fails.
    """
    asked = ask(python)
    if not asked.is_served:
        raise ToolMissingError(asked.unserved(), next_step="name another Python in tool.spec2prod.python, or use --generator spec")
    folder = cache / _FOLDER / folder_name(asked.kind)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.parent / ".lock", say):
        if (standing := find(cache, asked.kind)) is not None:
            return standing
        if folder.exists():
            say(f"Removing a half-built environment in {folder}")
            shutil.rmtree(folder)
        check_disk(folder.parent, shutil.disk_usage(folder.parent).free)
        return _build(folder, uv=uv, python=asked, say=say)


def ask(python: Path) -> Python:
    """Ask an interpreter about itself.

    Raises:
        ToolMissingError: where it does not start.
    """
    return read_python(python, _run((str(python), "-c", ASK), cwd=Path.cwd(), limit_s=_ASK_LIMIT_S).stdout)


def lock_text() -> str:
    """Return the shipped lock: every package with its version and hashes, no addresses."""
    return files(__package__).joinpath(_LOCK).read_text(encoding="utf-8")


def pynguin_version() -> str:
    """Return the locked version of Pynguin."""
    found = re.search(r"^pynguin==(\S+)", lock_text(), re.MULTILINE)
    if found is None:
        raise ToolMissingError("the shipped lock names no pynguin", where=_LOCK, next_step="reinstall spec2prod")
    return found[1]


def folder_name(kind: str) -> str:
    """Return the environment's name: another lock or another kind of Python is another environment."""
    return f"{kind}-{hashlib.sha256(lock_text().encode()).hexdigest()[:12]}"


def check_disk(place: Path, free_bytes: int) -> None:
    """Refuse to begin what cannot end.

    Raises:
        ToolMissingError: where less is free than an installation needs.
    """
    if free_bytes < _NEEDED_BYTES:
        message = f"pynguin needs {_NEEDED_BYTES / 1e6:.0f} MB, {free_bytes / 1e6:.0f} MB are free in {place}"
        raise ToolMissingError(message, next_step="free some space, or set SPEC2PROD_CACHE_DIR to a larger disk")


def _build(folder: Path, *, uv: Path, python: Python, say: Callable[[str], None]) -> Environment:
    version = pynguin_version()
    say(f"Installing pynguin {version} for Python {python.version} in {folder}")
    _uv((str(uv), "venv", "--quiet", "--no-project", "--python", str(python.program), str(folder)), cwd=folder.parent)
    with as_file(files(__package__).joinpath(_LOCK)) as lock:
        options = ("--require-hashes", "--compile-bytecode", "--python", str(folder / "bin" / "python"), "-r", str(lock))
        _uv((str(uv), "pip", "install", "--quiet", *options), cwd=folder.parent)
    if not (folder / "bin" / "python").is_file():
        raise ToolMissingError(f"uv reported success, but {folder / 'bin' / 'python'} is not there", next_step=f"run {INSTALL} again")
    half = folder / f"{_MARKER}.half"
    facts = {"version": version, "kind": python.kind, "python": python.version, "homes": [str(home) for home in python.homes]}
    half.write_text(json.dumps(facts), encoding="utf-8")
    half.replace(folder / _MARKER)
    return _read(folder / _MARKER)


def _read(marker: Path) -> Environment:
    facts: dict[str, Any] = json.loads(marker.read_text(encoding="utf-8"))
    folder = marker.parent
    return Environment(
        python=folder / "bin" / "python",
        version=facts["version"],
        kind=facts["kind"],
        folder=folder,
        homes=tuple(Path(home) for home in facts["homes"]),
    )


def _uv(argv: tuple[str, ...], *, cwd: Path) -> None:
    completed = _run(argv, cwd=cwd, limit_s=_BUILD_LIMIT_S)
    if completed.returncode:
        last = " / ".join(line.strip() for line in completed.stderr.strip().splitlines()[-5:]) or "no message"
        message = f"uv could not build pynguin's environment (exit {completed.returncode}): {last}"
        raise ToolMissingError(message, next_step=f"check the network and uv's settings, then run {INSTALL} again")


def _run(argv: tuple[str, ...], *, cwd: Path, limit_s: float) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    try:
        return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=limit_s, check=False)
    except OSError as error:
        message = f"{argv[0]} could not be started: {error.strerror}"
        raise ToolMissingError(message, next_step="reinstall spec2prod, or name another program") from error
    except subprocess.TimeoutExpired as error:
        message = f"{argv[0]} was stopped after {limit_s:g} s"
        raise ToolMissingError(message, next_step=f"check the network, then run {INSTALL} again") from error


@contextmanager
def _alone(lock: Path, say: Callable[[str], None]) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another installation to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
