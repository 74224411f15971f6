from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Measurement, Unanswered
from spec2prod.gates.tests import TestsGate

if TYPE_CHECKING:
    from tests.gates.conftest import Ask, Make

GATE = TestsGate(timeout_s=60)
CODE = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n"
GOOD = "from pkg.sums import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"


def tree(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def test_one_run_answers_both_and_leaves_the_tree_untouched(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/sums.py": CODE, "src/pkg/never.py": "X = 1\nY = 2\n", "tests/test_sums.py": GOOD})
    before = tree(component.root)
    (rate, coverage, *_), completed = ask(GATE, component)
    assert isinstance(rate, Measurement)
    assert (rate.values, rate.checked, rate.summary) == ({"percent": 100.0}, 1, "1 of 1 test passed")
    assert isinstance(coverage, Measurement)
    assert coverage.values == {"percent": 50.0}  # 3 of 4 lines, and none of the 2 that nobody imported
    assert [(each.address, each.message) for each in coverage.findings] == [
        ("src/pkg/never.py:1", "lines 1-2"),
        ("src/pkg/sums.py:6", "lines 6"),
    ]
    assert tree(component.root) == before
    report = GATE.report(component, completed)
    assert report.green
    assert report.missing("src/pkg/sums.py") == (6,)
    assert report.executed["src/pkg/sums.py"] == {1, 2, 5}
    assert (report.cases[0].name, report.cases[0].line, report.cases[0].covered) == ("test_add", 4, {"src/pkg/sums.py": frozenset({2})})


MIXED = """\
import os
import pytest
from pkg.sums import add, sub


@pytest.mark.parametrize("a", [1, 2])
def test_add(a):
    assert add(a, 1) == a + 1


class TestSub:
    def test_wrong(self):
        result = sub(3, 1)
        assert result == 3, "it should be three"


@pytest.fixture
def falls_apart():
    yield
    raise ValueError("on the way down")


def test_tear_down(falls_apart):
    pass


@pytest.mark.skip(reason="not today")
def test_skipped(): ...


@pytest.mark.xfail
def test_known(): assert False


@pytest.mark.xfail
def test_better_than_thought(): ...


@pytest.mark.xfail(strict=True)
def test_strict(): ...


def test_forked_child_that_goes_on():
    if os.fork() == 0:
        return
    os.wait()
"""
ADDOPTS = """\
[tool.pytest.ini_options]
addopts = "-p no:hypothesispytest -x --cov=pkg --cov-fail-under=100"
filterwarnings = ["error", "ignore:This process", "ignore::pytest.PytestDeprecationWarning"]
"""


def test_every_outcome_is_told_and_a_broken_file_has_an_address(make: Make, ask: Ask) -> None:
    component = make(
        {
            "pyproject.toml": ADDOPTS,
            "src/pkg/sums.py": CODE,
            "tests/test_mixed.py": MIXED,
            "tests/test_broken.py": "import os\nimport not_there_at_all\n",
            "tests/test_syntax.py": "def test_it():\n    assert (\n",
        }
    )
    (rate, coverage, *_), completed = ask(GATE, component)
    assert isinstance(rate, Measurement), completed.stdout + completed.stderr
    assert rate.values == {"percent": 100 * 3 / 8}
    assert rate.summary == "3 of 6 tests passed, 2 test files could not be collected (1 skipped, 1 expected to fail, 1 passed unexpectedly)"
    told = [(each.address, each.code, each.message.splitlines()[0]) for each in rate.findings]
    assert told[0] == ("tests/test_broken.py:2", "error", "ModuleNotFoundError: No module named 'not_there_at_all'")
    assert told[1] == ("tests/test_mixed.py:14", "failed", "TestSub::test_wrong: AssertionError: it should be three")
    assert told[2] == ("tests/test_mixed.py:20", "error", "test_tear_down: ValueError: on the way down")
    assert told[3][1:] == ("failed", "test_strict: [XPASS(strict)] ")
    assert told[4][0] == "tests/test_syntax.py:2"
    assert "SyntaxError" in told[4][2]
    assert isinstance(coverage, Measurement)
    assert coverage.values == {"percent": 100.0}
    report = GATE.report(component, completed)
    assert not report.green
    assert {case.name for case in report.cases if case.name == "test_add"} == {"test_add"}
    assert sum(case.outcome == "passed" for case in report.cases) == 3


def test_only_broken_files_fail_and_leave_no_coverage(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/sums.py": CODE, "tests/test_broken.py": "import not_there_at_all\n"})
    (rate, coverage, flaky), _ = ask(GATE, component)
    assert isinstance(rate, Measurement)
    assert rate.values == {"percent": 0.0}
    assert rate.summary == "no test ran, 1 test file could not be collected"
    assert isinstance(flaky, Unanswered)
    assert flaky.reason == "no test ran, so none can be flaky"
    assert isinstance(coverage, Unanswered)
    assert coverage.reason == "no test ran, so there is no coverage to measure"


def test_nobody_is_advised_to_ask_the_agent_whom_the_run_has_asked(make: Make, ask: Ask) -> None:
    answers, _ = ask(dataclasses.replace(GATE, asks_agent=True), make({"src/pkg/sums.py": CODE}))
    assert [each.next_step for each in answers if isinstance(each, Unanswered)] == ["write tests in tests/"] * len(answers)


def test_without_tests_it_is_the_components_own_lack_and_the_lines_are_known(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/sums.py": CODE})
    answers, completed = ask(GATE, component)
    assert all(isinstance(each, Unanswered) and each.no_tests for each in answers)
    assert isinstance(answers[0], Unanswered)
    assert answers[0].reason == "no tests for component pkg were found"
    assert answers[0].next_step.endswith("or let them be generated (--enable-openhands)")
    assert GATE.report(component, completed).missing("src/pkg/sums.py") == (1, 2, 5, 6)


QUIET = {
    "nothing collected": ("def helper(): ...\n", "", "pytest collected no test"),
    "only skipped": ("import pytest\npytestmark = pytest.mark.skip\ndef test_it(): ...\n", "", "nothing was checked: 1 skipped"),
    "left out": (
        "def test_it(): ...\n",
        '[tool.pytest.ini_options]\naddopts="-p no:hypothesispytest -k nope"',
        "1 test left out by the project's own options",
    ),
    "left at once": ("import os\nos._exit(0)\n", "", "the test process ended before it answered"),
    "stopped": ("import pytest\ndef test_it(): pytest.exit('enough')\n", "", "stopped early (exit status 2): stopped by Exit: enough"),
    "unknown option": (
        "def test_it(): ...\n",
        '[tool.pytest.ini_options]\naddopts="--nonsense"',
        "addopts in pyproject.toml asks for --nonsense",
    ),
    "no plugin": (
        "def test_it(): ...\n",
        '[tool.pytest.ini_options]\nrequired_plugins="pytest-nobody"',
        "pytest-nobody is not installed in",
    ),
}


@pytest.mark.parametrize("case", QUIET)
def test_nothing_checked_is_never_an_answer(make: Make, ask: Ask, case: str) -> None:
    code, settings, told = QUIET[case]
    component = make({"src/pkg/sums.py": CODE, "tests/test_it.py": code} | ({"pyproject.toml": settings} if settings else {}))
    answers, completed = ask(GATE, component)
    for each in answers:
        assert isinstance(each, Unanswered), completed.stdout
        assert told in each.reason
        assert each.next_step
        assert not each.no_tests


def test_a_run_cut_short_with_exit_0_is_not_green(make: Make, ask: Ask) -> None:
    code = "import pytest\ndef test_one(): ...\ndef test_two(): pytest.exit('enough', returncode=0)\ndef test_three(): ...\n"
    component = make({"src/pkg/sums.py": CODE, "tests/test_it.py": code})
    (rate, *_), _ = ask(GATE, component)
    assert isinstance(rate, Measurement)
    assert rate.summary == "1 of 3 tests passed"
    assert "never finished" in rate.findings[0].message


def test_a_hanging_test_is_stopped_and_told(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/sums.py": CODE, "tests/test_it.py": "import time\ndef test_it(): time.sleep(600)\n"})
    answers, completed = ask(TestsGate(timeout_s=1.5), component)
    assert completed.timed_out
    assert all(isinstance(each, Unanswered) and "time limit of 1.5 s" in each.reason for each in answers)


def test_children_count_output_costs_nothing_and_order_can_be_turned(make: Make, ask: Ask) -> None:
    code = """\
import multiprocessing, subprocess, sys
from pkg.sums import sub
SEEN = []
def test_first():
    SEEN.append(1)
    process = multiprocessing.get_context("fork").Process(target=sub, args=(1, 1))
    process.start(); process.join()
    subprocess.run([sys.executable, "-c", "import sys; sys.path.insert(0, 'src'); from pkg.sums import add; add(1, 1)"], check=True)
def test_second():
    assert SEEN, "this one needs the other"
    for _ in range(300): print("x" * 100_000)
"""
    component = make({"src/pkg/sums.py": CODE, "tests/test_it.py": code})
    (rate, coverage, *_), completed = ask(GATE, component)
    assert isinstance(rate, Measurement)
    assert rate.values == {"percent": 100.0}
    assert isinstance(coverage, Measurement)
    assert coverage.values == {"percent": 100.0}
    assert 1_000_000 < len(completed.stdout) < 5_000_000
    backwards = dataclasses.replace(GATE, order="reversed")
    (rate, *_), _ = ask(backwards, component)
    assert isinstance(rate, Measurement)
    assert rate.findings[0].message.startswith("test_second: AssertionError: this one needs the other")


def test_an_interpreter_that_is_not_there_or_has_no_pytest_is_told_with_the_way_out(make: Make, ask: Ask, tmp_path: Path) -> None:
    component = make({"src/pkg/sums.py": CODE, "tests/test_sums.py": GOOD})
    absent = dataclasses.replace(component, interpreter=tmp_path / "nowhere" / "python")
    (rate, *_), _ = ask(GATE, absent)
    assert isinstance(rate, Unanswered)
    assert "pytest is not installed" in rate.reason
    bare = dataclasses.replace(component, interpreter=Path(sys.base_prefix) / "bin" / "python3")
    script = f'#!/bin/sh\nexec {bare.interpreter} -S -E "$@"\n'  # without site-packages, whatever they hold
    program = tmp_path / "python"
    program.write_text(script)
    program.chmod(0o755)
    bare = dataclasses.replace(component, interpreter=program)
    (rate, *_), _ = ask(GATE, bare)
    assert isinstance(rate, Unanswered)
    assert rate.reason == f"pytest and coverage not installed in {program}"
    assert rate.next_step == f"uv pip install --python {program} pytest coverage", "it has no pip either"


def answered(component: Component, **parts: object) -> Completed:
    case = {"id": "t.py::test_a", "path": "t.py", "line": 1, "outcome": "passed", "message": "", "ms": 1.0}
    module = {"statements": "1-4", "missing": "4", "excluded": 0, "trouble": ""}
    answer = {"format": 1, "nonce": "", "python": "3", "missing": [], "cases": [case], "modules": {"src/pkg/sums.py": module}}
    return Completed(command=GATE.command(component), exit_code=0, answer=json.dumps(answer | parts))


@pytest.fixture
def component() -> Component:
    return Component(
        name="pkg",
        root=Path("/project"),
        source="src/pkg",
        import_root="src",
        modules=("src/pkg/sums.py",),
        tests=("tests/test_sums.py",),
        interpreter=Path("/python"),
    )


def test_a_recorded_answer_is_read(component: Component) -> None:
    rate, coverage, *_ = GATE.read(component, answered(component))
    assert isinstance(rate, Measurement)
    assert isinstance(coverage, Measurement)
    assert coverage.values == {"percent": 75.0}


def test_an_answer_for_somebody_else_is_none(component: Component) -> None:
    assert all(isinstance(each, Unanswered) for each in GATE.read(component, answered(component, nonce="other")))


def test_a_forged_span_fills_no_memory(component: Component) -> None:
    module = {"statements": "1-999999999999", "missing": "", "excluded": 0, "trouble": ""}
    assert all(isinstance(each, Unanswered) for each in GATE.read(component, answered(component, modules={"src/pkg/sums.py": module})))


def test_exit_status_1_without_a_failing_test_is_no_answer(component: Component) -> None:
    rate, *_ = GATE.read(component, answered(component, status=1))
    assert isinstance(rate, Unanswered)
    assert "though no test failed" in rate.reason


@pytest.mark.parametrize("modules", [{}, {"src/pkg/sums.py": {"statements": "", "missing": "", "excluded": 2, "trouble": ""}}])
def test_without_a_statement_there_is_no_coverage(component: Component, modules: dict[str, object]) -> None:
    rate, coverage, *_ = GATE.read(component, answered(component, modules=modules))
    assert isinstance(rate, Measurement)
    assert isinstance(coverage, Unanswered)


def test_coverage_is_never_told_rounded_up(component: Component) -> None:
    module = {"statements": "1-10000", "missing": "1-2001", "excluded": 0, "trouble": ""}
    _, coverage, *_ = GATE.read(component, answered(component, modules={"src/pkg/sums.py": module}))
    assert isinstance(coverage, Measurement)
    assert coverage.summary == "79.9 % of 10000 lines"


def test_a_folder_is_listed_once_however_many_of_its_files_are_named(make: Make, ask: Ask) -> None:
    """Without it, pytest looks at every file of the folder once for each file that is named: 1,000 files took minutes."""
    count = 30
    tells = "    with pathlib.Path('seen').open('a') as told:\n        told.write(file_path.name + '\\n')\n"
    seen = f"import pathlib\n\n\ndef pytest_collect_file(file_path):\n{tells}"
    files = {f"tests/test_{number}.py": "def test_it(): ...\n" for number in range(count)}
    component = make({"src/pkg/sums.py": CODE, "tests/conftest.py": seen, **files})
    (rate, *_), completed = ask(GATE, component)
    assert isinstance(rate, Measurement), completed.stderr
    assert rate.summary.startswith(f"{count} of {count} tests passed")
    looked_at = (component.root / "seen").read_text().split()
    assert len(looked_at) <= 2 * (count + 1), "once each, and the conftest"
