"""Starts real processes and leaves none behind (POSIX; exit is watched by pidfd on Linux, by polling elsewhere).

When a command ends, however it ends, the whole family is killed before the leader is reaped: its process
group, and whoever left the group but still carries the command's mark in the environment.

What is measured: CPU time is `wait4`'s of that very child, with the descendants it waited for; commands beside it
do not leak in. Peak memory is that of the largest process of the family. The kernel lets a child inherit *our* peak
through `exec`, so `ru_maxrss` counts only where it is above ours; below it, the leader's own `VmHWM` is sampled
(Linux), which may miss a smaller grandchild. Where neither is known it is 0, as the value's definition says.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from spec2prod.adapters.host.ahead import HeadStart
from spec2prod.adapters.host.family import MAXRSS_PER_MIB, Ending, end_family, signal_group
from spec2prod.adapters.host.starting import Started, handed_on, scratch_folder, start
from spec2prod.domain.command import Command, Completed

COULD_NOT_START = 126  # the shells' word for "found, but could not be run"
LARGEST_ANSWER_BYTES = 256 * 1024 * 1024
HEAD_BYTES = 4 * 1024 * 1024  # a type checker prints its answer: some 8,000 diagnostics fit
TAIL_BYTES = 256 * 1024
_DRAIN_S = 2.0
_LONGEST_PAUSE_S = 0.1


class ProcessHost:
    """Starts processes; `processes` keeps every `Completed` in the order of their ends, `started` counts starts."""

    def __init__(
        self,
        *,
        keep: Collection[str] = (),
        grace_s: float = 2.0,
        begun: Callable[[], object] | None = None,
        ahead: HeadStart | None = None,
    ) -> None:
        """`keep` names further variables to hand on; `grace_s` is the time between SIGTERM and SIGKILL, in seconds.

        `begun` is called once, in the event loop, when the first process has been started. `ahead` holds processes that were started
        before anybody asked: they are taken over.
        """
        self.processes: list[Completed] = []
        self.started = 0
        self._keep = tuple(keep)
        self._grace_s = grace_s
        self._begun = begun
        self._ahead = ahead

    async def run(self, command: Command) -> Completed:
        """Run to the end and never raise for what the process does; a cancelled call leaves no process behind."""
        asked, variables = time.monotonic(), handed_on(self._keep)
        taken = self._ahead.take(command, variables) if self._ahead else None
        scratch = taken.scratch if taken else scratch_folder()
        try:
            completed = await self._run_in(scratch, lambda: taken or start(command, variables, scratch), command, asked)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self.processes.append(completed)
        return completed

    async def _run_in(self, scratch: Path, begin: Callable[[], Started], command: Command, asked: float) -> Completed:
        try:
            started = begin()
        except FileNotFoundError as error:
            return _not_started(command, error)
        except (OSError, ValueError) as error:
            return Completed(command=command, exit_code=COULD_NOT_START, stderr=f"could not be started: {error}")
        self.started += 1
        if self.started == 1 and self._begun is not None:
            self._begun()
        try:
            completed = await self._attend(started)
        except _StoppedError as stopped:
            self.processes.append(_timed(stopped.completed, started, asked))
            raise
        return _timed(replace(completed, answer=_read_answer(scratch, command)), started, asked)

    async def _attend(self, started: Started) -> Completed:
        own_peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MAXRSS_PER_MIB
        process, command = started.process, started.command
        left_s = max(0.0, command.timeout_s - (time.monotonic() - started.began))
        async with _kept(process.stdout) as stdout, _kept(process.stderr) as stderr:
            memory = _Memory(process.pid)
            watching = asyncio.create_task(_ended(process.pid, memory))
            try:
                done, _ = await asyncio.wait({watching}, timeout=left_s)
            except asyncio.CancelledError as error:
                raise _StoppedError(command, await self._bury(started, watching)) from error
            ending = await self._bury(started, watching)
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

    async def _bury(self, started: Started, watching: asyncio.Task[None]) -> Ending:
        """End the family: politely where the leader still runs, then for certain; reap the leader last."""
        try:
            if not watching.done():
                signal_group(started.process.pid, signal.SIGTERM)
                await asyncio.wait({watching}, timeout=self._grace_s)
        finally:
            watching.cancel()
            ending = end_family(started.process, started.mark)
        return ending


class _StoppedError(asyncio.CancelledError):
    """Nobody waits for a process' answer any more. `completed` is what it has cost."""

    def __init__(self, command: Command, ending: Ending) -> None:
        super().__init__()
        self.completed = Completed(command=command, exit_code=ending.exit_code, cpu_ms=ending.cpu_ms, peak_memory_mb=ending.maxrss_mb)


def _timed(completed: Completed, started: Started, asked: float) -> Completed:
    """Tell how long it took, and for how long it had run when it was asked for."""
    wall_ms, ahead_ms = (time.monotonic() - started.began) * 1000, (asked - started.began) * 1000
    return replace(completed, wall_ms=wall_ms, ahead_ms=max(0.0, ahead_ms))


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
    import psutil  # noqa: PLC0415 - for systems without pidfds alone

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


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
