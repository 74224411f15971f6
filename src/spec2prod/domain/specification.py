"""The markdown promise of a component, as values.

Parsing is in `adapters/markdown.py` (it names a vendor); rendering is here, and `parse_spec(render_spec(s))`
gives the same promises back (law 7).
"""

from __future__ import annotations

from dataclasses import dataclass

DRAFT_MARK = "Draft by spec2prod init"
"""How a line begins that marks a specification as a draft: it was made from the code, and promises nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One promise. `id` is the author's (`REQ-1`) or derived from the text, so that reordering keeps it.

    `line` is 1-based, in the specification's file.
    """

    id: str
    text: str
    line: int
    id_given: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """What a component promises, and what its tests must show.

    `coverage_target` is in percent; None where the author asked for none. `unread` holds the addresses
    (1-based lines) of lines that look like requirements outside the parsed sections: a parser that silently
    sees fewer promises than a reader would is the known trap. `draft_line` is the line that marks a draft, 0 where
    none does.
    """

    path: str
    title: str
    overview: str = ""
    requirements: tuple[Requirement, ...] = ()
    testing_requirements: tuple[Requirement, ...] = ()
    coverage_target: float | None = None
    coverage_target_line: int = 0
    unread: tuple[int, ...] = ()
    draft_line: int = 0


def render_spec(specification: Specification) -> str:
    """Return the specification as the guide's markdown; the inverse of `parse_spec` up to line numbers."""
    lines = [f"# {specification.title}", ""]
    if specification.overview:
        lines += ["## Overview", "", specification.overview, ""]
    for heading, promises in (
        ("Requirements", specification.requirements),
        ("Testing Requirements", specification.testing_requirements),
    ):
        if promises:
            lines += [f"## {heading}", "", *(_bullet(promise) for promise in promises), ""]
    return "\n".join(lines)


def _bullet(promise: Requirement) -> str:
    return f"- {promise.id}: {promise.text}" if promise.id_given else f"- {promise.text}"
