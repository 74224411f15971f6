"""Read a component's promise from markdown.

What counts as a promise: list items under a heading that ends in "requirements" (testing ones apart), lines that begin with an ID
(`REQ-1: …`), EARS lines and Given/When/Then scenarios wherever they stand, and what stands under a heading `Requirement: …`. Whatever
looks like a promise elsewhere is counted in `unread`, never dropped silently. Inline markup is not parsed: a promise keeps its source
text, and so its derived ID.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from spec2prod.adapters.markdown.blocks import NEWLINE, PARSER, blocks_of, front_matter, joined, unreadable
from spec2prod.adapters.markdown.collecting import Collector
from spec2prod.adapters.markdown.promises import Ids, requirement, unread
from spec2prod.adapters.markdown.sections import Section, sections_of
from spec2prod.domain.specification import DRAFT_MARK, Specification


def parse_spec(text: str, path: str) -> Specification:
    """Return what a specification promises; `path` is for addresses and, without a first-level heading, the title.

    Raises:
        SpecificationError: where a coverage target lies outside 0 to 100 percent, or the same ID is given twice.
    """
    lines = NEWLINE.split(text.removeprefix("\ufeff"))
    front = front_matter(lines)
    tokens = PARSER.parse("\n".join([""] * front + lines[front:]))
    blocks = blocks_of(tokens)
    title = next((block for block in blocks if block.level == 1), None)
    reading = Collector(path)
    for block, kind in zip(blocks, sections_of(blocks, title), strict=True):
        reading.take(block, kind)
    target, target_line = max(reading.targets, default=(None, 0), key=lambda found: found[0] or 0.0)
    ids, references = Ids(path), Ids(path, refuses=False)
    wanted = tuple(requirement(each, ids) for each in reading.promises[Section.REQUIREMENTS])
    ids.next_section()
    return Specification(
        path=path,
        title=(title and joined(title.text)) or PurePosixPath(path).stem or "specification",
        overview="\n\n".join(reading.overview),
        requirements=wanted,
        testing_requirements=tuple(requirement(each, ids) for each in reading.promises[Section.TESTING]),
        examples=tuple(requirement(each, references) for each in reading.promises[Section.EXAMPLES]),
        coverage_target=target,
        coverage_target_line=target_line,
        unread=unread(lines, reading.read_lines | set(range(front)) | unreadable(tokens)),
        draft_line=next((number for number, line in enumerate(lines, start=1) if line.lstrip("> *_").startswith(DRAFT_MARK)), 0),
    )
