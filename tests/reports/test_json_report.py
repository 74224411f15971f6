"""The JSON report: the guide's fields, the published schema, and nothing that must not be told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Run
from spec2prod.domain.timeline import Span
from spec2prod.domain.verdict import Verdict
from spec2prod.reports.document import Report
from spec2prod.reports.json_report import as_document, refusal_document, render
from spec2prod.reports.schema import schema
from tests.reports.golden import assert_golden
from tests.reports.runs import ERRORED, FAILED, GENERATED, GENERATION_ERRORED, HIDDEN, INTERRUPTED, MODULE, NEW_TEST, PASSED, REFUSED, RUNS

GOLDEN = Path(__file__).parent / "golden"
GUIDES_FIELDS = [
    "success",
    "component_name",
    "target_stage",
    "stages_completed",
    "stages_failed",
    "stage_results",
    "total_execution_time_ms",
    "context_session_id",
    "metrics_dashboard",
    "execution_mode",
    "stage_timings",
    "openhands_submission_time_ms",
    "openhands_collection_time_ms",
    "parallel_execution_savings_ms",
]
EVERY_RUN = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())


def assert_keeps_the_contract(document: Mapping[str, object]) -> None:
    contract = TypeAdapter(Report)
    read = contract.validate_json(json.dumps(document))  # what is missing, or of another kind, is refused, and what is too much left out
    assert json.loads(contract.dump_json(read)) == document


@pytest.mark.parametrize("name", RUNS)
def test_the_whole_report_is_as_expected(name: str) -> None:
    assert_golden(GOLDEN / f"{name}.json", render(RUNS[name]))


@EVERY_RUN
def test_the_guides_fields_come_first_and_in_order(run: Run) -> None:
    assert list(as_document(run)) == [*GUIDES_FIELDS, "format", "exit_code", "error", "run"]


@EVERY_RUN
def test_every_report_keeps_the_contract(run: Run) -> None:
    assert_keeps_the_contract(as_document(run))


@EVERY_RUN
def test_no_environment_variable_and_no_output_of_a_tool_is_told(run: Run) -> None:
    assert run.processes
    assert HIDDEN not in render(run)
    assert "LLM_API_KEY" not in json.dumps(as_document(run)["run"]["processes"])


def test_the_published_schema_is_the_models_own() -> None:
    text = json.dumps(schema(), indent=2) + "\n"
    assert_golden(Path(str(files("spec2prod.reports") / "report.schema.json")), text)


def test_the_schema_asks_for_every_field_and_allows_no_other() -> None:
    published = schema()
    assert set(published["required"]) == {*GUIDES_FIELDS, "format", "exit_code", "error", "run"}
    assert all(part["additionalProperties"] is False for part in published["$defs"].values() if part["type"] == "object")


def test_completed_and_failed_stages_are_those_that_ran() -> None:
    document = as_document(FAILED)
    assert (document["stages_completed"], document["stages_failed"]) == (["specification"], ["testing", "refactoring"])
    assert document["run"]["not_run"] == {"staging_deployment": "required gates did not pass: test_coverage, linting"}


def test_exit_codes_and_success_say_the_same() -> None:
    codes = {name: (as_document(run)["success"], as_document(run)["exit_code"]) for name, run in RUNS.items()}
    assert codes == {
        "passed": (True, 0),
        "failed": (False, 1),
        "errored": (False, 4),
        "interrupted": (False, 130),
        "generation_errored": (True, 0),
    }


def test_a_stage_that_ran_in_pieces_is_timed_as_their_sum() -> None:
    timings = as_document(PASSED)["stage_timings"]
    assert timings["test_acceptance"] == (13000 - 11230) + (14200 - 13100)
    assert timings["specification"] == 12.346


def test_submission_and_collection_are_timed_whenever_generation_ran_and_only_then() -> None:
    assert {"openhands_submission", "openhands_collection"} <= set(as_document(PASSED)["stage_timings"])
    assert as_document(GENERATION_ERRORED)["stage_timings"]["openhands_submission"] == 20.0
    assert "openhands_submission" not in as_document(FAILED)["stage_timings"]


def test_a_stage_that_was_cut_short_has_its_time_without_a_result() -> None:
    cut = replace(INTERRUPTED, spans=(*INTERRUPTED.spans, Span(name=Stage.GENERATION, start_ms=1220, end_ms=1500)))
    assert as_document(cut)["stage_timings"]["openhands_test_generation"] == 280
    assert "openhands_test_generation" not in as_document(cut)["stage_results"]


def test_the_savings_are_the_runs_own_figure() -> None:
    assert as_document(PASSED)["parallel_execution_savings_ms"] == PASSED.savings_ms == 4900 - 1230
    assert as_document(ERRORED)["parallel_execution_savings_ms"] == 0


def test_every_module_that_was_asked_about_is_answered_or_said_why_not() -> None:
    answered = as_document(PASSED)["run"]["generation"]
    assert (answered["asked"], [task["test_file"] for task in answered["tasks"]], answered["unanswered"]) == ([MODULE], [NEW_TEST], {})
    unanswered = as_document(GENERATION_ERRORED)["run"]["generation"]
    assert (unanswered["tasks"], unanswered["unanswered"]) == ([], {MODULE: "no key for the model"})


def test_a_task_that_no_price_is_known_for_never_cost_0() -> None:
    (task,) = PASSED.outcomes
    unpriced = replace(PASSED, outcomes=(replace(task, cost_usd=0.0, is_priced=False),))
    (told,) = as_document(unpriced)["run"]["generation"]["tasks"]
    assert (told["cost_usd"], told["is_priced"]) == (None, False)


def test_a_scripted_model_is_called_one() -> None:
    assert as_document(PASSED)["run"]["generation"]["scripted_model"] is True
    assert as_document(GENERATION_ERRORED)["run"]["generation"]["scripted_model"] is False


def test_the_dashboard_is_where_the_caller_says() -> None:
    assert as_document(PASSED, metrics_dashboard="report.html")["metrics_dashboard"] == "report.html"


def test_a_run_that_never_began_keeps_the_same_contract() -> None:
    document = refusal_document(REFUSED)
    assert list(document) == list(as_document(PASSED))
    assert_keeps_the_contract(document)
    assert (document["success"], document["exit_code"], document["run"]) == (False, 2, None)
    assert document["stages_failed"] == ["specification"]
    assert document["stage_timings"] == {"specification": 31.25}
    assert document["error"] == {
        "slug": "specification",
        "message": "the specification promises nothing",
        "where": "specs/empty.md:1",
        "next_step": "add a Requirements section",
    }


def test_a_target_that_does_not_exist_can_still_be_reported() -> None:
    assert refusal_document(replace(REFUSED, target="the moon"))["target_stage"] == "the moon"


def test_outputs_and_figures_that_json_does_not_know_are_still_told() -> None:
    odd = replace(GENERATED, outputs={"path": Path("a/b"), "verdict": Verdict.PASSED, "set": {1}, "odd": object, "nan": float("nan")})
    outputs = as_document(replace(PASSED, stages=(odd,)))["stage_results"]["openhands_test_generation"]["outputs"]
    assert outputs == {"path": "a/b", "verdict": "passed", "set": [1], "odd": "<class 'object'>", "nan": None}
