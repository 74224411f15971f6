"""Starts one process with what it is given and no more, watched from its first moment. Quick to import: a head start needs it first.

Each command gets its own session, its own scratch folder (which is also its `TMPDIR`), a closed stdin and a small environment. Should
*we* be killed, who watches (watch.py) ends all of them.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from spec2prod.adapters.host.watch import belongings, watch
from spec2prod.adapters.host.watcher import MARK
from spec2prod.domain.command import Command

# What a command sees of our environment. Nothing that holds a key, a token or a proxy's password; nothing that
# bends Python, pytest or coverage. A caller who needs more names it (`keep`), or puts it into the command.
ALLOWED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")


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
    return Path(tempfile.mkdtemp(prefix="command-", dir=watch().folder))


def handed_on(keep: Collection[str] = ()) -> dict[str, str]:
    """Return what a command sees of our environment; `keep` names further variables."""
    return {name: os.environ[name] for name in (*ALLOWED, *keep) if name in os.environ}


def start(command: Command, variables: Mapping[str, str], scratch: Path) -> Started:
    """Start a command with these variables of ours, and with its own.

    Raises:
        OSError: where it cannot be started (`FileNotFoundError`: it or its folder is not there).
        ValueError: where a word holds what no process can be given.
    """
    began, mark = time.monotonic(), uuid.uuid4().hex
    temporary = scratch / "tmp"
    temporary.mkdir()
    ours = belongings().marks[MARK]
    own = {name: _fill(value, scratch) for name, value in command.env.items()}
    process = subprocess.Popen(
        [_fill(part, scratch) for part in command.argv],
        cwd=command.cwd,
        env={**variables, "TMPDIR": str(temporary), MARK: f"{ours}:{mark}", **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return Started(command=command, process=process, scratch=scratch, mark=mark, variables=dict(variables), began=began)


def _fill(text: str, scratch: Path) -> str:
    return text.replace("{scratch}", str(scratch))
