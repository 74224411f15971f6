"""The set-up from nothing but a Python: it believes only programs that run."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLD = "#!/bin/sh\necho 3.11.9\n"
SHIM_FOR_NOTHING = "#!/bin/sh\necho 'pyenv: version is not installed' >&2\nexit 127\n"


@pytest.fixture(scope="module")
def set_up() -> ModuleType:
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "tools" / "set_up.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)
    return file


def test_it_is_written_for_old_pythons() -> None:
    assert ast.parse((ROOT / "tools" / "set_up.py").read_text(), feature_version=(3, 8)).body


@pytest.mark.parametrize(("text", "expected"), [("uv 0.13.9 (x86_64)", (0, 13, 9)), ("3.12.1", (3, 12, 1)), ("nothing", ()), (None, ())])
def test_a_version_is_the_first_dotted_number(set_up: ModuleType, text: str | None, expected: tuple[int, ...]) -> None:
    assert set_up.version(text) == expected


@pytest.mark.parametrize("text", [SHIM_FOR_NOTHING, "#!/bin/sh\necho uv 0.4.0\n", "#!/bin/sh\nexit 0\n", "#!/no/such/interpreter\n"])
def test_a_uv_that_is_broken_or_old_does_not_count(set_up: ModuleType, tmp_path: Path, text: str) -> None:
    assert not set_up.is_uv(program(tmp_path, "uv", text))


def test_a_uv_that_runs_counts(set_up: ModuleType) -> None:
    assert set_up.is_uv(Path(sys.executable).parent / "uv")


def test_a_missing_program_answers_nothing(set_up: ModuleType, tmp_path: Path) -> None:
    assert set_up.answer(tmp_path / "absent") is None


def test_the_wished_python_comes_first(set_up: ModuleType) -> None:
    assert set_up.find_python("uv", sys.executable) == sys.executable


def test_a_wished_python_that_is_too_old_gives_way(set_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = program(tmp_path / "old", "python3", OLD)
    program(tmp_path / "new", "python3.12", "#!/bin/sh\necho 3.12.9\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'new'}:/bin")
    assert set_up.find_python("uv", str(old)) == str(tmp_path / "new" / "python3.12")


def test_a_python_that_only_pyenv_knows_is_found_behind_a_broken_shim(
    set_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "shims", "python3.12", SHIM_FOR_NOTHING)
    program(tmp_path / "versions" / "3.11.7" / "bin", "python3", OLD)
    newer = program(tmp_path / "versions" / "3.13.0" / "bin", "python3", "#!/bin/sh\necho 3.13.0\n")
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert set_up.find_python("uv", None) == str(newer)


def test_without_any_python_uv_is_asked_for_the_oldest_that_will_do(
    set_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = program(tmp_path, "uv", "#!/bin/sh\nexit 2\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert set_up.find_python(str(uv), None) == "3.12"
