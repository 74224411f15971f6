"""The embedded generator: the specification's examples become tests, without a model, a key or a process.

What it brings is judged like anyone's: a test that fails says that code and specification contradict one another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.component import Component
from spec2prod.domain.example_places import Given, given
from spec2prod.domain.example_tests import render_tests
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.specification import Specification
from spec2prod.errors import AgentUnavailableError

SPEC = "spec"
"""The generator's name."""


class SpecExamples:
    """Writes a component's tests from its specification's examples; `read` returns a file of the project, None where there is none."""

    def __init__(self, specification: Specification, component: Component, read: Callable[[str], str | None]) -> None:
        self._specification, self._component, self._read = specification, component, read
        self._tasks: dict[str, TestRequest] = {}

    async def start(self) -> None:
        """Begin nothing."""

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Take the tasks; a task's ID is made of what it writes."""
        tasks = {request.module: f"{SPEC}:{request.test_file}" for request in requests}
        self._tasks |= {tasks[request.module]: request for request in requests}
        return tasks

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Return the file that holds every example of the task's module which no test uses.

        Raises:
            AgentUnavailableError: where no such task was submitted.
        """
        request = self._tasks.get(task_id)
        if request is None:
            raise AgentUnavailableError(f"there is no task {task_id}", next_step="run again")
        own = [each for each in self._given().unused if each.module == request.dotted]
        count = f"{len(own)} example{'' if len(own) == 1 else 's'} of the specification"
        return TaskOutcome(
            task_id=task_id,
            module=request.module,
            test_file=request.test_file,
            status=TaskStatus.DELIVERED if own else TaskStatus.NO_FILE,
            text=render_tests(own) if own else None,
            reason=f"from {count}" if own else "the specification gives no example of it that no test uses",
        )

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Bring nothing more: an example says what it says, whatever its judgement was."""
        del feedback
        told = await self.outcome(task_id)
        return replace(told, status=TaskStatus.NO_FILE, text=None, reason=f"examples have no round {number}")

    async def stop(self) -> None:
        """End nothing."""

    def _given(self) -> Given:
        component = self._component
        return given(
            self._specification,
            lambda: {component.dotted(module): self._read(module) or "" for module in component.modules},
            lambda: [self._read(path) or "" for path in component.tests],
        )
