"""Building a neighbour's own locked environment: packages that must mix neither with ours nor with the project's.

Each neighbour (an agent server, a generator of tests) ships its lock beside its adapter and says here what differs.
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

MARKER = "complete"
"""The file that is written last: an environment without it is half-built."""

_LOCK = "requirements.txt"
# Where these are set, uv or its Python would build something else, or leave the bytecode out.
_UNWANTED = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What one neighbour's environment is made of. `package` holds the lock; `command` is what a user types to build it."""

    name: str
    package: str
    distribution: str
    command: str
    needed_bytes: int
    limit_s: float

    def lock_text(self) -> str:
        """Return the shipped lock: every package with its version and hashes, no addresses."""
        return files(self.package).joinpath(_LOCK).read_text(encoding="utf-8")

    def lock_digest(self) -> str:
        """Return what tells one lock from another."""
        return hashlib.sha256(self.lock_text().encode()).hexdigest()

    def version(self) -> str:
        """Return the locked version of what it is all for.

        Raises:
            ToolMissingError: where the lock does not name it.
        """
        found = re.search(rf"^{re.escape(self.distribution)}==(\S+)", self.lock_text(), re.MULTILINE)
        if found is None:
            raise ToolMissingError(f"the shipped lock names no {self.distribution}", where=_LOCK, next_step="reinstall spec2prod")
        return found[1]

    def check_disk(self, place: Path, free_bytes: int) -> None:
        """Refuse to begin what cannot end.

        Raises:
            ToolMissingError: where less is free than an installation needs.
        """
        if free_bytes < self.needed_bytes:
            message = f"{self.name} needs {_size(self.needed_bytes)}, {_size(free_bytes)} are free in {place}"
            raise ToolMissingError(message, next_step="free some space, or set SPEC2PROD_CACHE_DIR to a larger disk")

    def once[T](self, folder: Path, *, standing: Callable[[], T | None], build: Callable[[], T], say: Callable[[str], None]) -> T:
        """Return the environment that stands in a folder, or build it there.

        Virtual environments cannot be moved, so it is built in its place: what has no marker is half-built and is removed.
        A second installation waits for the first.

        Raises:
            ToolMissingError: where the disk is too full, or the build fails.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent / ".lock", say):
            if (found := standing()) is not None:
                return found
            if folder.exists():
                say(f"Removing a half-built environment in {folder}")
                shutil.rmtree(folder)
            self.check_disk(folder.parent, shutil.disk_usage(folder.parent).free)
            built = build()
            say(f"{self.name} {self.version()} is installed")
            return built

    def fill(self, folder: Path, *, uv: Path, python: Path, program: str, say: Callable[[str], None]) -> None:
        """Create the environment in a folder and install what the lock names. `program` is what must be in its `bin` then.

        Raises:
            ToolMissingError: where uv does not start, fails, takes too long, or leaves no program.
        """
        say(f"Creating the environment of {self.name} {self.version()} in {folder}")
        self._uv((str(uv), "venv", "--quiet", "--no-project", "--python", str(python), str(folder)), cwd=folder.parent)
        say("Installing its locked packages: this takes some minutes without uv's cache")
        with as_file(files(self.package).joinpath(_LOCK)) as lock:
            options = ("--require-hashes", "--compile-bytecode", "--python", str(folder / "bin" / "python"), "-r", str(lock))
            self._uv((str(uv), "pip", "install", "--quiet", *options), cwd=folder.parent)
        if not (folder / "bin" / program).is_file():
            message = f"uv reported success, but {folder / 'bin' / program} is not there"
            raise ToolMissingError(message, next_step=f"run {self.command} again")

    def run(self, argv: tuple[str, ...], *, cwd: Path, limit_s: float) -> subprocess.CompletedProcess[str]:
        """Run a program without what would turn its Python elsewhere.

        Raises:
            ToolMissingError: where it does not start, or takes longer than `limit_s` (seconds).
        """
        env = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
        try:
            return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=limit_s, check=False)
        except OSError as error:
            message = f"{argv[0]} could not be started: {error.strerror}"
            raise ToolMissingError(message, next_step="reinstall spec2prod, or name another program") from error
        except subprocess.TimeoutExpired as error:
            message = f"{argv[0]} was stopped after {limit_s:g} s"
            raise ToolMissingError(message, next_step=f"check the network, then run {self.command} again") from error

    def _uv(self, argv: tuple[str, ...], *, cwd: Path) -> None:
        completed = self.run(argv, cwd=cwd, limit_s=self.limit_s)
        if completed.returncode:
            last = " / ".join(line.strip() for line in completed.stderr.strip().splitlines()[-5:]) or "no message"
            message = f"uv could not build the environment of {self.name} (exit {completed.returncode}): {last}"
            raise ToolMissingError(message, next_step=f"check the network and uv's settings, then run {self.command} again")


def write_marker(folder: Path, facts: dict[str, Any]) -> Path:
    """Say that an environment is complete, and what it is; return the file."""
    half = folder / f"{MARKER}.half"
    half.write_text(json.dumps(facts), encoding="utf-8")
    return half.replace(folder / MARKER)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"  # noqa: PLR2004 - a gigabyte


@contextmanager
def _alone(lock: Path, say: Callable[[str], None]) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another installation to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
