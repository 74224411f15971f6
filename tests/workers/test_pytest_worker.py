from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

WORKERS = Path(__file__).resolve().parents[2] / "src" / "spec2prod" / "workers"
JUDGED = ("pytest_worker.py", "spec2prod_pytest.py", "spec2prod_recorder.py")


@pytest.mark.parametrize("name", JUDGED)
def test_what_runs_in_the_judged_environment_is_python_3_9_and_knows_nothing_of_spec2prod(name: str) -> None:
    tree = ast.parse((WORKERS / name).read_text(), feature_version=(3, 9))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not {each for each in imported if each and each.startswith("spec2prod")}
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


def test_the_answer_repeats_the_nonce_and_names_who_measured(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("X = 1\n")
    (tmp_path / "test_code.py").write_text("def test_x():\n    import sys\n    assert not [p for p in sys.path[:2] if 'workers' in p]\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    argv = [sys.executable, str(WORKERS / "pytest_worker.py"), "--answer", str(scratch / "a.json"), "--root", str(tmp_path)]
    done = subprocess.run(
        [*argv, "--nonce", "abc", "--module", "code.py", "--order", "random:7", "--", "test_code.py"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads((scratch / "a.json").read_text())
    assert (answer["nonce"], answer["format"], answer["status"], answer["missing"]) == ("abc", 1, 0, [])
    assert answer["pytest"] == pytest.__version__
    assert answer["python"].count(".") == 2
    assert answer["cases"][0]["outcome"] == "passed"
    assert answer["cases"][0]["ms"] >= 0
    assert [path.name for path in scratch.glob("a.json*")] == ["a.json"]
