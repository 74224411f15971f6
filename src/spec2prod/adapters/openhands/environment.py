"""The agent server's own locked environment: about 200 packages that must not mix with ours or the project's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spec2prod.adapters.locked_environment import MARKER, Locked, write_marker
from spec2prod.errors import ToolMissingError

LOCKED = Locked(
    name="OpenHands' agent server",
    package=__package__,
    distribution="openhands-agent-server",
    command="spec2prod openhands install",
    needed_bytes=1_600_000_000,  # measured: 726 MB installed with its bytecode, and as much again in uv's cache where that cannot be linked
    limit_s=1800.0,
)

_FOLDER, _PROGRAM = "openhands", "agent-server"
_OLDEST_PYTHON = (3, 12)
_ASK_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An installed environment. `version` is the agent server's; `agent_server` is its program."""

    agent_server: Path
    version: str
    folder: Path


def find(cache: Path) -> Environment | None:
    """Return the newest complete environment of the present lock, None where there is none."""
    digest = LOCKED.lock_digest()
    markers = sorted((cache / _FOLDER).glob(f"*/{MARKER}"), key=lambda path: path.stat().st_mtime, reverse=True)
    found = (_read(marker) for marker in markers if json.loads(marker.read_text(encoding="utf-8")).get("lock") == digest)
    return next((environment for environment in found if environment.agent_server.is_file()), None)


def install(cache: Path, *, uv: Path, python: Path, say: Callable[[str], None]) -> Environment:
    """Build the environment, or return the one that stands already.

    Raises:
        ToolMissingError: where Python is too old, the disk too full, or uv fails.
    """
    version = python_version(python)
    folder = cache / _FOLDER / folder_name(version)
    marker = folder / MARKER

    def build() -> Environment:
        LOCKED.fill(folder, uv=uv, python=python, program=_PROGRAM, say=say)
        facts = {"version": LOCKED.version(), "python_version": version, "lock": LOCKED.lock_digest()}
        return _read(write_marker(folder, facts))

    return LOCKED.once(folder, standing=lambda: _read(marker) if marker.is_file() else None, build=build, say=say)


def folder_name(python_version: str) -> str:
    """Return the environment's name: another lock or another Python is another environment."""
    return hashlib.sha256(f"{python_version}\n{LOCKED.lock_text()}".encode()).hexdigest()[:12]


def python_version(python: Path) -> str:
    """Return an interpreter's version ("3.12.1").

    Raises:
        ToolMissingError: where it does not start, or is too old for the agent server.
    """
    asking = (str(python), "-I", "-c", "import platform; print(platform.python_version())")
    completed = LOCKED.run(asking, cwd=Path.cwd(), limit_s=_ASK_LIMIT_S)
    version = completed.stdout.strip()
    if completed.returncode or not version:
        message = f"{python} is no working Python interpreter"
        raise ToolMissingError(message, next_step="name a Python of at least 3.12")
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_PYTHON:
        message = f"the agent server needs Python 3.12 or newer, {python} is {version}"
        raise ToolMissingError(message, next_step="name a newer Python")
    return version


def _read(marker: Path) -> Environment:
    facts: Mapping[str, str] = json.loads(marker.read_text(encoding="utf-8"))
    return Environment(agent_server=marker.parent / "bin" / _PROGRAM, version=facts["version"], folder=marker.parent)
