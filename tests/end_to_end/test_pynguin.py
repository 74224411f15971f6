"""`--generator pynguin` on the command line: what it says where pynguin is not installed, and a whole run where it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import environment

PRICES = '''\
"""Prices."""


def discounted(price: int, percent: int) -> int:
    """Take percent off."""
    if percent < 0 or percent > 100:
        raise ValueError(f"no percentage: {percent}")
    return price * (100 - percent) // 100
'''
SPEC = "# Shop\n\n## Requirements\n\n- REQ-1: discounted takes a percentage off\n"


def command(root: Path, *words: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = environment({"SPEC2PROD_CACHE_DIR": str(cache)} if cache else None)
    return subprocess.run(
        [sys.executable, "-m", "spec2prod", *words], cwd=root, env=env, capture_output=True, text=True, timeout=500, check=False
    )


def promoted(root: Path, *words: str, cache: Path | None = None) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    asked = ("run", "--spec", "specs/shop.md", "--component", "shop", "--target", "development", "--generator", "pynguin", *words)
    done = command(root, *asked, cache=cache)
    report: dict[str, Any] = json.loads((root / "workflow_report_shop.json").read_text())
    return done, report


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for path, text in {"src/shop/prices.py": PRICES, "src/shop/__init__.py": '"""A shop."""\n', "specs/shop.md": SPEC}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_status_says_for_which_python_nothing_is_installed_and_what_to_do(tmp_path: Path) -> None:
    done = command(tmp_path, "pynguin", "status", "--python", sys.executable, cache=tmp_path)
    assert done.returncode == 4
    assert "not installed for Python 3." in done.stderr
    assert "spec2prod pynguin install" in done.stderr


@pytest.mark.slow
def test_a_run_where_it_is_not_installed_says_so_with_the_command_and_goes_on(shop: Path) -> None:
    done, report = promoted(shop, cache=shop / "cache")
    stage = report["stage_results"]["openhands_test_generation"]
    assert stage["verdict"] == "errored"
    assert "pynguin is not installed for the component's Python" in stage["errors"][0]
    assert "spec2prod pynguin install" in stage["errors"][0]
    assert report["stage_results"]["refactoring"]["gates"]
    assert done.returncode == 1, "there are no tests, and pynguin's absence is nobody's verdict on them"


@pytest.mark.slow
def test_a_whole_run_takes_what_earns_its_place_labels_it_and_shows_no_requirement_by_it(shop: Path) -> None:
    installed = command(shop, "pynguin", "install", "--python", sys.executable)
    assert installed.returncode == 0, installed.stderr
    done, report = promoted(shop)
    assert done.returncode == 0, done.stdout + done.stderr
    run = report["run"]
    [adopted] = run["adopted"]
    assert (shop / adopted).read_text().startswith("# characterisation: shows what the code does, not what it should do\n")
    assert {(each["generator"], each["characterisation"], tuple(each["requirements"])) for each in run["candidates"]} == {
        ("pynguin", True, ())
    }
    assert "accepted" in {each["verdict"] for each in run["candidates"]}
    assert [row["status"] for row in run["requirements"]["matrix"]["rows"]] == ["uncovered"]
    assert "pynguin" in [each["tool"] for each in run["processes"]]
    assert "(characterisation: what the code does, not what it should do)" in done.stdout + done.stderr
    assert not any((shop / "src").rglob("test_*"))

    (shop / adopted).unlink()
    _, again = promoted(shop)
    assert again["run"]["generation"]["tasks"][0]["reason"].startswith("from the cache"), (
        "the same question of the same seed is not asked twice"
    )
    assert "pynguin" not in [each["tool"] for each in again["run"]["processes"]]


@pytest.mark.slow
def test_doctor_tells_whether_it_is_there_for_the_components_python(shop: Path) -> None:
    done = command(shop, "doctor", "--component", "shop", "--json", cache=shop / "cache")
    row = next(each for each in json.loads(done.stdout)["rows"] if each["name"] == "pynguin")
    assert (row["state"], row["required"], row["next_step"]) == ("missing", False, "spec2prod pynguin install")
    assert "only --generator pynguin needs it" in row["told"]
    (shop / "pyproject.toml").write_text('[tool.spec2prod]\ngenerators = ["pynguin"]\n')
    assert command(shop, "doctor", "--component", "shop", cache=shop / "cache").returncode == 4
