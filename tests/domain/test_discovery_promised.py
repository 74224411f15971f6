"""Which markdown file is whose specification: by its name, by a module's, by what its requirements name; and what never is."""

from __future__ import annotations

import pytest

from spec2prod.adapters.markdown import parse_spec
from spec2prod.domain.discovery import Proposal
from spec2prod.domain.discovery_promised import may_promise, promised

BOOKING = Proposal(name="booking", source="src/booking", modules=("src/booking/__init__.py", "src/booking/intervals.py"), tests=())
STOCK = Proposal(name="stock", source="src/stock", modules=("src/stock/__init__.py",), tests=())
DEFINED = {"booking": {"overlaps"}, "stock": {"take"}}
DIALECTS = {
    "the guide's": "## Requirements\n- Adds\n",
    "IDs": "## Requirements\n- REQ-1 (P0): Adds\n",
    "Given/When/Then": "## Requirements\n- **Given** 1, **When** 2 is added, **Then** it is 3\n",
    "EARS": "## Requirements\n- WHEN 1 is missing THE SYSTEM SHALL raise\n",
    "OpenSpec": "### Requirement: Adding\nIt SHALL add.\n\n#### Scenario: One\n- **WHEN** 1 is added\n- **THEN** it is 2\n",
}


def found(**texts: str) -> dict[str, tuple[str, str]]:
    files = [parse_spec(text, path) for path, text in texts.items()]
    return {name: (each.path, each.why) for name, each in promised([BOOKING, STOCK], files, DEFINED).items()}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("specs/booking-spec.md", "it is named like the component"),
        ("openspec/specs/booking/spec.md", "it is named like the component"),
        ("docs/Booking.markdown", "it is named like the component"),
        ("specs/intervals.md", "it is named like its module intervals"),
    ],
)
def test_a_file_of_any_dialect_that_is_named_so_is_the_components(path: str, why: str, dialect: str) -> None:
    assert found(**{path: DIALECTS[dialect]}) == {"booking": (path, why)}


def test_one_of_another_name_is_the_components_whose_functions_its_requirements_name() -> None:
    told = found(**{"docs/rules.md": "## Requirements\n- `overlaps((0, 1), (1, 2))` is false\n"})
    assert told == {"booking": ("docs/rules.md", "its requirements name overlaps")}


@pytest.mark.parametrize(
    "text",
    [
        "## Requirements\n- Python 3.12\n- Takes a stock of books\n",
        "# Booking\n\n`overlaps(a, b)` is fine.\n",
        "> Draft by spec2prod init: x\n\n## Requirements\n- `overlaps(a, b)`\n",
    ],
    ids=["a page about installing", "no requirement", "a draft"],
)
def test_what_promises_nothing_about_it_is_nobodys(text: str) -> None:
    assert found(**{"docs/install.md": text}) == {}


def test_of_several_the_one_that_promises_most_is_taken_and_the_others_are_named_and_nobody_elses() -> None:
    files = [
        parse_spec("## Requirements\n" + "- Adds\n- More\n"[: 7 * count], path)
        for path, count in (("a/booking.md", 1), ("b/booking.md", 2))
    ]
    told = promised([BOOKING, STOCK], files, DEFINED)
    assert {name: (each.path, each.requirements, each.others) for name, each in told.items()} == {
        "booking": ("b/booking.md", 2, ("a/booking.md",))
    }


def test_a_name_counts_more_than_what_is_named() -> None:
    text = "## Requirements\n- `take(1)` is taken\n"
    assert found(**{"specs/booking.md": text, "specs/other.md": text})["stock"] == ("specs/other.md", "its requirements name take")


@pytest.mark.parametrize(
    ("path", "may"), [("README.md", False), ("docs/CHANGELOG.md", False), ("specs/a.md", True), ("specs/a.rst", False)]
)
def test_what_a_project_says_of_itself_is_no_specification(path: str, *, may: bool) -> None:
    assert may_promise(path) is may
