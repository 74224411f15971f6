"""A changed file: the tools that read it are started before the run is, and each of them once all the same."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from spec2prod.adapters import standing
from spec2prod.adapters.standing import Starts
from tests.end_to_end import layouts


@pytest.fixture
def project(tmp_path: Path) -> layouts.Project:
    """Return a project that was run once, and whose tests were slow."""
    project = layouts.flat_module(tmp_path / "project")
    project.run("sums", "--async")
    _remember(project)
    return project


def _remember(project: layouts.Project, **others: Any) -> None:
    """Make the record say that the tests take long, whatever this machine is; `others` replace more of it."""
    (file,) = (project.root / standing.FOLDER).glob("*.starts.json")
    key = file.name.partition(".")[0]
    known = standing.take_starts(str(project.root), key)
    assert known is not None
    starts = [each._replace(wall_ms=60_000.0, **others) if each.tool == "pytest" else each for each in known.starts]
    standing.keep_starts(str(project.root), key, Starts(watched=known.watched, at_once=known.at_once, starts=starts))


def _processes(report: dict[str, Any], tool: str) -> list[dict[str, Any]]:
    return [each for each in report["run"]["processes"] if each["tool"] == tool]


def _change(project: layouts.Project, operator: str) -> None:
    project.write({"sums.py": layouts.CODE.replace("a + b", f"a {operator} b")})


def test_the_tests_of_a_changed_file_start_before_the_run_does_and_once(project: layouts.Project) -> None:
    _change(project, "-")
    ended = project.run("sums", "--async")
    suites = [each for each in _processes(ended.report, "pytest") if "{scratch}/answer.json" in each["argv"]]
    assert ended.code == 1
    assert suites[0]["ahead_ms"] > 0
    assert all(each["exit_code"] != -9 for each in suites)
    spans = {span["name"]: span for span in ended.report["run"]["timeline"]}
    assert spans["tests"]["start_ms"] < spans["specification"]["start_ms"]
    assert spans["testing"]["start_ms"] <= spans["tests"]["start_ms"]
    _change(project, "+")  # as it was: the cache knows the answer
    again = project.run("sums", "--async")
    assert (again.code, _processes(again.report, "pytest")) == (0, [])


@pytest.mark.slow
def test_what_the_linter_stopped_by_mending_does_not_teach_how_long_it_takes(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.write({"sums.py": layouts.CODE.replace("def ", "import os\n\n\ndef ", 1)})
    ended = project.run("sums", "--async")
    assert "os" not in (project.root / "sums.py").read_text().split()
    (file,) = (project.root / standing.FOLDER).glob("*.starts.json")
    known = standing.take_starts(str(project.root), file.name.partition(".")[0])
    assert known is not None
    processes = ended.report["run"]["processes"]
    stopped = {each["tool"] for each in processes if each["exit_code"] == -signal.SIGTERM}
    assert stopped
    assert {each["tool"]: each["exit_code"] for each in processes if each["tool"] in stopped} == dict.fromkeys(stopped, 0)
    for start in known.starts:
        if start.tool in stopped:
            *_, last = _processes(ended.report, start.tool)
            assert start.wall_ms == pytest.approx(last["wall_ms"], abs=0.01), start.tool


@pytest.mark.slow
def test_a_tool_that_cannot_be_started_has_no_head_start(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.run("sums", "--async", env={"PATH": os.defpath})
    (file,) = (project.root / standing.FOLDER).glob("*.starts.json")
    known = standing.take_starts(str(project.root), file.name.partition(".")[0])
    assert known is not None
    assert "ruff" in {each.tool for each in known.starts}
    assert all(shutil.which(each.argv[0], path=os.defpath) for each in known.starts)


@pytest.mark.slow
def test_a_wrong_guess_is_ended_told_and_not_believed(project: layouts.Project) -> None:
    _remember(project, argv=["python3", "-c", "import time; time.sleep(600)"])
    _change(project, "- 0 +")
    ended = project.run("sums", "--async")
    guessed, asked = sorted(_processes(ended.report, "pytest"), key=lambda each: -each["ahead_ms"])
    assert ended.code == 0
    assert (guessed["exit_code"], asked["exit_code"], asked["ahead_ms"]) == (-9, 0, 0)
    assert guessed["wall_ms"] == guessed["ahead_ms"]
    assert "of no use" in ended.out + ended.err


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--fail-fast",), ("--no-cache",), ("--force", "tests"), ("--new",), ()])
def test_another_request_has_no_head_start(project: layouts.Project, flags: tuple[str, ...]) -> None:
    _change(project, "- 0 +")
    ended = project.run("sums", *flags)
    assert [each["ahead_ms"] for each in ended.report["run"]["processes"] if each["ahead_ms"]] == []


@pytest.mark.slow
def test_a_refused_run_leaves_no_head_start_behind(project: layouts.Project) -> None:
    word = f"guessed-{project.root.parent.name}"
    _remember(project, argv=["python3", "-c", "import time; time.sleep(600)", word])
    _change(project, "- 0 +")
    project.write({"pyproject.toml": layouts.PLAIN + "[tool.spec2prod]\nnonsense = 1\n"})
    assert project.run("sums", "--async").code == 2
    assert not list((project.root / standing.FOLDER).glob("*.starts.json")), "the record was not even looked at"
    assert not [each.pid for each in psutil.process_iter(["cmdline"]) if word in (each.info["cmdline"] or [])]
