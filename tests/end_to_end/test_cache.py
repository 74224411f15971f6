"""An unchanged question is asked once: real tools, real processes, counted in the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_FILES = {
    "pyproject.toml": """
[project]
name = "calc"
version = "1.0.0"

[tool.ruff]
line-length = 100

[tool.spec2prod.rules.staging.vulnerabilities]
asked = false
""",
    "README.md": "Words.\n",
    "spec.md": "# Calc\n\n## Overview\nAdds.\n\n## Requirements\n- REQ-1: It adds two numbers.\n",
    "src/calc/__init__.py": '"""Calc."""\n',
    "src/calc/adding.py": '"""Adding."""\n\n\ndef add(a: int, b: int) -> int:\n    """Add."""\n    return a + b\n',
    "src/other/__init__.py": '"""Another component."""\n',
    "tests/test_calc.py": '''"""Tests."""

from pathlib import Path

from calc.adding import add


def test_add() -> None:
    """It adds what a file says."""
    told = Path(__file__).parents[1] / "figures/sum.txt"
    assert add(1, 2) == int(told.read_text())
''',
    "figures/sum.txt": "3\n",
}


_SHIPPED = '''"""Tests that go with the wheel."""

import pytest

from calc.adding import add


@pytest.mark.requirement("REQ-1")
def test_add() -> None:
    """Add."""
    assert add(1, 2)
'''


class Project:
    """A project with two components, and the command line in its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, text in _FILES.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def command(self, *words: str) -> str:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "SPEC2PROD_", "COV"))}
        done = subprocess.run(
            [sys.executable, "-m", "spec2prod", *words], cwd=self.root, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *words: str, target: str = "development") -> dict[str, Any]:
        """Run; return the report's full run."""
        self.told = self.command("run", "--spec", "spec.md", "--component", "calc", "--target", target, *words)
        report: dict[str, Any] = json.loads((self.root / "workflow_report_calc.json").read_text())
        self.gates = {gate["gate"]: gate for stage in report["stage_results"].values() for gate in stage["gates"]}
        run: dict[str, Any] = report["run"]
        return run

    def explained(self, what: str) -> dict[str, Any]:
        told = self.command("explain", "--cache", what, "--spec", "spec.md", "--component", "calc", "--target", "development", "--json")
        (question,) = json.loads(told)["questions"]
        asked: dict[str, Any] = question
        return asked


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project."""
    return Project(tmp_path)


def _tools(run: dict[str, Any]) -> list[str]:
    return sorted(process["tool"] for process in run["processes"])


@pytest.mark.slow
def test_what_did_not_change_is_not_asked_and_what_did_is_named(project: Project) -> None:
    first = project.run()
    assert first["cache"]["hits"] == 0
    project.write("README.md", "Other words.\n")
    project.write("src/other/__init__.py", '"""Changed."""\n')
    second = project.run()
    assert (_tools(second), second["cache"]) == ([], {"hits": 4, "misses": 0})
    read = project.gates["suspected_defects"]  # its record is read each time, and starts no process
    assert read["evidence"]["from_cache"] == ""
    others = [gate for gate in project.gates.values() if gate != read]
    assert {gate["evidence"]["from_cache"] for gate in others} == {first["plan"]["run_id"]}
    assert "4 of 4 answers from the cache" in project.told
    project.write("figures/sum.txt", "3 \n")
    told = project.explained("tests")
    assert (told["found"], told["run"]) == ("changed", first["plan"]["run_id"])
    assert [(change["input"], change["lines"]) for change in told["changes"]] == [("file:figures/sum.txt", "figures/sum.txt:1")]
    third = project.run()
    assert (_tools(third), third["cache"]) == (["pytest"], {"hits": 3, "misses": 1})
    assert project.explained("tests")["found"] == "hit"


@pytest.mark.slow
def test_a_second_run_to_staging_starts_no_process_at_all(project: Project) -> None:
    project.write("tests/test_calc.py", _SHIPPED)
    first = project.run(target="staging")
    assert len(first["processes"]) > 4
    project.write("README.md", "Other words.\n")
    second = project.run(target="staging")
    assert _tools(second) == []
    assert second["plan"]["run_id"] != first["plan"]["run_id"]
    assert _tools(project.run("--force", "staging_deployment", target="staging")) == ["release import"]


@pytest.mark.slow
def test_a_line_in_a_test_asks_no_type_checker(project: Project) -> None:
    project.run()
    project.write("tests/test_calc.py", _FILES["tests/test_calc.py"] + "\n\nNOTHING = 0\n")
    assert _tools(project.run()) == ["pytest", "ruff", "security scan"]


@pytest.mark.slow
def test_what_is_forced_is_asked_again_and_without_a_cache_everything(project: Project) -> None:
    project.run()
    assert _tools(project.run("--force", "linting")) == ["ruff"]
    assert _tools(project.run("--force", "testing")) == ["pytest"]
    assert project.run("--no-cache")["cache"]["hits"] == 0


@pytest.mark.slow
def test_a_flaky_suite_is_asked_every_time(project: Project) -> None:
    flaky = '\n\ndef test_twice() -> None:\n    """Be red the first time."""\n    mark = Path(__file__).parents[1] / "figures/mark"\n'
    flaky += "    seen = mark.exists()\n    mark.touch()\n    assert seen\n"
    project.write("tests/test_calc.py", _FILES["tests/test_calc.py"] + flaky)
    first = project.run()
    assert project.gates["flaky_tests"]["measured"].startswith("1 flaky")
    assert project.explained("tests")["found"] == "flaky"
    assert _tools(project.run()) == ["pytest"]
    assert first["cache"]["hits"] == 0


@pytest.mark.slow
def test_the_cache_can_be_looked_at_and_let_go(project: Project) -> None:
    assert "0 answers of 0 components" in project.command("cache", "stats")
    project.run()
    told = json.loads(project.command("cache", "stats", "--json"))
    assert (told["answers"], told["components"]) == (4, 1)
    assert "0 answers let go" in project.command("cache", "prune", "--older-than", "1")
    assert "4 answers let go" in project.command("cache", "clear")
    assert len(_tools(project.run())) == 4
