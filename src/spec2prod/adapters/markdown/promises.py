"""One promise: its ID, given or derived from its words, its text, and the coverage that it asks for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from spec2prod.adapters.markdown.blocks import Block, joined
from spec2prod.adapters.markdown.dialects import split_priority
from spec2prod.domain.specification import Requirement, Scenario, Table
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
_INNER_PRIORITY = re.compile(
    rf"^(?:\*\*)?(?P<id>{_ID})(?:\*\*)?\s*[(\[](?:[Pp]riority:?\s*)?(?P<priority>P[0-9])[)\]](?:\*\*)?\s*:?\s*(?=\S)"
)
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

COVERAGE_GATE = "test_coverage"
_LONGEST_COVERAGE = 200  # characters
_COVERAGE_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a achieve all and at be branch by cent code component coverage ensure for full get goal has have is it keep least line lines
        maintain minimum module more must needs of or overall per percent reach reaches shall should statement target test tests than
        the their this to total unit with
        """,
    )
)


@dataclass(slots=True, kw_only=True)
class Draft:
    """A promise as it was read: its words with its ID among them, or what stands under a heading `name` of its own. `line` is 1-based."""

    text: str
    line: int
    name: str = ""
    priority: str = ""
    scenarios: list[Scenario] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


class Ids:
    """The IDs given out so far. Within one section an author's ID stands once; `refuses` is off where IDs only refer to promises."""

    def __init__(self, path: str, *, refuses: bool = True) -> None:
        self._path, self._refuses = path, refuses
        self._counts: dict[str, int] = {}
        self._lines: dict[str, int] = {}

    def next_section(self) -> None:
        """Begin a section: what tests must show may name a requirement again."""
        self._lines = {}

    def given(self, wanted: str, line: int) -> str:
        """Return an author's ID.

        Raises:
            SpecificationError: where this section has it already.
        """
        if not self._refuses:
            return wanted
        if first := self._lines.get(wanted):
            raise SpecificationError(
                f"{wanted} is given twice: at {self._path}:{first} and at {self._path}:{line}",
                where=f"{self._path}:{line}",
                next_step="Give each requirement an ID of its own: a test that names it must mean one.",
            )
        self._lines[wanted] = line
        return self.unique(wanted)

    def unique(self, wanted: str) -> str:
        """Return the ID, with `-2`, `-3` where the same promise stands more than once."""
        unique = wanted
        while unique in self._counts:
            self._counts[wanted] += 1
            unique = f"{wanted}-{self._counts[wanted]}"
        self._counts[unique] = 1
        return unique


def read_promises(block: Block, read_lines: set[int]) -> list[Draft]:
    """Return the block's promises: a list item is one, and every line that begins with an ID begins one."""
    lines, promises = block.text.split("\n"), list[Draft]()
    starts = [number for number, line in enumerate(lines) if _begins(line) or (number == 0 and begins_with_id(bare(line)))]
    if block.in_list and 0 not in starts:
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        text = bare(joined("\n".join(lines[start:end])))
        if text:
            promises.append(Draft(text=text, line=block.line + start + 1))
        read_lines.update(range(block.line + start, block.line + end))
    return promises


def has_id(block: Block) -> bool:
    """Whether a line of the block begins a promise with an ID."""
    first, *rest = block.text.split("\n")
    return begins_with_id(bare(first.strip())) or any(_begins(line.strip()) for line in rest)


def begins_with_id(text: str) -> bool:
    """Whether a text begins with an ID, also one without a sign behind it."""
    return _MARKED_ID.match(text) is not None or _BARE_ID.match(text) is not None


def _begins(line: str) -> bool:
    return _MARKED_ID.match(bare(line)) is not None


def requirement(draft: Draft, ids: Ids) -> Requirement:
    """Return a promise with the ID that it names, else one derived from its words; `ids` knows those given out.

    Raises:
        SpecificationError: where its ID was given before.
    """
    said, priority = _split(draft.name or draft.text)
    if begins_with_id(draft.name or draft.text) and not begins_with_id(said):  # nothing but an ID was left
        said, priority = draft.name or draft.text, ""
    match = _MARKED_ID.fullmatch(said) or _BARE_ID.fullmatch(said)
    words = said
    if match:
        words, inner = split_priority(match["text"])
        priority = inner or priority
    given = next((value for name, value in match.groupdict().items() if value and name != "text"), "") if match else ""
    text = (draft.text or words) if draft.name else words
    return Requirement(
        id=ids.given(given, draft.line) if given else ids.unique(_derived_id(words)),
        text=text,
        line=draft.line,
        id_given=bool(given),
        priority=priority or draft.priority,
        name=words if draft.name else "",
        scenarios=tuple(draft.scenarios),
        tables=tuple(draft.tables),
        measured_by=COVERAGE_GATE if _is_about_coverage(text) else "",
    )


def _split(text: str) -> tuple[str, str]:
    """Return a promise without its priority's mark: at its end, at its begin, or between its ID and its words (`REQ-1 (P0): …`)."""
    return split_priority(_INNER_PRIORITY.sub(r"\g<id>: [\g<priority>] ", text, count=1))


def _derived_id(text: str) -> str:
    """Return an ID that depends on the words alone: neither place, case, markup nor final punctuation moves it."""
    words = re.sub(r"[*_`]", "", text).casefold().rstrip(" .;,")
    return f"REQ-{hashlib.sha256(words.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _is_about_coverage(text: str) -> bool:
    """Whether a promise asks for coverage and for nothing else: no test could show that it holds."""
    if len(text) > _LONGEST_COVERAGE or _COVERAGE.search(text) is None:
        return False
    return {word.casefold() for word in re.findall(r"[^\W\d_]+", text)} <= _COVERAGE_WORDS


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
