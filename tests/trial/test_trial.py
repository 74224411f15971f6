"""The trial: a new user with three real packages. What was said is kept whole, and read again whenever it changes.

`REFRESH_GOLDEN=1 pytest tests/trial` writes what is said anew; read the difference before it is kept.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reports.golden import assert_golden
from tests.trial.breaks import BREAKS, KEY, PRIVATE, Break
from tests.trial.packages import HERE, Told, Trial, fetch

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PACKAGES = ("inflection", "iniconfig", "semver")
FIRST = {"inflection": 1, "iniconfig": 0, "semver": 1}  # upstream's own code, under the linter's and type checker's own rules
TRACEBACK = "Traceback (most recent call last)"


@pytest.fixture(scope="session")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return fetch(tmp_path_factory.mktemp("fetched"))


@pytest.fixture(scope="session")
def begun(fetched: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Trial, Told]]:
    """Return a function: the package after `spec2prod init`, and what that said."""
    made: dict[str, tuple[Trial, Told]] = {}

    def begin(name: str) -> tuple[Trial, Told]:
        if name not in made:
            trial = Trial(name, fetched[name]).copy(tmp_path_factory.mktemp(name) / name)
            trial.start()
            made[name] = (trial, trial.init())
        return made[name]

    return begin


@pytest.fixture(scope="session")
def good(begun: Callable[[str], tuple[Trial, Told]], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Trial, Told]]:
    """Return a function: the package after its user did what the first run said, and what the run after that said."""
    made: dict[str, tuple[Trial, Told]] = {}

    def run(name: str) -> tuple[Trial, Told]:
        if name not in made:
            trial = begun(name)[0].copy(tmp_path_factory.mktemp(f"{name}-good") / name)
            trial.heed()
            made[name] = (trial, trial.run())
        return made[name]

    return run


@pytest.mark.parametrize("name", PACKAGES)
def test_init_finds_the_package_and_its_tests(name: str, begun: Callable[[str], tuple[Trial, Told]]) -> None:
    _, told = begun(name)
    assert told.code == 0
    assert f"component {name}: " in told.text
    assert "no tests" not in told.text
    assert_golden(HERE / "golden" / name / "init.txt", told.text)


def test_init_does_not_hide_what_a_setup_py_says(begun: Callable[[str], tuple[Trial, Told]]) -> None:
    trial, _ = begun("inflection")
    assert (trial.root / "setup.py").exists()
    settings = tomllib.loads((trial.root / "pyproject.toml").read_text())
    assert list(settings) == ["tool"]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_first_run_says_what_keeps_the_package_from_staging(
    name: str, begun: Callable[[str], tuple[Trial, Told]], tmp_path: Path
) -> None:
    told = begun(name)[0].copy(tmp_path / name).run()
    assert told.code == FIRST[name]
    assert_golden(HERE / "golden" / name / "first_run.txt", told.text)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_whose_user_did_what_was_said_is_promoted(name: str, good: Callable[[str], tuple[Trial, Told]]) -> None:
    _, told = good(name)
    assert told.text.splitlines()[-1] == "Promoted to staging."
    assert told.code == 0
    assert_golden(HERE / "golden" / name / "good.txt", told.text)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda each: f"{each.package}-{each.name}")
def test_a_broken_package_is_not_promoted_and_its_user_is_told_why(
    broken: Break, good: Callable[[str], tuple[Trial, Told]], tmp_path: Path
) -> None:
    trial = good(broken.package)[0].copy(tmp_path / broken.package)
    broken.do(trial)
    told = trial.run()
    last = told.text.splitlines()[-1]
    assert told.code == broken.code
    assert broken.because in told.text
    assert "romoted to staging." not in last
    assert TRACEBACK not in told.text
    assert KEY not in told.text
    assert PRIVATE not in told.text
    assert_golden(HERE / "golden" / broken.package / f"{broken.name}.txt", told.text)
