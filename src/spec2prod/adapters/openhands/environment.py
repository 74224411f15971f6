"""The agent server's own locked environment: about 200 packages that must not mix with ours or the project's."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from spec2prod.errors import ToolMissingError

# Measured: 726 MB installed with its bytecode, and as much again in uv's cache where that cannot be linked.
NEEDED_BYTES = 1_600_000_000
_MARKER = "complete"
_LOCK = "requirements.txt"
_OLDEST_PYTHON = (3, 12)
_BUILD_LIMIT_S = 1800.0
# Where these are set, uv or its Python would build something else, or leave the bytecode out.
_UNWANTED = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An installed environment. `version` is the agent server's; `agent_server` is its program."""

    agent_server: Path
    version: str
    folder: Path


def find(cache: Path) -> Environment | None:
    """Return the newest complete environment of the present lock, None where there is none."""
    digest = hashlib.sha256(lock_text().encode()).hexdigest()
    markers = sorted((cache / "openhands").glob(f"*/{_MARKER}"), key=lambda path: path.stat().st_mtime, reverse=True)
    found = (_read(marker) for marker in markers if json.loads(marker.read_text(encoding="utf-8")).get("lock") == digest)
    return next((environment for environment in found if environment.agent_server.is_file()), None)


def install(cache: Path, *, uv: Path, python: Path, say: Callable[[str], None]) -> Environment:
    """Build the environment, or return the one that stands already.

    Virtual environments cannot be moved, so it is built in its place; a marker is written last, and whatever has
    none is half-built and is removed. A lock lets a second install wait for the first.

    Raises:
        ToolMissingError: where Python is too old, the disk too full, or uv fails.
    """
    version = python_version(python)
    folder = cache / "openhands" / folder_name(version)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.parent / ".lock", say):
        if (folder / _MARKER).is_file():
            return _read(folder / _MARKER)
        if folder.exists():
            say(f"Removing a half-built environment in {folder}")
            shutil.rmtree(folder)
        check_disk(folder.parent, shutil.disk_usage(folder.parent).free)
        return _build(folder, uv=uv, python=python, python_version=version, say=say)


def lock_text() -> str:
    """Return the shipped lock: every package with its version and hashes, no addresses."""
    return files(__package__).joinpath(_LOCK).read_text(encoding="utf-8")


def server_version() -> str:
    """Return the locked version of the agent server."""
    found = re.search(r"^openhands-agent-server==(\S+)", lock_text(), re.MULTILINE)
    if found is None:
        message = "the shipped lock names no openhands-agent-server"
        raise ToolMissingError(message, where=_LOCK, next_step="reinstall spec2prod")
    return found[1]


def folder_name(python_version: str) -> str:
    """Return the environment's name: another lock or another Python is another environment."""
    return hashlib.sha256(f"{python_version}\n{lock_text()}".encode()).hexdigest()[:12]


def check_disk(place: Path, free_bytes: int) -> None:
    """Refuse to begin what cannot end.

    Raises:
        ToolMissingError: where less is free than an installation needs.
    """
    if free_bytes < NEEDED_BYTES:
        message = f"the agent server needs {NEEDED_BYTES / 1e9:.1f} GB, {free_bytes / 1e9:.1f} GB are free in {place}"
        raise ToolMissingError(message, next_step="free some space, or set SPEC2PROD_CACHE_DIR to a larger disk")


def python_version(python: Path) -> str:
    """Return an interpreter's version ("3.12.1").

    Raises:
        ToolMissingError: where it does not start, or is too old for the agent server.
    """
    completed = _run((str(python), "-I", "-c", "import platform; print(platform.python_version())"), cwd=Path.cwd())
    version = completed.stdout.strip()
    if completed.returncode or not version:
        message = f"{python} is no working Python interpreter"
        raise ToolMissingError(message, next_step="name a Python of at least 3.12")
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_PYTHON:
        message = f"the agent server needs Python 3.12 or newer, {python} is {version}"
        raise ToolMissingError(message, next_step="name a newer Python")
    return version


def _build(folder: Path, *, uv: Path, python: Path, python_version: str, say: Callable[[str], None]) -> Environment:
    version = server_version()
    say(f"Creating the environment of OpenHands' agent server {version} in {folder}")
    _uv((str(uv), "venv", "--quiet", "--no-project", "--python", str(python), str(folder)), cwd=folder.parent)
    say("Installing about 200 locked packages: this takes some minutes without uv's cache")
    with as_file(files(__package__).joinpath(_LOCK)) as lock:
        options = ("--require-hashes", "--compile-bytecode", "--python", str(folder / "bin" / "python"), "-r", str(lock))
        _uv((str(uv), "pip", "install", "--quiet", *options), cwd=folder.parent)
    environment = Environment(agent_server=folder / "bin" / "agent-server", version=version, folder=folder)
    if not environment.agent_server.is_file():
        message = f"uv reported success, but {environment.agent_server} is not there"
        raise ToolMissingError(message, next_step="run spec2prod openhands install again")
    _write_marker(folder, version=version, python_version=python_version)
    say(f"OpenHands' agent server {version} is installed")
    return environment


def _write_marker(folder: Path, **facts: str) -> None:
    facts["lock"] = hashlib.sha256(lock_text().encode()).hexdigest()
    half = folder / f"{_MARKER}.half"
    half.write_text(json.dumps(facts), encoding="utf-8")
    half.replace(folder / _MARKER)


def _read(marker: Path) -> Environment:
    facts: Mapping[str, str] = json.loads(marker.read_text(encoding="utf-8"))
    return Environment(agent_server=marker.parent / "bin" / "agent-server", version=facts["version"], folder=marker.parent)


def _uv(argv: tuple[str, ...], *, cwd: Path) -> None:
    completed = _run(argv, cwd=cwd)
    if completed.returncode:
        last = " / ".join(line.strip() for line in completed.stderr.strip().splitlines()[-5:]) or "no message"
        message = f"uv could not build the agent server's environment (exit {completed.returncode}): {last}"
        raise ToolMissingError(message, next_step="check the network and uv's settings, then run spec2prod openhands install again")


def _run(argv: tuple[str, ...], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    try:
        return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=_BUILD_LIMIT_S, check=False)
    except OSError as error:
        message = f"{argv[0]} could not be started: {error.strerror}"
        raise ToolMissingError(message, next_step="reinstall spec2prod, or name another program") from error
    except subprocess.TimeoutExpired as error:
        message = f"{argv[0]} was stopped after {_BUILD_LIMIT_S:g} s"
        raise ToolMissingError(message, next_step="check the network, then run spec2prod openhands install again") from error


@contextmanager
def _alone(lock: Path, say: Callable[[str], None]) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another installation to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
