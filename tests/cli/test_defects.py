"""`spec2prod defects`, in a real project: the kept test really runs, and what somebody says is kept or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.defects import DefectStore
from spec2prod.bootstrap.durable import lock_of, project_of
from spec2prod.cli import main
from spec2prod.domain.defect import Defect, Promised, suspect
from spec2prod.domain.specification import Requirement

WRONG, RIGHT = "def subtract(a, b):\n    return a + b\n", "def subtract(a, b):\n    return a - b\n"
SOURCE = """\
import pytest

from calc import subtract


@pytest.mark.requirement("REQ-3")
def test_subtract():
    assert subtract(5, 3) == 2
"""
HASH = Requirement(id="REQ-3", text="`subtract(5, 3)` is `2`", line=5).text_hash
DATABASE = ".spec2prod/spec2prod.sqlite"
PLAIN = '[tool.pytest.ini_options]\naddopts = "-p no:hypothesispytest -p no:asyncio"\n'  # the judged suites start a second faster


@dataclass
class Said:
    """What a command ended with, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.out)
        return told


type Say = Callable[..., Said]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A component whose `subtract` adds, and the folder of whoever works on it."""
    for path, text in {
        "calc.py": WRONG,
        "tests/test_other.py": "def test_other():\n    pass\n",
        "pyproject.toml": PLAIN,
        "specs/calc.md": SPEC,
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPEC2PROD_DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def command(*words: str) -> Said:
        code = main(["defects", *words])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return command


SPEC = "# Calc\n\n## Requirements\n\n- REQ-3: `subtract(5, 3)` is `2`\n"
PROMISED = Promised(id="REQ-3", text="`subtract(5, 3)` is `2`", path="specs/calc.md", line=5)


def noted(source: str = SOURCE, *, component: str = "calc", test: str = "test_subtract", run_id: str = "1f0c9a2b-0000") -> Defect:
    database = open_database(DATABASE)
    try:
        return DefectStore(database).note(
            suspect(
                component=component,
                module="calc.py",
                test_file="tests/test_calc.py",
                test=test,
                source=source,
                requirements=[("REQ-3", HASH)],
                sentence="the code may be wrong (REQ-3): assert 8 == 2",
                message="    assert subtract(5, 3) == 2\nE   assert 8 == 2",
                run_id=run_id,
                seen_at="2026-01-01T02:03:04.000+00:00",
                promises=[PROMISED],
            )
        )
    finally:
        database.close()


@pytest.mark.usefixtures("project")
def test_a_project_without_any_says_so(say: Say) -> None:
    assert say() == Said(0, "no suspected defect is open\n", "")
    assert say("check").out == "no suspected defect is open\n"
    assert say("--json").document == {"format": 1, "defects": []}


@pytest.mark.usefixtures("project")
def test_the_list_names_each_open_one_with_what_contradicts_what(say: Say) -> None:
    one, other = noted(), noted(component="other")
    assert [line.partition(" ")[0] for line in say().out.splitlines()[:2]] == [one.id, other.id]
    told = say("--component", "calc")
    assert f"{one.id}  calc, REQ-3: the code may be wrong (REQ-3): assert 8 == 2" in told.out
    assert other.id not in told.out
    (listed,) = say("--component", "calc", "--json").document["defects"]
    assert (listed["id"], listed["open"], listed["disposition"], listed["requirements"]) == (
        one.id,
        True,
        None,
        [["REQ-3", HASH]],
    )


@pytest.mark.usefixtures("project")
def test_one_is_shown_with_its_test_its_failure_and_the_next_step(say: Say) -> None:
    defect = noted()
    told = say("show", defect.id[:4])
    assert told.code == 0
    for part in (
        f"{defect.id}, open: the code may be wrong (REQ-3): assert 8 == 2",
        "requirement: REQ-3 (specs/calc.md:5): `subtract(5, 3)` is `2`",
        "expected: subtract(5, 3) == 2",
        "the code answered: 8 == 2",
        "seen: once, in the run 1f0c9a2b (2026-01-01 02:03:04)",
        "E   assert 8 == 2",
        *SOURCE.splitlines(),
        *(f'spec2prod defects dispose {defect.id} --as {kind} --reason "…"' for kind in ("fixed", "wrong-test", "wrong-requirement")),
    ):
        assert part in told.out
    shown = say("show", defect.id, "--json").document
    assert (shown["defect"]["source"], shown["said"]) == (SOURCE, [])
    assert shown["contrast"] == {"expected": "subtract(5, 3) == 2", "answered": "8 == 2"}


@pytest.mark.usefixtures("project")
def test_the_runs_that_saw_it_are_counted_and_the_newest_are_named(say: Say) -> None:
    for number in range(7):
        noted(run_id=f"run-{number}-0000")
    defect = noted(run_id="run-6-0000")  # in another round of the same run
    told = say("show", defect.id).out
    assert "seen: 7 times, in the runs run-6-00 (2026-01-01 02:03:04), run-5-00" in told
    assert told.partition("seen: ")[2].partition("\n")[0].endswith("run-2-00 (2026-01-01 02:03:04) and 2 before")


@pytest.mark.parametrize(
    ("written", "since"),
    [
        ("## Requirements\n- Else\n- REQ-3: `subtract(5, 3)` is `2`\n", ""),
        ("## Requirements\n- REQ-3: Subtracts\n", "as it was; by now line 2 says: Subtracts"),
        ("## Requirements\n- Else\n", "as it was; by now the specification has no requirement of that ID"),
        ("# Calc\n", "as it was; by now the specification cannot be read: specs/calc.md: no requirements found"),
    ],
)
def test_what_became_of_its_requirement_is_told(project: Path, say: Say, written: str, since: str) -> None:
    defect = noted()
    (project / "specs/calc.md").write_text(written)
    (stated,) = say("show", defect.id, "--json").document["stated"]
    assert stated == {"id": "REQ-3", "text": "`subtract(5, 3)` is `2`", "where": f"specs/calc.md:{5 if since else 3}", "since": since}
    assert since in say("show", defect.id).out


@pytest.mark.usefixtures("project")
def test_several_are_disposed_of_for_one_reason_or_none_is(say: Say) -> None:
    one, other = noted(), noted(component="other")
    told = say("dispose", one.id, "ffff", "eeee", "--as", "wrong-test", "--reason", "not promised", "--by", "Ada")
    assert (told.code, told.out) == (2, "")
    assert told.err == "spec2prod: no defect has the ID 'ffff'; no defect has the ID 'eeee'\nnext: spec2prod defects --all lists them\n"
    assert len(say("--json").document["defects"]) == 2
    told = say("dispose", one.id, other.id[:6], one.id, "--as", "wrong-test", "--reason", "not promised", "--by", "Ada")
    assert told.code == 0, told.err
    assert [line.partition(":")[0] for line in told.out.splitlines()] == [one.id, other.id]
    assert say().out == "no suspected defect is open; 2 disposed of: spec2prod defects --all\n"


@pytest.mark.slow
def test_of_several_that_are_said_to_be_fixed_one_that_fails_keeps_all_of_them_open(project: Path, say: Say) -> None:
    fails, passes = noted(), noted(SOURCE.replace("== 2", "== 8").replace("test_subtract", "test_adds"), test="test_adds")
    told = say("dispose", fails.id, passes.id, "--as", "fixed", "--reason", "it added")
    assert told.code == 1
    assert f"{fails.id} is not disposed of as fixed: its test test_subtract still fails" in told.err
    assert "none of the 2 is, and nothing was written" in told.err
    assert not (project / "tests/test_calc.py").exists()
    assert len(say("--json").document["defects"]) == 2


@pytest.mark.slow
def test_several_that_are_fixed_get_a_test_file_each(project: Path, say: Say) -> None:
    one, other = noted(), noted(SOURCE.replace("5, 3) == 2", "5, 2) == 3").replace("test_subtract", "test_again"), test="test_again")
    (project / "calc.py").write_text(RIGHT)
    told = say("dispose", one.id, other.id, "--as", "fixed", "--reason", "it added")
    assert told.code == 0, told.err
    assert "(5, 3) == 2" in (project / "tests/test_calc.py").read_text()
    assert "(5, 2) == 3" in (project / "tests/test_calc_defect.py").read_text()


def test_check_runs_the_kept_test_on_the_present_code_and_changes_nothing(project: Path, say: Say) -> None:
    defect = noted()
    before = {path: path.read_bytes() for path in project.rglob("*.py")}
    told = say("check")
    assert (told.code, told.out.splitlines()[0]) == (1, f"✗ {defect.id}: still fails")
    assert "assert 8 == 2" in told.out
    (project / "calc.py").write_text(RIGHT)
    told = say("check", defect.id, "--json")
    assert (told.code, told.document["checked"]) == (0, [{"id": defect.id, "passes": True, "told": ""}])
    assert {path: path.read_bytes() for path in project.rglob("*.py")} == before | {project / "calc.py": RIGHT.encode()}
    assert say().out.startswith(defect.id)  # looking disposes of nothing


def test_fixed_is_refused_while_the_test_fails_and_adopts_it_once_it_passes(project: Path, say: Say) -> None:
    defect = noted()
    (project / "tests/test_calc.py").write_text("def test_more():\n    pass\n")  # the proposed name is taken by now
    told = say("dispose", defect.id, "--as", "fixed", "--reason", "it added")
    assert told.code == 1
    assert "assert 8 == 2" in told.err
    assert f"{defect.id} is not disposed of as fixed: its test test_subtract still fails on the present code" in told.err
    assert "next: mend calc.py" in told.err
    assert say("show", defect.id, "--json").document["said"] == []
    assert not (project / "tests/test_calc_defect.py").exists()

    (project / "calc.py").write_text(RIGHT)
    told = say("dispose", defect.id, "--as", "fixed", "--reason", "  it \n added ", "--by", "Ada")
    assert told.code == 0, told.err
    assert "written: tests/test_calc_defect.py" in told.out
    assert "subtract(5, 3) == 2" in (project / "tests/test_calc_defect.py").read_text()
    assert say().out == "no suspected defect is open; 1 disposed of: spec2prod defects --all\n"
    (said,) = say("show", defect.id, "--json").document["said"]
    assert (said["kind"], said["reason"], said["by"]) == ("fixed", "it added", "Ada")
    assert "fixed, says Ada on " in say("--all").out


@pytest.mark.parametrize("kind", ["wrong-test", "wrong-requirement"])
def test_a_wrong_test_or_requirement_needs_a_reason_and_no_process(
    project: Path, say: Say, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    defect = noted()
    told = say("dispose", defect.id, "--as", kind, "--reason", " \n")
    assert (told.code, "a reason is needed" in told.err) == (2, True)
    monkeypatch.setenv("HOME", str(project))
    (project / ".gitconfig").write_text("[user]\n\tname = Grace\n")
    told = say("dispose", defect.id, "--as", kind, "--reason", "nobody promised it")
    assert told.code == 0, told.err
    assert f"{kind}, says Grace on " in told.out
    assert ("correct REQ-3 in the specification" in told.out) == (kind == "wrong-requirement")
    assert not (project / "tests/test_calc.py").exists()
    assert say().out.startswith("no suspected defect is open")


@pytest.mark.usefixtures("project")
def test_what_comes_to_no_result_is_neither_fixed_nor_failing(say: Say) -> None:
    defect = noted('import pytest\n\n\ndef test_subtract():\n    pytest.skip("not today")\n')
    told = say("check")
    assert (told.code, told.out.splitlines()) == (4, [f"? {defect.id}: could not be run to a result", "    it was skipped"])


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_what_comes_to_no_result_is_not_disposed_of_as_fixed(say: Say) -> None:
    defect = noted('import pytest\n\n\ndef test_subtract():\n    pytest.skip("not today")\n')
    told = say("dispose", defect.id, "--as", "fixed", "--reason", "surely")
    assert (told.code, "could not be run to a result" in told.err) == (4, True)
    assert say().out.startswith(defect.id)


def test_nothing_is_written_while_a_run_of_the_component_goes_on(project: Path, say: Say) -> None:
    defect = noted()
    (project / "calc.py").write_text(RIGHT)
    database = open_database(DATABASE)
    try:
        assert database.hold(lock_of(project, "calc")) is not None
        told = say("dispose", defect.id, "--as", "fixed", "--reason", "it added")
    finally:
        database.close()
    assert "a run of calc is going on" in told.err
    assert told.code != 0
    assert not (project / "tests/test_calc.py").exists()


@pytest.mark.slow
def test_a_test_that_the_components_settings_leave_out_is_told(project: Path, say: Say) -> None:
    defect = noted()
    (project / "calc.py").write_text(RIGHT)
    (project / "pyproject.toml").write_text(PLAIN + '[tool.spec2prod.components.calc]\npath = "calc.py"\ntests = ["tests/test_other.py"]\n')
    told = say("dispose", defect.id, "--as", "fixed", "--reason", "it added")
    assert told.code == 0, told.err
    assert "add tests/test_calc.py to [tool.spec2prod.components.calc] tests" in told.out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("words", [("show", "ffff"), ("check", "ffff"), ("dispose", "ffff", "--as", "wrong-test", "--reason", "no")])
def test_an_id_that_nobody_has_is_a_usage_error(say: Say, words: tuple[str, ...]) -> None:
    told = say(*words)
    assert (told.code, told.out) == (2, "")
    assert "no defect has the ID 'ffff'" in told.err
    assert "next: spec2prod defects --all lists them" in told.err


@pytest.mark.usefixtures("project")
def test_without_a_database_there_is_nothing_to_list(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEC2PROD_DATABASE_URL", "none")
    told = say()
    assert (told.code, "suspected defects are not kept" in told.err) == (2, True)


@pytest.mark.usefixtures("project")
def test_a_narrow_terminal_folds_and_loses_nothing(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    defect = noted()
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    told = say("show", defect.id)
    assert told.code == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in told.out.splitlines()]
    assert max(map(len, lines)) <= 30
    assert "requirement" in told.out


def test_projects_on_a_server_are_told_apart_by_their_names(tmp_path: Path) -> None:
    server = "postgresql://ada@db.example.org/spec2prod"
    assert project_of(tmp_path, server) == ""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "My_Project.x"\n')
    assert project_of(tmp_path, server) == "my-project-x"
    assert project_of(tmp_path, None) == project_of(tmp_path, "sqlite:///elsewhere.sqlite") == ""
