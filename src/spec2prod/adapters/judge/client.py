"""Asks the warm judge: one worker process a measurement, in the sandbox without network, ended whole whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from spec2prod.adapters.judge.place import JudgeError, Place, interpreter_folders, sealed
from spec2prod.adapters.judge.reading import Progress, Reader
from spec2prod.domain.judging import Measured

WORKER = Path(__file__).resolve().parents[2] / "workers" / "judge"
SUITE = "suite"  # the name of the group of existing tests: what they do beside their purpose is not looked at
_LONGEST_LINE = 32 * 1024 * 1024
_LAST_WORDS = 2000
_GRACE_S = 5.0
_KEPT = ("PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")


class Mutation(StrEnum):
    """How much is mutated: nothing; until an assertion kills the mutant; every mutant against every test that covers it."""

    NONE = "none"
    SCORE = "score"
    MATRIX = "matrix"


class Judge:
    """`async with Judge(place) as judge: measured = await judge.measure(tests, candidates, modules)`."""

    def __init__(self, place: Place, listen: Callable[[Progress], None] = lambda _: None) -> None:
        """Nothing starts yet. `listen` is told after each thing that the worker says, how far it is."""
        self._place = place
        self._listen = listen
        self._scratch: Path | None = None
        self._measurements = 0

    async def __aenter__(self) -> Self:
        """Make the folder that judged code may write in."""
        # short, since sockets live in it, and outside of every project
        self._scratch = Path(os.path.realpath(tempfile.mkdtemp(prefix="judge-", dir=self._place.ours.folder)))  # noqa: ASYNC240 - once, of a moment
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove it."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    async def measure(  # noqa: PLR0913 - what a measurement is made of
        self,
        tests: Sequence[str],
        candidates: Sequence[str],
        modules: Sequence[str],
        *,
        mutation: Mutation = Mutation.MATRIX,
        module_level: bool = True,
        witnesses: Sequence[str] = (),
        planted: Sequence[str] = (),
    ) -> Measured:
        """Run every test of these files alone, and the mutants of these modules against the tests that cover them.

        Paths are relative to the place's root. The suite's files (`tests`) are collected together, each candidate's file by itself.
        Of the candidates that are `witnesses` only what fails meets mutants: would it pass on one?
        Tests of `planted` files notice nothing, and are known to: where they alone do, no rarer changes are tried.
        Without `module_level` the mutants that act while a module is imported are left out: each costs an import of its own.

        Raises:
            JudgeError: where the worker could not be started, ended early, or took longer than the place allows.
        """
        groups = {SUITE: tuple(tests)} if tests else {}
        groups |= {file: (file,) for file in candidates}
        question = {"modules": list(modules), "mutate": mutation.value, "module_level": module_level}
        question |= {"witnesses": list(witnesses), "planted": list(planted)}
        return await self._asked(groups, question, {*witnesses, *planted})

    async def _asked(self, groups: Mapping[str, tuple[str, ...]], question: Mapping[str, object], planted: Collection[str]) -> Measured:
        if self._scratch is None:
            raise JudgeError("the judge is asked outside its `async with`: a bug of spec2prod")
        self._measurements += 1
        scratch = self._scratch / str(self._measurements)
        scratch.mkdir()
        reader = Reader(nonce := secrets.token_hex(16), planted)
        request = {
            **question,
            "nonce": nonce,
            "root": str(self._place.root.resolve()),
            "import_root": self._place.import_root,
            "scratch": str(scratch),
            "groups": [{"name": name, "files": list(files), "trusted": name == SUITE} for name, files in groups.items()],
            "limits": self._place.bounds.told(),
            "environment": dict(self._place.environment),
            "clock_s": self._place.clock_s,
            "fork": self._place.fork,
        }
        process = await self._started(scratch)
        try:
            async with asyncio.timeout(self._place.bounds.total_s):
                errors = await _attended(process, request, reader, self._listen)
        except TimeoutError:
            raise JudgeError(f"the judgement took longer than {self._place.bounds.total_s:g} s; last done: {reader.last_test}") from None
        finally:
            await _ended(process)
            shutil.rmtree(scratch, ignore_errors=True)
        if not reader.ended:
            raise JudgeError(f"the judge ended early (exit {process.returncode}); last done: {reader.last_test or 'nothing'}: {errors}")
        return reader.measured(groups)

    async def _started(self, scratch: Path) -> asyncio.subprocess.Process:
        place = self._place
        argv = (str(place.interpreter), "-u", str(WORKER))
        readable = (place.root, WORKER, *interpreter_folders(place.interpreter), *place.readable)
        wrapped = sealed(place.box, place.box.wrap(argv, readable=readable, writable=(scratch,), cwd=scratch))
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(place.environment)
        try:
            return await asyncio.create_subprocess_exec(
                *wrapped,
                cwd=scratch,
                env=environment | {"PYTHONDONTWRITEBYTECODE": "1"} | dict(place.ours.marks),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_LONGEST_LINE,
                start_new_session=True,
            )
        except OSError as error:
            raise JudgeError(f"the judge could not be started: {error}", where=str(place.interpreter)) from error


async def _attended(
    process: asyncio.subprocess.Process, request: Mapping[str, object], reader: Reader, listen: Callable[[Progress], None]
) -> str:
    """Put the question, read to the end; return the last words on standard error."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise JudgeError("the judge was started without pipes: a bug of spec2prod")
    saying = asyncio.create_task(_tail(process.stderr))
    try:
        with contextlib.suppress(ConnectionError):  # it died at once: its last words say why
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        while line := await process.stdout.readline():
            reader.take(line)
            listen(reader.progress)
        return await saying
    except ValueError as error:
        raise JudgeError(f"the judge sent a line longer than {_LONGEST_LINE} bytes") from error
    finally:
        saying.cancel()


async def _tail(stream: asyncio.StreamReader) -> str:
    """Read to the end, keep the end."""
    kept = b""
    while data := await stream.read(65536):
        kept = (kept + data)[-_LAST_WORDS:]
    return kept.decode("utf-8", errors="replace").strip()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End the worker and everything below it: asked first, so that it can end its own, then for certain."""
    if process.returncode is None:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
    if process.returncode is None:
        _signal(process.pid, signal.SIGKILL)
        await process.wait()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
