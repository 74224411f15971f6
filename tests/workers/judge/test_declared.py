"""Before a test is said to notice nothing, it meets changes of what the modules declare; nobody else hears of them."""

from __future__ import annotations

import pytest

from tests.workers.judge.conftest import Ask, Told

SHELF = """\
from typing import TYPE_CHECKING, Union

__all__ = ["KINDS", "Box"]
Kind = Union[int, str]
KINDS = {"a": 1, "b": 2}
POWERS = [10**each for each in (3, 6, 9)]
WORDS = ("thousand", "million", "billion")
ROWS = [("a", 1), ("b", 2)]
if TYPE_CHECKING:
    NEVER = ("x", "y")


class Box:
    __slots__ = ("size",)

    def __init__(self, size):
        self.size = size


def doubled(x):
    return [x, x]
"""
TESTS = """\
import pytest, shelf


def test_names():
    assert shelf.__all__ == ["KINDS", "Box"]


def test_same_length():
    assert len(shelf.POWERS) == len(shelf.WORDS)


def test_closed():
    with pytest.raises(AttributeError):
        shelf.Box(1).other = 2


def test_nothing():
    assert shelf.WORDS is not None


def test_doubled():
    assert shelf.doubled(2) == [2, 2]
"""
SUITE = "import shelf\n\n\ndef test_rows():\n    assert len(shelf.ROWS) == 2\n"
NAMES, BOX = "`__all__` loses its last entry `'Box'`", "`__slots__` allows any attribute"


@pytest.fixture(scope="module")
def told(ask: Ask) -> Told:
    return judged(ask)


def judged(ask: Ask, **more: object) -> Told:
    """Judge a file of candidates beside a suite of one test."""
    groups = [{"name": "suite", "files": ["test_suite.py"], "trusted": True}, {"name": "test_shelf.py", "files": ["test_shelf.py"]}]
    files = {"shelf.py": SHELF, "test_shelf.py": TESTS, "test_suite.py": SUITE}
    return ask(files, ["shelf.py"], mutate="matrix", groups=groups, **more)


def of_declarations(told: Told, test: str) -> dict[str, str]:
    """Return what a test did on changed declarations."""
    return {words: fate for words, fate in told.fates(test).items() if "loses its last" in words or "allows any" in words}


def test_a_test_that_notices_nothing_else_meets_changed_declarations(told: Told) -> None:
    assert of_declarations(told, "test_names") == {"3:11 `__all__` loses its last entry `'Box'`": "assertion"}
    assert of_declarations(told, "test_closed") == {"14:17 `__slots__` allows any attribute": "assertion"}
    noticed = {"6:32 `POWERS` loses its last entry `9`": "assertion", "7:9 `WORDS` loses its last entry `'billion'`": "assertion"}
    assert of_declarations(told, "test_same_length") == noticed


def test_a_changed_declaration_that_no_assertion_notices_is_not_told(told: Told) -> None:
    changed = [each["words"].split("`")[1] for each in told.mutants.values() if each["operator"] == "declaration"]
    assert sorted(changed) == ["POWERS", "WORDS", "__all__", "__slots__"]
    assert of_declarations(told, "test_nothing") == {}


def test_neither_the_suite_nor_a_test_that_notices_something_meets_them(told: Told) -> None:
    assert of_declarations(told, "test_rows") == {}
    assert of_declarations(told, "test_doubled") == {}
    assert "assertion" in told.fates("test_doubled").values()


@pytest.mark.slow
def test_tests_that_are_planted_to_notice_nothing_are_no_reason_to_try_them(ask: Ask) -> None:
    told = judged(ask, planted=["test_shelf.py"])
    assert {each["operator"] for each in told.mutants.values()}.isdisjoint({"declaration"})
    assert set(told.tests) >= {"test_names", "test_closed"}


def test_for_want_of_time_they_are_told_as_not_tried(ask: Ask) -> None:
    told = judged(ask, limits={"mutants_until_s": 0.0})
    untried = {each["mutant"] for each in told.events if each["event"] == "unjudged" and "time" in each["reason"]}
    declared = {name for name, each in told.mutants.items() if each["operator"] == "declaration"}
    assert len(declared) == 6
    assert declared <= untried
