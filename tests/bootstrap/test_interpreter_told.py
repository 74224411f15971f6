"""Where a project has no environment of its own, that is told; and `doctor` names what is missing, with the command that helps."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from spec2prod.adapters import programs
from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.examination import State
from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.tree import ProjectTree
from spec2prod.application.ports import Event
from spec2prod.bootstrap import readiness, running
from spec2prod.bootstrap.assembly import type_checking_of
from spec2prod.bootstrap.listening import listening
from spec2prod.bootstrap.place import Place
from spec2prod.config.settings import Settings
from spec2prod.domain.component import Component


class Told:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def tell(self, event: Event) -> None:
        self.texts.append(event.text)


def place_in(root: Path, interpreter: Path = Path(sys.executable)) -> Place:
    component = Component(name="x", root=root, source="x.py", import_root=".", modules=("x.py",), interpreter=interpreter)
    return Place(tree=ProjectTree(root, "r"), settings=Settings(), component=component, run_id="r")


def told_of(place: Place) -> list[str]:
    told = Told()
    with listening(told):
        running._tell_interpreter(place, SystemClock())
    return told.texts


def test_a_run_says_that_its_tests_run_in_our_own_environment_and_only_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (text,) = told_of(place_in(tmp_path))
    assert text.startswith(f"tests run with {sys.executable} (spec2prod's own: the project has no .venv")
    assert told_of(place_in(tmp_path, tmp_path / ".venv/bin/python")) == []


def test_doctor_names_the_plugin_that_the_projects_options_need(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --mypy-strictly\n")
    (row,) = asyncio.run(readiness._options(place_in(tmp_path), ProcessHost()))
    assert (row.state, row.stops) == (State.BROKEN, True)
    assert "addopts in pytest.ini asks for --mypy-strictly, and pytest-mypy is not installed" in row.told
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert asyncio.run(readiness._options(place_in(tmp_path), ProcessHost())) == ()


def test_doctor_says_where_to_install_a_checker_and_who_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nstrict = true\n")
    place = place_in(tmp_path)
    asked_by = readiness._asked_by(type_checking_of(place), place)
    python = place.component.interpreter
    probe = readiness._tool("mypy", ("mypy",), python=python, asked_by=asked_by)
    assert probe.next_step == f"{python} -m pip install mypy (the project configures it: [tool.mypy] in pyproject.toml)"


def test_our_checker_keeps_what_it_compiles_in_our_cache_and_the_projects_own_is_started_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEC2PROD_CACHE_DIR", str(tmp_path / "cache"))
    ours = type_checking_of(place_in(tmp_path))
    assert (ours.program, ours.compiled) == (programs.basedpyright(), tmp_path / "cache" / "node")
    assert ours.version == programs.our_version(Path(sys.executable)) != ""
    assert not type_checking_of(place_in(tmp_path, tmp_path / ".venv/bin/python")).version
    assert readiness._tool("basedpyright", ours.program).next_step.endswith("-m pip install --force-reinstall spec2prod")
    (tmp_path / "pyproject.toml").write_text("[tool.pyright]\n")
    own = type_checking_of(place_in(tmp_path))
    assert (own.compiled, own.version, len(own.program)) == (None, "", 1)
