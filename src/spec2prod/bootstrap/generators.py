"""Who writes missing tests: the specification's examples, and whoever else is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec2prod.application.asking import SPEC
from spec2prod.application.ports import Host, TestWriter
from spec2prod.bootstrap.place import Place
from spec2prod.config.settings import Settings
from spec2prod.domain.candidate import TaskOutcome, TestRequest
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.plan import Plan
from spec2prod.errors import AgentUnavailableError

OPENHANDS, PYNGUIN = "openhands", "pynguin"


def generators_of(settings: Settings) -> tuple[str, ...]:
    """Return who writes tests, the specification's examples first: they take part wherever anybody does. Empty where nobody is asked."""
    named = (*settings.generators, *([OPENHANDS] if settings.enable_openhands_test_generation else []))
    return tuple(dict.fromkeys([SPEC, *named])) if named else ()


def writers_of(plan: Plan, place: Place, agent: TestWriter, host: Host) -> TestWriter:
    """Return what writes a run's tests: the agent alone, or beside it the examples and pynguin, whose processes are `host`'s."""
    if not plan.generate or not {SPEC, PYNGUIN} & set(plan.generators):
        return agent
    from spec2prod.adapters.spec_examples import SpecExamples

    writers: dict[str, TestWriter] = {SPEC: SpecExamples(plan.specification, place.component, place.tree.read)}
    if OPENHANDS in plan.generators:
        writers[OPENHANDS] = agent
    if PYNGUIN in plan.generators:
        from spec2prod.bootstrap.characterising import pynguin_writer

        writers[PYNGUIN] = pynguin_writer(place, host)
    return Several(writers)


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
        return await self._writer_of(task_id).outcome(task_id)

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Say what a task's judgement was to the one who has it, and wait for the end of that round.

        Raises:
            AgentUnavailableError: where nobody has it.
        """
        return await self._writer_of(task_id).follow_up(task_id, feedback, number)

    async def stop(self) -> None:
        """End all of them."""
        for writer in self._writers.values():
            await writer.stop()

    def _writer_of(self, task_id: str) -> TestWriter:
        writer = self._by_task.get(task_id)
        if writer is None:
            raise AgentUnavailableError(f"there is no task {task_id}", next_step="run again")
        return writer
