"""On a mutant a plain test function is called, without pytest's protocol: what it did is told as the protocol would tell it."""

from __future__ import annotations

import pytest

from tests.workers.judge.conftest import Ask, Told

UNIT = """\
def double(x):
    return x * 2


def positive(x):
    if x > 0:
        return x
    raise AssertionError(x)
"""
TESTS = """\
import os, warnings
import pytest
import unit

COUNT = []


@pytest.fixture
def two():
    return 2


def test_plain():
    assert unit.double(3) == 6


@pytest.mark.parametrize("x", [3, 5])
def test_given(x):
    assert unit.double(x) == x + x


def test_named():
    assert "test_named" in os.environ["PYTEST_CURRENT_TEST"]
    assert unit.double(4) == 8


def test_raises():
    with pytest.raises(AssertionError):
        unit.positive(-1)


def test_stops():
    [0, 1, 2, 3, 4][unit.double(2)]


def test_skips():
    if unit.double(1) != 2:
        pytest.skip("nothing to see")


def test_is_the_components():
    unit.positive(2)


@pytest.mark.filterwarnings("error")
def test_marked():
    if unit.double(1) != 2:
        warnings.warn("odd")


def test_with_a_fixture(two):
    assert unit.double(two) == 4


class TestInside:
    def setup_method(self):
        self.two = 2

    def test_method(self):
        assert unit.double(self.two) == 4
"""
HOOK = """\
def pytest_runtest_call(item):
    item.module.unit.called = True
"""
HOOKED = "import unit\n\n\ndef test_hooked():\n    assert unit.called and unit.double(3) == 6\n"
SUITE = [{"name": "suite", "files": ["test_unit.py"], "trusted": True}]


@pytest.fixture(scope="module")
def judged(ask: Ask) -> Told:
    return ask({"unit.py": UNIT, "test_unit.py": TESTS}, ["unit.py"], mutate="matrix", groups=SUITE)


@pytest.mark.parametrize(
    ("test", "words", "outcome"),
    [
        ("test_plain", "`2` becomes `3`", "assertion"),
        ("test_named", "`2` becomes `3`", "assertion"),
        ("test_raises", "`>` becomes `<=`", "assertion"),  # what the component refuses no longer comes
        ("test_stops", "`2` becomes `3`", "crash"),
        ("test_stops", "`2` becomes `1`", "survived"),
        ("test_skips", "`2` becomes `3`", "survived"),
        ("test_is_the_components", "`>` becomes `<=`", "crash"),  # its own assertion is nobody's
        ("test_marked", "`2` becomes `3`", "crash"),
        ("test_with_a_fixture", "`2` becomes `3`", "assertion"),
        ("TestInside::test_method", "`2` becomes `3`", "assertion"),
    ],
)
def test_what_it_did_on_a_mutant_is_told_as_pytest_would(judged: Told, test: str, words: str, outcome: str) -> None:
    assert judged.outcomes(words, test) == {outcome}


def test_another_case_of_a_function_that_has_noticed_a_change_is_not_called(judged: Told) -> None:
    assert judged.of_function("`2` becomes `3`", "test_given") == {"assertion", "not_run"}


def test_where_somebody_has_a_hook_the_protocol_is_run(ask: Ask) -> None:
    told = ask({"unit.py": UNIT, "conftest.py": HOOK, "test_unit.py": HOOKED}, ["unit.py"], mutate="matrix", groups=SUITE)
    assert told.tests["test_hooked"]["outcome"] == "passed"
    assert told.outcomes("`2` becomes `3`", "test_hooked") == {"assertion"}
    assert not [each for each in told.events if each["event"] in {"trouble", "unjudged"}]


LIMIT = "LIMIT = 3\n\n\ndef low(x):\n    return x < LIMIT\n"
LEAVES = """\
import time
import unit


def test_leaves_more():
    unit.LIMIT = 99


def test_leaves_what_was_there():  # the last of the two: it undoes the other, and a change of the limit as well
    unit.LIMIT = 3


def test_low():
    time.sleep(0.1)  # the quick ones come first
    assert unit.low(2) and not unit.low(3)
"""


def test_what_leaves_the_component_changed_has_a_process_of_its_own_on_a_mutant(ask: Ask) -> None:
    told = ask({"unit.py": LIMIT, "test_unit.py": LEAVES}, ["unit.py"], mutate="matrix")
    assert "component_state" in told.kinds("test_leaves_more")
    assert {told.outcomes(words, "test_low").pop() for words in ("`3` becomes `4`", "`3` becomes `2`")} == {"assertion"}
