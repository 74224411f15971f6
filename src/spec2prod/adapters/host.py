"""Starts real processes and leaves none behind (POSIX; exit is watched by pidfd on Linux, by polling elsewhere).

Each command gets its own session, its own scratch folder (which is also its `TMPDIR`), a closed stdin and a small
environment. When it ends, however it ends, the whole family is killed before the leader is reaped: its process
group, and whoever left the group but still carries the command's mark in the environment. Should *we* be killed, a small
process (watcher.py), started with the first command, does the same for all of them.

What is measured: CPU time is `wait4`'s of that very child, with the descendants it waited for; commands beside it
do not leak in. Peak memory is that of the largest process of the family. The kernel lets a child inherit *our* peak
through `exec`, so `ru_maxrss` counts only where it is above ours; below it, the leader's own `VmHWM` is sampled
(Linux), which may miss a smaller grandchild. Where neither is known it is 0, as the value's definition says.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import psutil

from spec2prod.domain.command import Command, Completed

# What a command sees of our environment. Nothing that holds a key, a token or a proxy's password; nothing that
# bends Python, pytest or coverage. A caller who needs more names it (`keep`), or puts it into the command.
ALLOWED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")
MARK = "SPEC2PROD_COMMANDS"
COULD_NOT_START = 126  # the shells' word for "found, but could not be run"
LARGEST_ANSWER_BYTES = 256 * 1024 * 1024
HEAD_BYTES = 4 * 1024 * 1024  # a type checker prints its answer: some 8,000 diagnostics fit
TAIL_BYTES = 256 * 1024
_WATCHER = Path(__file__).with_name("watcher.py")
_HAS_PROC = Path("/proc/self").is_dir()
_DRAIN_S = 2.0
_LONGEST_PAUSE_S = 0.1
_MAXRSS_PER_MIB = 1024 * 1024 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """How the leader ended: its exit code as `Popen` gives it, CPU milliseconds, `ru_maxrss` in MiB."""

    exit_code: int
    cpu_ms: float
    maxrss_mb: float


class ProcessHost:
    """Starts processes; `processes` keeps every `Completed` in the order of their ends, `started` counts starts."""

    def __init__(self, *, keep: Collection[str] = (), grace_s: float = 2.0, begun: Callable[[], object] | None = None) -> None:
        """`keep` names further variables to hand on; `grace_s` is the time between SIGTERM and SIGKILL, in seconds.

        `begun` is called once, in the event loop, when the first process has been started.
        """
        self.processes: list[Completed] = []
        self.started = 0
        self._keep = (*ALLOWED, *keep)
        self._grace_s = grace_s
        self._begun = begun

    async def run(self, command: Command) -> Completed:
        """Run to the end and never raise for what the process does; a cancelled call leaves no process behind."""
        scratch = _scratch_folder()
        try:
            completed = await self._run_in(command, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self.processes.append(completed)
        return completed

    async def _run_in(self, command: Command, scratch: Path) -> Completed:
        mark = uuid.uuid4().hex
        begun = time.monotonic()
        try:
            process = self._start(command, scratch, mark)
        except FileNotFoundError as error:
            return _not_started(command, error)
        except (OSError, ValueError) as error:
            return Completed(command=command, exit_code=COULD_NOT_START, stderr=f"could not be started: {error}")
        self.started += 1
        if self.started == 1 and self._begun is not None:
            self._begun()
        completed = await self._attend(process, command, mark)
        return replace(completed, answer=_read_answer(scratch, command), wall_ms=(time.monotonic() - begun) * 1000)

    def _start(self, command: Command, scratch: Path, mark: str) -> subprocess.Popen[bytes]:
        temporary = scratch / "tmp"
        temporary.mkdir()
        env = {name: os.environ[name] for name in self._keep if name in os.environ}
        env |= {"TMPDIR": str(temporary), MARK: ":".join(filter(None, (os.environ.get(MARK), _watch().mark, mark)))}
        env |= {name: _fill(value, scratch) for name, value in command.env.items()}
        return subprocess.Popen(
            [_fill(part, scratch) for part in command.argv],
            cwd=command.cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    async def _attend(self, process: subprocess.Popen[bytes], command: Command, mark: str) -> Completed:
        own_peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_PER_MIB
        async with _kept(process.stdout) as stdout, _kept(process.stderr) as stderr:
            memory = _Memory(process.pid)
            watching = asyncio.create_task(_ended(process.pid, memory))
            try:
                done, _ = await asyncio.wait({watching}, timeout=command.timeout_s)
            finally:
                ending = await self._bury(process, watching, mark)
            await _drained(stdout, stderr)
        peak_mb = max(memory.peak_mb, ending.maxrss_mb if ending.maxrss_mb > own_peak_mb else 0.0)
        return Completed(
            command=command,
            exit_code=ending.exit_code if done else None,
            timed_out=not done,
            stdout=stdout.text(),
            stderr=stderr.text(),
            cpu_ms=ending.cpu_ms,
            peak_memory_mb=peak_mb,
        )

    async def _bury(self, process: subprocess.Popen[bytes], watching: asyncio.Task[None], mark: str) -> _Ending:
        """End the family: politely where the leader still runs, then for certain; reap the leader last."""
        try:
            if not watching.done():
                _signal_group(process.pid, signal.SIGTERM)
                await asyncio.wait({watching}, timeout=self._grace_s)
        finally:
            watching.cancel()
            _signal_group(process.pid, signal.SIGKILL)  # the leader is not reaped yet, so its number is still its own
            _kill_marked(mark, process.pid)
            ending = _reap(process)
        return ending


class KeptOutput(asyncio.Protocol):
    """The reading end of one pipe: the first and the last of it are kept, so that 100 MB of output cost no memory.

    `ended` is set when the last writer has closed it.
    """

    def __init__(self, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
        """Keep `head_bytes` from the beginning and `tail_bytes` from the end."""
        self.ended = asyncio.Event()
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def data_received(self, data: bytes) -> None:
        """Take a chunk: fill the head first, then let the tail slide."""
        room = self._head_bytes - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._tail_bytes:
            self._slide()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end; a pipe that broke has ended too."""
        del exc
        self.ended.set()

    def text(self) -> str:
        """Return what was kept, with a line that says how much was left out between the two."""
        if len(self._tail) > self._tail_bytes:
            self._slide()
        gap = f"\n… {self._dropped} bytes left out …\n".encode() if self._dropped else b""
        return (bytes(self._head) + gap + bytes(self._tail)).decode("utf-8", errors="replace")

    def _slide(self) -> None:
        surplus = len(self._tail) - self._tail_bytes
        del self._tail[:surplus]
        self._dropped += surplus


