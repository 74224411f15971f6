from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spec2prod.workers.spec2prod_folders import MANY, is_alike, within
from spec2prod.workers.spec2prod_folders import crowded as crowded_folders

WORKERS = Path(__file__).resolve().parents[2] / "src" / "spec2prod" / "workers"
JUDGED = ("pytest_worker.py", "spec2prod_folders.py", "spec2prod_contexts.py", "spec2prod_pytest.py", "spec2prod_recorder.py")
COUNTING = """\
import pathlib
import pytest
listed = []
def pytest_collectstart(collector):
    listed.extend([collector] if isinstance(collector, pytest.Directory) else [])
def pytest_sessionfinish():
    pathlib.Path(__file__).with_name("listed").write_text(str(len(listed)))
"""
PASSING = "def test_x():\n    pass\n"


def answered(root: Path, tests: list[str]) -> dict[str, Any]:
    """Run the worker on these files of a project with one module, `code.py`."""
    scratch = root / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    argv = [
        sys.executable,
        str(WORKERS / "pytest_worker.py"),
        "--answer",
        str(scratch / "a.json"),
        "--root",
        str(root),
        "--module",
        "code.py",
    ]
    done = subprocess.run([*argv, "--", *tests], cwd=root, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads((scratch / "a.json").read_text())
    return answer


def crowded(root: Path, names: list[str]) -> list[str]:
    """Write a project with these test files; return them in order."""
    for name in ("code.py", *names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("X = 1\n" if name == "code.py" else PASSING)
    (root / "conftest.py").write_text(COUNTING)
    return sorted(names)


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


def test_of_a_crowded_folder_exactly_the_named_files_run_in_their_order_and_it_is_listed_once(tmp_path: Path) -> None:
    usual = [f"tests/test_{number:03}.py" for number in range(MANY)]
    inner = ["tests/build/test_inner.py", "tests/unit/test_unit.py"]  # pytest's own norecursedirs leaves `build` out of a folder
    named = crowded(tmp_path, [*usual, *inner, "tests/test_other.py", "tests/other/test_other_too.py", "elsewhere/test_z.py"])
    wanted = [path for path in named if "other" not in path]
    (tmp_path / "tests" / "conftest.py").write_text("collect_ignore = ['test_007.py']\n")  # a file that is named is run all the same
    assert [case["path"] for case in answered(tmp_path, wanted)["cases"]] == wanted
    assert int((tmp_path / "listed").read_text()) < 12  # each folder once or twice, and not once for every file: that is quadratic


def test_a_named_file_that_the_project_hides_from_pytest_leaves_the_question_open(tmp_path: Path) -> None:
    named = crowded(tmp_path, [f"tests/test_{number:03}.py" for number in range(MANY)])
    hook = "\nimport pytest\n@pytest.hookimpl(wrapper=True)\ndef pytest_ignore_collect(collection_path):\n"
    with (tmp_path / "conftest.py").open("a") as conftest:
        conftest.write(hook + "    return (yield) or collection_path.name == 'test_007.py'\n")
    answer = answered(tmp_path, named)
    assert answer["status"] == 4  # a usage error: the reader takes it for no answer
    assert "passed" not in {case["outcome"] for case in answer["cases"]}


@pytest.mark.parametrize(
    "named",
    [
        ["t/test_a.py::test_x", "t/test_b.py"],
        ["t/checks.py", "t/test_a.py"],
        ["t/test_b.py", "t/test_a.py"],
        ["t/test_a.py", "t/test_a.py"],
        ["t/test_a.py", "t/test_gone.py"],
        ["t/../t/test_a.py"],
        ["t/test_a.py", "u/test_a.py", "t/test_b.py"],
    ],
    ids=["one test of a file", "no test by its name", "another order", "twice", "not there", "a detour", "not in a row"],
)
def test_where_a_folder_would_collect_something_else_than_its_files_these_are_named(tmp_path: Path, named: list[str]) -> None:
    crowded(tmp_path, ["t/test_a.py", "t/test_b.py", "t/checks.py", "u/test_a.py"])
    assert is_alike(["t/test_a.py", "t/test_b.py"], ["t/test_a.py", "t/test_b.py"], tmp_path, ["test_*.py"])
    assert not is_alike(within("t", named), named, tmp_path, ["test_*.py"])


def test_a_crowded_folder_inside_another_is_handed_over_with_it() -> None:
    inner, outer = ([f"{folder}/test_{number}.py" for number in range(MANY)] for folder in ("t/in", "t"))
    few = [f"few/test_{number}.py" for number in range(MANY - 1)]
    assert crowded_folders([*inner, *outer, *few, "t_too/test_x.py"]) == ["t"]
