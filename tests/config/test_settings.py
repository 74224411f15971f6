"""Settings are read in full, checked at once, and know where they came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.locate import ComponentSetting
from spec2prod.errors import SettingsError


def project(root: Path, text: str) -> Path:
    (root / "pyproject.toml").write_text(text)
    return root


def test_without_a_pyproject_everything_is_the_default(tmp_path: Path) -> None:
    settings = read_settings(tmp_path)
    assert settings == Settings()
    assert (settings.auto_fix_linting, settings.timeout_seconds, settings.poll_interval_seconds) == (True, 300, 2)
    assert (settings.enable_openhands_test_generation, settings.coverage_threshold, settings.type_checker) == (False, None, "auto")
    assert (settings.openhands.api_key_env, settings.openhands.max_output_tokens, settings.openhands.max_iterations) == (
        "LLM_API_KEY",
        4096,
        50,
    )
    assert settings.origin("timeout_seconds") == "default"


def test_each_value_tells_where_it_came_from(tmp_path: Path) -> None:
    project(
        tmp_path,
        '[tool.spec2prod]\ntimeout_seconds = 60\nauto_fix_linting = false\n[tool.spec2prod.openhands]\nmodel = "a"\nmax_cost_usd = 1\n',
    )
    environ = {"LLM_MODEL": "b", "LLM_BASE_URL": "http://127.0.0.1:1/v1", "LLM_API_KEY": "k"}
    overrides = {"timeout_seconds": 5, "coverage_threshold": None, "openhands.max_iterations": 7, "openhands": {"max_concurrent": 2}}
    settings = read_settings(tmp_path, overrides, environ, overrides_from="command line")
    assert (settings.timeout_seconds, settings.origin("timeout_seconds")) == (5, "command line")
    assert (settings.auto_fix_linting, settings.origin("auto_fix_linting")) == (False, "pyproject.toml: tool.spec2prod.auto_fix_linting")
    assert (settings.openhands.model, settings.origin("openhands.model")) == ("b", "environment: LLM_MODEL")
    assert (settings.openhands.base_url, settings.openhands.max_cost_usd) == ("http://127.0.0.1:1/v1", 1)
    assert (settings.openhands.max_iterations, settings.openhands.max_concurrent) == (7, 2)
    assert settings.origin("openhands.max_concurrent") == "command line"
    assert (settings.coverage_threshold, settings.origin("coverage_threshold")) == (None, "default")
    assert "'k'" not in repr(settings)


def test_the_guides_config_is_taken(tmp_path: Path) -> None:
    config = {
        "enable_openhands_test_generation": True,
        "coverage_threshold": 80,
        "timeout_seconds": 300,
        "poll_interval_seconds": 0.5,
        "auto_fix_linting": False,
    }
    settings = read_settings(tmp_path, config, {})
    assert {name: getattr(settings, name) for name in config} == config
    assert settings.origin("poll_interval_seconds") == "caller"


def test_components_are_read(tmp_path: Path) -> None:
    project(tmp_path, '[tool.spec2prod.components."my.calc"]\npath = "src/calc.py"\ntests = ["checks"]\nspecification = "specs/c.md"\n')
    expected = {"my.calc": ComponentSetting(path="src/calc.py", tests=("checks",), specification="specs/c.md")}
    assert read_settings(tmp_path).component_settings() == expected


def test_all_that_is_wrong_is_told_at_once_with_addresses_and_near_names(tmp_path: Path) -> None:
    project(
        tmp_path,
        '[tool.spec2prod]\ntime_out_seconds = 1\ntimeout_seconds = "60"\n[tool.spec2prod.components.a]\ntests = []\n'
        "[tool.spec2prod.rules.dev.test_coverage]\npercent = 1\n[tool.spec2prod.rules.staging.test_coverage]\npercent = 120\nissues = 0\n",
    )
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path, {"poll_interval": 1, "auto_fix_linting": 1}, {"LLM_BASE_URL": "ftp://x"})
    lines = caught.value.message.splitlines()
    assert lines[0] == "9 settings are wrong"
    assert sorted(lines[1:]) == [
        "  auto_fix_linting (caller): input should be a valid boolean",
        "  openhands.base_url (environment: LLM_BASE_URL): must be http://… or https://…, without spaces",
        "  poll_interval (caller): no such setting; did you mean poll_interval_seconds?",
        "  pyproject.toml: tool.spec2prod.components.a.path: field required",
        "  pyproject.toml: tool.spec2prod.rules.dev: no such setting; did you mean development?",
        "  pyproject.toml: tool.spec2prod.rules.staging.test_coverage.issues: no such setting",
        "  pyproject.toml: tool.spec2prod.rules.staging.test_coverage.percent: input should be less than or equal to 100",
        "  pyproject.toml: tool.spec2prod.time_out_seconds: no such setting; did you mean timeout_seconds?",
        "  pyproject.toml: tool.spec2prod.timeout_seconds: input should be a valid number",
    ]


def test_one_wrong_setting_is_told_with_its_address(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path, {"coverage_treshold": 80})
    assert (caught.value.where, caught.value.message) == ("coverage_treshold (caller)", "no such setting; did you mean coverage_threshold?")


@pytest.mark.parametrize(
    "setting",
    [
        "timeout_seconds = 0",
        "timeout_seconds = inf",
        "timeout_seconds = nan",
        "timeout_seconds = true",
        "coverage_threshold = -1",
        'type_checker = "pylint"',
        'python = ""',
        "openhands = 3",
        "origins = {}",
        "components = []",
        "components.a = 1",
        'components.a = {path = ""}',
        "openhands = {max_iterations = 1.5}",
        'openhands = {api_key = "x"}',
    ],
)
def test_a_wrong_value_is_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(project(tmp_path, f"[tool.spec2prod]\n{setting}\n"), None, {"LLM_MODEL": "m"})
    assert caught.value.where.startswith("pyproject.toml: tool.spec2prod." + setting.partition(" ")[0].partition(".")[0])


@pytest.mark.parametrize("content", [b"[tool", b"\xff", b"tool = {spec2prod = 3}"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path)
    assert caught.value.where.startswith("pyproject.toml")
    assert caught.value.next_step


def test_one_round_tells_every_mistake_of_whatever_kind(tmp_path: Path) -> None:
    project(
        tmp_path,
        """\
