"""Whether a proposed test earns its place, and what became of the defects that one has shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from spec2prod.application.ports.machine import Tree

if TYPE_CHECKING:
    from spec2prod.domain.component import Component
    from spec2prod.domain.defect import Defect, Disposition
    from spec2prod.domain.judged import Judged
    from spec2prod.domain.question import Question
    from spec2prod.domain.specification import Specification


@dataclass(frozen=True, slots=True, kw_only=True)
class ToJudge:
    """Proposed test files in a copy of the project that nobody else writes to.

    `component` lies in that copy; its `tests` are the suite beside which `files` are judged, and hold none of them.
    """

    component: Component
    tree: Tree
    files: tuple[str, ...]
    specification: Specification


class Judge(Protocol):
    """Says of proposed tests whether they earn their place, and why."""

    def question(self, asked: ToJudge) -> Question:
        """Return exactly what the judgement depends on."""
        ...

    def kills_question(self, component: Component, tree: Tree, test_file: str) -> Question:
        """Return exactly what it depends on which changes of the code the tests of one file notice."""
        ...

    async def judge(self, asked: ToJudge, tell: Callable[[str], None]) -> Judged:
        """Return one verdict a test function; `tell` hears what it begins with. The copy is left as it was.

        A cancelled call leaves no process behind.

        Raises:
            Spec2prodError: where the judge could not do its work: never a verdict on a test.
        """
        ...


class Defects(Protocol):
    """The suspected defects of every component, and what people said about them. What was noted once counts in every later run."""

    @property
    def is_kept(self) -> bool:
        """Whether later runs will know them; else they last as long as this one."""
        ...

    def note(self, defect: Defect) -> Defect:
        """Keep a defect, and return it as it is known: one that was disposed of as a wrong test or requirement stays disposed of.

        One that was fixed and fails again is open again; what was said about it is kept.

        Raises:
            StoreError: where it cannot be written.
        """
        ...

    def open_of(self, component: str) -> tuple[Defect, ...]:
        """Return a component's open defects, the oldest first.

        Raises:
            StoreError: where they cannot be read.
        """
        ...

    def disposed_of(self, defect_id: str) -> Disposition | None:
        """Return what a person said about a defect (`domain.defect.defect_id` names it); None where it is open, or unknown.

        Raises:
            StoreError: where it cannot be read.
        """
        ...
