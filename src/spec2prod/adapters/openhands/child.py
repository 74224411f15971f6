"""One process of the agent server: its port, its log without secrets, and its end with everything that it started."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import psutil

from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.redaction import redact
from spec2prod.adapters.openhands.server_environment import certificates, server_environment
from spec2prod.adapters.openhands.whole import write_whole
from spec2prod.domain.command import Belongings

HOST = "127.0.0.1"
GRACE_S = 5.0
_LAST_LINES = 8
_SOCKETS = "s2p-"
_LONGEST_SOCKET = 104  # bytes, with the zero at its end: macOS; Linux has 108
# One line of the server's log may hold a whole traceback.
_LONGEST_LINE = 1 << 20


class Box(Protocol):
    """Puts a command into a sandbox, or at least ties its life to ours."""

    def wrap(self, argv: Sequence[str], *, readable: Iterable[Path] = (), writable: Iterable[Path] = (), cwd: Path) -> tuple[str, ...]:
        """Return the wrapped command."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """What to start, and where it may leave things.

    `folder` (absolute, in the run's folder) gets the log, the server's secret and its state; `workspaces` holds the
    copies it works on. `path` are folders that lead its PATH; `readable` is shown inside the sandbox beside the
    server's own environment. `hidden` never reaches the log. By `ours` whoever clears up after us knows the server and its sockets: a
    sandbox that has only just begun to start does not yet die with us.
    """

    environment: Environment
    folder: Path
    workspaces: Path
    box: Box
    path: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    hidden: tuple[str, ...] = ()
    max_concurrent: int = 4
    start_limit_s: float = 120.0
    ours: Belongings = field(default_factory=Belongings)

    @property
    def log(self) -> Path:
        """Return where the server's output goes."""
        return self.folder / "server.log"

    @property
    def state(self) -> Path:
        """Return the only folder, beside the workspaces, that the server may write."""
        return self.folder / "state"


class Child:
    """One process with its port, its log and its short folder for sockets."""

    process: subprocess.Popen[bytes]
    reader: threading.Thread

    def __init__(self, sockets: Path, secret: str, hidden: tuple[str, ...]) -> None:
        self.port = _free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.listens = False
        self.port_was_taken = False
        self._sockets = sockets
        self._secret = secret
        self._hidden = hidden
        self._tail: deque[str] = deque(maxlen=_LAST_LINES)

    @property
    def last_words(self) -> str:
        """Return the log's last lines, on one line."""
        return " / ".join(self._tail)[-1500:]

    def launch(self, plan: ServerPlan, key: str) -> None:
        """Start the process. In the caller's thread: the sandbox dies with the thread that started it."""
        env = server_environment(
            state=plan.state,
            sockets=self._sockets,
            workspaces=plan.workspaces,
            path=plan.path,
            key=key,
            secret=self._secret,
            max_concurrent=plan.max_concurrent,
            ours=os.environ,
        )
        readable = (*plan.readable, *environment_folders(plan.environment), *certificates(os.environ))
        argv = (str(plan.environment.agent_server), "--host", HOST, "--port", str(self.port))
        wrapped = plan.box.wrap(argv, readable=readable, writable=(plan.state, plan.workspaces, self._sockets), cwd=plan.state)
        self._hidden = (*self._hidden, key, self._secret)
        self.process = subprocess.Popen(
            wrapped,
            env={**env, **plan.ours.marks},
            cwd=plan.state,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, args=(plan.log,), name="agent-server-log", daemon=True)
        self.reader.start()

    def end(self) -> None:
        """End the whole family: asked first, then killed."""
        family = _family(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            _kill_group(self.process.pid)
            self.process.wait()
        for each in family:
            _kill(each)
        psutil.wait_procs(family, timeout=GRACE_S)
        self.reader.join(GRACE_S)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _read(self, log: Path) -> None:
        with log.open("ab") as file, self.process.stdout or os.fdopen(os.open(os.devnull, os.O_RDONLY), "rb") as output:
            for line in _lines(output):
                text = redact(line.decode("utf-8", "replace"), self._hidden)
                file.write(text.encode())
                file.flush()
                self._notice(_message(text))

    def _notice(self, message: str) -> None:
        # Our own child's log says who listens: whoever else answers on that port must not get the model's key.
        self.listens = self.listens or f"running on {self.url}" in message
        self.port_was_taken = self.port_was_taken or "address already in use" in message
        if message.strip():
            self._tail.append(message.strip()[-500:])


def environment_folders(environment: Environment) -> tuple[Path, ...]:
    """Return what must be readable to run the environment's programs: itself and the Python it was made from."""
    settings = (environment.folder / "pyvenv.cfg").read_text(encoding="utf-8")
    homes = [line.partition("=")[2].strip() for line in settings.splitlines() if line.partition("=")[0].strip() == "home"]
    return (environment.folder, environment.folder / "bin" / "python", *(Path(home).parent for home in homes))


def prepare(plan: ServerPlan) -> Child:
    """Make the folders that a child needs; nothing starts yet."""
    for name in ("home", "persistence", "conversations", "bash_events"):
        (plan.state / name).mkdir(parents=True, exist_ok=True)
    plan.workspaces.mkdir(parents=True, exist_ok=True)
    _forget_sockets(plan.folder)
    sockets = Path(tempfile.mkdtemp(prefix=_SOCKETS, dir=_short(plan.ours.folder))).resolve()
    write_whole(plan.folder / "sockets", str(sockets))
    return Child(sockets, _stable_secret(plan.folder / "secret"), plan.hidden)


def _short(folder: Path | None) -> Path | None:
    """Return where sockets fit: their paths may have about 100 characters, in which tmux names the user, and the server 32 of its own."""
    longest = len(f"{folder}/{_SOCKETS}12345678/tmux-{os.getuid()}/openhands-") + 32
    if folder is not None and longest < _LONGEST_SOCKET:
        return folder
    return Path("/tmp") if os.path.isdir("/tmp") else folder  # noqa: S108, PTH112 - a private folder is made in it


def _forget_sockets(folder: Path) -> None:
    """Remove the short folder of a server that a crash of ours ended: nobody else knows of it."""
    note = folder / "sockets"
    left = Path(note.read_text(encoding="utf-8")) if note.is_file() else None
    if left is not None and left.name.startswith(_SOCKETS) and left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)


def _stable_secret(file: Path) -> str:
    """Return the key under which the server encrypts its state; a resumed run must find the same."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii")
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(secrets.token_urlsafe(32))
    return file.read_text(encoding="ascii")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _lines(output: IO[bytes]) -> Iterable[bytes]:
    return iter(lambda: output.readline(_LONGEST_LINE), b"")


def _message(line: str) -> str:
    """Return a log line's message: the server logs JSON, except for what it prints before its logging stands."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    return str(entry.get("message", line)) if isinstance(entry, dict) else line


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
