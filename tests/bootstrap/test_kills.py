"""What it depends on which changes a test notices, in a real project, and what `spec2prod judge` leaves of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spec2prod.adapters.store.cache import AnswerStore
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.defects import stamp_of
from spec2prod.bootstrap.kills import kills_question, remember
from spec2prod.bootstrap.place import Place, place_of
from spec2prod.config.settings import read_settings
from spec2prod.domain.judged import Judged, JudgedTest, noticed

TEST = "tests/test_calc.py"
FILES = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    TEST: "from helping import two\n\nfrom calc import add\n\n\ndef test_add():\n    assert add(1, 1) == two()\n",
    "tests/helping.py": "def two():\n    return 2\n",
    "tests/test_other.py": "def test_other():\n    assert True\n",
    "specs/calc.md": "# Calc\n",
    "pyproject.toml": "",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def place(root: Path) -> Place:
    return place_of("calc", None, read_settings(root, {"python": sys.executable}), "judge-1", root)


def key(root: Path) -> str:
    here = place(root)
    return kills_question(here.component, here.tree, TEST, here.tree).key


def test_it_depends_on_the_code_the_test_and_what_that_imports_and_on_nothing_else_of_the_project(project: Path) -> None:
    before, changed = key(project), {}
    for path, text in FILES.items():
        (project / path).write_text(text + "\n")
        changed[path] = key(project) != before
        (project / path).write_text(text)
    assert {path for path, is_other in changed.items() if is_other} == {"calc.py", TEST, "tests/helping.py"}


def row(name: str, verdict: str, *kills: str, file: str = TEST) -> JudgedTest:
    return JudgedTest(file=file, name=name, line=1, verdict=verdict, filter="mutation", filter_number=5, sentence="", kills=kills)


JUDGED = Judged(
    component="calc",
    specification="specs/calc.md",
    tests=(
        row("test_add", "redundant", "line 2"),
        row("test_sick", "errored"),
        row("test_new", "accepted", "line 3", file="elsewhere/test_x.py"),
    ),
    suite_kills={"tests/test_other.py::test_other": ()},
)


def test_a_test_that_could_not_be_judged_was_not_measured_and_a_void_judgement_measures_nothing() -> None:
    assert noticed(JUDGED) == {
        f"{TEST}::test_add": ("line 2",),
        "elsewhere/test_x.py::test_new": ("line 3",),
        "tests/test_other.py::test_other": (),
    }
    assert noticed(Judged(component="calc", specification="", tests=JUDGED.tests, void="a canary was accepted")) == {}


def test_a_judgement_of_the_projects_own_tests_is_remembered_once_and_asks_a_standing_answer_again(project: Path) -> None:
    here = place(project)
    database = open_database(project / "kept.sqlite")
    try:
        remember(JUDGED, here, database)
        found = {
            file: AnswerStore(database).find(kills_question(here.component, here.tree, file, here.tree), here.tree)
            for file in here.component.tests
        }
        assert {file: kept.texts for file, kept in found.items() if kept} == {
            TEST: {"kills": f'{{"{TEST}::test_add": ["line 2"]}}'},
            "tests/test_other.py": {"kills": '{"tests/test_other.py::test_other": []}'},
        }
        stamp = stamp_of(database.name)
        assert stamp.exists()
        stamp.unlink()
        remember(JUDGED, here, database)
        assert not stamp.exists()
    finally:
        database.close()
