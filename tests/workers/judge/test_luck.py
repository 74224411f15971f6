"""A test that draws random numbers is run again with others: one that passes by luck is found out, and one that does not is left alone."""

from __future__ import annotations

import pytest

from spec2prod.workers.judge.hearing import REPEATS
from tests.workers.judge.conftest import Ask, Told

UNIT = "import random\n\nSEEN = []\n\n\ndef token(length):\n    return ''.join(random.choice('abcdef') for _ in range(length))\n"
TESTS = """\
import random
import pytest
import unit

def test_seldom_fails():
    assert len(unit.token(3)) == 3 and random.random() < 0.8
def test_always_holds():
    assert len(unit.token(3)) == 3
def test_leaves_something_and_would_fail_in_the_same_process():
    unit.SEEN.append(unit.token(1))
    assert len(unit.SEEN) == 1
def test_seeded():
    source = random.Random(3)
    assert source.random() == random.Random(3).random()
@pytest.mark.parametrize("size", [1, 2])
def test_each_case(size):
    assert len(unit.token(size)) == size
"""
DRAWING = {
    "test_seldom_fails",
    "test_always_holds",
    "test_leaves_something_and_would_fail_in_the_same_process",
    "test_each_case[1]",
    "test_each_case[2]",
}


@pytest.fixture(scope="module")
def told(ask: Ask) -> Told:
    return ask({"unit.py": UNIT, "test_unit.py": TESTS}, ["unit.py"], mutate="none")


def test_who_passes_by_luck_is_told_once_and_nobody_else_is(told: Told) -> None:
    seen = [event for event in told.events if event["event"] == "seen"]
    assert [(event["test"], event["kind"]) for event in seen] == [("test_unit.py::test_seldom_fails", "unsteady")]
    assert seen[0]["detail"].startswith("failed with the numbers of another seed: AssertionError")
    assert {event["outcome"] for event in told.tests.values()} == {"passed"}
    assert not told.troubles


def test_only_who_draws_is_run_again(told: Told) -> None:
    assert {test for test in told.tests if "random" in told.kinds(test)} == DRAWING
    again = told.spent["runs"] - len(told.tests)
    assert (len(DRAWING) - 1) * REPEATS < again <= len(DRAWING) * REPEATS
