"""What survives this process if it is killed, and clears up after it: a small process (watcher.py), started when it is first needed."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path

from spec2prod.adapters.host.watcher import FOLDERS, MARK
from spec2prod.domain.command import Belongings

HAS_PROC = Path("/proc/self").is_dir()
_WATCHER = Path(__file__).with_name("watcher.py")


class Watch:
    """Its commands carry `mark`, its temporary files lie in `folder`: both end with this process, however it ends."""

    def __init__(self) -> None:
        """Make the folder, and start who watches."""
        self.owner = os.getpid()
        self.mark = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix=FOLDERS)).resolve()
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
        """Take the folder away, and tell the watcher that all is in order: this process has left nothing running."""
        if self.owner != os.getpid():  # a fork of ours; the watcher is not its
            return
        shutil.rmtree(self.folder, ignore_errors=True)  # first: whoever is killed in between is cleared up after
        with contextlib.suppress(OSError):
            self._process.stdin.write(b"\n")  # type: ignore[union-attr]  # it was asked to be a pipe
            self._process.stdin.close()  # type: ignore[union-attr]  # as above
        self._process.returncode = 0  # it ends by itself, and nobody needs to wait for that


def watch() -> Watch:
    """Return this process's watch, begun when it is first asked for."""
    with _watching:
        if os.getpid() not in _watches:
            _watches[os.getpid()] = Watch()
        return _watches[os.getpid()]


def belongings() -> Belongings:
    """Return by what a process that is started elsewhere, and a file that lies elsewhere, are known to be ours, and end with us."""
    return Belongings(marks={MARK: ":".join(filter(None, (os.environ.get(MARK), watch().mark)))}, folder=watch().folder)


def _packages() -> tuple[str, ...]:
    """Return where the watcher finds psutil: it needs it only where there is no /proc."""
    if HAS_PROC:
        return ()
    import psutil  # noqa: PLC0415 - not on Linux

    return (str(Path(psutil.__file__).parents[1]),)


_watches: dict[int, Watch] = {}
_watching = threading.Lock()
