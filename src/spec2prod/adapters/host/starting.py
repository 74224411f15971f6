"""Starts one process with what it is given and no more, watched from its first moment. Quick to import: a head start needs it first.

Each command gets its own session, its own scratch folder (which is also its `TMPDIR`), a closed stdin and a small environment. Should
*we* be killed, a small process (watcher.py), started with the first command, ends all of them.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from spec2prod.domain.command import Command

# What a command sees of our environment. Nothing that holds a key, a token or a proxy's password; nothing that
# bends Python, pytest or coverage. A caller who needs more names it (`keep`), or puts it into the command.
ALLOWED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")
MARK = "SPEC2PROD_COMMANDS"
HAS_PROC = Path("/proc/self").is_dir()
_WATCHER = Path(__file__).parents[1] / "watcher.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process, and what it was started with. `began` is a moment of `time.monotonic`, in seconds; its family carries `mark`."""

    command: Command
    process: subprocess.Popen[bytes]
    scratch: Path
    mark: str
    variables: Mapping[str, str]
    began: float


def scratch_folder() -> Path:
    """Make a folder for one command: whoever makes it takes it away."""
    return Path(tempfile.mkdtemp(prefix="command-", dir=_watch().folder))


def handed_on(keep: Collection[str] = ()) -> dict[str, str]:
    """Return what a command sees of our environment; `keep` names further variables."""
    return {name: os.environ[name] for name in (*ALLOWED, *keep) if name in os.environ}


def marked() -> dict[str, str]:
    """Return the variable by which our watcher knows what is ours: a process that is started elsewhere with it ends with us."""
    return {MARK: ":".join(filter(None, (os.environ.get(MARK), _watch().mark)))}


def start(command: Command, variables: Mapping[str, str], scratch: Path) -> Started:
    """Start a command with these variables of ours, and with its own.

    Raises:
        OSError: where it cannot be started (`FileNotFoundError`: it or its folder is not there).
        ValueError: where a word holds what no process can be given.
    """
    began, mark = time.monotonic(), uuid.uuid4().hex
    temporary = scratch / "tmp"
    temporary.mkdir()
    marks = {MARK: ":".join(filter(None, (os.environ.get(MARK), _watch().mark, mark)))}
    own = {name: _fill(value, scratch) for name, value in command.env.items()}
    process = subprocess.Popen(
        [_fill(part, scratch) for part in command.argv],
        cwd=command.cwd,
        env={**variables, "TMPDIR": str(temporary), **marks, **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return Started(command=command, process=process, scratch=scratch, mark=mark, variables=dict(variables), began=began)


def _fill(text: str, scratch: Path) -> str:
    return text.replace("{scratch}", str(scratch))


class _Watch:
    """What survives this process if it is killed, and clears up after it: its commands carry `mark`, their files lie in `folder`."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.mark = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="spec2prod-")).resolve()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WATCHER), self.mark, str(self.folder), *_packages()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        atexit.register(self.farewell)

    def farewell(self) -> None:
        """Tell the watcher that all is in order, and take the folder away: this process has left nothing running."""
        if self.owner != os.getpid():  # a fork of ours; the watcher is not its
            return
        with contextlib.suppress(OSError):
            self._process.stdin.write(b"\n")  # type: ignore[union-attr]  # it was asked to be a pipe
            self._process.stdin.close()  # type: ignore[union-attr]  # as above
        self._process.returncode = 0  # it ends by itself, and nobody needs to wait for that
        shutil.rmtree(self.folder, ignore_errors=True)


def _packages() -> tuple[str, ...]:
    """Return where the watcher finds psutil: it needs it only where there is no /proc."""
    if HAS_PROC:
        return ()
    import psutil  # noqa: PLC0415 - not on Linux

    return (str(Path(psutil.__file__).parents[1]),)


_watches: dict[int, _Watch] = {}
_watching = threading.Lock()


def _watch() -> _Watch:
    """Return this process's watcher, started with its first command."""
    with _watching:
        if os.getpid() not in _watches:
            _watches[os.getpid()] = _Watch()
        return _watches[os.getpid()]
