"""What the judge measures is what plain tools measure: coverage.py's lines, pytest's outcomes, and mutants that are really there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers.judge.conftest import WORKER, Ask, Told

SHAPES = '''\
"""Shapes of Python in which a mutant may hide."""
import contextlib
import functools

LIMIT = 10
TABLE = [number * 2 for number in range(3)]


def made(value):
    return value + 100


EARLY = made(1)


def decorated(function):
    @functools.wraps(function)
    def wrapper(*words):
        return function(*words) + 1
    return wrapper


@decorated
def wrapped(x):
    return x - 1


class Shape:
    factor = 3

    def __init__(self, size):
        self._size = size

    @property
    def size(self):
        return self._size * 5

    @classmethod
    def unit(cls):
        return cls(7)

    @staticmethod
    def half(x):
        return x / 2

    def closure(self):
        def inner(x):
            return x + self.factor
        return inner


def generated(n):
    for index in range(n):
        if index == 2:
            continue
        yield index * 11


async def awaited(x):
    return x + 13


@functools.lru_cache(maxsize=None)
def cached(x):
    return x * 17


def defaulted(x, step=19):
    return x + step


@contextlib.contextmanager
def managed():
    yield 23


KEY = lambda x: x % 29  # noqa: E731


def refused(x):
    if (x < 0
            or x > LIMIT):
        raise ValueError(
            "no")
    return [each for each
            in range(x)
            if each % 2][:3]


def unused():
    return "never"
'''
TESTS = """\
import asyncio
import pytest
import shapes

ADDED = shapes.KEY(30)

def test_module_level():
    assert shapes.LIMIT == 10 and shapes.TABLE == [0, 2, 4]
def test_early():
    assert shapes.EARLY == 101
def test_wrapped():
    assert shapes.wrapped(5) == 5
def test_property():
    assert shapes.Shape(2).size == 10
def test_classmethod():
    assert shapes.Shape.unit()._size == 7
def test_staticmethod():
    assert shapes.Shape.half(4) == 2
class TestClosure:
    @pytest.fixture
    def shape(self):
        return shapes.Shape(1)
    def test_closure(self, shape):
        assert shape.closure()(1) == 4
def test_generator():
    assert list(shapes.generated(4)) == [0, 11, 33]
def test_awaited():
    assert asyncio.run(shapes.awaited(1)) == 14
def test_cached():
    assert shapes.cached(2) == 34
def test_default():
    assert shapes.defaulted(1) == 20
def test_managed():
    with shapes.managed() as value:
        assert value == 23
def test_lambda():
    assert ADDED == 1 and shapes.KEY(31) == 2
@pytest.mark.parametrize(("x", "expected"), [(0, []), (10, [1, 3, 5])])
def test_refused_not(x, expected):
    assert shapes.refused(x) == expected
@pytest.mark.parametrize("x", [-1, 11])
def test_refused(x):
    with pytest.raises(ValueError):
        shapes.refused(x)
def test_only_calls():
    shapes.refused(4)
