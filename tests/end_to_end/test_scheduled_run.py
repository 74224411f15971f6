"""Real runs by the scheduler's rules: what they learn, what the report says of their order, and how one ends early."""

from __future__ import annotations

import signal
import sqlite3

import pytest

from tests.end_to_end.conftest import Calculator

UNTIDY = "import os\nfrom test_components.calculator.operations import *\n\n\ndef test_a():\n    assert add(1, 2) == 3\n"


@pytest.mark.slow
def test_a_run_that_fails_fast_stops_its_tools_and_asks_no_more(calculator: Calculator) -> None:
    tests = calculator.root / "tests" / "test_operations.py"
    tests.parent.mkdir(exist_ok=True)
    tests.write_text(UNTIDY.replace("import os", "import time") + "\n\ndef test_long():\n    time.sleep(60)\n")
    ended = calculator.run("--async", "--no-fix", "--fail-fast")
    assert ended.code == 1
    assert ended.gate("linting")["verdict"] == "failed"
    assert ended.gate("test_pass_rate")["verdict"] == "errored"
    assert "not asked: linting said no" in ended.gate("test_pass_rate")["reason"]
    stopped = [each["exit_code"] for each in ended.report["run"]["processes"] if each["tool"] == "pytest"]
    assert stopped == [-signal.SIGTERM], "it was stopped, not waited for"
    assert ended.report["run"]["plan"]["fail_fast"]


@pytest.mark.slow
def test_a_run_tells_its_schedule_and_the_next_one_knows_how_long_things_take(calculator: Calculator) -> None:
    ended = calculator.run("--async", "--keep-going")
    schedule = ended.report["run"]["schedule"]
    assert 0 < schedule["lower_bound_ms"] <= schedule["makespan_ms"] <= ended.report["total_execution_time_ms"]
    assert schedule["critical_path"]
    assert schedule["slots"]["cpu"] >= 2
    with sqlite3.connect(calculator.root / ".spec2prod" / "spec2prod.sqlite") as database:
        learnt = {name for (name,) in database.execute("SELECT DISTINCT name FROM durations")}
    assert {"calculator_operations:ruff", "calculator_operations:verdict:linting"} <= learnt
