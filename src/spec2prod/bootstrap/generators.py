"""Who writes missing tests: the specification's examples, and whoever else is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec2prod.adapters.spec_examples import SPEC, SpecExamples
from spec2prod.application.ports import TestWriter
from spec2prod.bootstrap.place import Place
from spec2prod.config.settings import Settings
from spec2prod.domain.candidate import TaskOutcome, TestRequest
from spec2prod.domain.plan import Plan
from spec2prod.errors import AgentUnavailableError, UsageError

OPENHANDS, PYNGUIN = "openhands", "pynguin"


def generators_of(settings: Settings) -> tuple[str, ...]:
    """Return who writes tests, the specification's examples first: they take part wherever anybody does. Empty where nobody is asked.

    Raises:
        UsageError: where somebody is named who cannot be had.
    """
    named = (*settings.generators, *([OPENHANDS] if settings.enable_openhands_test_generation else []))
    if PYNGUIN in named:
        raise UsageError(
            "pynguin is not available: this version has no environment for it (it needs a pytest below 9)",
            where=settings.origin("generators"),
            next_step="use --generator spec (examples of the specification, no model) or --generator openhands",
        )
    return tuple(dict.fromkeys([SPEC, *named])) if named else ()


def writers_of(plan: Plan, place: Place, agent: TestWriter) -> TestWriter:
    """Return what writes a run's tests: the agent alone, or beside it the specification's examples."""
    if not plan.generate or SPEC not in plan.generators:
        return agent
    examples = SpecExamples(plan.specification, place.component, place.tree.read)
    return Several({SPEC: examples, **({OPENHANDS: agent} if OPENHANDS in plan.generators else {})})


class Several:
    """Several writers as one: each task goes to the one that it names. A module may be asked of each, for a test file of its own."""

    def __init__(self, writers: Mapping[str, TestWriter]) -> None:
        """Take the writers by their names."""
        self._writers = dict(writers)
        self._by_task: dict[str, TestWriter] = {}

    async def start(self) -> None:
        """Begin to start all of them."""
        for writer in self._writers.values():
            await writer.start()

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Hand tasks to those whom they name; return module → task ID.

        Raises:
            AgentUnavailableError: where one of them cannot take any.
        """
        tasks: dict[str, str] = {}
        for name, writer in self._writers.items():
            own = [request for request in requests if request.generator == name]
            submitted = await writer.submit(own) if own else {}
            self._by_task |= dict.fromkeys(submitted.values(), writer)
            tasks |= submitted
        return tasks

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Wait for a task's end.

        Raises:
            AgentUnavailableError: where nobody has it.
        """
        writer = self._by_task.get(task_id)
        if writer is None:
            raise AgentUnavailableError(f"there is no task {task_id}", next_step="run again")
        return await writer.outcome(task_id)

    async def stop(self) -> None:
        """End all of them."""
        for writer in self._writers.values():
            await writer.stop()
