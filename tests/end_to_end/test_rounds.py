"""Rounds, from the command to the report: a scripted agent is told what failed, mends it, and what it cost is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import parse_script
from tests.end_to_end.conftest import Calculator

pytestmark = [pytest.mark.openhands, pytest.mark.slow]

AGENT = ("--async", "--enable-openhands")
_FIRST = """\
import pytest

from test_components.calculator.operations import add, divide, multiply, subtract


def test_add_returns_the_sum() -> None:
    assert add(2, 3) == 5


def test_subtract_takes_the_second_from_the_first() -> None:
    assert subtract(7, 4) == 4


def test_multiply_returns_the_product() -> None:
    assert multiply(6, 7) == 42


def test_divide_returns_the_quotient() -> None:
    assert divide(9, 3) == 3


def test_divide_by_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="Cannot divide by zero"):
        divide(1, 0)
"""
_WRITE = {"write": "{workspace}/{test_file}", "text": _FIRST}
_MEND = {"run": "sed -i 's/subtract(7, 4) == 4/subtract(7, 4) == 3/' {test_file}"}
_FINISH = {"finish": "The tests are written."}
_MENDED = "test_subtract_takes_the_second_from_the_first"


def _model(*turns: Mapping[str, object]) -> ScriptedModel:
    return ScriptedModel(parse_script(json.dumps({"format": 1, "name": "mending", "tasks": [{"turns": turns}]})))


def _verdicts(report: Any) -> dict[str, str]:
    return {each["name"]: each["verdict"] for each in report["run"]["candidates"]}


@pytest.mark.parametrize("mode", [("--async",), ()], ids=["async", "sync"])
@pytest.mark.usefixtures("_installed")
def test_a_rejected_test_is_mended_in_the_same_conversation_and_accepted_in_round_two(
    calculator: Calculator, mode: tuple[str, ...]
) -> None:
    with _model(_WRITE, _FINISH, _MEND, _FINISH) as model:
        ended = calculator.run(*mode, "--enable-openhands", env=model.environment())
        assert ended.code == 0, ended.out + ended.err
        assert model.calls == 4
    generation = ended.report["run"]["generation"]
    first, second = generation["rounds"]
    assert (first["number"], first["llm_calls"], first["judged"]["rejected"] + first["judged"]["suspected_defect"]) == (1, 2, 1)
    assert (second["number"], second["llm_calls"], second["is_kept"], second["judged"]["accepted"]) == (2, 2, True, 5)
    assert second["told_rejected"] == 1
    assert _verdicts(ended.report)[_MENDED] == "accepted"
    cost = generation["cost"]
    assert (cost["llm_calls"], cost["accepted_tests"]) == (4, 5)
    assert (cost["cost_usd"], cost["usd_per_accepted_test"]) == (None, None), "a scripted model has no price"
    assert "no price is known" in cost["why"]
    assert calculator.left_behind() == []


@pytest.mark.usefixtures("_installed")
def test_a_second_round_that_spoils_the_file_takes_nothing_away(calculator: Calculator) -> None:
    spoil = {"run": "echo 'this is no Python' > {test_file}"}
    with _model(_WRITE, _FINISH, spoil, _FINISH) as model:
        ended = calculator.run(*AGENT, env=model.environment())
        assert model.calls == 4
    verdicts = _verdicts(ended.report)
    assert sum(each == "accepted" for each in verdicts.values()) == 4
    assert verdicts[_MENDED] != "accepted"
    assert [each["is_kept"] for each in ended.report["run"]["generation"]["rounds"]] == [True, False]
    assert calculator.left_behind() == []


@pytest.mark.usefixtures("_installed")
def test_one_round_is_all_where_the_settings_say_so(calculator: Calculator) -> None:
    settings = calculator.root / "pyproject.toml"
    settings.write_text((settings.read_text() if settings.exists() else "") + "\n[tool.spec2prod.openhands]\nrounds = 1\n")
    with _model(_WRITE, _FINISH, _MEND, _FINISH) as model:
        ended = calculator.run(*AGENT, env=model.environment())
        assert model.calls == 2
    assert [each["number"] for each in ended.report["run"]["generation"]["rounds"]] == [1]
