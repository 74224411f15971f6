"""`spec2prod run --async --enable-openhands` with the real agent server: what it adopts, and what it says when it fails."""

from __future__ import annotations

import signal
import subprocess
from typing import Any
from uuid import uuid4

import pytest

from spec2prod.testing import ScriptedModel
from tests.end_to_end.conftest import Calculator, environment, until

pytestmark = pytest.mark.openhands

AGENT = ("--async", "--enable-openhands")


def test_the_agent_writes_tests_beside_the_other_stages_and_only_good_ones_are_adopted(
    calculator: Calculator, model: ScriptedModel
) -> None:
    specification = calculator.root / "specs/calculator_operations.md"
    specification.write_text(specification.read_text().replace("- Addition operation\n", "- Addition operation (P0)\n"))
    before = calculator.files()
    ended = calculator.run(*AGENT, env=model.environment())
    assert ended.code == 0, ended.out + ended.err
    candidates = ended.report["run"]["candidates"]
    accepted = [each["name"] for each in candidates if each["verdict"] == "accepted"]
    rejected = {each["name"]: each["reason"] for each in candidates if each["verdict"] in {"rejected", "redundant"}}
    assert len(accepted) == 5
    assert list(rejected) == ["test_divide_returns_the_quotient"], "one that is sound, and adds nothing"
    first, second = ended.report["run"]["generation"]["rounds"]
    assert (first["judged"]["accepted"], first["judged"]["rejected"]) == (4, 2)
    assert (second["told_rejected"], second["told_survivors"], second["judged"]["rejected"]) == (2, 3, 0), "what was told was mended"
    rows = ended.report["run"]["requirements"]["matrix"]["rows"]
    assert [row["status"] for row in rows] == ["verified"] * 4, "each requirement has a test that carries its ID"
    assert ended.report["run"]["generation"]["cost"]["requirements"] == 4
    assert ended.gate("requirements")["verdict"] == "passed", "a test carries an ID now: the rule is in force in this run as in the next"
    assert all(each["reason"].startswith("fails if line ") and each["only"] for each in candidates if each["verdict"] == "accepted")
    (adopted,) = ended.stage("test_acceptance")["outputs"]["adopted"]
    after = calculator.files()
    assert set(after) - set(before) == {adopted}
    assert {path: after[path] for path in before} == before, "the source is as it was"
    assert not any(name in (calculator.root / adopted).read_text() for name in rejected)
    assert ended.report["parallel_execution_savings_ms"] > 0
    assert {"openhands_submission", "openhands_collection", "openhands_test_generation"} <= set(ended.report["stage_timings"])
    assert ended.gate("test_coverage")["measured"].startswith("100")
    assert "scripted" in ended.out
    assert model.calls == ended.stage("openhands_test_generation")["outputs"]["llm_calls"]
    assert calculator.left_behind() == []

    again = calculator.run(*AGENT, env=model.environment())
    assert again.code == 0
    assert "no module needed tests" in again.report["run"]["not_run"]["openhands_test_generation"], "nothing is missing any more"
    assert again.gate("requirements")["verdict"] == "passed"
    assert set(calculator.files()) - set(before) == {adopted}


@pytest.mark.parametrize(
    ("env", "says"),
    [
        # as where no server is installed: test_honest_verdicts.py; what is missing: tests/adapters/openhands/test_writer_offline.py
        pytest.param({}, "LLM_MODEL", marks=pytest.mark.slow),
        pytest.param(
            {"LLM_MODEL": "openai/gpt-x", "LLM_API_KEY": "some", "LLM_BASE_URL": "http://127.0.0.1:9/v1"},
            "127.0.0.1:9",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["no key and no model", "dead endpoint"],
)
@pytest.mark.usefixtures("_installed")
def test_an_agent_that_cannot_be_asked_is_errored_and_the_run_goes_on(calculator: Calculator, env: dict[str, str], says: str) -> None:
    before = calculator.files()
    ended = calculator.run(*AGENT, env=env)
    assert ended.code == 1
    generation = ended.stage("openhands_test_generation")
    assert generation["verdict"] == "errored"
    assert says in str(generation["errors"])
    assert ended.stage("refactoring")["verdict"] == "passed"
    assert calculator.files() == before
    assert calculator.left_behind() == []


@pytest.mark.slow  # tests/adapters/openhands/test_writer_offline.py: "a refused key is found before anything is spent"
def test_a_wrong_key_is_named(calculator: Calculator, misbehaving: Any) -> None:
    model = misbehaving(key=uuid4().hex)
    ended = calculator.run(*AGENT, env=model.environment() | {"LLM_API_KEY": "another"})
    assert ended.stage("openhands_test_generation")["verdict"] == "errored"
    assert "key" in str(ended.stage("openhands_test_generation")["errors"])
    assert model.calls == 0


@pytest.mark.slow  # each starts a server of its own; the same behaviours meet one shared server in tests/adapters/openhands
@pytest.mark.parametrize(
    "behaviour", [{"text_only": True}, {"garbled": "body"}, {"wrong": True}, {"silent": True}, {"loops": True}], ids=str
)
def test_a_model_that_misbehaves_brings_nothing_and_breaks_nothing(
    calculator: Calculator, misbehaving: Any, behaviour: dict[str, Any]
) -> None:
    before = calculator.files()
    ended = calculator.run(*AGENT, "--timeout-seconds", "12", env=misbehaving(**behaviour).environment())
    assert ended.code == 1, ended.out + ended.err
    assert ended.report["success"] is False
    generation = ended.stage("openhands_test_generation")
    if behaviour == {"wrong": True}:
        assert {each["verdict"] for each in ended.report["run"]["candidates"]} == {"rejected"}
    else:
        assert generation["verdict"] in {"failed", "errored"}
        assert generation["errors"]
    assert calculator.files() == before
    assert calculator.left_behind() == []


@pytest.mark.slow
def test_a_rate_limited_model_is_waited_for(calculator: Calculator, misbehaving: Any) -> None:
    ended = calculator.run(*AGENT, env=misbehaving(rate_limited=2, retry_after=1).environment())
    assert ended.code == 0, ended.out + ended.err


@pytest.mark.slow
def test_ctrl_c_while_the_agent_works_ends_in_a_report_and_leaves_nothing(calculator: Calculator, misbehaving: Any) -> None:
    model = misbehaving(silent=True)
    before = calculator.files()
    with subprocess.Popen(
        calculator.command(*AGENT),
        cwd=calculator.root,
        env=environment(model.environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        until(lambda: model.calls > 0)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    report = calculator.report()
    assert report["success"] is False
    assert "testing" in report["stage_timings"]
    assert calculator.files() == before
    assert calculator.left_behind() == []
