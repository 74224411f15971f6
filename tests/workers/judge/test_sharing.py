"""One process may serve several tests and mutants only as long as nothing is left behind: the answers are those of a process each."""

from __future__ import annotations

import pytest

from tests.workers.judge.conftest import Ask, Told

pytestmark = pytest.mark.slow  # the same questions twice, with a process for each test and mutant

UNIT = """\
import functools
import re

WORD = re.compile("[a-z]+")
_seen = []
LIMITS = {"low": 3}


def first(x):
    if not _seen:
        _seen.append(x)
        return "first"
    return "again"


@functools.lru_cache(maxsize=None)
def cached(x):
    return x * 17


def low(x):
    return x < LIMITS["low"]


def counter():
    count = [0]

    def step():
        count[0] += 1
        return count[0]

    return step


STEP = counter()


def is_word(text):
    return bool(WORD.match(text))
"""
TESTS = """\
import pytest
import unit

def test_first_once():
    assert unit.first(1) == "first"
def test_first_twice():
    assert unit.first(2) == "first"
def test_cached_once():
    assert unit.cached(2) == 34
def test_cached_twice():
    assert unit.cached(2) == 34
def test_low():
    assert unit.low(2) and not unit.low(3)
def test_changes_the_limit():
    unit.LIMITS["low"] = 10
    assert unit.low(9)
def test_step_once():
    assert unit.STEP() == 1
def test_step_twice():
    assert unit.STEP() == 1
@pytest.mark.parametrize("words", [["b", "a"]])
def test_a_parameter_that_is_changed(words):
    assert words == ["b", "a"] and unit.is_word(words[0])
    words.sort()
def test_environment(monkeypatch):
    import os
    assert "LEFT" not in os.environ and unit.is_word("a")
    os.environ["LEFT"] = "1"
def test_no_environment():
    import os
    assert "LEFT" not in os.environ and not unit.is_word("1")
"""
ALONE = "OPAQUE = object()  # nobody can compare it: each test and each mutant gets a process of its own\n"


def asked(ask: Ask, before: str) -> Told:
    files = {"unit.py": UNIT, "test_unit.py": before + TESTS}
    return ask(files, ["unit.py"], mutate="matrix", groups=[{"name": "suite", "files": ["test_unit.py"], "trusted": True}])


@pytest.fixture(scope="module")
def shared(ask: Ask) -> Told:
    return asked(ask, "pass\n")


@pytest.fixture(scope="module")
def alone(ask: Ask) -> Told:
    return asked(ask, ALONE)


def test_tests_share_a_process_and_each_runs_the_lines_that_it_runs_alone(shared: Told) -> None:
    assert len(shared.collected["suite"]["shared"]) == 11
    assert {event["outcome"] for event in shared.tests.values()} == {"passed"}
    assert shared.tests["test_cached_twice"]["lines"] == shared.tests["test_cached_once"]["lines"] == {"unit.py": [18]}
    assert shared.tests["test_first_twice"]["lines"] == {"unit.py": [10, 11, 12]}
    assert shared.outcomes("`<` becomes `<=`", "test_low") == {"assertion"}
    assert shared.troubles == {}


@pytest.mark.slow
def test_what_cannot_be_compared_shares_nothing(alone: Told) -> None:
    assert alone.collected["suite"]["shared"] == []


@pytest.mark.slow
def test_each_test_passes_and_runs_the_lines_that_it_runs_alone(shared: Told, alone: Told) -> None:
    assert {name: (event["outcome"], event["lines"]) for name, event in shared.tests.items()} == {
        name: ("passed", event["lines"]) for name, event in alone.tests.items()
    }


@pytest.mark.slow
def test_the_matrix_is_the_one_of_a_process_for_each_mutant(shared: Told, alone: Told) -> None:
    assert shared.kills == alone.kills
    assert shared.troubles == alone.troubles == {}


@pytest.mark.slow
def test_a_mutant_that_hangs_or_ends_its_process_costs_its_neighbours_nothing(ask: Ask) -> None:
    unit = (
        "import os\n\n\ndef drop(n):\n    while n > 0:\n        n -= 1\n    return n\n\n\n"
        "def guard(ok):\n    if not ok:\n        os._exit(3)\n    return 5\n\n\ndef add(a, b):\n    return a + b\n"
    )
    tests = (
        "import unit\ndef test_drop():\n    assert unit.drop(3) == 0\ndef test_guard():\n    assert unit.guard(True) == 5\n"
        "def test_add():\n    assert unit.add(1, 2) == 3\n"
    )
    told = ask({"unit.py": unit, "test_unit.py": tests}, ["unit.py"], mutate="matrix")
    assert told.outcomes("`-=` becomes `+=`", "test_drop") == {"timeout"}
    assert told.outcomes("`not ok` becomes `ok`", "test_guard") == {"crash"}
    assert told.outcomes("`+` becomes `-`", "test_add") == {"assertion"}
    judged = {mutant for mutant, _ in told.kills}
    reached = {f"{each['line']}:{each['column']} {each['words']}" for each in told.mutants.values()}
    assert reached - judged == {each for each in reached if "os._exit" in each or each.startswith("12:")}
