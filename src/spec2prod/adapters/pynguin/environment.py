"""Pynguin's own locked environment: it pins a pytest below 9, and must be of the same Python as the component that it imports.

One environment for each kind of Python (`cpython-312`), each built from the same lock, which names no addresses.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spec2prod.adapters.locked_environment import MARKER, Locked, write_marker
from spec2prod.errors import ToolMissingError

INSTALL = "spec2prod pynguin install"
OLDEST, TOO_NEW = (3, 10), (3, 16)
"""What Pynguin says of itself (`Requires-Python`)."""

LOCKED = Locked(
    name="pynguin",
    package=__package__,
    distribution="pynguin",
    command=INSTALL,
    needed_bytes=150_000_000,  # measured: 56 MB installed, and as much again in uv's cache
    limit_s=900.0,
)

_FOLDER = "pynguin"
_ASK_LIMIT_S = 20.0
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
    marker = cache / _FOLDER / folder_name(kind) / MARKER
    found = _read(marker) if marker.is_file() else None
    return found if found is not None and found.python.is_file() else None


def installed(cache: Path) -> tuple[Environment, ...]:
    """Return every complete environment of the present lock."""
    markers = sorted((cache / _FOLDER).glob(f"*/{MARKER}"))
    read = (_read(marker) for marker in markers)
    return tuple(each for each in read if each.folder.name == folder_name(each.kind) and each.python.is_file())


def install(cache: Path, *, uv: Path, python: Path, say: Callable[[str], None]) -> Environment:
    """Build the environment for an interpreter, or return the one that stands already.

    Raises:
        ToolMissingError: where Pynguin does not run on that Python, the disk is too full, or uv fails.
    """
    asked = ask(python)
    if not asked.is_served:
        raise ToolMissingError(asked.unserved(), next_step="name another Python in tool.spec2prod.python, or use --generator spec")
    folder = cache / _FOLDER / folder_name(asked.kind)

    def build() -> Environment:
        LOCKED.fill(folder, uv=uv, python=python, program="python", say=say)
        homes = [str(home) for home in asked.homes]
        return _read(write_marker(folder, {"version": LOCKED.version(), "kind": asked.kind, "python": asked.version, "homes": homes}))

    return LOCKED.once(folder, standing=lambda: find(cache, asked.kind), build=build, say=say)


def ask(python: Path) -> Python:
    """Ask an interpreter about itself.

    Raises:
        ToolMissingError: where it does not start.
    """
    return read_python(python, LOCKED.run((str(python), "-c", ASK), cwd=Path.cwd(), limit_s=_ASK_LIMIT_S).stdout)


def folder_name(kind: str) -> str:
    """Return the environment's name: another lock or another kind of Python is another environment."""
    return f"{kind}-{LOCKED.lock_digest()[:12]}"


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
