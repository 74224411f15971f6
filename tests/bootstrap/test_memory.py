"""What an answer that is kept depends on, generator by generator: who changes one asks no other anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.bootstrap.memory import agents_of
from spec2prod.config.settings import read_settings


def changed(tmp_path: Path, **settings: object) -> set[str]:
    before, after = agents_of(read_settings(tmp_path)), agents_of(read_settings(tmp_path, settings))
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("name", "value", "asked_anew"),
    [
        ("pynguin.seed", 7, {"pynguin"}),
        ("pynguin.seconds_per_module", 90.0, {"pynguin"}),
        ("openhands.model", "provider/other", {"openhands"}),
        ("openhands.max_iterations", 7, {"openhands"}),
        ("coverage_threshold", 70.0, set()),
    ],
)
def test_an_option_of_one_generator_asks_no_other_anew(tmp_path: Path, name: str, value: object, asked_anew: set[str]) -> None:
    assert changed(tmp_path, **{name: value}) == asked_anew


def test_a_variable_that_names_a_key_is_no_part_of_the_question(tmp_path: Path) -> None:
    assert changed(tmp_path, **{"openhands.api_key_env": "OTHER_KEY"}) == set()
