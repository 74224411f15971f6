"""How a part of the report is filled: the fields that it names, as JSON values, and nothing else of what it is filled from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from spec2prod.domain.verdict import Severity
from spec2prod.reports import document
from spec2prod.reports.parts import told


@dataclass(frozen=True, kw_only=True)
class Found:
    """As a gate's answer; `secret` is no field of the report."""

    gate: str = "linting"
    values: object = None
    checked: int = 3
    findings: tuple[object, ...] = ()
    summary: str = ""
    secret: str = "hidden"  # noqa: S105 - none


@dataclass(frozen=True, kw_only=True)
class Unasked:
    """As the reason why there is no answer."""

    gate: str = "linting"
    reason: str = "no such program"
    next_step: str = ""
    no_tests: bool = False


@dataclass(frozen=True, kw_only=True)
class Shown:
    """As a gate's evidence."""

    answer: Found | Unasked
    digest: str = "d"
    measured_at: str = "now"
    tool: str = "ruff"
    from_cache: str = ""


def test_only_the_fields_that_a_part_names_are_told() -> None:
    assert "secret" not in told(document.Measurement, Found(values={}))


def test_a_figure_has_three_decimals_and_what_is_no_number_is_null() -> None:
    figures = told(document.Measurement, Found(values={"percent": 66.66666, "whole": 3, "none": float("nan"), "endless": float("inf")}))
    assert json.dumps(figures["values"]) == '{"percent": 66.667, "whole": 3.0, "none": null, "endless": null}'


@pytest.mark.parametrize("answer", [Found(values={}), Unasked()], ids=["answered", "unanswered"])
def test_of_several_parts_a_value_becomes_the_one_whose_fields_it_has_also_when_it_is_told_again(answer: Found | Unasked) -> None:
    once = told(document.Evidence, Shown(answer=answer))
    assert ("reason" in once["answer"]) == isinstance(answer, Unasked)
    assert told(document.Evidence, once) == once


def test_a_field_that_is_given_beside_counts_instead_of_the_values_own() -> None:
    assert told(document.Measurement, Found(values={}), summary="all well")["summary"] == "all well"


def test_what_a_stage_has_to_tell_is_told_as_json_whatever_it_is() -> None:
    outputs = {"wheel": Path("a/b.whl"), "day": date(2027, 1, 31), "worst": Severity.HIGH, "sizes": (1, 2.5), "inner": {1: {"x"}}}
    stage = told(document.StageResult, dict.fromkeys(document.StageResult.__annotations__, ""), execution_time_ms=0, outputs=outputs)
    assert stage["outputs"] == {"wheel": "a/b.whl", "day": "2027-01-31", "worst": "high", "sizes": [1, 2.5], "inner": {"1": ["x"]}}
