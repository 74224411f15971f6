"""Read a component's promise from markdown.

What counts as a promise: list items under a heading that ends in "requirements" (testing ones apart), and lines that
begin with an ID (`REQ-1: …`). Whatever looks like a promise elsewhere is counted in `unread`, never dropped silently.
Inline markup is not parsed: a promise keeps its source text, and so its derived ID.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token

from spec2prod.domain.specification import DRAFT_MARK, Requirement, Specification
from spec2prod.errors import SpecificationError

# A list inside a list takes two levels; beyond fifty lists, lines are counted as unread.
_PARSER = MarkdownIt("commonmark", {"maxNesting": 100}).disable(["inline", "reference"])

_NEWLINE = re.compile(r"\r\n?|\n")  # as CommonMark counts lines: str.splitlines counts more
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

_SET_ASIDE = re.compile(
    r"(?:out[ -]of[ -]scope|non[ -]goals?|non-requirements?|future|rejected|removed|deferred)\b.*|examples?|rationale|open questions|notes?"
)
_TESTING_NAMES = frozenset({"testing", "tests", "test", "acceptance criteria"})
_OVERVIEW_NAMES = frozenset({"overview", "summary", "description", "introduction", "purpose"})


_LARGEST = 16 * 2**20  # bytes
_EXAMPLE = "The smallest valid specification:\n\n# Calculator\n\n## Requirements\n\n- Adds two numbers\n"


class _Section(Enum):
    """What the text under a heading is."""

    REQUIREMENTS = "requirements"
    TESTING = "testing"
    OVERVIEW = "overview"
    OTHER = "other"


_PROMISING = frozenset({_Section.REQUIREMENTS, _Section.TESTING})


@dataclass(slots=True, kw_only=True)
class _Block:
    """A heading (`level` > 0), a paragraph, or all that one list item says itself, with the 0-based line it starts on."""

    text: str
    line: int
    level: int = 0
    in_list: bool = False

    def extend(self, text: str, line: int) -> None:
        """Take in a list item's further paragraph, with the lines between as empty ones, so that line numbers stay right."""
        self.text += "\n" * (line - self.line - self.text.count("\n")) + text


@dataclass(slots=True)
class _Reading:
    """What has been read so far, in document order; a promise is its text with its 1-based line."""

    overview: list[str] = field(default_factory=list)
    promises: dict[_Section, list[tuple[str, int]]] = field(default_factory=lambda: {section: [] for section in _PROMISING})
    targets: list[tuple[float, int]] = field(default_factory=list)
    read_lines: set[int] = field(default_factory=set)


def parse_spec(text: str, path: str) -> Specification:
    """Return what a specification promises; `path` is for addresses and, without a first-level heading, the title.

    Raises:
        SpecificationError: where a coverage target lies outside 0 to 100 percent.
    """
    lines = _NEWLINE.split(text.removeprefix("\ufeff"))
    front = _front_matter(lines)
    tokens = _PARSER.parse("\n".join([""] * front + lines[front:]))
    blocks = _blocks(tokens)
    title = next((block for block in blocks if block.level == 1), None)
    reading = _read(blocks, _all_sections(blocks, title), path)
    target, target_line = max(reading.targets, default=(None, 0), key=lambda found: found[0] or 0.0)
    ids: dict[str, int] = {}
    return Specification(
        path=path,
        title=(title and _joined(title.text)) or PurePosixPath(path).stem or "specification",
        overview="\n\n".join(reading.overview),
        requirements=tuple(_requirement(text, line, ids) for text, line in reading.promises[_Section.REQUIREMENTS]),
        testing_requirements=tuple(_requirement(text, line, ids) for text, line in reading.promises[_Section.TESTING]),
        coverage_target=target,
        coverage_target_line=target_line,
        unread=_unread(lines, reading.read_lines | set(range(front)) | _unreadable(tokens)),
        draft_line=next((number for number, line in enumerate(lines, start=1) if line.lstrip("> *_").startswith(DRAFT_MARK)), 0),
    )


def _front_matter(lines: Sequence[str]) -> int:
    """Return how many lines YAML front matter takes; 0 where there is none."""
    if lines[0].rstrip() != "---" or len(lines) < 3 or not re.match(r"[\w\"'-]+\s*:(?:\s|$)", lines[1]):  # noqa: PLR2004 - fence, key, fence
        return 0
    return next((number + 1 for number, line in enumerate(lines) if number and line.rstrip() in {"---", "..."}), 0)


def _blocks(tokens: Sequence[Token]) -> list[_Block]:
    blocks: list[_Block] = []
    items: list[_Block | None] = []  # the open list items, each with its block once it has one
    for before, token in pairwise(tokens):
        if before.type == "list_item_open":
            items.append(None)
        elif before.type == "list_item_close":
            items.pop()
        if token.type != "inline" or not token.map:
            continue
        if items and items[-1]:
            items[-1].extend(token.content, token.map[0])
            continue
        top = before.type == "heading_open" and before.level == 0
        block = _Block(text=token.content, line=token.map[0], level=int(before.tag[1:]) if top else 0, in_list=bool(items))
        blocks.append(block)
        items[-1:] = [block] if items else []
    return blocks


def _all_sections(blocks: Sequence[_Block], title: _Block | None) -> list[_Section]:
    """Return each block's section; only where nothing else promises may the title ("# Requirements") do."""
    kinds = _sections(blocks, title)
    if _PROMISING.isdisjoint(kinds):
        with_title = _sections(blocks, None)
        return kinds if _PROMISING.isdisjoint(with_title) else with_title
    return kinds


