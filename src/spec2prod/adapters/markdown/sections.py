"""What the text under a heading is: requirements, testing requirements, an overview, or something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from spec2prod.adapters.markdown.blocks import Block, joined

_SET_ASIDE = re.compile(
    r"(?:out[ -]of[ -]scope|non[ -]goals?|non-requirements?|future|rejected|removed|deferred)\b.*|examples?|rationale|open questions|notes?"
)
_TESTING_NAMES = frozenset({"testing", "tests", "test", "acceptance criteria"})
_OVERVIEW_NAMES = frozenset({"overview", "summary", "description", "introduction", "purpose"})


class Section(Enum):
    """What the text under a heading is."""

    REQUIREMENTS = "requirements"
    TESTING = "testing"
    OVERVIEW = "overview"
    OTHER = "other"


PROMISING = frozenset({Section.REQUIREMENTS, Section.TESTING})


def sections_of(blocks: Sequence[Block], title: Block | None) -> list[Section]:
    """Return each block's section; only where nothing else promises may the title ("# Requirements") do."""
    kinds = _sections(blocks, title)
    if PROMISING.isdisjoint(kinds):
        with_title = _sections(blocks, None)
        return kinds if PROMISING.isdisjoint(with_title) else with_title
    return kinds


def _sections(blocks: Sequence[Block], title: Block | None) -> list[Section]:
    """Return each block's section: its nearest heading's that says something, or what that heading stands under."""
    kinds: list[Section] = []
    stack: list[tuple[int, Section]] = []
    for block in blocks:
        if block is title:
            stack = [(1, Section.OVERVIEW)]  # the words under the title, until the first heading
        elif block.level:
            while stack and stack[-1][0] >= block.level:
                stack.pop()
            stack.append((block.level, _section(block.text, stack[-1][1] if stack else Section.OTHER)))
        kinds.append(stack[-1][1] if stack else Section.OTHER)
    return kinds


def _section(heading: str, above: Section) -> Section:
    name = re.sub(r"[*_`]|\([^()]*\)", "", joined(heading).lower())
    name = re.sub(r"^[\W\d]+|\W+$", "", name)
    promising = re.search(r"\brequirements?$", name) is not None
    if _SET_ASIDE.fullmatch(name):
        return Section.OTHER
    if name in _TESTING_NAMES or (promising and re.search(r"\b(?:tests?|testing)\b", name)):
        return Section.TESTING
    if promising or above in PROMISING:
        return Section.REQUIREMENTS if promising else above
    return Section.OVERVIEW if name in _OVERVIEW_NAMES else Section.OTHER
