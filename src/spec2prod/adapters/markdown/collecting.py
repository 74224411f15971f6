"""Takes a specification's blocks in document order, and collects what they promise, in whichever dialect each is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from spec2prod.adapters.markdown.blocks import Block, joined
from spec2prod.adapters.markdown.dialects import goes_on, heading_priority, is_ears, is_scenario, step, word_of
from spec2prod.adapters.markdown.promises import Draft, bare, coverage_targets, has_id, read_promises
from spec2prod.adapters.markdown.sections import PROMISING, Section
from spec2prod.adapters.markdown.tables import split_tables
from spec2prod.domain.specification import Scenario

_REQUIREMENT = re.compile(r"Requirement:\s*(?P<name>\S.*)", re.IGNORECASE | re.DOTALL)
_SCENARIO = re.compile(r"Scenario(?:\s+[0-9]{1,6})?:\s*(?P<name>\S.*)", re.IGNORECASE | re.DOTALL)

_HOMES = (Section.REQUIREMENTS, Section.TESTING, Section.EXAMPLES)


@dataclass(slots=True)
class Collector:
    """What has been read so far. Lines in `read_lines` are 0-based, `targets` are coverages in percent with their 1-based lines."""

    path: str
    overview: list[str] = field(default_factory=list)
    promises: dict[Section, list[Draft]] = field(default_factory=lambda: {section: [] for section in _HOMES})
    targets: list[tuple[float, int]] = field(default_factory=list)
    read_lines: set[int] = field(default_factory=set)
    _titled: tuple[int, Draft] | None = None  # the open `Requirement: …`, with its heading's level
    _is_open: bool = False  # whether what comes next are steps of the last scenario
    _last: Draft | None = None
    _begun: Draft | None = None  # what the next list item may be a further step of
    _stories: list[tuple[int, str]] = field(default_factory=list)  # headings with a priority, by level

    def take(self, block: Block, kind: Section) -> None:
        """Take one block, in the section that it stands in."""
        if block.level:
            self._heading(block, kind)
        elif kind is not Section.ASIDE:
            text, tables = split_tables(block.text, block.line)
            if text.strip():
                self._text(replace(block, text=text), kind)
            if self._last is not None:
                self._last.tables += tables

    def _heading(self, block: Block, kind: Section) -> None:
        text = joined(block.text)
        self._is_open = False
        while self._stories and self._stories[-1][0] >= block.level:
            self._stories.pop()
        if block.level > 1 and (priority := heading_priority(text)):
            self._stories.append((block.level, priority))
        scenario, named = _SCENARIO.fullmatch(text), _REQUIREMENT.fullmatch(text)
        if scenario and self._titled and block.level > self._titled[0] and kind is not Section.ASIDE:
            self._titled[1].scenarios.append(Scenario(name=scenario["name"], line=block.line + 1))
            self._is_open = True
        elif (begun := named or scenario) and kind is not Section.ASIDE:
            self._begin(block, begun["name"], kind)
        else:
            self._titled = self._last = self._begun = None
            return
        self.read_lines.add(block.line)

    def _begin(self, block: Block, name: str, kind: Section) -> None:
        """Begin a promise with a heading of its own: OpenSpec's requirement, or a scenario that stands alone."""
        draft = Draft(text="", line=block.line + 1, name=name, priority=self._priority)
        self.promises[kind if kind in {Section.TESTING, Section.EXAMPLES} else Section.REQUIREMENTS].append(draft)
        self._titled, self._last = (block.level, draft), draft

    @property
    def _priority(self) -> str:
        return self._stories[-1][1] if self._stories else ""

    def _text(self, block: Block, kind: Section) -> None:
        said = bare(joined(block.text))
        if kind in PROMISING:
            self.targets += coverage_targets(block, self.path)
        begun, self._begun = self._begun, None
        if self._titled and not has_id(block):
            self._add_to(self._titled[1], block)
        elif begun is not None and block.in_list and goes_on(begun.text, said):
            self._go_on(begun, block, said)
        elif kind is Section.EXAMPLES:
            self._keep(block, kind, whole=True)
        elif is_scenario(said) or is_ears(said, strictly=kind not in PROMISING):
            self._keep(block, Section.TESTING if kind is Section.TESTING else Section.REQUIREMENTS, whole=True)
        elif kind in PROMISING or self._titled:
            self._keep(block, _home(kind), whole=False)
        elif block.in_list and word_of(said) == "GIVEN":  # a promise once its When and Then have come
            self._begun = Draft(text=said, line=block.line + 1, priority=self._priority)
        elif kind is Section.OVERVIEW and not block.in_list:
            self.overview.append(joined(block.text))

    def _keep(self, block: Block, kind: Section, *, whole: bool) -> None:
        """Keep a block's promises; as a `whole` it is one, whatever it is written in."""
        found = read_promises(replace(block, in_list=block.in_list or whole), self.read_lines)
        for draft in found:
            draft.priority = self._priority
        self.promises[kind] += found
        if found:
            self._last = self._begun = found[-1]

    def _go_on(self, begun: Draft, block: Block, said: str) -> None:
        """Add a further step to a scenario that is written as a list; it is a promise once it is whole, or in a section of promises."""
        begun.text += f" {said}"
        self._begun = begun
        self._read(block)
        if begun is not self._last and is_scenario(begun.text):
            self.promises[Section.REQUIREMENTS].append(begun)
            self.read_lines.add(begun.line - 1)
            self._last = begun

    def _add_to(self, draft: Draft, block: Block) -> None:
        """Take a block as part of a requirement with a heading: as steps of its open scenario, else as its words."""
        texts = [text for line in block.text.split("\n") if (text := bare(joined(line)))]
        if self._is_open:
            draft.scenarios[-1] = replace(draft.scenarios[-1], steps=_steps(draft.scenarios[-1].steps, texts))
        else:
            draft.text = " ".join([draft.text, *texts]).strip()
        self._read(block)

    def _read(self, block: Block) -> None:
        self.read_lines.update(range(block.line, block.line + block.text.count("\n") + 1))


def _steps(steps: tuple[str, ...], lines: list[str]) -> tuple[str, ...]:
    """Return the steps with a block's lines added: a line without a keyword goes on with the one before it in its block."""
    added: list[str] = []
    for line in lines:
        told = step(line)
        if added and told == line:
            added[-1] += f" {line}"
        else:
            added.append(told)
    return (*steps, *added)


def _home(kind: Section) -> Section:
    """Return whose promises a section's are: acceptance criteria say what tests must show."""
    if kind in {Section.TESTING, Section.CRITERIA}:
        return Section.TESTING
    return kind if kind in _HOMES else Section.REQUIREMENTS
