"""The five dialects, alone and mixed in one file; what is written twice or between them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec2prod.adapters.markdown import parse_spec
from spec2prod.domain.specification import Requirement, Scenario, Specification, Table, render_spec
from spec2prod.errors import SpecificationError

MIXED = """\
# Sums

Adds numbers.

## User Scenarios & Testing

### User Story 1 - Adding (Priority: P1)

A person adds.

**Acceptance Scenarios**:

1. **Given** two numbers, **When** they are added, **Then** the sum is shown
2. - Given nothing
   - When it is added
   - Then nothing is shown

## Requirements

- Adds two numbers
- **FR-001**: System MUST add (P0)
- REQ-7 (P2): Subtracts
- [P1] Divides

### Requirement 1

**User Story:** As a person, I want sums.

#### Acceptance Criteria

1. WHEN a sum is asked THEN the system SHALL answer
2. The tests are readable

### Requirement: Big numbers
The system SHALL add big numbers.
- as big as memory

#### Scenario: Hundred digits
- **WHEN** two are added
- **THEN** all digits are right
- **AND** no digit is lost

#### Notes
- it must not count

### Key Entities
- **Number**: a figure

## Design

IF a number is no number, THE SYSTEM SHALL raise ValueError

```gherkin
Given code
WHEN it is fenced THE SYSTEM SHALL ignore it
### Requirement: Not this one
```

## REMOVED Requirements

