"""`spec2prod judge` on the calculator: the real judge, the real pytest, in the sandbox that this machine offers."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Calculator, Ended, environment

# Tells each process that is started; the command itself is the real one.
WATCHED = """\
import sys
started = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "os.exec"}
sys.addaudithook(lambda event, words: event in started and print("STARTED", event, file=sys.stderr))
from spec2prod.cli import main
sys.exit(main(sys.argv[1:]))
"""
SPEC = "# Calc\n\n## Requirements\n\n- REQ-1 (P0): Adds two numbers\n- REQ-2 (P0): Refuses to divide by zero\n"
SUITE = "from test_components.calculator.operations import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
PHASES = ["collecting the tests", "measuring the tests", "trying the mutants"]
PROPOSED = """\
import pytest
from test_components.calculator.operations import add, divide, multiply


@pytest.mark.requirement("REQ-2")
def test_divide_by_zero():
    with pytest.raises(ValueError, match="zero"):
        divide(1, 0)


def test_divide():
    assert divide(5, 1) == 5


def test_multiply_by_zero():
    assert multiply(2, 0) == 0


def test_add_once_more():
    assert add(4, 3) == 7


def test_multiply_runs():
    multiply(2, 3)


def test_same():
    value = add(1, 2)
    assert value == value


def test_swallowed():
    try:
        assert add(1, 2) == 4
    except AssertionError:
        pass


def test_wrong():
    assert add(1, 1) == 3


@pytest.mark.requirement("REQ-1")
def test_says_the_code_is_wrong():
    assert add(2, 2) == 5


@pytest.mark.requirement("REQ-9")
def test_of_nothing():
    assert multiply(2, 3) == 6


def test_of_the_hash_seed():
    assert multiply(3, 2) == 6
    assert hash("spec2prod") == HASH
