"""What earlier runs have left: answers to the same questions, and how long things took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from spec2prod.application.ports.gates import Gate
from spec2prod.application.ports.machine import Tree

if TYPE_CHECKING:
    from spec2prod.domain.command import Command
    from spec2prod.domain.component import Component
    from spec2prod.domain.question import Kept, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a gate is asked about: a component in a tree, or `only` some of its files; `command` asks, `name` is what it is kept under."""

    gate: Gate
    component: Component
    tree: Tree
    command: Command
    name: str
    only: tuple[str, ...] = ()


class Fingerprints(Protocol):
    """Says exactly what an answer depends on."""

    def question(self, subject: Subject) -> Question | None:
        """Return a question with all its inputs; None where the settings say that its answer is not to be kept."""
        ...


class Cache(Protocol):
    """Answers of earlier runs."""

    def find(self, question: Question, tree: Tree) -> Kept | None:
        """Return the newest answer whose question and trace are the same, unless it is too old, or flaky.

        Raises:
            StoreError: where it cannot be looked up.
        """
        ...

    def keep(self, question: Question, trace: Mapping[str, str], kept: Kept, tree: Tree) -> None:
        """Keep an answer.

        Raises:
            StoreError: where it cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What earlier runs have measured. `forced` names stages and gates that are asked all the same.

    `agents` holds for each generator the digest of what its answer depends on beside its task: its model, its version, its options.
    """

    fingerprints: Fingerprints
    cache: Cache
    forced: frozenset[str] = frozenset()
    agents: Mapping[str, str] = field(default_factory=dict)


class History(Protocol):
    """What earlier runs have taught: how long things take, what memory, and how often a gate says no. Advice, never evidence."""

    def expected_ms(self, name: str) -> float | None:
        """Return how long it will take, in milliseconds (`domain.durations.estimate_ms`); None where it was never seen."""
        ...

    def learn(self, name: str, ms: float) -> None:
        """Note how long it took."""
        ...

    def expected_mb(self, name: str) -> float | None:
        """Return how much memory its largest process will need, in MiB (`domain.durations.estimate_mb`); None where it was never seen."""
        ...

    def learn_memory(self, name: str, mb: float) -> None:
        """Note how much memory it needed at its peak."""
        ...

    def failure_rate(self, gate: str) -> float:
        """Return how likely a gate is to say no, above 0 and below 1 (`domain.durations.failure_rate`)."""
        ...

    def learn_verdict(self, gate: str, *, red: bool) -> None:
        """Note what a gate said."""
        ...

    def keep(self) -> None:
        """Write down what was learnt since the last time; trouble with that is nobody's verdict, and raises nothing."""
        ...