"""
EXPECTED = {  # words of the mutant: the test whose assertion notices it
    "`10` becomes `11`": "test_module_level",
    "`2` becomes `3`": "test_module_level",
    "`100` becomes `101`": "test_early",
    "`-` becomes `+`": "test_wrapped",
    "`5` becomes `6`": "test_property",
    "`7` becomes `8`": "test_classmethod",
    "`2` becomes `1`": "test_staticmethod",
    "`3` becomes `4`": "TestClosure::test_closure",
    "`return x + self.factor` becomes `return None`": "TestClosure::test_closure",
    "`continue` becomes `break`": "test_generator",
    "`11` becomes `12`": "test_generator",
    "`13` becomes `14`": "test_awaited",
    "`17` becomes `18`": "test_cached",
    "`19` becomes `20`": "test_default",
    "`23` becomes `24`": "test_managed",
    "`29` becomes `28`": "test_lambda",
    "`>` becomes `<=`": "test_refused",
    "`raise ValueError` becomes `raise RuntimeError`": "test_refused",
    "the slice loses its upper bound `3`": "test_refused_not",
    "the decorator `@decorated` is removed": "test_wrapped",
}
pytestmark = pytest.mark.slow
FILES = {"shapes.py": SHAPES, "test_shapes.py": TESTS}


@pytest.fixture(scope="module")
def shapes(ask: Ask) -> Told:
    return ask(FILES, ["shapes.py"], mutate="matrix")


def test_everything_passes_before_anything_is_changed(shapes: Told) -> None:
    assert {event["outcome"] for event in shapes.tests.values()} == {"passed"}
    assert not shapes.troubles


@pytest.mark.parametrize(("words", "test"), list(EXPECTED.items()))
def test_a_mutant_is_killed_by_the_assertion_that_speaks_of_it(shapes: Told, words: str, test: str) -> None:
    assert "assertion" in shapes.of_function(words, test)


def test_a_deliberate_exception_on_a_valid_value_is_a_crash_and_no_assertion(shapes: Told) -> None:
    assert shapes.outcomes("`>` becomes `>=`", "test_refused_not[10-expected1]") == {"crash"}


def test_a_test_that_only_calls_kills_nothing_by_assertion(shapes: Told) -> None:
    fates = shapes.fates("test_only_calls")
    assert fates
    assert "assertion" not in fates.values()


def test_code_that_no_test_runs_is_not_covered(shapes: Told) -> None:
    never = next(each["words"] for each in shapes.mutants.values() if "'never'" in each["words"])
    assert not [name for words, name in shapes.kills if words.endswith(never)]


def test_lines_are_those_that_coverage_counts_test_by_test(shapes: Told, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    settings = tmp_path / "settings"
    settings.write_text("[run]\ncore = ctrace\nsource = .\n")
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shapes.py"]
    told = ["--cov=.", f"--cov-config={settings}", "--cov-context=test", "--cov-report="]
    subprocess.run([*plain, *told], cwd=tmp_path, check=True, capture_output=True)
    report = [sys.executable, "-m", "coverage", "json", "--show-contexts", "-q", "-o", "told.json"]
    subprocess.run(report, cwd=tmp_path, check=True, capture_output=True)
    measured = json.loads((tmp_path / "told.json").read_text())["files"]["shapes.py"]
    statements = {*measured["executed_lines"], *measured["missing_lines"]}
    theirs: dict[str, set[int]] = {}
    for line, names in measured["contexts"].items():
        for name in filter(None, names if int(line) in statements else ()):
            theirs.setdefault(name.partition("|")[0].partition("[")[0].rpartition("::")[2], set()).add(int(line))
    ours: dict[str, set[int]] = {}
    for name, event in shapes.tests.items():
        ours.setdefault(name.partition("[")[0].rpartition("::")[2], set()).update(event["lines"].get("shapes.py", []))
    assert {name: lines for name, lines in ours.items() if lines} == theirs


def test_without_fork_the_answers_are_the_same(ask: Ask) -> None:
    files = {
        "unit.py": "LIMIT = 3\n\ndef low(x):\n    return x < LIMIT\n",
        "test_unit.py": "import unit\ndef test_low():\n    assert unit.low(2)\n",
    }
    warm = ask(files, ["unit.py"], mutate="matrix")
    cold = ask(files, ["unit.py"], mutate="matrix", fork=False)
    assert warm.kills == cold.kills
    assert warm.kills
    assert {name: (event["outcome"], event["lines"]) for name, event in warm.tests.items()} == {
        name: (event["outcome"], event["lines"]) for name, event in cold.tests.items()
    }


def test_threads_at_import_cost_the_warm_process_and_change_no_answer(ask: Ask) -> None:
    unit = "def low(x):\n    return x < 3\n"
    tests = "import unit\ndef test_low():\n    assert unit.low(2) and not unit.low(3)\n"
    plain = ask({"unit.py": unit, "test_unit.py": tests}, ["unit.py"], mutate="matrix")
    threads = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    threaded = ask({"unit.py": unit, "test_unit.py": threads + tests}, ["unit.py"], mutate="matrix")
    assert threaded.collected["test_unit.py"]["threads"]
    assert threaded.kills == plain.kills
    assert set(plain.kills.values()) == {"assertion"}


def test_an_endless_loop_is_a_timeout_and_the_rest_of_its_tests_is_not_run(ask: Ask) -> None:
    unit = "def count(n):\n    done = 0\n    while done < n:\n        done += 1\n    return done\n"
    tests = "import unit\ndef test_a():\n    assert unit.count(2) == 2\ndef test_b():\n    assert unit.count(3) == 3\n"
    told = ask({"unit.py": unit, "test_unit.py": tests}, ["unit.py"], mutate="matrix")
    assert sorted(outcome for (words, _), outcome in told.kills.items() if words.endswith("`done += 1` is removed")) == [
        "not_run",
        "timeout",
    ]


def test_a_score_stops_at_the_first_assertion(ask: Ask) -> None:
    tests = "import unit\n" + "".join(f"def test_{number}():\n    assert unit.double({number}) == {2 * number}\n" for number in range(1, 5))
    told = ask({"unit.py": "def double(x):\n    return x + x\n", "test_unit.py": tests}, ["unit.py"], mutate="score")
    assert sorted(outcome for (words, _), outcome in told.kills.items() if words.endswith("`+` becomes `-`")) == [
        "assertion",
        "not_run",
        "not_run",
        "not_run",
    ]


def test_every_kind_of_test_runs_as_in_pytest_and_the_projects_options_stay_outside(ask: Ask) -> None:
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-n 2 --cov=unit --cov-fail-under=100 '
        '-x -q -k nothing --strict-config --doctest-modules"\n'
        'filterwarnings = ["error"]\nrandomly_seed = 3\nasyncio_mode = "auto"\ntimeout = 1\n',
        "conftest.py": "import pytest\n\n@pytest.fixture(scope='session')\ndef base():\n    return [1]\n",
        "unit.py": 'def double(x):\n    """Double.\n\n    >>> double(2)\n    4\n    """\n    return x * 2\n',
        "test_kinds.py": "import unittest, warnings, pytest, unit\nfrom hypothesis import given, strategies as st\n"
        "@pytest.fixture\ndef two(base, tmp_path, request):\n    yield base[0] + 1\n"
        "def test_fixture(two, capsys, monkeypatch):\n    print(unit.double(two))\n    assert capsys.readouterr().out == '4\\n'\n"
        "async def test_async():\n    assert unit.double(1) == 2\n"
        "@given(st.integers())\ndef test_property(x):\n    assert unit.double(x) == x + x\n"
        "class TestOld(unittest.TestCase):\n    def setUp(self):\n        self.x = 3\n"
        "    def test_old(self):\n        for x in (1, 2):\n"
        "            with self.subTest(x=x):\n                self.assertEqual(unit.double(x), 2 * x)\n"
        "def test_warns():\n    warnings.warn('old', DeprecationWarning)\n    assert unit.double(0) == 0\n"
        "@pytest.mark.parametrize('x', [1, 2])\n@pytest.mark.usefixtures('two')\n"
        "class TestMany:\n    def test_one(self, x):\n        assert unit.double(x) == 2 * x\n"
        "def test_doc():\n    '''\n    >>> 1 + 1\n    2\n    '''\n",
    }
    told = ask(files, ["unit.py"], mutate="score")
    assert {name: event["outcome"] for name, event in told.tests.items()} == dict.fromkeys(
        [
            "test_fixture", "test_async", "test_property", "TestOld::test_old", "test_warns", "TestMany::test_one[1]",
            "TestMany::test_one[2]",
            "test_doc",
            "test_kinds.test_doc",
        ],
        "passed",
    )  # fmt: skip
    assert {name: event["evidence"] for name, event in told.tests.items() if event["evidence"]} == {}
    assert not told.troubles


def test_a_module_that_is_broken_too_deep_or_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "deep.py").write_text(f"def f():\n    return {' + '.join(['1'] * 2000)}\n")
    request = {
        "root": str(tmp_path),
        "import_root": ".",
        "scratch": str(tmp_path / "s"),
        "nonce": "n",
        "groups": [],
        "modules": ["broken.py", "deep.py", "gone.py"],
    }
    done = subprocess.run([sys.executable, str(WORKER)], input=json.dumps(request) + "\n", capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    unread = [event for event in told if event["event"] == "unreadable"]
    assert [(event["module"], event["line"]) for event in unread] == [("broken.py", 1), ("deep.py", 0), ("gone.py", 0)]
    assert "broken.py" not in unread[0]["reason"], "who tells it names the place, once"


def test_c_code_a_slow_import_and_side_effects_of_an_import_are_no_obstacle(ask: Ask) -> None:
    files = {
        "fast.py": "import math\nimport os\nimport time\n"
        "from _bisect import bisect_right\ntime.sleep(0.5)\nos.environ['FAST'] = 'yes'\nSTARTED = []\n"
        "STARTED.append(len(STARTED))\n\n\ndef place(numbers, x):\n    return bisect_right(numbers, math.floor(x)) + 1\n",
        "test_fast.py": "import os, fast\ndef test_place():\n    assert fast.place([1, 2, 3], 2.5) == 3\n"
        "def test_once():\n    assert fast.STARTED == [0] and os.environ['FAST'] == 'yes'\n",
    }
    told = ask(files, ["fast.py"], mutate="matrix")
    assert {name: (event["outcome"], event["evidence"]) for name, event in told.tests.items()} == {
        "test_place": ("passed", []),
        "test_once": ("passed", []),
    }
    assert told.outcomes("`+` becomes `-`", "test_place") == {"assertion"}
    assert told.outcomes("`STARTED.append(len(STARTED))` is removed", "test_once") == {"assertion"}


def test_an_interpreter_without_pytest_is_an_error_of_the_judge(tmp_path: Path) -> None:
    (tmp_path / "unit.py").write_text("X = 1\n")
    bare = "import sys; sys.modules['pytest'] = None; import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    request = {
        "root": str(tmp_path),
        "import_root": ".",
        "scratch": str(tmp_path / "s"),
        "nonce": "n",
        "groups": [],
        "modules": ["unit.py"],
    }
    asked = json.dumps(request | {"groups": [{"name": "g", "files": ["test_x.py"]}]}) + "\n"
    done = subprocess.run(
        [sys.executable, "-c", bare, str(WORKER / "__main__.py")], input=asked, capture_output=True, text=True, check=True
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["event"] == "error"
    assert "pytest" in last["reason"]


def test_an_example_that_holds_meets_no_mutant_and_one_that_fails_tells_what_would_mend_or_move_it(ask: Ask) -> None:
    unit = "RATE = 5\n\n\ndef dues(count):\n    if count > 10:\n        return count * RATE\n    return 0\n"
    examples = """\
import unit
def test_holds():
    assert unit.dues(11) == 55
def test_fails():
    found = unit.dues(10)
    assert found == 50, f"got {found!r} instead"
def test_fails_by_its_rate():
    found = unit.dues(12)
    assert found == 72, f"got {found!r} instead"
"""
    files = {"unit.py": unit, "test_examples.py": examples, "test_unit.py": "import unit\ndef test_few():\n    assert unit.dues(2) == 0\n"}
    told = ask(files, ["unit.py"], mutate="matrix", witnesses=["test_examples.py"])
    assert {name for _, name in told.kills} == {"test_few"}
    seen = {
        (each["event"], told.mutants[each["mutant"]]["words"], each["test"].partition("::")[2])
        for each in told.events
        if each["event"] in {"repair", "moved"}
    }
    assert ("repair", "`>` becomes `>=`", "test_fails") in seen
    assert ("repair", "`5` becomes `6`", "test_fails_by_its_rate") in seen, "also where the module has to be imported changed"
    assert ("moved", "`5` becomes `4`", "test_fails_by_its_rate") in seen
    assert ("moved", "`5` becomes `4`", "test_fails") not in seen, "what it gets is the same"
    assert not any(name == "test_holds" for _, _, name in seen)
