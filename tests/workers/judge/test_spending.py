"""What a judgement costs, counted: processes and runs of tests, never seconds. What is left out is told as not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.workers.judge import reading
from spec2prod.workers.judge.mutating import Module
from spec2prod.workers.judge.mutation import nested
from tests.workers.judge.conftest import Ask, Told

UNIT = "def double(x):\n    return x * 2\n\n\ndef half(x):\n    return x // 2\n"
TESTS = """\
import pytest
import unit

@pytest.mark.parametrize("x", [3, 5, 7, 9])
def test_double(x):
    assert unit.double(x) == x + x
@pytest.mark.parametrize("x", [3, 5, 7])
def test_again(x):
    assert unit.double(x) > x
def test_half():
    assert unit.half(9) == 4
"""
SUITE = [{"name": "suite", "files": ["test_unit.py"], "trusted": True}]
TABLE = "LIMIT = 3\n\n\ndef low(x):\n    return x < LIMIT\n"
LOW = "import pytest, unit\n@pytest.mark.parametrize('x', [1, 2, 3])\ndef test_low(x):\n    assert unit.low(x) == (x < 3)\n"


@pytest.fixture(scope="module")
def judged(ask: Ask) -> Told:
    return ask({"unit.py": UNIT, "test_unit.py": TESTS}, ["unit.py"], mutate="matrix", groups=SUITE)


def test_a_function_that_has_noticed_a_change_runs_no_other_case_on_it(judged: Told) -> None:
    cases = sorted(
        outcome for (words, name), outcome in judged.kills.items() if "`2` becomes `3`" in words and name.startswith("test_double")
    )
    assert cases == ["assertion", "not_run", "not_run", "not_run"]
    survived = [outcome for (words, name), outcome in judged.kills.items() if "`2` becomes `3`" in words and name.startswith("test_again")]
    assert survived == ["survived"] * 3


def test_tests_and_mutants_are_run_no_oftener_than_they_must(judged: Told) -> None:
    tried = sum(outcome != "not_run" for outcome in judged.kills.values())
    assert judged.spent["runs"] == len(judged.tests) * 2 + tried  # each alone, the control, the mutants
    assert tried < len(judged.kills)


def test_a_lane_is_forked_for_a_chain_and_not_for_each_test_or_mutant(judged: Told) -> None:
    assert len(judged.mutants) + len(judged.tests) > 12
    assert judged.spent["lanes"] == 2  # all of them: one group is collected by each
    assert judged.spent["forks"] <= 2 + 1 + 2  # tests in a chain a lane, the control, mutants in a chain a lane


def test_a_change_of_the_import_costs_one_lane_and_there_too_a_function_stops_at_its_first_notice(ask: Ask) -> None:
    told = ask({"unit.py": TABLE, "test_unit.py": LOW}, ["unit.py"], mutate="matrix", groups=SUITE)
    at_import = [each["id"] for each in told.mutants.values() if each["module_level"]]
    assert told.spent["lanes"] == 2 + len(at_import) > 2
    fates = [
        outcome for (words, _), outcome in told.kills.items() if words.endswith("`3` becomes `4`")
    ]  # in which order is a matter of time
    assert len(fates) == 3
    assert fates.count("assertion") == 1


def test_a_change_that_takes_a_generator_away_needs_no_import(ask: Ask) -> None:
    unit = "def lows(many):\n    return sorted(each for each in many if each < 3)\n"
    tests = "import unit\n\n\ndef test_lows():\n    assert unit.lows([4, 2]) == [2]\n"
    told = ask({"unit.py": unit, "test_unit.py": tests}, ["unit.py"], mutate="matrix", groups=SUITE)
    (nothing,) = {words for words, _ in told.kills if words.endswith("becomes `return None`")}
    assert told.kills[nothing, "test_lows"] == "assertion"
    assert told.spent["lanes"] == 2


def test_when_the_time_is_over_every_mutant_that_is_left_is_told_as_not_tried(ask: Ask) -> None:
    told = ask({"unit.py": UNIT, "test_unit.py": TESTS}, ["unit.py"], mutate="matrix", groups=SUITE, limits={"mutants_until_s": 0.0})
    left = {event["mutant"]: event["reason"] for event in told.events if event["event"] == "unjudged"}
    assert left == dict.fromkeys(told.mutants, "the time for changes was over")
    assert told.kills == {}
    assert {event["outcome"] for event in told.tests.values()} == {"passed"}


def test_a_case_that_is_left_out_leaves_the_fixtures_of_the_next_as_they_must_be(ask: Ask) -> None:
    one = (
        "import pytest, unit\n@pytest.fixture(scope='module', params=[1, 2])\ndef base(request):\n    yield request.param\n"
        "@pytest.mark.parametrize('x', [3, 5])\ndef test_one(base, x):\n    assert unit.double(x) == x + x\n"
        "def test_base(base):\n    assert unit.double(0) == 0 and base in (1, 2)\n"
    )
    two = "import unit\ndef test_two():\n    assert unit.double(4) == 8\n"
    groups = [{"name": "suite", "files": ["test_one.py", "test_two.py"], "trusted": True}]
    told = ask({"unit.py": UNIT, "test_one.py": one, "test_two.py": two}, ["unit.py"], mutate="matrix", groups=groups)
    assert told.troubles == {}
    words = "`2` becomes `3`"
    assert sorted(outcome for (mutant, name), outcome in told.kills.items() if mutant.endswith(words) and "test_one" in name) == [
        *("assertion", "not_run", "not_run", "not_run"),
    ]
    assert told.of_function(words, "test_base") == {"survived"}
    assert told.of_function(words, "test_two") == {"assertion"}


METHODS = """\
import functools