### Requirement: Romans
The system SHALL read Roman numbers.
"""


def texts(markdown: str) -> list[tuple[str, str, str, int]]:
    return [(each.name, each.text, each.priority, each.line) for each in parse_spec(markdown, "s.md").requirements]


def test_five_dialects_in_one_file_are_read_in_the_order_of_the_text() -> None:
    assert texts(MIXED) == [
        ("", "**Given** two numbers, **When** they are added, **Then** the sum is shown", "P1", 13),
        ("", "Given nothing When it is added Then nothing is shown", "P1", 14),
        ("", "Adds two numbers", "", 20),
        ("", "System MUST add", "P0", 21),
        ("", "Subtracts", "P2", 22),
        ("", "Divides", "P1", 23),
        ("", "WHEN a sum is asked THEN the system SHALL answer", "", 31),
        ("Big numbers", "The system SHALL add big numbers. as big as memory", "", 34),
        ("", "IF a number is no number, THE SYSTEM SHALL raise ValueError", "", 51),
    ]
    read = parse_spec(MIXED, "s.md")
    steps = ("WHEN two are added", "THEN all digits are right", "AND no digit is lost")
    assert read.requirements[7].scenarios == (Scenario(name="Hundred digits", steps=steps, line=38),)
    assert [each.text for each in read.testing_requirements] == ["The tests are readable"]
    assert read.overview == "Adds numbers."


def test_what_looks_like_a_promise_between_the_dialects_is_counted() -> None:
    assert parse_spec(MIXED, "s.md").unread == (44,)


@pytest.mark.parametrize(
    ("written", "identifier", "text", "priority"),
    [
        ("REQ-1: Adds (P0)", "REQ-1", "Adds", "P0"),
        ("REQ-1 (P0): Adds", "REQ-1", "Adds", "P0"),
        ("**REQ-1** [P1]: Adds", "REQ-1", "Adds", "P1"),
        ("CALC-3 (Priority: P2): Adds", "CALC-3", "Adds", "P2"),
        ("[P0] REQ-1: Adds", "REQ-1", "Adds", "P0"),
        ("REQ-1: [P0] Adds", "REQ-1", "Adds", "P0"),
        ("P1: REQ-1: Adds", "REQ-1", "Adds", "P1"),
        ("REQ-1: Adds P0 and P1 pins", "REQ-1", "Adds P0 and P1 pins", ""),
        ("REQ-1: (P0)", "REQ-1", "(P0)", ""),
    ],
)
def test_a_priority_is_read_wherever_it_is_stated(written: str, identifier: str, text: str, priority: str) -> None:
    (read,) = parse_spec(f"## Requirements\n- {written}\n", "s.md").requirements
    assert (read.id, read.text, read.priority) == (identifier, text, priority)


def test_a_headings_priority_holds_for_what_stands_below_it_and_no_further() -> None:
    text = "# P0 pumps\n## Requirements\n### Must have (P0)\n- a\n- b (P2)\n### P1 requirements\n- c\n### Others\n- d\n"
    assert [(each[1], each[2]) for each in texts(text)] == [("a", "P0"), ("b", "P2"), ("c", "P1"), ("d", "")]


def test_a_priority_moves_neither_an_id_nor_a_hash() -> None:
    plain, urgent = (parse_spec(f"## Requirements\n- {text}\n", "s.md").requirements[0] for text in ("Adds", "Adds (P0)"))
    assert (plain.id, plain.text_hash) == (urgent.id, urgent.text_hash)


def test_a_named_requirement_keeps_its_id_when_its_text_changes_and_its_hash_does_not() -> None:
    before, after = (
        parse_spec(f"## Requirements\n### Requirement: Login\nThe system SHALL {does}.\n", "s.md").requirements[0]
        for does in ("ask", "greet")
    )
    assert before.id == after.id
    assert before.text_hash != after.text_hash


def test_an_id_given_twice_is_refused_with_both_addresses() -> None:
    with pytest.raises(SpecificationError, match=r"REQ-1 is given twice: at a\.md:2 and at a\.md:4") as caught:
        parse_spec("## Requirements\n- REQ-1: a\n- REQ-2: b\n- REQ-1: c\n", "a.md")
    assert caught.value.where == "a.md:4"
    assert caught.value.next_step


def test_what_tests_must_show_may_name_a_requirement_again() -> None:
    read = parse_spec("## Requirements\n- REQ-1: a\n## Testing\n- REQ-1: with zero\n", "s.md")
    assert (read.requirements[0].id, read.testing_requirements[0].id) == ("REQ-1", "REQ-1-2")


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        ("Achieve 80% coverage", True),
        ("Test coverage must be at least 90 %", True),
        ("80% coverage of Europe", False),
        ("Adds, with 80% coverage", False),
    ],
)
def test_a_promise_of_coverage_alone_is_a_gates_to_answer(text: str, *, measured: bool) -> None:
    (read,) = parse_spec(f"## Requirements\n- {text}\n", "s.md").requirements
    assert bool(read.measured_by) is measured


def test_a_table_belongs_to_the_requirement_before_it_and_is_no_promise() -> None:
    text = "## Requirements\n- Adds\n\n| a | b | sum |\n|---|:-:|--:|\n| 1 | 2 \\| 3 | 3 |\n| 4 |\n\n- Other\n  | x |\n  |---|\n  | 1 |\n"
    adds, other = parse_spec(text, "s.md").requirements
    assert adds.tables == (Table(header=("a", "b", "sum"), rows=(("1", "2 \\| 3", "3"), ("4", "", "")), line=4),)
    assert (other.text, other.tables[0].rows, other.tables[0].line) == ("Other", (("1",),), 10)


def test_examples_promise_nothing_new_and_may_name_a_requirement() -> None:
    read = parse_spec("## Requirements\n- REQ-1: Adds\n## Examples\n- REQ-1: `add(1, 2) == 3`\n- `add(2, 2) == 4`\n", "s.md")
    assert [each.id for each in read.requirements] == ["REQ-1"]
    assert [(each.id_given, each.text, each.line) for each in read.examples] == [
        (True, "`add(1, 2) == 3`", 4),
        (False, "`add(2, 2) == 4`", 5),
    ]


def test_a_scenario_alone_is_a_promise() -> None:
    assert texts("# T\n## Acceptance Scenarios\n### Scenario: Zero\n- Given a sum\n- When zero is added\n- Then it stays\n") == [
        ("Zero", "Given a sum When zero is added Then it stays", "", 3)
    ]


words = st.lists(st.from_regex(r"[a-z][a-z`*()=0-9.]{0,6}", fullmatch=True), min_size=1, max_size=5)
plain = words.map(" ".join).filter(lambda text: "coverage" not in text and "`" not in text)
identifiers = st.from_regex(r"(REQ|FR|APP-CORE)-[1-9][0-9]{0,2}", fullmatch=True)
priorities = st.sampled_from(["", "P0", "P1", "P2"])
tables = st.builds(
    lambda header, rows: Table(header=tuple(header), rows=tuple(tuple([*row, "x", "x"][: len(header)]) for row in rows)),
    st.lists(plain, min_size=1, max_size=3),
    st.lists(st.lists(plain, min_size=1, max_size=3), max_size=3),
)
steps = st.tuples(st.sampled_from(["GIVEN", "WHEN", "THEN", "AND", "BUT"]), plain).map(" ".join)
scenarios = st.builds(lambda name, told: Scenario(name=name, steps=tuple(told)), plain, st.lists(steps, max_size=4))
ears = plain.map("WHEN it is {} THE SYSTEM SHALL answer".format)
given_when_then = st.tuples(plain, plain, plain).map(lambda three: "**Given** {}, **When** {}, **Then** {}".format(*three))


@st.composite
def requirements(draw: st.DrawFn) -> list[Requirement]:
    given_ids = draw(st.lists(identifiers, unique=True, max_size=5))
    told = []
    for identifier in (*given_ids, *draw(st.lists(st.just(""), max_size=4))):
        is_named = draw(st.booleans())
        told.append(
            Requirement(
                id=identifier,
                text=draw(plain | ears | given_when_then),
                line=1,
                id_given=bool(identifier),
                priority=draw(priorities),
                name=draw(plain) if is_named else "",
                scenarios=tuple(draw(st.lists(scenarios, max_size=2))) if is_named else (),
                tables=tuple(draw(st.lists(tables, max_size=2))),
            )
        )
    return draw(st.permutations(told))


specifications = st.builds(
    lambda title, overview, wanted, tested: Specification(
        path="s.md", title=title, overview=overview, requirements=tuple(wanted), testing_requirements=tuple(tested)
    ),
    plain,
    st.just("") | plain,
    requirements(),
    requirements(),
)


def without_lines(each: Requirement, *, ids: bool) -> Requirement:
    """What a promise says, wherever it stands; without an ID where one was yet to be derived."""
    return replace(
        each,
        line=0,
        id=each.id if ids else "",
        scenarios=tuple(replace(scenario, line=0) for scenario in each.scenarios),
        tables=tuple(replace(table, line=0) for table in each.tables),
    )


def bare(spec: Specification, *, ids: bool) -> Specification:
    wanted, tested = (tuple(without_lines(each, ids=ids) for each in part) for part in (spec.requirements, spec.testing_requirements))
    return replace(spec, requirements=wanted, testing_requirements=tested, unread=())


@settings(max_examples=12, deadline=None)
@given(specifications)
def test_parsing_what_was_rendered_gives_the_specification_back_in_every_dialect(spec: Specification) -> None:
    parsed = parse_spec(render_spec(spec), "s.md")
    assert bare(parsed, ids=False) == bare(spec, ids=False)
    assert [each.id for each in parsed.requirements if each.id_given] == [each.id for each in spec.requirements if each.id_given]
    again = parse_spec(render_spec(parsed), "s.md")
    assert bare(again, ids=True) == bare(parsed, ids=True)


def test_a_mixed_file_is_rendered_and_read_the_same() -> None:
    parsed = parse_spec(MIXED, "s.md")
    assert bare(parse_spec(render_spec(parsed), "s.md"), ids=True) == bare(parsed, ids=True)


def attempt(text: str) -> Specification | SpecificationError:
    """What was read, or how it was refused."""
    try:
        return parse_spec(text, "s.md")
    except SpecificationError as error:
        return error


PIECES = st.sampled_from([*MIXED.splitlines(keepends=True), "| a |\n|---|\n", "`f(1) == 2`", "Given ", "\x00", "(P0)", "- REQ-1: x\n"])


@pytest.mark.no_cover  # measured, it takes twice as long, and what it runs the examples run, too
@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_mixture_is_read_or_refused_with_an_address(text: str) -> None:
    read = attempt(text)
    if isinstance(read, SpecificationError):
        assert read.where.startswith("s.md:")
        return
    promises = (*read.requirements, *read.testing_requirements)
    assert len({each.id for each in promises}) == len(promises)
    assert all(1 <= each.line <= text.count("\n") + 1 for each in promises)


@pytest.mark.no_cover  # what is long takes twice as long under measurement, and runs no line that what is short does not
@pytest.mark.parametrize("piece", ["| a ", "Given when ", "` ", "(P0) ", "WHEN ", "#### Scenario: a\n", "- Then a\n", "|-", "**"])
def test_a_long_monotonous_specification_is_read_to_its_end(piece: str) -> None:
    text = "## Requirements\n- Given a\n\n" + piece * (50_000 // len(piece)) + "\n\n## Requirements\n- last one\n"
    assert parse_spec(text, "s.md").requirements[-1].text == "last one"
