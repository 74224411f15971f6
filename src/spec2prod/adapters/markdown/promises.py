"""One promise: its ID, given or derived from its words, its text, and the coverage that it asks for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from spec2prod.adapters.markdown.blocks import Block, joined
from spec2prod.domain.specification import Requirement
from spec2prod.errors import SpecificationError

_STANDARDS = r"(?!(?:UTF|UCS|SHA|ISO|RFC|IEEE|AES|RSA|CVE|PEP|HTTP|MD|CP|ASCII)-)"  # `UTF-8: …` is no ID
_ID = rf"{_STANDARDS}[A-Z][A-Z0-9]{{0,15}}(?:-[A-Z][A-Z0-9]{{0,15}}){{0,3}}-[0-9]{{1,9}}(?:[.-][0-9]{{1,9}}){{0,3}}"
_KNOWN_ID = r"(?:REQ|FR|NFR|UR|TR|SR|BR|US|AC|TC|SC)-[0-9]{1,9}(?:[.-][0-9]{1,9}){0,3}"
_MARKED_ID = re.compile(
    rf"(?:\*\*(?P<bold>{_ID})(?:\*\*\s*[:\u2013\u2014-]?|:\s*\*\*)|\[(?P<bracket>{_ID})\]\s*:?|\((?P<round>{_ID})\)\s*:?"
    rf"|`(?P<code>{_ID})`\s*[:\u2013\u2014-]?|(?P<plain>{_ID})(?::|\s+[\u2013\u2014-]\s))\s*(?P<text>\S.*)",
    re.DOTALL,
)
_BARE_ID = re.compile(rf"(?P<bare>{_KNOWN_ID})\s+(?P<text>\S.*)", re.DOTALL)
_CHECKBOX = re.compile(r"(?:\[[ xX]\]\s+)+")

# Possessive where two runs of blanks meet: a line of blanks must not take quadratic time.
_BULLET = r"[ \t>]*+(?:[-*+]|[0-9]{1,9}[.)])[ \t]++"
_LOOKS_PROMISED = re.compile(rf"{_BULLET}.*\b(?:must|shall|should)\b", re.IGNORECASE)
_LOOKS_NAMED = re.compile(rf"(?:{_BULLET})?[ \t>#|]*+(?:\[[ xX]\][ \t]++)?[*`\[(]{{0,3}}(?:{_KNOWN_ID}(?![\w-])|{_ID}[\])*`]*:)")

_FIGURE = r"(?<![\w.,])(?:[0-9]+(?:\.[0-9]+)?\s*[-\u2013]\s*)?(?P<{}>[-\u2212]?[0-9]+(?:\.[0-9]+)?)\s*(?:%|percent\b|per\s+cent\b)"
_COVERAGE = re.compile(
    _FIGURE.format("before")
    + r"\s+(?:[\w-]{1,30}\s+){0,4}?coverage\b|\bcoverage\b[\s:=*`~\u2265>()]*(?:[\w-]{1,30}[\s:=*`~\u2265>()]+){0,5}?"
    + _FIGURE.format("after"),
    re.IGNORECASE,
)


def read_promises(block: Block, promises: list[tuple[str, int]], read_lines: set[int]) -> None:
    """Take the block's promises: a list item is one, and every line that begins with an ID begins one."""
    lines = block.text.split("\n")
    starts = [number for number, line in enumerate(lines) if _MARKED_ID.match(bare(line)) or (number == 0 and _BARE_ID.match(bare(line)))]
    if block.in_list and 0 not in starts:
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        text = bare(joined("\n".join(lines[start:end])))
        if text:
            promises.append((text, block.line + start + 1))
        read_lines.update(range(block.line + start, block.line + end))


def requirement(text: str, line: int, ids: dict[str, int]) -> Requirement:
    """Return the promise of these words, with the ID it names, else one derived from them; `ids` counts those given out."""
    match = _MARKED_ID.fullmatch(text) or _BARE_ID.fullmatch(text)
    if not match:
        return Requirement(id=_unique(_derived_id(text), ids), text=text, line=line)
    given = next(value for name, value in match.groupdict().items() if value and name != "text")
    return Requirement(id=_unique(given, ids), text=match["text"], line=line, id_given=True)


def _derived_id(text: str) -> str:
    """Return an ID that depends on the words alone: neither place, case, markup nor final punctuation moves it."""
    words = re.sub(r"[*_`]", "", text).casefold().rstrip(" .;,")
    return f"REQ-{hashlib.sha256(words.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _unique(wanted: str, ids: dict[str, int]) -> str:
    """Return the ID, with `-2`, `-3` where the same promise stands more than once."""
    unique = wanted
    while unique in ids:
        ids[wanted] += 1
        unique = f"{wanted}-{ids[wanted]}"
    ids[unique] = 1
    return unique


def coverage_targets(block: Block, path: str) -> Iterator[tuple[float, int]]:
    """Yield every coverage that a block asks for, in percent, with its 1-based line.

    Raises:
        SpecificationError: where it lies outside 0 to 100 percent.
    """
    for match in _COVERAGE.finditer(block.text):
        percent = float((match["before"] or match["after"]).replace("\u2212", "-"))
        line = block.line + block.text.count("\n", 0, match.start("before" if match["before"] else "after")) + 1
        if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
            raise SpecificationError(
                f"a coverage of {percent:g} % cannot be reached",
                where=f"{path}:{line}",
                next_step='Ask for 0 to 100 percent, such as "Achieve 80% coverage".',
            )
        yield percent, line


def unread(lines: Sequence[str], known: set[int]) -> tuple[int, ...]:
    """Return the 1-based lines that look like promises and are not among the `known` ones (0-based)."""
    looks = (number for number, line in enumerate(lines) if _LOOKS_NAMED.match(line) or _LOOKS_PROMISED.match(line))
    return tuple(number + 1 for number in looks if number not in known)


def bare(text: str) -> str:
    """Return an item's text without its checkbox: ticking a box keeps the promise."""
    box = _CHECKBOX.match(text)
    return text[box.end() :] if box else text