class Base:
    def size(self):
        return 4


class Box(Base):
    rate = 2

    class Lid:
        def high(self):
            return 7

    def __init__(self):
        self.__count = 5

    def size(self):
        return super().size() + 1

    def hidden(self):
        return self.__count

    @property
    def twice(self):
        return (lambda x: x * 2)(self.rate)

    @functools.lru_cache
    def kept(self):
        return __class__.rate + 3


if Box:
    class Late:
        def late(self):
            return 8
"""
OF_METHODS = """\
import unit

def test_size():
    assert unit.Box().size() == 5
def test_hidden():
    assert unit.Box().hidden() == 5
def test_twice():
    assert unit.Box().twice == 4
def test_kept():
    assert unit.Box().kept() == 5
def test_high():
    assert unit.Box.Lid().high() == 7
def test_late():
    assert unit.Late().late() == 8
"""


def test_a_change_in_a_method_is_put_in_without_its_class_being_made_anew(ask: Ask) -> None:
    told = ask({"unit.py": METHODS, "test_unit.py": OF_METHODS}, ["unit.py"], mutate="matrix", groups=SUITE)
    changes = {
        "test_size": {"`4` becomes `5`", "`1` becomes `2`"},
        "test_hidden": {"`5` becomes `6`"},
        "test_twice": {"`2` becomes `3`", "`*` becomes `/`"},
        "test_kept": {"`3` becomes `4`", "`+` becomes `-`"},
        "test_high": {"`7` becomes `8`"},
        "test_late": {"`8` becomes `9`"},
    }
    for test, words in changes.items():
        for each in words:
            assert "assertion" in told.outcomes(each, test), (test, each)
    at_import = {each["id"] for each in told.mutants.values() if each["module_level"]}
    # no method needs an import of its own, but for the two changes that take `super()` and `__class__` away
    assert told.spent["lanes"] == 2 + len(at_import) + 2


def test_a_class_is_not_compiled_again_for_each_change_of_a_method() -> None:
    def size(methods: int) -> int:
        source = "class Box:\n" + "".join(f"    def step_{number}(self, x):\n        return x + {number}\n" for number in range(methods))
        module = Module("unit.py", "/project/unit.py", source)
        return sum(len(code.co_consts) + sum(len(each.co_code) for each in nested(code)) for code in module.__dict__["_parts"].values())

    assert size(40) < 5 * size(10)


def test_what_the_judge_could_not_hand_over_is_read_by_the_base_itself(tmp_path: Path) -> None:
    (tmp_path / "unit.py").write_text(METHODS)
    (tmp_path / "scratch").mkdir()
    request = {"root": str(tmp_path), "scratch": str(tmp_path / "scratch"), "modules": ["unit.py"]}
    read = reading.taken(request)
    reading.hand_over(read, request)
    (tmp_path / "unit.py").unlink()
    assert [mutant.told() for module in reading.taken(request).values() for mutant in module.mutants] == [
        mutant.told() for module in read.values() for mutant in module.mutants
    ]
    assert not list((tmp_path / "scratch").iterdir())
