"""Read a component's promise from markdown.

What counts as a promise: list items under a heading that ends in "requirements" (testing ones apart), and lines that
begin with an ID (`REQ-1: …`). Whatever looks like a promise elsewhere is counted in `unread`, never dropped silently.
Inline markup is not parsed: a promise keeps its source text, and so its derived ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from spec2prod.adapters.markdown.blocks import NEWLINE, PARSER, Block, blocks_of, front_matter, joined, unreadable
from spec2prod.adapters.markdown.promises import coverage_targets, read_promises, requirement, unread
from spec2prod.adapters.markdown.sections import PROMISING, Section, sections_of
from spec2prod.domain.specification import DRAFT_MARK, Specification


@dataclass(slots=True)
class Reading:
    """What has been read so far, in document order; a promise is its text with its 1-based line."""

    overview: list[str] = field(default_factory=list)
    promises: dict[Section, list[tuple[str, int]]] = field(default_factory=lambda: {section: [] for section in PROMISING})
    targets: list[tuple[float, int]] = field(default_factory=list)
    read_lines: set[int] = field(default_factory=set)


def parse_spec(text: str, path: str) -> Specification:
    """Return what a specification promises; `path` is for addresses and, without a first-level heading, the title.

    Raises:
        SpecificationError: where a coverage target lies outside 0 to 100 percent.
    """
    lines = NEWLINE.split(text.removeprefix("\ufeff"))
    front = front_matter(lines)
    tokens = PARSER.parse("\n".join([""] * front + lines[front:]))
    blocks = blocks_of(tokens)
    title = next((block for block in blocks if block.level == 1), None)
    reading = _read(blocks, sections_of(blocks, title), path)
    target, target_line = max(reading.targets, default=(None, 0), key=lambda found: found[0] or 0.0)
    ids: dict[str, int] = {}
    return Specification(
        path=path,
        title=(title and joined(title.text)) or PurePosixPath(path).stem or "specification",
        overview="\n\n".join(reading.overview),
        requirements=tuple(requirement(text, line, ids) for text, line in reading.promises[Section.REQUIREMENTS]),
        testing_requirements=tuple(requirement(text, line, ids) for text, line in reading.promises[Section.TESTING]),
        coverage_target=target,
        coverage_target_line=target_line,
        unread=unread(lines, reading.read_lines | set(range(front)) | unreadable(tokens)),
        draft_line=next((number for number, line in enumerate(lines, start=1) if line.lstrip("> *_").startswith(DRAFT_MARK)), 0),
    )


def _read(blocks: Sequence[Block], kinds: Sequence[Section], path: str) -> Reading:
    reading = Reading()
    for block, kind in zip(blocks, kinds, strict=True):
        if block.level:
            continue
        if kind is Section.OVERVIEW and not block.in_list:
            reading.overview.append(joined(block.text))
        elif kind in PROMISING:
            reading.targets += coverage_targets(block, path)
            read_promises(block, reading.promises[kind], reading.read_lines)
    return reading