"""


def judge(root: Path, *words: str) -> Ended:
    asked = [sys.executable, "-c", WATCHED, "judge", "--component", "calculator_operations", *words]
    done = subprocess.run(asked, cwd=root, env=environment(None), capture_output=True, text=True, timeout=240, check=False)
    return Ended(done.returncode, done.stdout, done.stderr, json.loads(done.stdout) if "--json" in words and done.stdout else {})


def verdicts(ended: Ended) -> dict[str, str]:
    return {test["name"]: test["verdict"] for test in ended.report["tests"]}


def with_suite(root: Path) -> Calculator:
    project = Calculator(root)
    (root / "specs/ids.md").write_text(SPEC)
    (root / "tests").mkdir()
    (root / "tests/test_calculator_operations.py").write_text(SUITE)
    return project


def hash_of_zero() -> str:
    """Return what a text's hash is where the seed is that of the judge's first run."""
    done = subprocess.run(
        [sys.executable, "-c", "print(hash('spec2prod'))"], env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Calculator, dict[str, bytes], Ended]:
    folder = tmp_path_factory.mktemp("judged")
    (folder / "test_proposed.py").write_text(PROPOSED.replace("HASH", hash_of_zero()))
    project = with_suite(folder / "project")
    before = project.files()
    return project, before, judge(project.root, "--spec", "specs/ids.md", "--json", "../test_proposed.py")


def test_each_test_gets_the_verdict_that_it_deserves(judged: tuple[Calculator, dict[str, bytes], Ended]) -> None:
    _, _, ended = judged
    assert ended.code == 1, ended.out + ended.err
    assert verdicts(ended) == {
        "test_divide_by_zero": "accepted",
        "test_divide": "accepted",
        "test_multiply_by_zero": "accepted",
        "test_add_once_more": "redundant",
        "test_multiply_runs": "rejected",
        "test_same": "rejected",
        "test_swallowed": "rejected",
        "test_wrong": "rejected",
        "test_says_the_code_is_wrong": "suspected_defect",
        "test_of_nothing": "review",
        "test_of_the_hash_seed": "rejected",
    }


def test_each_verdict_says_who_decided_and_why(judged: tuple[Calculator, dict[str, bytes], Ended]) -> None:
    _, _, ended = judged
    told: dict[str, dict[str, Any]] = {test["name"]: test for test in ended.report["tests"]}
    deciding = {name: (test["filter_number"], test["filter"]) for name, test in told.items()}
    assert deciding["test_swallowed"] == (1, "screen")
    assert deciding["test_wrong"] == (2, "isolation")
    assert deciding["test_of_the_hash_seed"] == (3, "perturbation")
    assert deciding["test_divide"] == (5, "mutation")
    assert deciding["test_of_nothing"] == (6, "grounding")
    assert deciding["test_says_the_code_is_wrong"] == (7, "triage")
    assert told["test_divide_by_zero"]["sentence"].startswith("fails if line 17 `==` becomes `!=`")
    assert told["test_divide_by_zero"]["sentence"].endswith("is the first evidence for REQ-2")
    stopped = "line 13 `*` becomes `/`"
    assert told["test_multiply_by_zero"]["sentence"].endswith(f"; stops with ZeroDivisionError if {stopped}")
    assert told["test_multiply_by_zero"]["stops"] == [f"src/test_components/calculator/operations.py: {stopped}"]
    assert (ended.report["suite"], ended.report["void"], ended.report["absent"]) == (1, "", [])


def test_nothing_is_adopted_and_no_process_or_copy_is_left(judged: tuple[Calculator, dict[str, bytes], Ended]) -> None:
    project, before, ended = judged
    assert "STARTED" in ended.err
    assert [line for line in ended.err.splitlines() if line.endswith(("tests", "mutants"))] == PHASES
    assert project.files() == before
    assert list((project.root / ".spec2prod/runs").iterdir()) == []
    assert project.left_behind() == []


def test_what_was_judged_before_is_told_again_without_a_process(judged: tuple[Calculator, dict[str, bytes], Ended]) -> None:
    project, _, first = judged
    again = judge(project.root, "--spec", "specs/ids.md", "--json", "../test_proposed.py")
    assert (again.code, "STARTED" in again.err) == (first.code, False), again.err
    assert again.report == {**first.report, "from_cache": True}


@pytest.mark.slow
def test_a_file_of_the_suite_is_judged_against_the_rest_of_it(tmp_path: Path) -> None:
    project = with_suite(tmp_path / "project")
    (project.root / "tests/test_operations.py").write_text(SUITE.replace("test_add", "test_adds"))
    alone = judge(project.root, "tests/test_operations.py")
    assert alone.code == 0
    assert "1 test judged, beside 1 test of the suite" in alone.out
    assert "= redundant" in alone.out
    both = judge(project.root, "--json", "tests/test_operations.py", "tests/test_calculator_operations.py")
    assert sorted(verdicts(both).values()) == ["accepted", "redundant"]


@pytest.mark.slow
def test_files_of_one_name_from_several_places_are_told_apart(tmp_path: Path) -> None:
    project = with_suite(tmp_path / "project")
    files = []
    for place, name in (("a", "divide(9, 3) == 3"), ("b", "multiply(2, 3) == 6")):
        (tmp_path / place).mkdir()
        files.append(f"../{place}/test_calculator_operations.py")
        text = f"from test_components.calculator.operations import *\n\n\ndef test_it():\n    assert {name}\n"
        (project.root / files[-1]).write_text(text)
    ended = judge(project.root, "--json", *files)
    assert [(test["file"], test["verdict"]) for test in ended.report["tests"]] == [(file, "accepted") for file in files]


@pytest.mark.slow
def test_a_component_that_cannot_be_imported_voids_the_judgement(tmp_path: Path) -> None:
    project = with_suite(tmp_path / "project")
    module = project.root / "src/test_components/calculator/operations.py"
    module.write_text(module.read_text() + "\nimport no_such_package\n")
    ended = judge(project.root, "--json", "tests/test_calculator_operations.py")
    assert ended.code == 4
    assert set(verdicts(ended).values()) == {"errored"}
    assert "calculator_operations cannot be imported: ModuleNotFoundError: No module named 'no_such_package'" in ended.report["void"]
    again = judge(project.root, "--json", "tests/test_calculator_operations.py")
    assert (again.code, again.report["from_cache"]) == (4, False)  # an error is never kept


@pytest.mark.slow
def test_a_test_that_pytest_itself_sees_otherwise_is_errored_and_one_that_depends_on_the_order_is_rejected(tmp_path: Path) -> None:
    project = with_suite(tmp_path / "project")
    (project.root / "tests/test_calculator_operations.py").write_text(
        "import builtins\n\n\ndef test_pollutes():\n    builtins.spoilt = True\n"
    )
    text = SUITE.replace("\n\n\ndef", "\nimport builtins, sys\n\n\ndef") + "    assert not hasattr(builtins, 'spoilt')\n"
    text += "\n\ndef test_judge_alone():\n    assert add(2, 3) == 5\n    assert any('judge' in name for name in sys.modules)\n"
    (tmp_path / "test_proposed.py").write_text(text)
    ended = judge(project.root, "--json", "../test_proposed.py")
    ordered, alone = ended.report["tests"]
    assert (ended.code, alone["verdict"], ordered["verdict"], ordered["filter"]) == (4, "errored", "rejected", "perturbation"), ended.report
    assert "passed alone, failed in a plain pytest run of it after the suite" in alone["sentence"]
    assert "depends on the order: failed after the suite, passed before it, backwards" in ordered["sentence"]


@pytest.mark.slow
def test_tests_of_private_names_mirrors_and_todays_date_are_seen(tmp_path: Path) -> None:
    project = with_suite(tmp_path / "project")
    today = datetime.now(tz=UTC).strftime("%Y")
    text = (
        "import datetime, time, os\nfrom test_components.calculator.operations import add, multiply\n\n\n"
        "def test_mirrors():\n    assert multiply(3, 4) == 3 * 4\n\n\n"
        f"def test_of_this_year():\n    assert add(datetime.datetime.now().year, 1) == {today} + 1\n\n\n"
        "def test_of_the_zone():\n    assert add(1, time.localtime(0).tm_hour) == 1\n\n\n"
        "def test_of_its_own_time():\n    before = time.time()\n    assert add(2, 3) == 5\n"
        "    assert before <= time.time() and isinstance(datetime.datetime.max, datetime.datetime)\n"
    )
    (tmp_path / "test_proposed.py").write_text(text)
    ended = judge(project.root, "--json", "../test_proposed.py")
    told = {each["name"]: each for each in ended.report["tests"]}
    assert {name: (each["verdict"], each["filter"]) for name, each in told.items()} == {
        "test_mirrors": ("review", "screen"),
        "test_of_this_year": ("rejected", "perturbation"),
        "test_of_the_zone": ("rejected", "perturbation"),
        "test_of_its_own_time": ("redundant", "mutation"),
    }
    assert "passed at first, failed 500 days later" in told["test_of_this_year"]["sentence"]
    assert "time zone" in told["test_of_the_zone"]["sentence"]


@pytest.mark.slow
def test_a_file_without_a_test_and_one_that_does_not_parse_are_rejected_whole(tmp_path: Path) -> None:
    project = with_suite(tmp_path / "project")
    (tmp_path / "test_broken.py").write_text("def test_x(:\n")
    (tmp_path / "test_empty.py").write_text("X = 1\n")
    ended = judge(project.root, "../test_broken.py", "../test_empty.py")
    assert ended.code == 1
    assert "the whole file (filter 1, screen): it does not parse: line 1" in ended.out
    assert "the whole file (filter 1, screen): it defines no test function" in ended.out


DUES = "\n\ndef dues(count):\n    if count > 10:\n        return 45\n    return 50\n"
DEMANDED = "# Dues\n\n## Requirements\n\n- REQ-1: From ten on they are lower: `dues(10) == 45`, `dues(1) == 50`.\n"
OF_DUES = """\
import asyncio
import pytest
from test_components.calculator.operations import add, dues


