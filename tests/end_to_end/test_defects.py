"""A suspected defect through the command line: an example that the code contradicts closes staging until somebody says what it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.defects import DefectStore
from spec2prod.domain.defect import Defect, suspect
from tests.end_to_end import layouts
from tests.end_to_end.conftest import Ended, environment

SPEC = "# Sums\n\n## Requirements\n\n- REQ-1 (P0): Adds: `add(1, 1) == 2`\n- REQ-2 (P1): Doubles: `double(2) == 5`\n"
WRONG_BY_SPEC = '\n\ndef double(a: int) -> int:\n    """Double."""\n    return a + a\n'
STANDS = "Nothing has changed since the run of"


def defects(project: layouts.Project, *words: str) -> Ended:
    command = [sys.executable, "-m", "spec2prod", "defects", *words]
    done = subprocess.run(command, cwd=project.root, env=environment(None), capture_output=True, text=True, timeout=120, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def trace(project: layouts.Project) -> Ended:
    command = [sys.executable, "-m", "spec2prod", "trace", "--spec", "spec.md", "--component", "sums"]
    done = subprocess.run(command, cwd=project.root, env=environment(None), capture_output=True, text=True, timeout=120, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def the_open_one(project: layouts.Project) -> dict[str, object]:
    (found,) = json.loads(defects(project, "--json").out)["defects"]
    return dict(found)


@pytest.mark.slow
def test_an_example_that_the_code_contradicts_closes_staging_until_somebody_says_what_it_is(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.write({"spec.md": SPEC, "sums.py": layouts.CODE + WRONG_BY_SPEC})
    ended = project.run("sums", "--target", "staging", "--generator", "spec")
    assert ended.code == 1, ended.out + ended.err
    gate = ended.gate("suspected_defects")
    assert (gate["verdict"], gate["required"], gate["measured"]) == ("failed", True, "1 suspected defect is open")
    assert "staging_deployment" in ended.report["run"]["not_run"]
    (told,) = ended.report["run"]["defects"]
    assert (told["module"], [name for name, _ in told["requirements"]]) == ("sums.py", ["REQ-2"])
    assert "expected 5, got 4" in told["sentence"] + told["message"]
    summary = ended.out[ended.out.index("Suspected defects") :]
    assert summary.splitlines()[2].strip() == f"spec2prod defects show {told['id']}"
    assert the_open_one(project)["id"] == told["id"]

    again = project.run("sums")  # nobody asks for tests any more, and it counts all the same
    assert (again.gate("suspected_defects")["verdict"], len(again.report["run"]["defects"])) == ("warned", 1)

    traced = trace(project)
    assert "suspected defect REQ-2 P1" in traced.out
    assert f"suspected defect of REQ-2: spec2prod defects show {told['id']}" in traced.out

    refused = defects(project, "dispose", str(told["id"]), "--as", "fixed", "--reason", "no")
    assert (refused.code, "still fails on the present code" in refused.err) == (1, True)
    said = defects(project, "dispose", str(told["id"]), "--as", "wrong-requirement", "--reason", "twice two is four", "--by", "Ada")
    assert said.code == 0, said.err
    last = project.run("sums", "--generator", "spec")
    assert last.gate("suspected_defects")["verdict"] == "passed", last.out
    reasons = [each["reason"] for each in last.report["run"]["candidates"] if each["verdict"] == "rejected"]
    assert any("twice two is four" in reason for reason in reasons), reasons


@pytest.mark.slow
def test_an_answer_stands_no_longer_once_a_defect_is_noted_or_disposed_of(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.write({"pyproject.toml": layouts.PLAIN + '[tool.spec2prod]\ntype_checker = "mypy"\n'})
    project.run("sums")
    assert project.run("sums").out.startswith(STANDS)
    defect = noted(project.root)
    found = project.run("sums")
    assert STANDS not in found.out
    assert found.gate("suspected_defects")["verdict"] == "warned"
    stands = project.run("sums")
    assert stands.out.startswith(STANDS)
    assert stands.report == found.report
    assert defects(project, "dispose", defect.id, "--as", "wrong-test", "--reason", "not promised").code == 0
    last = project.run("sums")
    assert STANDS not in last.out
    assert last.gate("suspected_defects")["verdict"] == "passed"


def noted(root: Path) -> Defect:
    database = open_database(root / ".spec2prod/spec2prod.sqlite")
    try:
        return DefectStore(database).note(
            suspect(
                component="sums",
                module="sums.py",
                test_file="tests/test_more.py",
                test="test_more",
                source="from sums import add\n\n\ndef test_more():\n    assert add(1, 1) == 3\n",
                requirements=[("REQ-1", "1f0c.9a2b.3d4e")],
                sentence="REQ-1 says 3, the code returns 2",
                message="assert 2 == 3",
                run_id="r0",
                seen_at="2026-01-01T00:00:00.000+00:00",
            )
        )
    finally:
        database.close()
