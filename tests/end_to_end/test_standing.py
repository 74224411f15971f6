"""The same command again, and nothing has changed: the answer stands. Whatever has changed, it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end import layouts

STANDS = "Nothing has changed since the run of"
TYPED = {"pyproject.toml": layouts.PLAIN}  # an errored gate is asked again, always


@pytest.mark.parametrize("is_red", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_unchanged_project_is_answered_from_what_its_run_left(tmp_path: Path, *, is_red: bool) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.write(TYPED)
    if is_red:
        project.write({"tests/test_red.py": "def test_red() -> None:\n    assert not [1]\n"})
    first = project.run("sums")
    again = project.run("sums")
    assert first.code == again.code == int(is_red), again.out
    assert STANDS not in first.out
    assert again.out.startswith(STANDS)
    assert again.report == first.report
    assert again.out.splitlines()[-1] == first.out.splitlines()[-1]
    if not is_red:
        (project.root / "sums.py").write_text("def add(a: int, b: int) -> int:\n    return a - b\n")
        changed = project.run("sums")
        assert changed.code == 1
        assert STANDS not in changed.out


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--no-cache",), ("--force", "linting"), ("--new",), ("--no-fix",), ("--async",)])
def test_another_question_is_asked(tmp_path: Path, flags: tuple[str, ...]) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.write(TYPED)
    project.run("sums")
    assert STANDS not in project.run("sums", *flags).out


@pytest.mark.slow
def test_what_the_exact_cache_does_not_take_never_stands(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    ask = "import socket\n\n\ndef test_asks() -> None:\n    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:\n"
    project.write({**TYPED, "tests/test_asks.py": ask + '        one.connect(("192.0.2.1", 9))\n'})
    project.run("sums")
    assert STANDS not in project.run("sums").out