def _sections(blocks: Sequence[_Block], title: _Block | None) -> list[_Section]:
    """Return each block's section: its nearest heading's that says something, or what that heading stands under."""
    kinds: list[_Section] = []
    stack: list[tuple[int, _Section]] = []
    for block in blocks:
        if block is title:
            stack = [(1, _Section.OVERVIEW)]  # the words under the title, until the first heading
        elif block.level:
            while stack and stack[-1][0] >= block.level:
                stack.pop()
            stack.append((block.level, _section(block.text, stack[-1][1] if stack else _Section.OTHER)))
        kinds.append(stack[-1][1] if stack else _Section.OTHER)
    return kinds


def _section(heading: str, above: _Section) -> _Section:
    name = re.sub(r"[*_`]|\([^()]*\)", "", _joined(heading).lower())
    name = re.sub(r"^[\W\d]+|\W+$", "", name)
    promising = re.search(r"\brequirements?$", name) is not None
    if _SET_ASIDE.fullmatch(name):
        return _Section.OTHER
    if name in _TESTING_NAMES or (promising and re.search(r"\b(?:tests?|testing)\b", name)):
        return _Section.TESTING
    if promising or above in _PROMISING:
        return _Section.REQUIREMENTS if promising else above
    return _Section.OVERVIEW if name in _OVERVIEW_NAMES else _Section.OTHER


def _read(blocks: Sequence[_Block], kinds: Sequence[_Section], path: str) -> _Reading:
    reading = _Reading()
    for block, kind in zip(blocks, kinds, strict=True):
        if block.level:
            continue
        if kind is _Section.OVERVIEW and not block.in_list:
            reading.overview.append(_joined(block.text))
        elif kind in _PROMISING:
            reading.targets += _coverage_targets(block, path)
            _read_promises(block, reading.promises[kind], reading.read_lines)
    return reading


def _read_promises(block: _Block, promises: list[tuple[str, int]], read_lines: set[int]) -> None:
    """Take the block's promises: a list item is one, and every line that begins with an ID begins one."""
    lines = block.text.split("\n")
    starts = [number for number, line in enumerate(lines) if _MARKED_ID.match(_bare(line)) or (number == 0 and _BARE_ID.match(_bare(line)))]
    if block.in_list and 0 not in starts:
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        text = _bare(_joined("\n".join(lines[start:end])))
        if text:
            promises.append((text, block.line + start + 1))
        read_lines.update(range(block.line + start, block.line + end))


def _requirement(text: str, line: int, ids: dict[str, int]) -> Requirement:
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


def _coverage_targets(block: _Block, path: str) -> Iterator[tuple[float, int]]:
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


def _unreadable(tokens: Sequence[Token]) -> set[int]:
    """Return the lines that no reader takes for a promise: fenced code, and comments."""
    return {
        line
        for token in tokens
        if token.map and (token.type == "fence" or (token.type == "html_block" and token.content.lstrip().startswith("<!--")))
        for line in range(*token.map)
    }


def _unread(lines: Sequence[str], known: set[int]) -> tuple[int, ...]:
    looks = (number for number, line in enumerate(lines) if _LOOKS_NAMED.match(line) or _LOOKS_PROMISED.match(line))
    return tuple(number + 1 for number in looks if number not in known)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _bare(text: str) -> str:
    """Return an item's text without its checkbox: ticking a box keeps the promise."""
    box = _CHECKBOX.match(text)
    return text[box.end() :] if box else text


def read_spec(path: Path, root: Path) -> Specification:
    """Return what the file at `path` (relative to `root`, or absolute) promises.

    Raises:
        SpecificationError: where it is missing, no text, too large, or promises nothing.
    """
    file = root / path
    shown = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(path)
    specification = parse_spec(_text(file, shown), shown)
    if specification.requirements:
        return specification
    unread = f"; lines that look like some: {', '.join(map(str, specification.unread[:10]))}" if specification.unread else ""
    raise SpecificationError(f"no requirements found{unread}", where=shown, next_step=_EXAMPLE)


def _text(file: Path, shown: str) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise SpecificationError(f"is larger than {_LARGEST // 2**20} MiB", where=shown, next_step="Split it, one component each.")
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SpecificationError("no such file", where=shown, next_step=_near(file)) from None
    except IsADirectoryError:
        raise SpecificationError("is a folder, not a markdown file", where=shown, next_step=_near(file / "x.md")) from None
    except UnicodeDecodeError as error:
        raise SpecificationError(f"is not UTF-8 text (byte {error.start})", where=shown, next_step="Save it as UTF-8 markdown.") from None
    except (OSError, ValueError) as error:
        raise SpecificationError(f"cannot be read: {error}", where=shown, next_step="Check the path and its permissions.") from None
    if "\0" in text:
        raise SpecificationError("is binary, not markdown", where=shown, next_step="Save it as UTF-8 markdown.")
    if not text.strip():
        raise SpecificationError("is empty", where=shown, next_step=_EXAMPLE)
    return text


def _near(file: Path) -> str:
    """Say which markdown files stand where this one was looked for, the nearest names first."""
    if not file.parent.is_dir():
        return f"There is no folder {file.parent.name}. Check the path."
    names = sorted(found.name for found in file.parent.iterdir() if found.suffix.lower() in {".md", ".markdown"})
    near = difflib.get_close_matches(file.name, names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"In that folder: {', '.join(names[:10])}." if names else "That folder holds no markdown files."