class _Memory:
    """The leader's high-water mark, sampled."""

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._status = f"/proc/{pid}/status"
        self.sample()

    def sample(self) -> None:
        with contextlib.suppress(OSError), open(self._status, "rb") as status:  # noqa: PTH123 - ten times a second, for each command
            _, _, told = status.read().partition(b"VmHWM:")
            if told:
                self.peak_mb = max(self.peak_mb, int(told.split(maxsplit=1)[0]) / 1024)


async def _ended(pid: int, memory: _Memory) -> None:
    """Return once the leader has ended, without reaping it."""
    exited = asyncio.Event()
    with _pidfd(pid, exited) as is_told:
        pause = 0.002
        while not exited.is_set() and (is_told or not _is_dead(pid)):
            memory.sample()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await exited.wait()
            pause = min(_LONGEST_PAUSE_S, pause * 1.5)


@contextlib.contextmanager
def _pidfd(pid: int, exited: asyncio.Event) -> Iterator[bool]:
    """Set `exited` the moment the process ends, and return whether it will be; without pidfds the caller's polling must do."""
    try:
        descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    except OSError:
        descriptor = -1
    if descriptor < 0:
        yield False
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, exited.set)
    try:
        yield True
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _is_dead(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left to tell
        os.killpg(pid, number)


def _kill_marked(mark: str, leader: int) -> None:
    """Kill whoever left the group (daemons, new sessions) but inherited the mark; again, until nobody is left.

    The leader has its own end: waiting for it here would reap it, and with it what it has used.
    """
    for _ in range(10):
        family = [pid for pid in psutil.pids() if pid != leader and _carries(pid, mark)]
        if not family:
            return
        psutil.wait_procs([each for pid in family if (each := _killed(pid, mark))], timeout=0.2)


def _carries(pid: int, mark: str) -> bool:
    """Whether a process inherited the mark; every process of the machine is asked at every command's end."""
    try:
        if _HAS_PROC:
            with open(f"/proc/{pid}/environ", "rb") as variables:  # noqa: PTH123 - as said above
                return mark.encode() in variables.read()
        return mark in psutil.Process(pid).environ().get(MARK, "")
    except (psutil.Error, OSError):  # gone, or another user's: not ours
        return False


def _killed(pid: int, mark: str) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):  # gone already
        process = psutil.Process(pid)
        if _carries(pid, mark):  # and not a stranger that got the number meanwhile
            process.kill()
            return process
    return None


def _reap(process: subprocess.Popen[bytes]) -> _Ending:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for a stranger
    return _Ending(
        exit_code=process.returncode,
        cpu_ms=(usage.ru_utime + usage.ru_stime) * 1000,
        maxrss_mb=usage.ru_maxrss / _MAXRSS_PER_MIB,
    )


@contextlib.asynccontextmanager
async def _kept(pipe: IO[bytes] | None) -> AsyncIterator[KeptOutput]:
    transport, protocol = await asyncio.get_running_loop().connect_read_pipe(KeptOutput, pipe)
    try:
        yield protocol
    finally:
        transport.close()


async def _drained(*outputs: KeptOutput) -> None:
    """Wait for the pipes' ends: the family is dead, so this is short; a pipe held by someone else is given up."""
    await asyncio.wait({asyncio.ensure_future(output.ended.wait()) for output in outputs}, timeout=_DRAIN_S)


def _scratch_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="command-", dir=_watch().folder))


class _Watch:
    """What survives this process if it is killed, and clears up after it: its commands carry `mark`, their files lie in `folder`."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.mark = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="spec2prod-")).resolve()
        packages = str(Path(psutil.__file__).parents[1])
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WATCHER), self.mark, str(self.folder), packages],
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


_watches: dict[int, _Watch] = {}
_watching = threading.Lock()


def _watch() -> _Watch:
    """Return this process's watcher, started with its first command."""
    with _watching:
        if os.getpid() not in _watches:
            _watches[os.getpid()] = _Watch()
        return _watches[os.getpid()]


def _not_started(command: Command, error: FileNotFoundError) -> Completed:
    if not command.cwd.is_dir():
        return Completed(command=command, exit_code=COULD_NOT_START, stderr=f"could not be started: no folder {command.cwd}")
    return Completed(command=command, exit_code=None, stderr=str(error), not_found=True)


def _read_answer(scratch: Path, command: Command) -> str | None:
    path = scratch / command.answer
    try:
        if not command.answer or not path.is_file() or path.stat().st_size > LARGEST_ANSWER_BYTES:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _fill(text: str, scratch: Path) -> str:
    return text.replace("{scratch}", str(scratch))