[tool.spec2prod]
cpu_slot = 4
fail_fast = "yes"
[tool.spec2prod.openhands]
rouns = 3
[tool.spec2prod.rules.staging.test_coverag]
percent = 70
[tool.spec2prod.rules.production.lintng]
issues = "none"
[tool.spec2prod.rules.production.linting]
isues = 1
[tool.spec2prod.gates.licences]
command = ["check-licences"]
format = "exit-code"
[tool.spec2prod.gates.size]
command = []
format = "json"
[tool.spec2prod.rules.staging.size]
[[tool.spec2prod.waivers]]
gate = "lintin"
reason = "old"
approver = "Ann"
""",
    )
    with pytest.raises(SettingsError) as refused:
        read_settings(tmp_path)
    told = {line.strip().removeprefix("pyproject.toml: tool.spec2prod.").partition(":")[0] for line in str(refused.value).splitlines()[1:]}
    assert told == {
        *("cpu_slot", "fail_fast", "openhands.rouns", "gates.size.command", "gates.licences"),
        *("rules.staging.test_coverag", "rules.production.lintng", "rules.production.lintng.issues", "rules.production.linting.isues"),
        *("waivers[0].gate", "waivers[0].expires"),
    }
    assert "11 settings are wrong" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["rules = 1\n", "gates = 1\n", "waivers = 1\n", "[tool.spec2prod.rules]\nstaging = 1\n", "waivers = [1]\n"]
)
def test_what_is_no_table_is_one_mistake_and_hides_no_other(tmp_path: Path, text: str) -> None:
    project(tmp_path, f'[tool.spec2prod]\ntype_checker = "mypi"\n{text}')
    with pytest.raises(SettingsError) as refused:
        read_settings(tmp_path)
    assert "2 settings are wrong" in str(refused.value)
    assert "type_checker" in str(refused.value)


def test_a_gate_of_the_projects_own_is_a_near_name_too(tmp_path: Path) -> None:
    project(tmp_path, '[tool.spec2prod.gates.licences]\ncommand = ["x"]\nformat = "exit-code"\n[tool.spec2prod.rules.staging.licence]\n')
    with pytest.raises(SettingsError) as refused:
        read_settings(tmp_path)
    assert "rules.staging.licence: no such setting; did you mean licences?" in str(refused.value)
