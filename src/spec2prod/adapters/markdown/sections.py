"""What the text under a heading is: requirements, testing requirements, an overview, or something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from spec2prod.adapters.markdown.blocks import Block, joined

_SET_ASIDE = re.compile(
    r"(?:out[ -]of[ -]scope|non[ -]goals?|non-requirements?|future|rejected|removed|renamed|deferred)\b.*"
    r"|rationale|open questions|notes?|key entities"
)
_TESTING_NAMES = frozenset({"testing", "tests", "test"})
_CRITERIA_NAMES = frozenset({"acceptance criteria", "acceptance scenarios"})
_EXAMPLES_NAMES = frozenset({"example", "examples"})
_OVERVIEW_NAMES = frozenset({"overview", "summary", "description", "introduction", "purpose"})


class Section(Enum):
    """What the text under a heading is."""

    REQUIREMENTS = "requirements"
    TESTING = "testing"
    CRITERIA = "criteria"
    EXAMPLES = "examples"
    OVERVIEW = "overview"
    ASIDE = "aside"
    OTHER = "other"


PROMISING = frozenset({Section.REQUIREMENTS, Section.TESTING, Section.CRITERIA})
_INSIDE = re.compile(r"(?:requirement|scenario(?:\s+[0-9]{1,6})?):\s*\S", re.IGNORECASE)


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
    if _INSIDE.match(joined(heading)):  # a requirement's own heading says nothing about the section that it stands in
        return above if above in {*PROMISING, Section.ASIDE, Section.EXAMPLES} else Section.REQUIREMENTS
    return _named(name, above) or (above if above in {*PROMISING, Section.ASIDE} else Section.OTHER)


def _named(name: str, above: Section) -> Section | None:
    """Return the section that a heading's words begin; None where they say nothing."""
    promising = re.search(r"\brequirements?$", name) is not None
    if _SET_ASIDE.fullmatch(name):
        return Section.ASIDE
    if name in _EXAMPLES_NAMES:
        return Section.EXAMPLES
    if name in _CRITERIA_NAMES:
        return Section.CRITERIA
    if name in _TESTING_NAMES or (promising and re.search(r"\b(?:tests?|testing)\b", name)):
        return Section.TESTING
    if promising:
        return Section.REQUIREMENTS
    return Section.OVERVIEW if name in _OVERVIEW_NAMES and above not in PROMISING else None
