"""What a test run keeps of its own lines in memory: it comes out as coverage's own database would have told it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import iniconfig

from spec2prod.workers import spec2prod_contexts

FOLDER = Path(spec2prod_contexts.__file__).parent


def told(tmp_path: Path, program: str) -> str:
    """Run a program beside the worker's own files; return what it printed."""
    (tmp_path / "measured.py").write_text("def one():\n    return 1\n\n\ndef two():\n    return 2\n")
    code = f"import sys\nsys.path[:0] = [{str(FOLDER)!r}, {str(tmp_path)!r}]\n" + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


BEGINNING = """
import os
import coverage
from spec2prod_contexts import Contexts
measuring = coverage.Coverage(data_file="data", config_file=False, source=["."])
measuring.start()
contexts = Contexts(measuring.get_data())
import measured
file = os.path.realpath("measured.py")
"""


def test_each_test_has_its_own_lines_and_the_database_all_of_them(tmp_path: Path) -> None:
    program = """
measuring.switch_context("a")
measured.one()
measuring.switch_context("")
measuring.switch_context("b")
measured.two()
measuring.switch_context("")
measuring.stop()
data = measuring.get_data()
contexts.settle(data)
print(contexts.by_test(file), sorted(data.lines(file)), data.measured_contexts() - {""})
"""
    assert told(tmp_path, BEGINNING + program) == "{'a': {2}, 'b': {6}} [1, 2, 5, 6] set()"


def test_a_forked_childs_lines_go_to_its_own_database(tmp_path: Path) -> None:
    program = """
measuring.switch_context("a")
if os.fork() == 0:
    measured.two()
    measuring.stop()
    data = measuring.get_data()
    print(sorted(data.lines(file)), sorted(data.contexts_by_lineno(file).get(6, [])), flush=True)
    os._exit(0)
os.wait()
"""
    assert told(tmp_path, BEGINNING + program) == "[6] ['a']"


def test_a_component_that_pytest_itself_imports_is_measured_from_its_first_line(tmp_path: Path) -> None:
    shutil.copytree(Path(iniconfig.__file__).parent, tmp_path / "iniconfig")
    (tmp_path / "test_it.py").write_text("import iniconfig\n\n\ndef test_it() -> None:\n    assert iniconfig.IniConfig\n")
    (tmp_path / "scratch").mkdir()
    answer = tmp_path / "scratch" / "answer.json"
    options = ["--answer", str(answer), "--root", str(tmp_path), "--import-root", ".", "--module", "iniconfig/exceptions.py"]
    command = [sys.executable, str(FOLDER / "pytest_worker.py"), *options, "--", "test_it.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    measured = json.loads(answer.read_text())["modules"]["iniconfig/exceptions.py"]
    assert measured["missing"].split(",")[0] not in {"", "1"}  # its first lines ran when pytest imported it


def test_hypothesis_is_not_imported_to_sum_up_what_it_took_no_part_in(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it() -> None:\n    pass\n")
    (tmp_path / "scratch").mkdir()
    options = ["--answer", str(tmp_path / "scratch" / "answer.json"), "--root", str(tmp_path), "--", "test_it.py"]
    command = [sys.executable, "-X", "importtime", str(FOLDER / "pytest_worker.py"), *options]
    imported = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    assert "_hypothesis_globals" in imported  # its plugin is there
    assert "hypothesis.internal" not in imported
