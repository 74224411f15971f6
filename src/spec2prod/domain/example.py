"""Examples that a specification gives: a call, and what it returns or raises. They are a grounded oracle, without a model or a key.

Pure: a specification goes in, examples and doubts come out. Whatever stands in a specification is parsed, never evaluated: arguments
and results are literals (`ast.literal_eval`), and what is none is told as a doubt.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from spec2prod.domain.example_prose import Said, in_prose, in_scenario, is_scenario
from spec2prod.domain.example_tables import in_table
from spec2prod.domain.specification import Requirement, Specification


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One example with its address. `requirement` is empty where it stands with none; `line` is 1-based, in the specification."""

    said: Said
    path: str
    line: int
    requirement: str = ""
    text_hash: str = ""

    @property
    def where(self) -> str:
        """Return its address."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Something that looks like an example, and is not used: `reason` says why."""

    where: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What a specification gives: examples, each once, and doubts."""

    found: tuple[Example, ...]
    doubts: tuple[Doubt, ...] = ()


def examples_of(specification: Specification) -> Examples:
    """Return every example of a specification, in the order of the text."""
    found: dict[tuple[str, Said], Example] = {}
    doubts: list[Doubt] = []
    promises = (*specification.requirements, *specification.testing_requirements)
    known = {each.id: each.text_hash for each in promises}
    for promise in (*promises, *specification.examples):
        wanted = promise.id if promise.id in known else ""
        for said, line in _said_by(promise):
            if said.doubt:
                doubts.append(Doubt(where=f"{specification.path}:{line}", source=said.source, reason=said.doubt))
                continue
            plain = dataclasses.replace(said, source="")
            example = Example(said=said, path=specification.path, line=line, requirement=wanted, text_hash=known.get(wanted, ""))
            found.setdefault((wanted, plain), example)
    return Examples(found=tuple(found.values()), doubts=tuple(doubts))


def _said_by(promise: Requirement) -> Iterator[tuple[Said, int]]:
    for said in in_scenario(promise.text) if is_scenario(promise.text) else in_prose(promise.text):
        yield said, promise.line
    for scenario in promise.scenarios:
        text = " ".join(scenario.steps)
        for said in in_scenario(text) if is_scenario(text) else in_prose(text):
            yield said, scenario.line or promise.line
    for table in promise.tables:
        for said, row in in_table(table, promise.text):
            yield said, (table.line + 2 + row if table.line else promise.line)
