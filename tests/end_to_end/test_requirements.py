"""The embedded generator and `spec2prod trace`, through the command line: no model, no key, no server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.end_to_end.conftest import Ended, environment

CODE = '''\
"""Calculates."""


def add(a: float, b: float) -> float:
    """Add."""
    return a + b


def subtract(a: float, b: float) -> float:
    """Subtract."""
    return a + b


def divide(a: float, b: float) -> float:
    """Divide."""
    if b == 0:
        message = "zero"
        raise ValueError(message)
    return a / b
'''
SPEC = """\
# Calc

## Requirements

- REQ-1 (P0): Adds two numbers: `add(1, 2) == 3`, and `add(-1, 1)` is `0`
- REQ-2 (P1): `divide(1, 0)` raises `ValueError`; `divide(6, 3) -> 2.0`
- REQ-3 (P2): `subtract(5, 3)` returns `2`
"""


class Project:
    """A component with a defect: `subtract` adds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, text in {
            "src/calc/__init__.py": '"""Calc."""\n',
            "src/calc/core.py": CODE,
            "specs/calc.md": SPEC,
            "pyproject.toml": '[project]\nname = "calc"\nversion = "1"\n',
        }.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)

    def command(self, name: str, *words: str) -> Ended:
        asked = [sys.executable, "-m", "spec2prod", name, "--spec", "specs/calc.md", "--component", "calc", *words]
        done = subprocess.run(asked, cwd=self.root, env=environment(None), capture_output=True, text=True, timeout=240, check=False)
        file = self.root / "workflow_report_calc.json"
        return Ended(done.returncode, done.stdout, done.stderr, json.loads(file.read_text()) if file.exists() else {})


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["status"] for row in document["rows"]}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Ended]:
    project = Project(tmp_path_factory.mktemp("generated"))
    return project, project.command("run", "--target", "development", "--generator", "spec")


def test_examples_become_tests_that_are_judged_like_anyones(generated: tuple[Project, Ended]) -> None:
    project, ended = generated
    assert ended.code == 0, ended.out + ended.err
    assert ended.report["run"]["adopted"] == ["tests/test_core.py"]
    text = (project.root / "tests/test_core.py").read_text()
    assert 'requirement("REQ-1", text="' in text
    assert "specs/calc.md:5" in text
    assert ended.report["run"]["generation"]["tasks"][0]["llm_calls"] == 0


def test_an_example_that_the_code_contradicts_is_a_suspected_defect_with_its_address_and_never_written(
    generated: tuple[Project, Ended],
) -> None:
    project, ended = generated
    (suspected,) = (each for each in ended.report["run"]["candidates"] if each["verdict"] == "suspected_defect")
    assert "contradicts specs/calc.md:7: expected 2, got 8" in suspected["reason"]
    assert (suspected["filter_number"], suspected["requirements"]) == (7, ["REQ-3"])
    assert "subtract" not in (project.root / "tests/test_core.py").read_text()
    assert [each["test"] for each in ended.report["run"]["defects"]] == [suspected["name"]]


def test_the_report_holds_the_matrix_and_the_gate_says_why_it_was_asked(generated: tuple[Project, Ended]) -> None:
    _, ended = generated
    told = ended.report["run"]["requirements"]
    assert statuses(told["matrix"]) == {"REQ-1": "verified", "REQ-2": "verified", "REQ-3": "suspected_defect"}
    assert (told["asked"], told["why"]) == (True, "asked: the specification states IDs or priorities")
    assert told["examples"]["unused"] == ["specs/calc.md:7 subtract(5, 3) returns 2"]
    gate = ended.gate("requirements")
    assert (gate["verdict"], gate["required"]) == ("passed", False)
    assert "2 of 3 requirements" in gate["measured"]


def test_trace_prints_the_matrix_and_writes_junit(generated: tuple[Project, Ended]) -> None:
    project, ended = generated
    told = project.command("trace", "--junit", "junit.xml")
    assert told.code == 0, told.out + told.err
    assert "suspected defect REQ-3 P2 (specs/calc.md:7)" in told.out  # as the report of the run says
    assert "verified         REQ-1 P0 (specs/calc.md:5)" in told.out
    by = f"(judged in the run {ended.report['context_session_id'][:8]} on "
    assert f"passed   tests/test_core.py::test_divide_req_2_raises[divide(1, 0)] {by}" in told.out
    assert "             fails if src/calc/core.py: line 16 `==` becomes `!=`" in told.out
    junit = ET.parse(project.root / "junit.xml")  # noqa: S314 - our own
    properties = [each.attrib["value"] for each in junit.iter("property") if each.attrib["name"] == "requirement_id"]
    assert sorted(properties) == ["REQ-1", "REQ-1", "REQ-2", "REQ-2"]
    killed = [each.attrib["value"] for each in junit.iter("property") if each.attrib["name"] == "killed_mutant"]
    assert "src/calc/core.py: line 6 `+` becomes `-`" in killed


@pytest.mark.slow
def test_trace_judges_by_the_targets_rule(generated: tuple[Project, Ended]) -> None:
    project, _ = generated
    told = project.command("trace", "--target", "production", "--json")
    assert told.code == 1
    document = json.loads(told.out)
    assert document["judgement"]["verdict"] == "failed"
    assert document["judgement"]["reason"] == "percent is 66.6, needed >= 80"


def test_a_changed_requirement_makes_its_evidence_stale_without_running_a_test(generated: tuple[Project, Ended]) -> None:
    project, _ = generated
    spec = project.root / "specs/calc.md"
    spec.write_text(SPEC.replace("Adds two numbers", "Adds two whole numbers"))
    told = project.command("trace", "--json")
    spec.write_text(SPEC)
    document = json.loads(told.out)
    assert statuses(document["matrix"])["REQ-1"] == "stale"
    assert document["from_run"]
    assert told.code == 1


@pytest.mark.slow
def test_a_run_without_generation_only_tells_of_the_examples(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_core.py").write_text(
        "from calc.core import add, divide\n\n\ndef test_add() -> None:\n    assert add(1, 2) == 3\n    assert divide(4, 2) == 2\n"
    )
    ended = project.command("run", "--target", "development")
    assert ended.code == 0, ended.out
    told = ended.report["run"]["requirements"]
    assert len(told["examples"]["unused"]) == 4
    assert told["matrix"]["orphans"] == ["tests/test_core.py::test_add"]
    assert ended.report["run"]["adopted"] == []
    assert f"measured by the run {ended.report['context_session_id'][:8]}" in project.command("trace").out


@pytest.mark.slow
def test_a_specification_without_ids_whose_tests_carry_no_marker_is_not_asked(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "specs/calc.md").write_text("# Calc\n\n## Requirements\n\n- Adds\n")
    ended = project.command("plan", "--target", "production", "--json")
    assert "requirements" not in [rule["gate"] for rule in json.loads(ended.out)["rules"]]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_core.py").write_text('import pytest\n\n\n@pytest.mark.req("REQ-1")\ndef test_a() -> None: ...\n')
    ended = project.command("plan", "--target", "production", "--json")
    assert "requirements" in [rule["gate"] for rule in json.loads(ended.out)["rules"]]
