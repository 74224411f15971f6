"""What is known of single files is used where a run takes answers from earlier ones, and goes with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.bootstrap import cached
from spec2prod.bootstrap.assembly import ports_to_look_at
from spec2prod.bootstrap.folders import found_in_files
from spec2prod.bootstrap.place import Place
from spec2prod.config.settings import Settings
from spec2prod.domain.component import Component
from spec2prod.gates.static import FOUND_IN_FILES
from tests.bootstrap.test_interpreter_told import place_in


def variables(place: Place) -> set[str]:
    component: Component = place.component
    asked = (gate.command(component) for name, gate in ports_to_look_at(place).gates.items() if name in {"security", "complexity"})
    return {str(each.env.get(FOUND_IN_FILES)) for each in asked}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPEC2PROD_CACHE_DIR", str(folder))
    return folder


def test_a_run_that_takes_no_earlier_answer_looks_at_every_file_again(tmp_path: Path, cache: Path) -> None:
    place = place_in(tmp_path)
    assert variables(place) == {str(cache / "found-in-files.sqlite")}
    for settings in (Settings(cache=False), Settings(force=("linting",))):
        assert variables(Place(tree=place.tree, settings=settings, component=place.component, run_id="r")) == {"None"}


def test_clearing_the_cache_lets_it_go(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache.mkdir()
    ours, other = [cache / f"found-in-files.sqlite{end}" for end in ("", "-wal")], cache / "other"
    for file in (*ours, other):
        file.touch()
    cached.clear()
    assert found_in_files() == ours[0]
    assert list(cache.iterdir()) == [other]
