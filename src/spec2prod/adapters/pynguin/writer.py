"""Pynguin as a `TestWriter`: one process a module, in the sandbox, without a model, a key or a network.

What it brings is judged like anyone's, and shows only what the code does: it never counts as evidence for a requirement.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spec2prod.adapters.pynguin.asking import (
    LEAST_S,
    PATIENCE,
    Box,
    PynguinOptions,
    Task,
    command_of,
    crashes_in,
    has_nothing_to_test,
    why_nothing,
    written_in,
)
from spec2prod.adapters.pynguin.environment import ASK, INSTALL, Environment, Python, read_python
from spec2prod.adapters.pynguin.rewriting import rewritten
from spec2prod.application.ports import Host
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.feedback import Feedback
from spec2prod.errors import AgentUnavailableError, ToolMissingError

PYNGUIN = "pynguin"
"""The generator's name."""

_ASK_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where Pynguin works: `run_folder` (absolute) gets a folder for each task; `find` returns the environment for a kind of Python."""

    component: Component
    run_folder: Path
    host: Host
    box: Box
    find: Callable[[str], Environment | None]


class PynguinWriter:
    """Writes characterisation tests. Whatever goes wrong in a task is in its outcome."""

    def __init__(self, options: PynguinOptions, place: Workplace, clock: Callable[[], float] = time.monotonic) -> None:
        """Start nothing; `clock` returns monotonic seconds."""
        self._options, self._place, self._clock = options, place, clock
        self._deadline = clock() + (math.inf if options.time_left_s is None else options.time_left_s)
        self._slots = asyncio.Semaphore(options.max_concurrent)
        self._ready: tuple[Python, Environment] | None = None
        self._requests: dict[str, TestRequest] = {}
        self._tasks: dict[str, asyncio.Task[TaskOutcome]] = {}

    async def start(self) -> None:
        """Begin nothing: it takes no time to start up that could be saved."""

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Begin the tasks without waiting for them; return module → task ID. One that was handed over before is the same task.

        Raises:
            AgentUnavailableError: where Pynguin cannot work here at all.
        """
        if self._ready is None:
            self._ready = await self._look()
        names = {request.module: _task_id(request) for request in requests}
        for request in requests:
            name = names[request.module]
            if name not in self._tasks:
                self._requests[name] = request
                self._tasks[name] = asyncio.create_task(self._task(request, *self._ready), name=name)
        return names

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Wait for a task's end.

        Raises:
            AgentUnavailableError: where no such task was submitted.
        """
        if task_id not in self._tasks:
            raise AgentUnavailableError(f"there is no task {task_id}", next_step="run again")
        task = self._tasks[task_id]
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
        return _told(self._requests[task_id], TaskStatus.CANCELLED, "the run was stopped")

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Bring nothing: what Pynguin searches for is coverage and mutants of its own, and it answers to nobody.

        Raises:
            AgentUnavailableError: where no such task was submitted.
        """
        del feedback, number
        if task_id not in self._requests:
            raise AgentUnavailableError(f"there is no task {task_id}", next_step="run again")
        return _told(self._requests[task_id], TaskStatus.NO_FILE, "pynguin takes no advice: it writes once")

    async def stop(self) -> None:
        """End everything that still runs."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _look(self) -> tuple[Python, Environment]:
        """Find the environment for the component's Python, and a sandbox."""
        python = await self._python()
        if not python.is_served:
            raise AgentUnavailableError(python.unserved(), next_step="use --generator spec or --generator openhands")
        environment = self._place.find(python.kind)
        if environment is None:
            raise AgentUnavailableError(f"pynguin is not installed for the component's Python {python.version}", next_step=INSTALL)
        box = self._place.box
        if box.bwrap is None and not self._options.allow_without_sandbox:
            message = f"pynguin calls the component with random input, and there is no sandbox here: {box.reason}"
            step = "allow user namespaces, or work in a container and set tool.spec2prod.pynguin.allow_without_sandbox"
            raise AgentUnavailableError(message, next_step=step)
        return python, environment

    async def _python(self) -> Python:
        program = self._place.component.interpreter
        argv = (str(program), "-c", ASK)
        completed = await self._place.host.run(Command(tool="python", argv=argv, cwd=self._place.component.root, timeout_s=_ASK_LIMIT_S))
        try:
            return read_python(program, completed.stdout)
        except ToolMissingError as error:
            raise AgentUnavailableError(f"{error.message}: {completed.ending()}", next_step=error.next_step) from error

    async def _task(self, request: TestRequest, python: Python, environment: Environment) -> TaskOutcome:
        begun = self._clock()
        try:
            async with self._slots:
                told = await self._asked(request, python, environment)
        except OSError as error:
            told = _told(request, TaskStatus.ERRORED, f"the task's folder cannot be used: {error}")
        return replace(told, wall_ms=(self._clock() - begun) * 1000)

    async def _asked(self, request: TestRequest, python: Python, environment: Environment) -> TaskOutcome:
        seconds = min(self._options.seconds_per_module, (self._deadline - self._clock()) / PATIENCE)
        if seconds < LEAST_S:
            return _told(request, TaskStatus.LIMIT, "the run's time limit leaves no time for it")
        folder = self._place.run_folder / PYNGUIN / hashlib.sha256(request.test_file.encode()).hexdigest()[:12]
        component = self._place.component
        task = Task(dotted=request.dotted, root=component.root, import_root=component.import_root, folder=folder, seconds=seconds)
        await asyncio.to_thread(_make, folder)
        try:
            completed = await self._place.host.run(command_of(task, self._options, python, environment, self._place.box))
            written, crashes = written_in(folder), crashes_in(folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if written is None:
            return _nothing(request, completed)
        return _read(request, written, f"written by {PYNGUIN} {environment.version}, seed {self._options.seed}", crashes)


def _nothing(request: TestRequest, completed: Completed) -> TaskOutcome:
    """Tell why there is no file: whatever the exit code says, only a file is a success."""
    status = TaskStatus.LIMIT if completed.timed_out else TaskStatus.ERRORED
    return _told(request, TaskStatus.NO_FILE if has_nothing_to_test(completed) else status, why_nothing(completed))


def _read(request: TestRequest, written: str, by: str, crashes: int) -> TaskOutcome:
    try:
        made = rewritten(written, request.dotted, by)
    except ValueError as error:
        return _told(request, TaskStatus.ERRORED, f"pynguin wrote a file that does not parse: {error}")
    left_out = [
        *([f"left out what ends in an unexpected error: {made.failing}"] if made.failing else []),
        *([f"inputs that crashed the interpreter: {crashes}"] if crashes else []),
    ]
    if not made.tests:
        return _told(request, TaskStatus.NO_FILE, "; ".join(["pynguin found no test that passes", *left_out]))
    told = _told(request, TaskStatus.DELIVERED, "; ".join([f"characterisation {by}", *left_out]))
    return replace(told, text=made.text)


def _told(request: TestRequest, status: TaskStatus, reason: str) -> TaskOutcome:
    return TaskOutcome(task_id=_task_id(request), module=request.module, test_file=request.test_file, status=status, reason=reason)


def _task_id(request: TestRequest) -> str:
    return f"{PYNGUIN}:{request.test_file}"


def _make(folder: Path) -> None:
    """Make a task's folder anew: what an interrupted attempt left there counts for nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
