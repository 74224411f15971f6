"""The agent server as a child process: started early, watched, and ended with everything that it started."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import httpx
import psutil

from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.redaction import redact
from spec2prod.adapters.openhands.server_environment import certificates, server_environment
from spec2prod.errors import AgentUnavailableError

_HOST = "127.0.0.1"
_PORT_TRIES = 3
_LOOK_EVERY_S = 0.05
_GRACE_S = 5.0
_LAST_LINES = 8
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
    server's own environment. `hidden` never reaches the log.
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

    @property
    def log(self) -> Path:
        """Return where the server's output goes."""
        return self.folder / "server.log"

    @property
    def state(self) -> Path:
        """Return the only folder, beside the workspaces, that the server may write."""
        return self.folder / "state"


class AgentServer:
    """One child. `url` and `key` are good once `start` has returned."""

    def __init__(self, plan: ServerPlan) -> None:
        """`plan` says what to start; nothing starts yet."""
        self.key = secrets.token_urlsafe(32)
        self.url = ""
        self.started_s = 0.0
        self._plan = plan
        self._child: _Child | None = None

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._child is not None and self._child.process.poll() is None

    @property
    def last_words(self) -> str:
        """Return the last lines of the log, on one line."""
        return self._child.last_words if self._child else ""

    async def start(self) -> None:
        """Start it, and return when it answers. A clash over its port is tried again on another.

        Raises:
            AgentUnavailableError: where it dies early or does not answer within the start limit.
        """
        begun = time.monotonic()
        try:
            for _ in range(_PORT_TRIES):
                self._child = await asyncio.to_thread(_prepare, self._plan)
                self._child.launch(self._plan, self.key)
                if await self._answers(begun + self._plan.start_limit_s):
                    self.url, self.started_s = self._child.url, time.monotonic() - begun
                    return
                await self.stop()
        except BaseException:
            await self.stop()
            raise
        message = f"the agent server found no free port in {_PORT_TRIES} tries"
        raise AgentUnavailableError(message, next_step=f"read {self._plan.log}")

    async def stop(self) -> None:
        """End the child and all that it started, however deep. Safe to call twice, or before `start`."""
        child, self._child = self._child, None
        if child is not None:
            # Shielded: a second Ctrl-C must not leave the half of it running.
            await asyncio.shield(asyncio.to_thread(child.end))

    async def _answers(self, deadline: float) -> bool:
        """Wait for it. False where another process had the port: everything else that goes wrong raises."""
        child = self._child
        if child is None:
            return False
        async with httpx.AsyncClient(base_url=child.url, timeout=2.0, trust_env=False) as http:
            while not (child.listens and await _is_healthy(http)):
                if child.process.poll() is not None:
                    return self._died(child)
                if time.monotonic() > deadline:
                    self._refuse(f"did not answer within {self._plan.start_limit_s:g} s", child)
                await asyncio.sleep(_LOOK_EVERY_S)
        return True

    def _died(self, child: _Child) -> bool:
        child.reader.join(_GRACE_S)
        if child.port_was_taken:
            return False
        self._refuse(f"died at its start (exit {child.process.returncode})", child)
        return False

    def _refuse(self, what: str, child: _Child) -> None:
        message = f"the agent server {what}: {child.last_words or 'it said nothing'}"
        raise AgentUnavailableError(message, where=str(self._plan.log), next_step="read the log, then spec2prod openhands install")


class _Child:
    """One process with its port, its log and its short folder for sockets."""

    process: subprocess.Popen[bytes]
    reader: threading.Thread

    def __init__(self, sockets: Path, secret: str, hidden: tuple[str, ...]) -> None:
        self.port = _free_port()
        self.url = f"http://{_HOST}:{self.port}"
        self.listens = False
        self.port_was_taken = False
        self._sockets = sockets
        self._secret = secret
        self._hidden = hidden
        self._tail: deque[str] = deque(maxlen=_LAST_LINES)

    @property
    def last_words(self) -> str:
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
        argv = (str(plan.environment.agent_server), "--host", _HOST, "--port", str(self.port))
        wrapped = plan.box.wrap(argv, readable=readable, writable=(plan.state, plan.workspaces, self._sockets), cwd=plan.state)
        self._hidden = (*self._hidden, key, self._secret)
        self.process = subprocess.Popen(  # noqa: S603 - an argument list of ours
            wrapped,
            env=env,
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
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            _kill_group(self.process.pid)
            self.process.wait()
        for each in family:
            _kill(each)
        psutil.wait_procs(family, timeout=_GRACE_S)
        self.reader.join(_GRACE_S)
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


def _prepare(plan: ServerPlan) -> _Child:
    for name in ("home", "persistence", "conversations", "bash_events"):
        (plan.state / name).mkdir(parents=True, exist_ok=True)
    plan.workspaces.mkdir(parents=True, exist_ok=True)
    # A socket's path may have about 100 characters: the run's folder is too deep for it.
    short = "/tmp" if os.path.isdir("/tmp") else None  # noqa: S108, PTH112 - a private folder is made in it
    return _Child(Path(tempfile.mkdtemp(prefix="s2p-", dir=short)).resolve(), _stable_secret(plan.folder / "secret"), plan.hidden)


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
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


async def _is_healthy(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health")).is_success
    except httpx.TransportError:
        return False


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
