"""A pytest plugin: tests say which requirement they show, and every report of theirs repeats it.

    @pytest.mark.requirement("REQ-1")
    @pytest.mark.req(id="REQ-1", text="1f0c.9a2b.3d4e")
    @pytest.mark.verifies_requirement("REQ-1", "REQ-2")

What is said goes into the test's `user_properties`: pytest writes them to JUnit as `<property name="requirement_id">`, and
pytest-xdist carries them from its workers. It must run on Python 3.9 and imports nothing of spec2prod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKERS = ("requirement", "req", "verifies_requirement")
ID, TEXT = "requirement_id", "requirement_text"
LONGEST = 200  # characters of an ID
PAIR = 2
MOST = 100  # requirements of one test


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, so that none is warned of, or refused by --strict-markers."""
    for name in MARKERS:
        config.addinivalue_line("markers", name + "(id, ..., text=''): the requirement that this test shows (spec2prod)")


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Write a test's requirements where its reports take them from."""
    for name, text in claims(item):
        item.user_properties.append((ID, name))
        if text:
            item.user_properties.append((TEXT, name + " " + text))


def claims(item: pytest.Item) -> Iterator[tuple[str, str]]:
    """Give each requirement that a test names once, with the hash of the text that it was written for (empty where it names none)."""
    seen: set[str] = set()
    for marker in item.iter_markers():
        if marker.name not in MARKERS:
            continue
        text = marker.kwargs.get("text", "")
        for name in names_of(marker)[:MOST]:
            if name not in seen:
                seen.add(name)
                yield name, text if isinstance(text, str) else ""


def names_of(marker: pytest.Mark) -> list[str]:
    """Return the IDs that a marker names: positional ones, and `id=`."""
    given: list[Any] = [*marker.args, marker.kwargs.get("id")]
    flat = [each for part in given for each in (part if isinstance(part, (list, tuple)) else [part])]
    return [each for each in flat if isinstance(each, str) and 0 < len(each) <= LONGEST and " " not in each]


def claimed(properties: object) -> dict[str, str]:
    """Return what a report's properties say: requirement → hash of its text, empty where none is named."""
    given = properties if isinstance(properties, list) else []
    pairs = [tuple(pair) for pair in given if isinstance(pair, (list, tuple)) and len(pair) == PAIR]
    found = {value: "" for key, value in pairs if key == ID and isinstance(value, str)}
    for key, value in pairs:
        name, _, text = str(value).partition(" ")
        if key == TEXT and name in found:
            found[name] = text
    return found
