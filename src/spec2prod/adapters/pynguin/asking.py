"""What Pynguin is asked: one command a module, a value before it is a process; and what is read of what it left."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spec2prod.adapters.pynguin.environment import Environment, Python
from spec2prod.domain.command import Command, Completed

TOOL = "pynguin"
"""The name of its processes."""

WORKER = Path(__file__).resolve().parents[2] / "workers" / "pynguin_worker.py"
LEAST_S = 5.0
"""Seconds below which a module is not begun: starting takes about 3 s."""

PATIENCE = 2.0
"""How many times its seconds a module may take before it is stopped, and all it has found is lost: on a busy machine all is slow."""

_VARIABLE = "SPEC2PROD_PYNGUIN"
_SEARCHING, _ASSERTING = 0.5, 0.25  # of a module's time; the rest is for starting, minimising and writing
_FILE_MB = 64
_LARGEST_BYTES = 2_000_000
_NOTHING_TO_TEST = "SUT contains nothing we can test"


class Box(Protocol):
    """Puts a command into a sandbox."""

    @property
    def bwrap(self) -> Path | None:
        """The sandbox's program, None where there is no sandbox."""
        ...

    @property
    def reason(self) -> str:
        """Why there is none."""
        ...

    def wrap(self, argv: Sequence[str], *, readable: Iterable[Path] = (), writable: Iterable[Path] = (), cwd: Path) -> tuple[str, ...]:
        """Return the command that runs inside."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PynguinOptions:
    """How Pynguin works. `time_left_s` is what the whole run still has, in seconds; None where it has no limit."""

    seconds_per_module: float = 60.0
    seed: int = 1
    max_memory_mb: int = 2048
    max_concurrent: int = 2
    allow_without_sandbox: bool = False
    time_left_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One module's task: `root` is the project, `import_root` what is importable in it, `folder` the one place it may write in.

    It should be done in `seconds`, and is stopped after `PATIENCE` times as many.
    """

    dotted: str
    root: Path
    import_root: str
    folder: Path
    seconds: float


def command_of(task: Task, options: PynguinOptions, python: Python, environment: Environment, box: Box) -> Command:
    """Return the command: without network, with the project to be read only, and with the same random numbers every time."""
    argv = (str(environment.python), "-s", str(WORKER), *_arguments(task, options))
    own = (WORKER, environment.folder, *environment.homes)
    readable = (task.root, *own, python.program, *python.homes, *(Path(each) for each in python.path))
    wrapped = box.wrap(argv, readable=readable, writable=(task.folder,), cwd=task.folder)
    if box.bwrap is not None:
        wrapped = (wrapped[0], "--unshare-net", *wrapped[1:])
    given = json.dumps({"paths": _outside_of(python), "file_mb": _FILE_MB})
    home = str(task.folder / "tmp")
    env = {"PYNGUIN_DANGER_AWARE": "1", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "HOME": home, "TMPDIR": home}
    return Command(tool=TOOL, argv=wrapped, cwd=task.folder, env={**env, _VARIABLE: given}, timeout_s=task.seconds * PATIENCE)


def _arguments(task: Task, options: PynguinOptions) -> tuple[str, ...]:
    told: dict[str, str] = {
        "--project-path": str(task.root / task.import_root),
        "--module-name": task.dotted,
        "--output-path": str(task.folder / "written"),
        "--crash-path": str(task.folder / "crashes"),
        "--report-dir": str(task.folder / "report"),
        "--statistics-backend": "NONE",
        "--seed": str(options.seed),
        "--maximum-search-time": str(max(1, int(task.seconds * _SEARCHING))),
        "--maximum-mutation-time": str(max(1, int(task.seconds * _ASSERTING))),
        "--maximum-memory": str(options.max_memory_mb),
    }
    return ("--no-rich", *(word for pair in told.items() for word in pair))


def _outside_of(python: Python) -> list[str]:
    """Return what the component can import beside the standard library, which comes with Pynguin's own Python of the same kind."""
    return [each for each in python.path if not each.endswith((".zip", "lib-dynload")) and not Path(each, "os.py").is_file()]


def written_in(folder: Path) -> str | None:
    """Return the test file that lies in a task's folder, None where there is none.

    The component's own code could write there: links are not followed, and only a regular file of a bearable size is read.
    """
    place = folder / "written"
    if place.is_symlink() or not place.is_dir():
        return None
    names = sorted(each.name for each in os.scandir(place) if each.name.startswith("test_") and each.name.endswith(".py"))
    return _read_plainly(place / names[0]) if len(names) == 1 else None


def crashes_in(folder: Path) -> int:
    """Return how many inputs crashed the interpreter."""
    place = folder / "crashes"
    return 0 if place.is_symlink() or not place.is_dir() else sum(each.name.endswith(".py") for each in os.scandir(place))


def _read_plainly(file: Path) -> str | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode) or told.st_size > _LARGEST_BYTES:
            return None
        return opened.read(_LARGEST_BYTES + 1).decode("utf-8", errors="replace")


def has_nothing_to_test(completed: Completed) -> bool:
    """Whether Pynguin found nothing in the module that it could call."""
    return _NOTHING_TO_TEST in completed.stderr


def why_nothing(completed: Completed) -> str:
    """Say in words why a process brought no file."""
    if has_nothing_to_test(completed):
        return "pynguin found nothing in it that can be called"
    trouble = next((line for line in reversed(completed.stderr.splitlines()) if _is_import_trouble(line)), "")
    if trouble:
        return f"the component cannot be imported beside pynguin: {trouble.strip()[:300]}"
    return completed.ending()


def _is_import_trouble(line: str) -> bool:
    return line.startswith(("ModuleNotFoundError: ", "ImportError: ", "SyntaxError: "))
