"""What a process was heard to read: in a real process each, since there is no way to stop listening."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WORKERS = Path(__file__).parents[2] / "src" / "spec2prod" / "workers"
_BEGIN = f"""
import json, os, sys
sys.path.insert(0, {str(WORKERS)!r})
import spec2prod_reads
reads = spec2prod_reads.Reads(os.getcwd(), os.environ["SCRATCH"])
reads.begin()
"""
_END = "\nprint(json.dumps(reads.answer()))\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project with data, a module and its bytecode's place."""
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "scratch").mkdir()
    (root / "data/n.json").write_text("[1]")
    (root / "helper.py").write_text("ONE = 1\n")
    (root / "README.md").write_text("words")
    return root


def _heard(project: Path, body: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", _BEGIN + body + _END],
        cwd=project,
        env={"SCRATCH": str(project / "scratch")},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_files_that_were_opened_and_ones_that_were_looked_for_are_told(project: Path) -> None:
    body = """
open("data/n.json").close()
try:
    open("data/absent.json")
except FileNotFoundError:
    pass
os.close(os.open("README.md", os.O_RDONLY))
"""
    assert _heard(project, body)["files"] == ["README.md", "data/absent.json", "data/n.json"]


def test_a_module_is_told_by_its_source_and_where_it_was_searched(project: Path) -> None:
    body = 'sys.path.insert(0, os.getcwd())\nsys.dont_write_bytecode = False\nimport helper\ndel sys.modules["helper"]\nimport helper\n'
    told = _heard(project, body)
    assert (told["files"], told["importables"], told["folders"]) == (["helper.py"], ["."], [])


def test_a_folder_that_was_listed_is_told(project: Path) -> None:
    assert _heard(project, 'os.listdir("data")\nlist(os.scandir("."))\n')["folders"] == [".", "data"]


def test_what_it_wrote_itself_is_nothing_that_it_read(project: Path) -> None:
    body = """
open("out.txt", "w").write("1")
open("out.txt").close()
open(os.path.join(os.environ["SCRATCH"], "x"), "w+").close()
open(os.path.join(os.environ["SCRATCH"], "x")).close()
"""
    assert _heard(project, body) == {"files": [], "folders": [], "importables": [], "everything": False, "never": ""}


@pytest.mark.parametrize(
    "body",
    [
        'open("data/n.json").close()\nopen("data/n.json", "w").close()',
        'open("data/n.json", "r+").close()',
        'open("data/n.json", "a").close()\nopen("data/n.json").close()',
        'open("data/n.json").close()\nopen("other", "w").close()\nos.rename("other", "data/n.json")',
    ],
)
def test_what_is_read_and_changed_cannot_be_told_afterwards(project: Path, body: str) -> None:
    assert _heard(project, body)["never"] == "the tests change data/n.json, which they read"


def test_a_database_that_was_there_before_keeps_its_own_counsel(project: Path) -> None:
    (project / "app.db").write_bytes(b"")
    assert _heard(project, 'import sqlite3\nsqlite3.connect("app.db").close()')["never"] == "the tests use the database app.db"
    assert _heard(project, 'import sqlite3\nsqlite3.connect(":memory:").close()\nsqlite3.connect("new.db").close()')["never"] == ""


def test_another_process_may_read_everything(project: Path) -> None:
    assert _heard(project, "import subprocess\nsubprocess.run([sys.executable, '-c', ''])")["everything"] is True
    assert _heard(project, "pid = os.fork()\nif not pid:\n    os._exit(0)\nos.waitpid(pid, 0)")["everything"] is True
    assert _heard(project, "")["everything"] is False


def test_an_answer_from_the_network_is_not_kept_and_one_from_this_machine_may_be(project: Path) -> None:
    away = 'sys.audit("socket.connect", None, ("192.0.2.1", 80))'  # the event alone: no packet leaves
    assert _heard(project, away)["never"] == "the tests ask 192.0.2.1 over the network"
    assert _heard(project, 'sys.audit("socket.getaddrinfo", "example.org", 80, 0, 0, 0)')["never"]
    here = 'sys.audit("socket.connect", None, ("127.0.0.1", 80))\nsys.audit("socket.getaddrinfo", "localhost", 80, 0, 0, 0)'
    assert _heard(project, here)["never"] == ""


def test_an_environment_inside_the_project_is_told_elsewhere(project: Path) -> None:
    body = f'sys.prefix\nopen({str(Path(sys.prefix) / "pyvenv.cfg")!r}).close()\nimport html\nopen("/proc/self/status").close()'
    assert _heard(project, body)["files"] == []


def test_a_folder_that_is_cleared_is_nothing_that_was_read(project: Path) -> None:
    assert _heard(project, 'import shutil\nos.mkdir("made")\nos.mkdir("made/below")\nshutil.rmtree("made")')["files"] == []


def test_the_suites_own_reading_is_told_without_pytests(project: Path, tmp_path: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.pytest.ini_options]\n[tool.ruff]\n")
    (project / "test_it.py").write_text(
        "import json, pathlib\nimport helper\n\ndef test_it(tmp_path):\n    (tmp_path / 'x').write_text('1')\n"
        "    assert json.loads(pathlib.Path('data/n.json').read_text()) == [helper.ONE]\n"
    )
    answer = tmp_path / "scratch" / "answer.json"
    answer.parent.mkdir()
    subprocess.run(
        [
            *(sys.executable, str(WORKERS / "pytest_worker.py"), "--answer", str(answer), "--root", str(project)),
            *("--module", "helper.py", "--", "test_it.py"),
        ],
        cwd=project,
        env={"TMPDIR": str(answer.parent), "PATH": "/usr/bin"},
        capture_output=True,
        check=True,
    )
    told = json.loads(answer.read_text())["reads"]
    assert told["files"] == ["data/n.json", "helper.py", "test_it.py"]
    assert (told["folders"], told["everything"], told["never"]) == ([], False, "")
