"""Which Python a component runs in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spec2prod.adapters.interpreter import find_interpreter
from spec2prod.errors import SettingsError


def environment(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    python = folder / "bin" / "python"
    python.symlink_to(sys.executable)
    return python


def test_the_setting_wins_then_the_projects_environment_then_the_active_one_then_our_own(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    assert find_interpreter(project, None, {}) == Path(sys.executable)
    active = {"VIRTUAL_ENV": str(tmp_path / "active")}
    assert environment(tmp_path / "active") == find_interpreter(project, None, active)
    assert environment(project / ".venv") == find_interpreter(project, None, active)
    assert environment(project / "other") == find_interpreter(project, "other", active)
    assert find_interpreter(project, "other/bin/python", active) == project / "other" / "bin" / "python"
    assert find_interpreter(project, sys.executable, active) == Path(sys.executable)


def test_a_bare_name_is_looked_up_on_the_given_path(tmp_path: Path) -> None:
    python = environment(tmp_path / "there")
    assert find_interpreter(tmp_path, "python", {"PATH": str(python.parent)}) == python


def test_a_broken_environment_is_told_and_not_passed_over(tmp_path: Path) -> None:
    python = environment(tmp_path / ".venv")
    python.unlink()
    python.symlink_to(tmp_path / "gone")
    with pytest.raises(SettingsError, match="broken link") as caught:
        find_interpreter(tmp_path, None, {})
    assert caught.value.where == ".venv"
    assert "tool.spec2prod.python" in caught.value.next_step


@pytest.mark.parametrize("setting", ["nowhere/bin/python", "no-such-python", "notes.txt", "empty"])
def test_a_setting_that_names_no_program_is_refused(tmp_path: Path, setting: str) -> None:
    (tmp_path / "notes.txt").write_text("no program")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=r"does not exist|is no program") as caught:
        find_interpreter(tmp_path, setting, {"PATH": ""})
    assert caught.value.where == "tool.spec2prod.python"


def test_an_active_environment_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        find_interpreter(tmp_path, None, {"VIRTUAL_ENV": str(tmp_path / "gone")})
    assert caught.value.where == "VIRTUAL_ENV"