def test_as_the_code_says():
    assert dues(10) == 50


def test_as_the_code_says_by_the_way():
    assert add(dues(10), 1) == 51


def test_a_few():
    assert dues(9) == 50


@pytest.mark.asyncio
async def test_many():
    await asyncio.sleep(0)
    assert [dues(each) for each in (11, 20)] == [45, 45]
"""


@pytest.mark.slow
def test_what_states_a_defect_is_put_to_review_by_the_examples_though_nothing_else_reveals_it(tmp_path: Path) -> None:
    project = with_suite(tmp_path / "project")
    operations = project.root / "src/test_components/calculator/operations.py"
    operations.write_text(operations.read_text() + DUES)
    (project.root / "specs/dues.md").write_text(DEMANDED)
    (project.root / "pytest.ini").write_text("[pytest]\naddopts = -n 2 --dist loadfile\nfilterwarnings = error\n")
    (tmp_path / "test_dues.py").write_text(OF_DUES)
    ended = judge(project.root, "--spec", "specs/dues.md", "--json", "../test_dues.py")
    assert verdicts(ended) == {
        "test_as_the_code_says": "review",
        "test_as_the_code_says_by_the_way": "review",
        "test_a_few": "accepted",
        "test_many": "accepted",
    }, ended.out + ended.err
    told = {each["name"]: each["sentence"] for each in ended.report["tests"]}
    assert "states the opposite of the specification's example at specs/dues.md:5" in told["test_as_the_code_says"]
    assert "contradicts the specification's example at specs/dues.md:5" in told["test_as_the_code_says_by_the_way"]
