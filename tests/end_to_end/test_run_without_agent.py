"""`spec2prod run` on the calculator without generation: verdicts, report, refusals."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import CALCULATOR, REPOSITORY, SPEC, Calculator, environment, until
from tests.end_to_end.layouts import NO_TYPES

TESTS = """\
import pytest

from test_components.calculator.operations import add, divide, multiply, subtract


def test_operations() -> None:
    assert (add(1, 2), subtract(3, 1), multiply(2, 3), divide(6, 3)) == (3, 2, 6, 2)


def test_zero() -> None:
    with pytest.raises(ValueError, match="zero"):
        divide(1, 0)
"""


@pytest.fixture
def tested(calculator: Calculator) -> Calculator:
    (calculator.root / "tests").mkdir()
    (calculator.root / "tests" / "test_operations.py").write_text(TESTS)
    return calculator


@pytest.fixture
def untyped(tested: Calculator) -> Calculator:
    """The same, for what is not about types: no type checker is there, which costs one optional verdict."""
    settings = tested.root / "pyproject.toml"
    settings.write_text(f"{settings.read_text()}\n{NO_TYPES}")
    return tested


def test_a_tested_component_is_promoted_and_nothing_but_the_report_is_left_which_json_prints(tested: Calculator) -> None:
    before = tested.files()
    ended = tested.run("--json")
    assert ended.code == 0, ended.out + ended.err
    assert json.loads(ended.out) == ended.report, "one document on standard output"
    assert ended.report["success"] is True
    assert ended.report["execution_mode"] == "sync"
    assert ended.report["stages_completed"] == ["specification", "testing", "refactoring"]
    assert set(ended.report["stage_timings"]) == {"specification", "testing", "refactoring"}
    assert ended.tools == ["basedpyright", "pytest", "ruff", "security scan"]
    assert tested.files() == before


@pytest.mark.slow
def test_async_mode_gives_the_same_verdicts_with_the_same_tools(tested: Calculator) -> None:
    sync, beside = tested.run("--no-cache"), tested.run("--async", "--no-cache")
    assert beside.report["execution_mode"] == "async"
    assert sync.tools == beside.tools
    verdicts = [{name: stage["verdict"] for name, stage in each.report["stage_results"].items()} for each in (sync, beside)]
    assert verdicts[0] == verdicts[1]


@pytest.mark.slow
def test_no_tests_is_a_failed_gate(calculator: Calculator) -> None:
    ended = calculator.run()
    assert ended.code == 1
    assert ended.gate("test_pass_rate")["verdict"] == "failed"
    assert "no tests" in ended.out


@pytest.mark.slow
def test_what_the_specification_asks_is_a_rule_with_its_address(tested: Calculator) -> None:
    (tested.root / "tests" / "test_operations.py").write_text(
        "from test_components.calculator.operations import add\n\n\ndef test_add() -> None:\n    assert add(1, 2) == 3\n"
    )
    ended = tested.run()
    assert ended.code == 1
    coverage = ended.gate("test_coverage")
    assert coverage["verdict"] == "failed"
    assert f"{SPEC}:15" in coverage["needed"]


@pytest.mark.slow  # test_honest_verdicts.py tells of failing tests, test_head_start.py of them with --async
def test_a_failing_test_fails_the_run_and_every_other_verdict_is_told(untyped: Calculator) -> None:
    source = untyped.root / CALCULATOR
    source.write_text(source.read_text().replace("return a + b", "return a - b"))
    ended = untyped.run("--async")
    assert ended.code == 1
    assert ended.gate("test_pass_rate")["verdict"] == "failed"
    assert ended.gate("linting")["verdict"] == "passed"
    assert {"testing", "refactoring"} <= set(ended.report["stage_timings"])


def test_an_auto_fix_is_shown_and_can_be_refused(untyped: Calculator) -> None:
    source = untyped.root / CALCULATOR
    source.write_text("import os\n" + source.read_text())
    kept = source.read_text()
    assert untyped.run("--no-fix").gate("linting")["verdict"] == "failed"
    assert source.read_text() == kept
    ended = untyped.run()
    assert ended.code == 0, ended.out
    assert "-import os" in ended.report["run"]["diffs"][CALCULATOR]
    assert ended.gate("linting")["verdict"] == "passed"


@pytest.mark.slow
def test_staging_serves_what_was_measured(tested: Calculator) -> None:
    ended = tested.run("--target", "staging")
    assert ended.code == 0, ended.out + ended.err
    told = ended.stage("staging_deployment")["outputs"]
    assert told["switched"] == {"from": None, "to": told["digest"]}
    assert ended.report["success"] is True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "calculator_operations.md"),
        # how each of them is refused: tests/adapters/test_markdown.py, "a file that promises nothing is refused"
        *(pytest.param(*each, marks=pytest.mark.slow) for each in [(b"", "empty"), (b"\0\1\2", "binary")]),
        (b"# Only a title\n", "requirement"),
    ],
    ids=["missing", "empty", "binary", "without requirements"],
)
def test_a_specification_that_promises_nothing_is_refused_with_a_report(calculator: Calculator, text: bytes | None, says: str) -> None:
    if text is None:
        (calculator.root / SPEC).unlink()
    else:
        (calculator.root / SPEC).write_bytes(text)
    before = calculator.files()
    ended = calculator.run()
    assert ended.code == 2
    assert says in ended.err + ended.out
    assert ended.report["stages_failed"] == ["specification"]
    assert "specification" in ended.report["stage_timings"]
    assert "Traceback" not in ended.err
    assert calculator.files() == before


def test_an_unknown_component_is_refused_with_near_names(calculator: Calculator) -> None:
    ended = calculator.run(component="calculator_operation")
    assert ended.code == 2
    assert "operations" in ended.err + ended.out


def test_an_ambiguous_component_is_refused_with_the_list(calculator: Calculator) -> None:
    (calculator.root / "src/other/calculator").mkdir(parents=True)
    shutil.copy(calculator.root / CALCULATOR, calculator.root / "src/other/calculator/operations.py")
    ended = calculator.run()
    assert ended.code == 2
    assert "src/other/calculator/operations.py" in ended.err + ended.out


def test_the_guides_script_does_the_same_from_the_projects_root(untyped: Calculator) -> None:
    script = REPOSITORY / "scripts/workflow/spec_to_production.py"
    command = [sys.executable, str(script), "--spec", SPEC, "--component", "calculator_operations", "--target", "dev", "--async"]
    done = subprocess.run(command, cwd=untyped.root, env=environment(None), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = untyped.report()
    assert report["execution_mode"] == "async"
    assert report["target_stage"] == "development"
    assert "specification" in report["stage_timings"]


@pytest.mark.slow
def test_standard_output_that_is_closed_changes_no_exit_code(tested: Calculator) -> None:
    with subprocess.Popen(
        tested.command(), cwd=tested.root, env=environment(None), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=120) == 0
    assert tested.report()["success"] is True


def test_ctrl_c_during_the_tests_ends_in_a_report_and_leaves_no_process(untyped: Calculator) -> None:
    (untyped.root / "tests" / "test_operations.py").write_text(
        "import pathlib\n"
        "import time\n"
        "\n"
        "\n"
        "def test_slow() -> None:\n"
        "    pathlib.Path('begun').touch()\n"
        "    time.sleep(120)\n"
        "    assert True\n"
    )
    with subprocess.Popen(
        untyped.command("--async"), cwd=untyped.root, env=environment(None), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        until((untyped.root / "begun").exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    report = untyped.report()
    assert report["success"] is False
    assert "testing" in report["stage_timings"]
    assert untyped.left_behind() == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib\n"
        "from spec2prod.cli import main\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main(['run', '--help'])\n"
        "print(sorted({'rich', 'httpx', 'pydantic', 'jinja2', 'asyncio', 'openhands'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=Path.cwd())
    assert done.stderr.strip() == "[]"
    assert "--enable-openhands" in done.stdout
