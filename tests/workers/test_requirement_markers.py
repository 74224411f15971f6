"""Markers that name requirements, in real pytest processes: every spelling, without a warning, and through pytest-xdist."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

WORKERS = Path(__file__).resolve().parents[2] / "src/spec2prod/workers"
TESTS = """\
import pytest

@pytest.mark.requirement("REQ-1", text="1f0c.9a2b.3d4e")
def test_positional(): pass

@pytest.mark.req(id="REQ-2")
@pytest.mark.verifies_requirement("REQ-3", "REQ-4")
def test_several(): pass

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.requirement("REQ-5")), 2])
def test_case(x): assert x == 1

@pytest.mark.requirement("REQ-6")
class TestClass:
    @pytest.mark.requirement(["REQ-7", "REQ-6"])
    def test_method(self): pass

@pytest.mark.requirement(8, id=None)
def test_none(): pass

def test_plain(): pass
"""
EXPECTED = {
    "test_positional": {"REQ-1": "1f0c.9a2b.3d4e"},
    "test_several": {"REQ-3": "", "REQ-4": "", "REQ-2": ""},
    "test_case[1]": {"REQ-5": ""},
    "test_case[2]": {},
    "TestClass::test_method": {"REQ-7": "", "REQ-6": ""},
    "test_none": {},
    "test_plain": {},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "test_a.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -W error::pytest.PytestUnknownMarkWarning\n")
    return tmp_path


def answer(project: Path) -> dict[str, dict[str, str]]:
    scratch = project / "scratch"
    scratch.mkdir()
    worker = [sys.executable, str(WORKERS / "pytest_worker.py"), "--answer", str(scratch / "answer.json"), "--root", str(project)]
    done = subprocess.run([*worker, "--", "test_a.py"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((scratch / "answer.json").read_text())
    return {case["id"].partition("::")[2]: case["requirements"] for case in told["cases"]}


def test_every_spelling_is_collected_per_test_and_none_is_unknown_to_pytest(project: Path) -> None:
    assert answer(project) == EXPECTED


def test_the_trial_of_an_installed_wheel_knows_the_markers_too(project: Path) -> None:
    told = project / "answer.json"
    where = ["--root", str(project), "--config", str(project / "pytest.ini"), "--tools", str(project)]
    worker = [sys.executable, "-I", "-B", str(WORKERS / "release_worker.py"), "--mode", "test", "--answer", str(told), *where]
    done = subprocess.run([*worker, "--", "test_a.py"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = json.loads(told.read_text())["cases"]
    assert {case["id"].partition("::")[2]: case["outcome"] for case in cases} == {
        name: "failed" if name == "test_case[2]" else "passed" for name in EXPECTED
    }


@pytest.mark.slow
def test_markers_survive_xdist_and_become_junit_properties(project: Path) -> None:
    report = project / "junit.xml"
    plugin = ["-p", "spec2prod_requirements", "-n", "2", f"--junitxml={report}", "-o", "junit_family=xunit1"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "test_a.py"],
        cwd=project,
        env={"PYTHONPATH": str(WORKERS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    told = {
        case.attrib["name"]: {each.attrib["value"] for each in case.iter("property") if each.attrib["name"] == "requirement_id"}
        for case in ET.parse(report).iter("testcase")  # noqa: S314 - our own
    }
    assert told == {name.rpartition("::")[2]: set(claims) for name, claims in EXPECTED.items()}
