"""Finding Pynguin's environment, and which Pythons it serves. The real one is asked by the slow tests."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.pynguin.environment import LOCKED, ask, find, install, installed, read_python
from spec2prod.errors import ToolMissingError
from tests.adapters.locked import fake_uv, quietly

PYTHON = Path(sys.executable)
KIND = f"cpython-{sys.version_info[0]}{sys.version_info[1]}"


def test_its_pytest_is_below_nine_which_is_why_it_has_an_environment_of_its_own() -> None:
    assert "\npytest==8." in LOCKED.lock_text()


def test_it_is_built_once_and_found_again(tmp_path: Path) -> None:
    uv, cache, said = fake_uv(tmp_path), tmp_path / "cache", list[str]()
    assert find(cache, KIND) is None
    built = install(cache, uv=uv, python=PYTHON, say=said.append)
    assert install(cache, uv=uv, python=PYTHON, say=said.append) == built == find(cache, KIND)
    assert (tmp_path / "runs").read_text() == "run\n"
    assert (built.version, built.kind) == (LOCKED.version(), KIND)
    assert Path(sys.base_prefix) in built.homes
    assert installed(cache) == (built,)
    assert [line for line in said if LOCKED.version() in line]


def test_another_kind_of_python_has_another_environment(tmp_path: Path) -> None:
    install(tmp_path / "cache", uv=fake_uv(tmp_path), python=PYTHON, say=quietly)
    assert find(tmp_path / "cache", "cpython-310") is None


def test_a_half_built_one_is_not_found(tmp_path: Path) -> None:
    built = install(tmp_path / "cache", uv=fake_uv(tmp_path), python=PYTHON, say=quietly)
    (built.folder / "complete").unlink()
    assert find(tmp_path / "cache", KIND) is None
    assert installed(tmp_path / "cache") == ()


def test_one_whose_python_is_gone_is_not_found(tmp_path: Path) -> None:
    built = install(tmp_path / "cache", uv=fake_uv(tmp_path), python=PYTHON, say=quietly)
    shutil.rmtree(built.folder / "bin")
    assert find(tmp_path / "cache", KIND) is None
    assert installed(tmp_path / "cache") == ()


def test_a_python_tells_what_it_is_and_what_it_imports_from() -> None:
    asked = ask(PYTHON)
    assert (asked.kind, asked.version, asked.implementation) == (KIND, sys.version.split()[0], "cpython")
    assert any(path.endswith("site-packages") for path in asked.path)
    assert asked.is_served


@pytest.mark.parametrize(("version", "implementation"), [("3.9.18", "cpython"), ("3.16.0", "cpython"), ("3.11.9", "pypy")])
def test_a_python_on_which_it_does_not_run_is_named(version: str, implementation: str) -> None:
    other = replace(ask(PYTHON), version=version, implementation=implementation)
    assert not other.is_served
    assert f"{implementation} {version}" in other.unserved()
    assert "CPython 3.10 to 3.15" in other.unserved()


def test_nothing_is_built_for_a_python_on_which_it_does_not_run(tmp_path: Path) -> None:
    old = tmp_path / "python"
    answer = '{"kind": "cpython-39", "version": "3.9.18", "implementation": "cpython", "homes": [], "path": []}'
    old.write_text(f"#!/bin/sh\necho '{answer}'\n")
    old.chmod(0o755)
    with pytest.raises(ToolMissingError, match=r"cpython 3\.9\.18"):
        install(tmp_path / "cache", uv=fake_uv(tmp_path), python=old, say=quietly)
    assert not (tmp_path / "cache").exists()


def test_a_python_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="could not be started"):
        ask(tmp_path / "python")
    with pytest.raises(ToolMissingError, match="no working Python"):
        ask(Path("/bin/true"))
    with pytest.raises(ToolMissingError, match="no working Python"):
        read_python(PYTHON, '{"kind": "cpython-312"}')
