"""What a specification's markdown says, and how reading it ends where it says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.markdown import parse_spec, read_spec
from spec2prod.domain.specification import Requirement, Specification, render_spec
from spec2prod.errors import SpecificationError

GUIDE = """# Calculator Operations Component

## Overview
Simple calculator operations for testing async workflow.

## Requirements
- Addition operation
- Subtraction operation
- Multiplication operation
- Division operation with zero check

## Testing Requirements
- Test all operations
- Test edge cases (division by zero)
- Achieve 80% coverage
"""


def requirements(text: str) -> list[tuple[str, str, int]]:
    return [(each.id, each.text, each.line) for each in parse_spec(text, "s.md").requirements]


def test_the_guides_specification_is_read_whole() -> None:
    spec = parse_spec(GUIDE, "specs/calculator_operations.md")
    assert spec.title == "Calculator Operations Component"
    assert spec.overview == "Simple calculator operations for testing async workflow."
    assert [(each.line, each.text) for each in spec.requirements] == [
        (7, "Addition operation"),
        (8, "Subtraction operation"),
        (9, "Multiplication operation"),
        (10, "Division operation with zero check"),
    ]
    assert [each.text for each in spec.testing_requirements][-1] == "Achieve 80% coverage"
    assert (spec.coverage_target, spec.coverage_target_line) == (80.0, 15)
    assert spec.unread == ()


@pytest.mark.parametrize(
    ("written", "identifier", "text"),
    [
        ("REQ-1: Adds", "REQ-1", "Adds"),
        ("**FR-001**: Adds", "FR-001", "Adds"),
        ("**FR-001:** Adds", "FR-001", "Adds"),
        ("[REQ-1] Adds", "REQ-1", "Adds"),
        ("[REQ-1]: Adds", "REQ-1", "Adds"),
        ("REQ-1 Adds", "REQ-1", "Adds"),
        ("`NFR-2` - Adds", "NFR-2", "Adds"),
        ("CALC-ADD-7: Adds", "CALC-ADD-7", "Adds"),
        ("[ ] REQ-1: Adds", "REQ-1", "Adds"),
    ],
)
def test_an_id_given_by_the_author_is_kept(written: str, identifier: str, text: str) -> None:
    (requirement,) = parse_spec(f"## Requirements\n\n- {written}\n", "s.md").requirements
    assert (requirement.id, requirement.text, requirement.id_given, requirement.line) == (identifier, text, True, 3)


@pytest.mark.parametrize("text", ["UTF-8: is what it reads", "SHA-256: its digest", "COVID 19 data", "REQ-1:"])
def test_what_only_resembles_an_id_is_text(text: str) -> None:
    (requirement,) = parse_spec(f"## Requirements\n- {text}\n", "s.md").requirements
    assert (requirement.text, requirement.id_given) == (text, False)


def test_items_over_several_lines_and_paragraphs_are_joined_and_keep_their_markup() -> None:
    text = "## Requirements\n1. Adds `a+b`\n   and *more*\n\n   It also works.\n   - nested\n2) other\n"
    assert [(text, line) for _, text, line in requirements(text)] == [
        ("Adds `a+b` and *more* It also works.", 2),
        ("nested", 6),
        ("other", 7),
    ]


def test_a_line_with_an_id_is_never_swallowed_by_the_one_before() -> None:
    assert [each[0] for each in requirements("## Requirements\n- REQ-1: a\nREQ-2: b\n\nREQ-3: c\nREQ-4: d\n")] == [
        "REQ-1",
        "REQ-2",
        "REQ-3",
        "REQ-4",
    ]


@pytest.mark.parametrize(
    "heading", ["Functional Requirements", "USER REQUIREMENTS", "3. Requirements *(mandatory)*", "Non-functional requirements:"]
)
def test_headings_that_end_in_requirements_hold_promises(heading: str) -> None:
    assert [text for _, text, _ in requirements(f"# T\n## {heading}\n- a\n### Sub\n- b\n## Other\n- c\n")] == ["a", "b"]


@pytest.mark.parametrize("heading", ["Testing Requirements", "Test Requirements", "Testing", "Acceptance criteria"])
def test_testing_headings_hold_testing_requirements(heading: str) -> None:
    spec = parse_spec(f"# T\n## Requirements\n- a\n### {heading}\n- b\n", "s.md")
    assert [each.text for each in spec.requirements] == ["a"]
    assert [each.text for each in spec.testing_requirements] == ["b"]


def test_a_title_that_ends_in_requirements_serves_where_no_other_heading_does() -> None:
    assert [text for _, text, _ in requirements("# Calculator requirements\n\n- adds\n")] == ["adds"]


def test_without_a_first_level_heading_the_title_is_the_files_name() -> None:
    assert parse_spec("## Requirements\n- a\n", "specs/my_part.md").title == "my_part"


def test_fenced_code_and_comments_are_no_promises() -> None:
    text = "## Requirements\n- a\n\n```\n- REQ-9: must not count\n```\n<!-- - must not count -->\n"
    spec = parse_spec(text, "s.md")
    assert [each.text for each in spec.requirements] == ["a"]
    assert spec.unread == ()


def test_what_looks_like_a_promise_elsewhere_is_counted() -> None:
    text = (
        "# T\n## Requirements\n- a\n### Notes\n- it must\n## Design\n- users shall\n- plain\n| REQ-5 | x |\n### FR-7: heading\nREQ-1: b\n"
    )
    assert parse_spec(text, "s.md").unread == (5, 7, 9, 10, 11)


def test_lists_nested_too_deep_to_parse_are_counted() -> None:
    deep = "## Requirements\n" + "".join(f"{'  ' * depth}- it must {depth}\n" for depth in range(80))
    spec = parse_spec(deep, "s.md")
    assert len(spec.requirements) + len(spec.unread) == 80


def test_front_matter_is_skipped_and_line_numbers_stay() -> None:
    text = "---\ntitle: x\nmust:\n  - REQ-1: no\n---\n# T\n## Requirements\n- a\n"
    assert requirements(text)[0][1:] == ("a", 8)
    assert parse_spec(text, "s.md").unread == ()


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    assert [text for _, text, _ in requirements("---\n\n## Requirements\n- a\n\n---\n")] == ["a"]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Achieve 80% coverage", 80.0),
        ("coverage \u2265 85 %", 85.0),
        ("at least 90 percent coverage", 90.0),
        ("Coverage: **85.5%**", 85.5),
        ("coverage must be at least 75%", 75.0),
        ("90% branch coverage", 90.0),
        ("line coverage of 70-80%", 80.0),
        ("coverage must\n  be 60%", 60.0),
        ("Respond to 99% of requests", None),
    ],
)
def test_a_coverage_target_is_read_in_its_many_forms(text: str, target: float | None) -> None:
    assert parse_spec(f"## Requirements\n- {text}\n", "s.md").coverage_target == target


def test_the_strictest_coverage_target_wins_with_its_line() -> None:
    spec = parse_spec("## Requirements\n- 70% coverage\n## Testing\n- coverage >=\n  90%\n- 80% coverage\n", "s.md")
    assert (spec.coverage_target, spec.coverage_target_line) == (90.0, 5)


@pytest.mark.parametrize("figure", ["101", "-5", "9" * 400])
def test_an_impossible_coverage_target_is_an_error_with_its_address(figure: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        parse_spec(f"## Testing\n\n- Achieve {figure}% coverage\n", "specs/a.md")
    assert caught.value.where == "specs/a.md:3"
    assert caught.value.next_step


words = st.lists(
    st.from_regex(r"[a-z][a-z`*()=<>0-9.]{0,7}", fullmatch=True).filter(lambda word: "coverage" not in word), min_size=1, max_size=6
)
texts = words.map(" ".join).filter(lambda text: "```" not in text)
identifiers = st.from_regex(r"(REQ|FR|APP-CORE)-[1-9][0-9]?", fullmatch=True)
promises = st.lists(
    st.builds(
        lambda text, given_id: Requirement(id=given_id or "", text=text, line=1, id_given=bool(given_id)), texts, st.none() | identifiers
    ),
    max_size=6,
    unique_by=lambda each: each.id or id(each),
)
specifications = st.builds(
    lambda title, overview, wanted, tested: Specification(
        path="s.md", title=title, overview=overview, requirements=tuple(wanted), testing_requirements=tuple(tested)
    ),
    texts,
    st.just("") | texts,
    promises,
    promises,
)


def said(spec: Specification) -> list[tuple[str, str, bool]]:
    return [(each.id, each.text, each.id_given) for each in (*spec.requirements, *spec.testing_requirements)]


@given(specifications)
def test_parsing_a_rendered_specification_gives_its_promises_back(spec: Specification) -> None:
    parsed = parse_spec(render_spec(spec), "s.md")
    assert [each.text for each in parsed.requirements] == [each.text for each in spec.requirements]
    assert [each.text for each in parsed.testing_requirements] == [each.text for each in spec.testing_requirements]
    assert (parsed.title, parsed.overview) == (spec.title, spec.overview)
    again = parse_spec(render_spec(parsed), "s.md")
    assert said(again) == said(parsed)
    assert len({each[0] for each in said(parsed)}) == len(said(parsed))
    given_once = [each.id for each in spec.requirements if each.id_given]
    if len(set(given_once)) == len(given_once):
        assert [each.id for each in parsed.requirements if each.id_given] == given_once


@pytest.mark.no_cover  # measured, it takes twice as long, and what it runs the examples run, too
@given(st.lists(texts, min_size=1, max_size=6), st.randoms())
def test_derived_ids_survive_reordering(each: list[str], random: object) -> None:
    def ids(order: list[str]) -> set[tuple[str, str]]:
        return {(identifier, text) for identifier, text, _ in requirements("## Requirements\n" + "".join(f"- {text}\n" for text in order))}

    shuffled = list(each)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    unique = len({text.casefold() for text in each}) == len(each)
    assert ids(each) == ids(shuffled) or not unique


@pytest.mark.no_cover  # measured, it takes twice as long, and what it runs the examples run, too
@given(st.text(alphabet=st.sampled_from("#-*+ >\n\r\t`[]():|%01. \u2265\x00\x0cREQ-aé~=\ud800") | st.characters(), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        spec = parse_spec(f"## Requirements\n{text}", "s.md")
    except SpecificationError:
        return
    assert all(each.text.strip() and each.line >= 1 for each in spec.requirements)


def test_the_same_words_get_ids_of_their_own() -> None:
    spec = parse_spec("## Testing\n- a\n- REQ-1: x\n## Requirements\n- a\n- a\n- REQ-1: y\n", "s.md")
    first = spec.requirements[0].id
    assert [each.id for each in spec.requirements] == [first, f"{first}-2", "REQ-1"]
    assert [each.id for each in spec.testing_requirements] == [f"{first}-3", "REQ-1-2"]


def test_a_file_is_read_with_its_address_relative_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.md").write_bytes(b"\xef\xbb\xbf" + GUIDE.replace("\n", "\r\n").encode())
    read = read_spec(Path("specs/a.md"), tmp_path)
    assert read == replace(parse_spec(GUIDE, "specs/a.md"), path="specs/a.md")
    assert read_spec(tmp_path / "specs" / "a.md", tmp_path) == read


@pytest.mark.parametrize(
    ("content", "message", "step"),
    [
        (b"\x89PNG\r\n\x1a\n\xff", "not UTF-8", "UTF-8"),
        (b"# a\0b\n## Requirements\n- a\n", "binary", "UTF-8"),
        (b"", "empty", "## Requirements"),
        (b"\xef\xbb\xbf \n", "empty", "## Requirements"),
        (b"# T\n\n- it must count\n", "no requirements found; lines that look like some: 3", "## Requirements"),
        (b"# T\n## Testing\n- a\n", "no requirements found", "## Requirements"),
    ],
)
def test_a_file_that_promises_nothing_is_refused(tmp_path: Path, content: bytes, message: str, step: str) -> None:
    (tmp_path / "a.md").write_bytes(content)
    with pytest.raises(SpecificationError, match=message) as caught:
        read_spec(Path("a.md"), tmp_path)
    assert caught.value.where == "a.md"
    assert step in caught.value.next_step


def test_the_example_in_the_next_step_is_itself_a_valid_specification(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# T\n")
    with pytest.raises(SpecificationError) as caught:
        read_spec(Path("a.md"), tmp_path)
    (tmp_path / "a.md").write_text(caught.value.next_step.partition("\n")[2])
    assert len(read_spec(Path("a.md"), tmp_path).requirements) == 1


def test_a_missing_file_names_near_ones(tmp_path: Path) -> None:
    (tmp_path / "calculator.md").write_text(GUIDE)
    with pytest.raises(SpecificationError, match="no such file") as caught:
        read_spec(Path("calculater.md"), tmp_path)
    assert caught.value.next_step == "Did you mean calculator.md?"
    with pytest.raises(SpecificationError) as caught:
        read_spec(Path("nowhere/x.md"), tmp_path)
    assert "no folder nowhere" in caught.value.next_step


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calculator.md").write_text(GUIDE)
    with pytest.raises(SpecificationError, match="is a folder") as caught:
        read_spec(Path(), tmp_path)
    assert "calculator.md" in caught.value.next_step


@pytest.mark.no_cover  # what is long takes twice as long under measurement, and runs no line that what is short does not
def test_a_large_specification_is_read_in_full() -> None:
    text = "# T\n## Requirements\n" + "".join(f"- REQ-{number}: promise {'of many words ' * 5}\n" for number in range(10_000))
    spec = parse_spec(text, "s.md")
    assert len(spec.requirements) == 10_000


@pytest.mark.parametrize("line", [" ", "- coverage 1 ", "1% ", "[ ] ", "A-", "[", "REQ-1 ", "| "])
def test_monotonous_lines_are_read_to_their_end(line: str) -> None:
    text = f"## Requirements\n- must {line * 20_000}\n\n# Other\n- {line * 20_000}\n- it must\n"
    assert parse_spec(text, "s.md").unread[-1] == 6
