"""What is asked of a component: one question each, as two pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from spec2prod.domain.command import Command, Completed
    from spec2prod.domain.component import Component
    from spec2prod.domain.plan import Stage
    from spec2prod.domain.question import Reads
    from spec2prod.domain.suite import SuiteReport
    from spec2prod.domain.verdict import Answer, Measurement


class Gate(Protocol):
    """One question, as two pure functions (law 4). `measures` names the gates that one answer serves."""

    @property
    def name(self) -> str:
        """Return the question's name: tests, linting, type_checking, …, or a project's own."""
        ...

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the gates it answers; tests answer several from one run."""
        ...

    @property
    def reads_tests(self) -> bool:
        """Whether the component's tests are part of what is measured, beside its modules."""
        ...

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the command that asks; `only` narrows it to some of the component's files."""
        ...

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return one answer per name in `measures`, in that order."""
        ...


@runtime_checkable
class Sharing(Gate, Protocol):
    """A question that one process can answer beside others of the same `house`: one start per answer."""

    @property
    def house(self) -> str:
        """Return whose process answers it."""
        ...

    def together(self, commands: Sequence[Command]) -> Command:
        """Return one command that asks what all of these ask."""
        ...


@runtime_checkable
class Placed(Gate, Protocol):
    """A question that says itself in which stage it is asked: testing, or refactoring."""

    @property
    def stage(self) -> Stage:
        """Return the stage."""
        ...


@runtime_checkable
class Tracing(Gate, Protocol):
    """A question whose process may read anything, and tells what it was heard to read."""

    def reads(self, component: Component, completed: Completed) -> Reads | None:
        """Return what the process read; None where it did not tell."""
        ...


@runtime_checkable
class Comparing(Gate, Protocol):
    """A question whose answer is compared with what changes from run to run: an old answer is compared anew."""

    def compared(self, answer: Measurement) -> Measurement:
        """Return a kept answer as this run has to tell it."""
        ...


@runtime_checkable
class Suite(Gate, Protocol):
    """The question `tests`, which also tells its answer test by test and line by line."""

    def report(self, component: Component, completed: Completed) -> SuiteReport:
        """Return the whole answer; an empty report where there is none to read."""
        ...

    def again(self, component: Component, node_ids: Sequence[str]) -> Command:
        """Return the command that runs these tests (or whole files) once more, in the order given, and no others."""
        ...


class Linter(Gate, Protocol):
    """The question `linting`, which can also mend."""

    def fix(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the command that mends what can be mended safely."""
        ...


def in_one_process(gates: Sequence[Gate]) -> tuple[tuple[Gate, ...], ...]:
    """Return the gates in groups that one process each can answer, in their order."""
    houses: dict[str, list[Gate]] = {}
    for gate in gates:
        houses.setdefault(gate.house if isinstance(gate, Sharing) else f"gate {gate.name}", []).append(gate)
    return tuple(tuple(group) for group in houses.values())


def command_of(gates: Sequence[Gate], component: Component) -> Command:
    """Return the one command that asks all gates of a group about the whole component."""
    first = gates[0]
    if len(gates) == 1 or not isinstance(first, Sharing):
        return first.command(component)
    return first.together([gate.command(component) for gate in gates])
