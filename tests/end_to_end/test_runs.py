"""A run on the command line is gone on with after whatever ended it: killed, stopped, cancelled, waited for, refused."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spec2prod.testing import ScriptedModel
from tests.end_to_end.conftest import CALCULATOR, Calculator, Ended, environment, until

TESTS = "tests/test_operations.py"
SLOW = """\
import os, time
from pathlib import Path

from test_components.calculator.operations import add, divide, multiply, subtract


def test_all():
    assert add(1, 2) == 3 and subtract(1, 2) == -1 and multiply(2, 3) == 6 and divide(6, 3) == 2
    time.sleep(600 if Path(__file__).with_name("slow").exists() else 0)
"""


@pytest.fixture
def project(calculator: Calculator) -> Calculator:
    """A calculator with tests that take for ever while a file says so, and something for the linter to mend."""
    source = calculator.root / CALCULATOR
    source.write_text("import os\n" + source.read_text())
    test = calculator.root / TESTS
    test.parent.mkdir(exist_ok=True)
    test.write_text(SLOW)
    return calculator


def start(project: Calculator, *extra: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        project.command(*extra), cwd=project.root, env=environment(None), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def spec2prod(project: Calculator, *words: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "spec2prod", *words],
        cwd=project.root,
        env=environment(None),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, project.report())


def stored(project: Calculator, sql: str) -> list[tuple[Any, ...]]:
    place = project.root / ".spec2prod" / "spec2prod.sqlite"
    if not place.exists():
        return []
    with contextlib.closing(sqlite3.connect(place)) as database:
        try:
            return database.execute(sql).fetchall()
        except sqlite3.OperationalError:  # its tables are not there yet
            return []


def hangs(project: Calculator) -> Path:
    marker = project.root / "tests" / "slow"
    marker.touch()
    return marker


def in_its_tests(project: Calculator) -> Callable[[], bool]:
    return lambda: any("pytest_worker" in each for each in project.left_behind())


def test_a_run_that_is_killed_is_gone_on_with_by_the_same_command(project: Calculator) -> None:
    marker = hangs(project)
    with start(project, "--async") as process:
        until(lambda: in_its_tests(project)() and any("security" in name for (name,) in stored(project, "SELECT name FROM steps")))
        process.kill()
    until(lambda: project.left_behind() == [])
    assert spec2prod(project, "runs").out.count("died") == 1
    marker.unlink()
    ended = project.run("--async")
    assert ended.code == 0, ended.out + ended.err
    assert "going on with run" in ended.out
    run = ended.report["run"]
    assert run["attempt"] == 2
    assert run["resumed_from"] < run["started_at"]
    assert run["steps_replayed"] == len(run["replayed"]) >= 2
    assert "pytest" in ended.tools
    assert ended.stage("refactoring")["outputs"]["auto_fixed"] == [CALCULATOR, TESTS]
    assert "import os" not in (project.root / CALCULATOR).read_text()
    assert stored(project, "SELECT state, attempt, exit_code FROM runs") == [("finished", 2, 0)]
    assert project.left_behind() == []
    assert not list(project.root.rglob("*.tmp"))


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_twice_stops_at_once(project: Calculator) -> None:
    marker = hangs(project)
    with start(project) as process:
        until(in_its_tests(project))
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=60)[0]
    (run_id,) = [str(name) for (name,) in stored(project, "SELECT id FROM runs")]
    assert process.returncode == 130
    told = f"Not promoted to development: the run was interrupted. Go on with it: spec2prod resume {run_id[:8]}"
    assert out.splitlines()[-1] == told
    assert "no answer: the run was interrupted" in out
    assert stored(project, "SELECT state FROM runs") == [("interrupted",)]
    with start(project) as process:
        until(in_its_tests(project))
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    until(lambda: project.left_behind() == [])
    marker.unlink()
    near = run_id[:7] + ("0" if run_id[7] != "0" else "1")
    missed = spec2prod(project, "resume", near)
    assert missed.code == 2
    assert f"near are {run_id[:8]}" in missed.err
    ended = spec2prod(project, "resume", run_id[:6])
    assert ended.code == 0, ended.out + ended.err
    assert ended.report["context_session_id"] == run_id
    assert ended.report["run"]["attempt"] == 3


@pytest.mark.slow
def test_a_second_run_of_a_component_refuses_or_waits_and_a_cancelled_one_is_not_gone_on_with(project: Calculator) -> None:
    marker = hangs(project)
    with start(project) as first:
        until(in_its_tests(project))
        (run_id,) = [str(name) for (name,) in stored(project, "SELECT id FROM runs")]
        refused = project.run("--no-wait")
        assert refused.code == 4
        assert f"run {run_id[:8]}" in refused.out + refused.err
        busy = spec2prod(project, "resume", run_id)
        assert busy.code == 4
        with start(project) as second:
            assert second.stdout is not None
            until(lambda: "waiting for run" in (second.stdout.readline() if second.stdout else ""))
            marker.unlink()
            cancelled = spec2prod(project, "cancel", run_id[:8])
            assert cancelled.code == 0, cancelled.err
            assert f"has stopped; spec2prod resume {run_id[:8]} goes on with it" in cancelled.out
            ended = first.communicate(timeout=60)[0]
            assert first.returncode == 130
            assert "somebody cancels it (spec2prod cancel): stopping" in ended
            assert "the run was cancelled (spec2prod cancel)" in ended.splitlines()[-1]
            told = second.communicate(timeout=120)[0]
    assert "going on with" not in told
    assert second.returncode == 0
    assert [state for (state,) in stored(project, "SELECT state FROM runs ORDER BY began_at")] == ["cancelled", "finished"]


@pytest.mark.slow
def test_a_changed_input_begins_a_new_run_and_a_named_one_is_refused(project: Calculator) -> None:
    marker = hangs(project)
    with start(project) as process:
        until(in_its_tests(project))
        process.kill()
    marker.unlink()
    (run_id,) = [str(name) for (name,) in stored(project, "SELECT id FROM runs")]
    (project.root / TESTS).write_text(SLOW + "\n\ndef test_another() -> None:\n    assert add(0, 0) == 0\n")
    refused = spec2prod(project, "resume", run_id)
    assert refused.code == 2
    assert f"{TESTS} changed since" in refused.out + refused.err
    ended = project.run()
    assert ended.code == 0, ended.out + ended.err
    assert "going on with" not in ended.out
    assert ended.report["context_session_id"] != run_id
    assert ended.report["run"]["attempt"] == 1
    again = spec2prod(project, "retry", ended.report["context_session_id"][:8], "--from", "refactoring")
    assert again.code == 0, again.out + again.err
    assert "forgotten, from refactoring on" in again.out
    assert all(each["step"].startswith("testing:") for each in again.report["run"]["replayed"])
    listed = json.loads(spec2prod(project, "runs", "--json").out)["runs"]
    assert [each["state"] for each in listed] == ["finished", "interrupted"]
    assert listed[0]["took_s"] * 1000 == pytest.approx(again.report["total_execution_time_ms"], abs=0.01)
    (project.root / TESTS).write_text(SLOW)
    steps = stored(project, "SELECT count(*) FROM steps")
    assert spec2prod(project, "retry", listed[0]["id"], "--from", "testing").code == 2
    assert stored(project, "SELECT count(*) FROM steps") == steps, "what cannot go on has forgotten nothing"


@pytest.mark.slow
def test_a_database_that_cannot_be_written_is_told_and_changes_no_verdict(project: Calculator) -> None:
    for place in ("none", "sqlite:////proc/none/x.sqlite"):
        shutil.rmtree(project.root / ".spec2prod", ignore_errors=True)
        done = project.run("--new", env={"SPEC2PROD_DATABASE_URL": place})
        assert done.code == 0, done.out + done.err
        assert ("nothing of this run is kept" in done.out) == (place != "none")
        assert "Traceback" not in done.out + done.err
        assert not (project.root / ".spec2prod" / "spec2prod.sqlite").exists()


@pytest.mark.slow
def test_a_server_that_was_named_and_is_not_there_is_refused_without_its_password(project: Calculator) -> None:
    word = os.urandom(6).hex()
    url = f"postgresql://somebody:{word}@127.0.0.1:9/x"
    done = project.run(env={"SPEC2PROD_DATABASE_URL": url})
    assert done.code == 4
    assert "SPEC2PROD_DATABASE_URL" in done.out + done.err
    shown = subprocess.run(
        [sys.executable, "-m", "spec2prod", "config", "show"],
        cwd=project.root,
        env=environment({"SPEC2PROD_DATABASE_URL": url}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "127.0.0.1:9" in shown.stdout
    assert word not in done.out + done.err + shown.stdout


@pytest.mark.slow
@pytest.mark.openhands
def test_a_run_killed_after_the_agent_delivered_pays_it_once(calculator: Calculator, model: ScriptedModel) -> None:
    settings = calculator.root / "pyproject.toml"
    settings.write_text((settings.read_text() if settings.exists() else "") + "\n[tool.spec2prod.openhands]\nrounds = 1\n")
    words = ("--async", "--enable-openhands")
    with subprocess.Popen(
        calculator.command(*words), cwd=calculator.root, env=environment(model.environment()), stdout=subprocess.DEVNULL
    ) as process:
        until(lambda: any(":outcome:" in name for (name,) in stored(calculator, "SELECT name FROM steps")))
        process.kill()
    until(lambda: calculator.left_behind() == [])
    paid = model.calls
    ended = calculator.run(*words, env=model.environment())
    assert ended.code == 0, ended.out + ended.err
    assert model.calls == paid
    assert len(ended.stage("test_acceptance")["outputs"]["adopted"]) == 1
