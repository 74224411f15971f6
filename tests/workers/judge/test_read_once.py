"""What the base reads once for all lanes is what each would have read itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from _pytest.assertion import rewrite

from spec2prod.workers.judge import installed
from spec2prod.workers.judge.rewriting import OFTEN, Rewritten


def told(found: Iterable[metadata.Distribution]) -> list[Any]:
    return [(each.metadata["Name"], each.version, list(each.entry_points), bool(each.files)) for each in found]


def test_distributions_are_told_from_memory_as_they_are_and_new_folders_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = installed.remember()
    before, own = told(metadata.distributions()), metadata.distributions
    assert [each.name for each in points] == [each.name for _, _, found, _ in before for each in found if each.group == "pytest11"]
    info = tmp_path / "new_one-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: new-one\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest11]\nnew = new_one\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with installed.remembered():
        found = told(metadata.distributions())
        assert {each.name for each in metadata.entry_points(group="pytest11")} == {each.name for each in points} | {"new"}
    assert [each[0] for each in found[:1]] == ["new-one"]
    assert found[1:] == before
    assert metadata.distributions is own


def test_a_file_that_many_lanes_collect_is_rewritten_once_and_means_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "test_it.py"
    file.write_text("def test_it():\n    assert 1 + 1 == 3\n")
    original, asked = rewrite._rewrite_test, []

    def counting(path: Path, config: Any) -> tuple[bytes, CodeType]:
        asked.append(path)
        return original(path, config)

    class Config:
        def getini(self, name: str) -> bool:
            return name != "enable_assertion_pass_hook"

    monkeypatch.setattr(rewrite, "_rewrite_test", counting)
    rewritten = Rewritten()
    for _ in range(OFTEN):
        rewritten.prepare([str(file)])
    assert asked == []  # so far each lane does it itself
    for _ in range(5):
        rewritten.prepare([str(file)])
    assert asked == [file]
    config: Any = Config()
    assert [rewrite._rewrite_test(file, config)[1] for _ in range(3)] == [original(file, None)[1]] * 3  # type: ignore[arg-type]
    assert asked == [file]


def test_a_file_that_cannot_be_rewritten_is_left_to_those_who_collect_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "test_it.py"
    file.write_text("def test_it(:\n")
    monkeypatch.setattr(rewrite, "_rewrite_test", rewrite._rewrite_test)
    rewritten = Rewritten()
    for _ in range(OFTEN + 2):
        rewritten.prepare([str(file)])
    config: Any = None
    with pytest.raises(SyntaxError):
        rewrite._rewrite_test(file, config)
