"""The markdown promise of a component, as values.

Parsing is in `adapters/markdown` (it names a vendor); rendering is here, and
`parse_spec(render_spec(s))` gives the same promises back (law 7).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

DRAFT_MARK = "Draft by spec2prod init"
"""How a line begins that marks a specification as a draft: it was made from the code, and promises nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way of using what a requirement promises (OpenSpec's `#### Scenario:`).

    A step is its source text, its keyword first and in capitals where it has one: `WHEN add(1, 2) is called`. `line` is 1-based.
    """

    name: str
    steps: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that stands with a requirement; a cell is its source text. `line` is its header's, 1-based: its first row is two below."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One promise. `id` is the author's (`REQ-1`) or derived from the text (from the name, where a heading gives one).

    Reordering keeps it. `line` is 1-based, in the specification's file. `priority` is the author's: P0, P1, …, empty where none is
    stated. `measured_by` names the gate that answers it where no test could: a promise of coverage.
    """

    id: str
    text: str
    line: int
    id_given: bool = False
    priority: str = ""
    name: str = ""
    scenarios: tuple[Scenario, ...] = ()
    tables: tuple[Table, ...] = ()
    measured_by: str = ""

    @property
    def text_hash(self) -> str:
        """Return a short hash of all that is promised: neither place nor priority changes it.

        Twelve characters of a SHA-256, with dots between: a scanner for secrets must not take it for one where a test repeats it.
        """
        told = [self.name, self.text]
        told += [part for scenario in self.scenarios for part in (scenario.name, *scenario.steps)]
        told += [cell for table in self.tables for row in (table.header, *table.rows) for cell in row]
        digest = hashlib.sha256("\0".join(told).encode(errors="surrogatepass")).hexdigest()
        return f"{digest[:4]}.{digest[4:8]}.{digest[8:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """What a component promises, and what its tests must show.

    `coverage_target` is in percent; None where the author asked for none. `unread` holds the addresses
    (1-based lines) of lines that look like requirements outside the parsed sections: a parser that silently
    sees fewer promises than a reader would is the known trap. `draft_line` is the line that marks a draft, 0 where
    none does. `examples` stand under a heading of their own: they promise nothing new, and may name a requirement's ID.
    """

    path: str
    title: str
    overview: str = ""
    requirements: tuple[Requirement, ...] = ()
    testing_requirements: tuple[Requirement, ...] = ()
    examples: tuple[Requirement, ...] = ()
    coverage_target: float | None = None
    coverage_target_line: int = 0
    unread: tuple[int, ...] = ()
    draft_line: int = 0

    @property
    def testable(self) -> tuple[Requirement, ...]:
        """Return the requirements that a test can show: a promise of coverage is answered by its own gate."""
        return tuple(each for each in self.requirements if not each.measured_by)

    @property
    def states_ids(self) -> bool:
        """Whether the author named requirements, or put them into an order of importance."""
        return any(each.id_given or each.priority for each in self.requirements)


def numbered(specification: Specification) -> Specification:
    """Return it with each requirement's ID shown where it is rendered, also one derived from its text: for who has to name them."""
    shown = tuple(each if each.measured_by else replace(each, id_given=True) for each in specification.requirements)
    return replace(specification, requirements=shown)


def render_spec(specification: Specification) -> str:
    """Return the specification as markdown: the guide's, and OpenSpec's where a requirement has a name.

    It is the inverse of `parse_spec` up to line numbers.
    """
    lines = [f"# {specification.title}", ""]
    if specification.overview:
        lines += ["## Overview", "", specification.overview, ""]
    for heading, promises in (
        ("Requirements", specification.requirements),
        ("Testing Requirements", specification.testing_requirements),
        ("Examples", specification.examples),
    ):
        lines += _section(heading, promises)
    return "\n".join(lines)


def _section(heading: str, promises: tuple[Requirement, ...]) -> list[str]:
    """Return a section's lines; after a requirement with a heading of its own, the next bullet needs the section's heading again."""
    lines: list[str] = []
    before: Requirement | None = None
    for promise in promises:
        if before is None or (before.name and not promise.name):
            lines += [f"## {heading}", ""]
        lines += _titled(promise) if promise.name else [_bullet(promise)]
        lines += _tables(promise)
        before = promise
    return [*lines, ""] if lines and lines[-1] else lines


def _bullet(promise: Requirement) -> str:
    return f"- {promise.id}: {promise.text}{_priority(promise)}" if promise.id_given else f"- {promise.text}{_priority(promise)}"


def _priority(promise: Requirement) -> str:
    return f" ({promise.priority})" if promise.priority else ""


def _titled(promise: Requirement) -> list[str]:
    name = f"{promise.id}: {promise.name}" if promise.id_given else promise.name
    lines = ["", f"### Requirement: {name}{_priority(promise)}", ""]
    lines += [promise.text, ""] if promise.text != promise.name else []
    for scenario in promise.scenarios:
        lines += [f"#### Scenario: {scenario.name}", "", *map(_step, scenario.steps), ""]
    return lines


def _step(step: str) -> str:
    keyword, blank, rest = step.partition(" ")
    return f"- **{keyword}** {rest}" if blank and keyword in STEP_WORDS else f"- {step}"


STEP_WORDS = frozenset({"GIVEN", "WHEN", "THEN", "AND", "BUT"})


def _tables(promise: Requirement) -> list[str]:
    lines: list[str] = []
    for table in promise.tables:
        rule = tuple("---" for _ in table.header)
        lines += ["", *(f"| {' | '.join(row)} |" for row in (table.header, rule, *table.rows)), ""]
    return lines
