"""The answer that still stands: given again while nothing has changed, and not once anything has."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spec2prod.adapters import standing
from spec2prod.adapters.standing import Look, Standing, UnsettledError

_LONG_AGO = 1_700_000_000
_MADE = 1_800_000_000.0
_SOON_NS = 10_000_000_000
KEY = standing.key_of({"component": "sums", "target": "staging"})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project whose files are old."""
    root = tmp_path / "project"
    for name, text in {
        "src/sums.py": "x = 1\n",
        "tests/test_sums.py": "import sums\n",
        "README.md": "# Sums\n",
        "report.json": "{}",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        os.utime(root / name, (_LONG_AGO, _LONG_AGO))
    return root


def _keep(project: Path, watched: list[str] | None = None) -> None:
    answer = Standing(
        run_id="run",
        made_at=_MADE,
        expires_at=_MADE + 100,
        exit_code=1,
        document="{}\n",
        summary="Not promoted.\n",
        page=str(_page(project)),
        watched=watched or [],
    )
    standing.keep(Look(str(project), KEY, _outputs(project)), answer, taken_at_ns=time.time_ns() + _SOON_NS)


def _page(project: Path) -> Path:
    page = project / ".spec2prod/runs/run/report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.touch()
    return page


def _outputs(project: Path) -> tuple[str, ...]:
    return (str(project / "report.json"),)


def _find(project: Path, now: float = _MADE + 1, key: str = KEY) -> Standing | None:
    return standing.find(Look(str(project), key, _outputs(project)), now)


def test_an_unchanged_project_is_answered_as_before(project: Path) -> None:
    _keep(project)
    found = _find(project)
    assert found is not None
    assert (found.exit_code, found.summary, found.document) == (1, "Not promoted.\n", "{}\n")


def _edit(project: Path) -> None:
    (project / "src/sums.py").write_text("x = 2\n")


def _edit_and_hide_it(project: Path) -> None:
    (project / "src/sums.py").write_text("x = 2\n")
    os.utime(project / "src/sums.py", (_LONG_AGO, _LONG_AGO))  # same size, same mtime: ctime tells


def _replace(project: Path) -> None:
    new = project / "new"
    new.write_text("x = 1\n")
    os.utime(new, (_LONG_AGO, _LONG_AGO))
    new.replace(project / "src/sums.py")


def _delete(project: Path) -> None:
    (project / "tests/test_sums.py").unlink()


def _add(project: Path) -> None:
    (project / "conftest.py").write_text("")


def _forbid(project: Path) -> None:
    (project / "src/sums.py").chmod(0)


def _release(project: Path) -> None:
    current = project / ".spec2prod/environments/staging/current"
    current.mkdir(parents=True)
    (current / "sums").symlink_to("elsewhere")


@pytest.mark.parametrize("change", [_edit, _edit_and_hide_it, _replace, _delete, _add, _forbid, _release])
def test_whatever_changes_asks_again(project: Path, change: Callable[[Path], None]) -> None:
    _keep(project)
    change(project)
    assert _find(project) is None


def test_what_a_run_writes_itself_and_what_tools_leave_behind_changes_nothing(project: Path) -> None:
    _keep(project)
    (project / "report.json").write_text('{"new": true}')
    for folder in ("src/__pycache__", ".pytest_cache", ".spec2prod/runs/x"):
        (project / folder).mkdir(parents=True)
        (project / folder / "left.pyc").write_bytes(b"x")
    assert _find(project) is not None


def test_an_answer_whose_page_is_gone_is_none(project: Path) -> None:
    _keep(project)
    _page(project).unlink()
    assert _find(project) is None


def test_another_question_is_another_answer(project: Path) -> None:
    _keep(project)
    assert _find(project, key=standing.key_of({"component": "sums", "target": "development"})) is None


@pytest.mark.parametrize("now", [_MADE - 1, _MADE + 100])
def test_an_answer_expires_and_does_not_survive_a_clock_that_was_set_back(project: Path, now: float) -> None:
    _keep(project)
    assert _find(project, now=now) is None


def test_a_variable_that_reaches_tools_is_part_of_the_question(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _keep(project)
    monkeypatch.setenv("COLUMNS", "20")
    assert _find(project) is not None
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    assert _find(project) is None


def test_what_lies_outside_is_watched_as_far_as_it_was_named(project: Path, tmp_path: Path) -> None:
    packages, sources = tmp_path / "site-packages", tmp_path / "elsewhere"
    (packages / "one").mkdir(parents=True)
    (sources / "deep").mkdir(parents=True)
    _keep(project, [str(packages), f"{sources}{standing.BELOW}"])
    assert _find(project) is not None
    (sources / "deep/er.py").write_text("")
    assert _find(project) is None
    _keep(project, [str(packages)])
    (packages / "two").mkdir()
    assert _find(project) is None


def test_a_link_that_leads_out_of_the_project_cannot_be_watched(project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (project / "data").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsettledError):
        Look(str(project), KEY, ())


def test_a_file_that_changed_just_now_is_not_believed(project: Path) -> None:
    (project / "src/sums.py").write_text("x = 3\n")
    changed = (project / "src/sums.py").stat().st_ctime_ns
    with pytest.raises(UnsettledError):
        Look(str(project), KEY, ()).digest(taken_at_ns=changed + 1_000_000)
    assert Look(str(project), KEY, ()).digest(taken_at_ns=changed + 10_000_000_000)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 9, "standing": [], "seen": ""}', "\x00"])
def test_a_record_that_cannot_be_read_is_no_answer(project: Path, text: str) -> None:
    _keep(project)
    (project / standing.FOLDER / f"{KEY}.json").write_text(text)
    assert _find(project) is None
