"""Every value in force is shown with where it comes from, and the schema says what may be set."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from spec2prod.config import published
from spec2prod.config.schema import Table
from spec2prod.config.settings import read_settings
from spec2prod.config.shown import values_in_force, written
from spec2prod.config.start import minimal_project, section
from spec2prod.domain.discovery import Proposal
from spec2prod.errors import SettingsError

TEXT = """\
[tool.spec2prod]
python = ".venv"
[tool.spec2prod.components."my.api"]
path = "src/api"
[tool.spec2prod.rules.development.linting]
waivable = true
[tool.spec2prod.rules.staging.test_coverage]
percent = 75
[[tool.spec2prod.waivers]]
gate = "linting"
reason = "old code"
approver = "Ann"
expires = 2027-01-31
"""


def shown(root: Path, environ: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    settings = read_settings(root, {"coverage_threshold": 90}, environ, overrides_from="command line")
    return {row.name: (row.text(), row.origin) for row in values_in_force(settings)}


def test_each_value_is_shown_with_its_origin(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TEXT)
    rows = shown(tmp_path, {"LLM_MODEL": "openai/m"})
    assert rows["python"] == ('".venv"', "pyproject.toml: tool.spec2prod.python")
    assert rows["openhands.model"] == ('"openai/m"', "environment: LLM_MODEL")
    assert rows["coverage_threshold"] == ("90", "command line")
    assert rows["auto_fix_linting"] == ("true", "default")
    assert rows["components.my.api.path"] == ('"src/api"', "pyproject.toml: tool.spec2prod.components.my.api.path")
    assert rows["waivers[0].expires"] == ('"2027-01-31"', "pyproject.toml: tool.spec2prod.waivers")
    assert rows["rules.staging.linting.issues"] == ("at most 0", "default")
    assert rows["rules.production.linting.waivable"][0] == "false"
    assert rows["rules.development.linting.waivable"] == ("true", "pyproject.toml: tool.spec2prod.rules.development.linting.waivable")
    assert rows["rules.staging.test_coverage.percent"] == ("at least 90", "coverage_threshold of the command line")


def test_every_setting_of_the_model_is_shown(tmp_path: Path) -> None:
    names = set(shown(tmp_path))
    empty = {"components", "gates"}  # tables by name, and there is none
    assert {name.partition(".")[0] for name in names} == set(Table.model_fields) - empty


def test_no_user_and_password_of_an_address_is_shown(tmp_path: Path) -> None:
    hidden = "pass" + "word1"
    rows = shown(tmp_path, {"LLM_BASE_URL": f"http://me:{hidden}@127.0.0.1:1/v1", "LLM_API_KEY": hidden})
    assert rows["openhands.base_url"][0] == '"http://***@127.0.0.1:1/v1"'
    assert hidden not in str(rows)


def test_large_figures_are_written_in_full() -> None:
    assert [written(value) for value in (2_000_000, 1e-7, 2e6, ("a", "b"), None, False)] == [
        "2000000",
        "1e-07",
        "2000000",
        '["a", "b"]',
        "(none)",
        "false",
    ]


def test_the_published_schema_is_the_models_own() -> None:
    assert published.published() == published.render(), "run `make docs`"
    assert json.loads(published.published())["additionalProperties"] is False


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ('components.a = {path = "x", specfication = "y"}', "specification"),
        ("rules.staging.linting.isues = 1", "issues"),
        ("rules.staging.test_coverge.percent = 1", "test_coverage"),
        ("openhands.max_token = 1", "max_tokens"),
        ("rules.stagin = {}", "staging"),
    ],
)
def test_an_unknown_key_is_refused_with_a_near_name_at_any_depth(tmp_path: Path, text: str, near: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.spec2prod]\n{text}\n")
    with pytest.raises(SettingsError, match=rf"no such setting; did you mean {near}\?"):
        read_settings(tmp_path)


WRONG_TYPES = {
    "python": "1",
    "coverage_threshold": '"80"',
    "auto_fix_linting": '"yes"',
    "timeout_seconds": "true",
    "poll_interval_seconds": "[]",
    "enable_openhands_test_generation": "1",
    "type_checker": "2",
    "components": "[]",
    "waivers": "3",
    "openhands.model": "1",
    "openhands.base_url": "8080",
    "openhands.api_key_env": '"not a name"',
    "openhands.max_tokens": "1.5",
    "openhands.required": '"no"',
    "rules.development": "1",
    "rules.staging.linting": '"strict"',
    "rules.production.security.high": '"0"',
    "rules.production.linting.waivable": "1",
}


def test_every_setting_of_a_wrong_type_is_told_at_once_with_its_address(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.spec2prod]\n" + "".join(f"{name} = {value}\n" for name, value in WRONG_TYPES.items()))
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path)
    lines = caught.value.message.splitlines()
    assert lines[0] == f"{len(WRONG_TYPES)} settings are wrong"
    told = {line.strip().split(": ")[1].removeprefix("tool.spec2prod.") for line in lines[1:]}
    assert told == set(WRONG_TYPES)


def test_each_line_of_the_commented_start_may_be_taken_in(tmp_path: Path) -> None:
    proposal = Proposal(name="api-2.x", source='src/a"b', modules=(), tests=())
    text = minimal_project("My Project!") + section([proposal], lambda each: f"specs/{each.name}.md")
    (tmp_path / "pyproject.toml").write_text(text)
    assert list(read_settings(tmp_path).components) == ["api-2.x"]
    taken_in = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    (tmp_path / "pyproject.toml").write_text(taken_in)
    settings = read_settings(tmp_path)
    assert settings.auto_fix_linting is False
    assert settings.rules.production.test_coverage.percent == 80
    assert settings.waivers[0].gate == "type_checking"
    assert tomllib.loads(taken_in)["project"]["name"] == "my-project"
