"""The pure parts: waits, failures, limits, prompt, redaction, and what changed in a copy."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.openhands.body import conversation_body
from spec2prod.adapters.openhands.client import Progress
from spec2prod.adapters.openhands.copies import read_agreed, snapshot, strayed
from spec2prod.adapters.openhands.failure import read_failure
from spec2prod.adapters.openhands.limits import limit_reached, money_unwatched, pause_s
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.prompt import import_root, line_ranges, run_command, task_text
from spec2prod.adapters.openhands.redaction import HIDDEN, redact
from spec2prod.adapters.openhands.retry import Backoff, retry_after_s
from spec2prod.domain.candidate import TestRequest
from spec2prod.domain.specification import Requirement, Specification, numbered, render_spec

_REQUEST = TestRequest(
    module="src/shop/prices.py", dotted="shop.prices", test_file="tests/test_prices.py", specification="- adds up", uncovered=(3, 4, 5, 9)
)


def _made_up(*words: str) -> str:
    """Return something that stands for a key; whole, a scanner would take it for one."""
    return "-".join(words)


@given(st.integers(1, 200), st.floats(0, 0.999), st.one_of(st.none(), st.floats(0, 1000)))
def test_a_wait_is_never_longer_than_the_maximum_nor_shorter_than_asked(failures: int, chance: float, asked: float | None) -> None:
    wait = Backoff(random=lambda: chance).wait_s(failures, asked)
    assert 0 < wait <= 60
    assert wait >= min(asked or 0.0, 60.0)


def test_waits_double_without_jitter() -> None:
    backoff = Backoff(random=lambda: 0.0)
    assert [backoff.wait_s(failures) for failures in (1, 2, 3, 7)] == [1, 2, 4, 60]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0), ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0), ("soon", None), ("", None), ("²", None)],
)
def test_retry_after_is_read_in_both_its_forms(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == seconds


def _error(kind: str, code: str = "X", detail: str = "", *, retryable: bool = False) -> dict[str, object]:
    return {"code": code, "detail": detail, "classification": {"kind": kind, "retryable": retryable}}


def test_a_refused_key_is_told_and_not_tried_again() -> None:
    failure = read_failure(_error("auth", "LLMAuthenticationError"), model="openai/m", endpoint="http://127.0.0.1:1/v1")
    assert failure.reason == "the model at http://127.0.0.1:1/v1 refused the key (401)"
    assert failure.next_step == "check LLM_API_KEY"
    assert not failure.retriable


def test_a_dead_endpoint_is_told_by_its_address() -> None:
    event = _error("transient", "LLMServiceUnavailableError", "OpenAIException - Connection error.", retryable=True)
    failure = read_failure(event, model="openai/m", endpoint="http://127.0.0.1:1")
    assert failure.reason == "no model answers at http://127.0.0.1:1"
    assert failure.retriable


def test_rate_limits_and_server_errors_may_pass() -> None:
    for kind, word in (("rate_limit", "429"), ("transient", "failed")):
        failure = read_failure(_error(kind, detail="oops", retryable=True), model="m", endpoint="e")
        assert failure.retriable
        assert failure.of_model
        assert word in failure.reason


def test_the_servers_own_cap_is_a_limit_and_no_failure_of_the_model() -> None:
    failure = read_failure(_error("agent_action", "MaxIterationsReached", "cap"), model="m", endpoint="e")
    assert failure.limit
    assert not failure.of_model


def test_an_unknown_model_is_told_by_name() -> None:
    failure = read_failure(_error("config", "NotFoundError", "no such model"), model="openai/m", endpoint="e")
    assert "no model openai/m (404)" in failure.reason
    assert not failure.retriable


@pytest.mark.parametrize(
    ("progress", "elapsed", "word"),
    [
        (Progress(status="running"), 300.0, "time"),
        (Progress(status="running", calls=51), 1.0, "iterations"),
        (Progress(status="running", input_tokens=1_999_999, output_tokens=1), 1.0, "tokens"),
        (Progress(status="running", cost_usd=0.5), 1.0, "money"),
        (Progress(status="running", calls=50, input_tokens=1_999_999, cost_usd=0.49), 299.0, ""),
    ],
)
def test_each_limit_is_named(progress: Progress, elapsed: float, word: str) -> None:
    reached = limit_reached(OpenHandsOptions(max_cost_usd=0.5), progress, elapsed)
    assert word in reached.limit if reached else not word


def test_a_money_limit_without_prices_is_told_and_one_with_prices_is_not() -> None:
    used = Progress(status="finished", calls=3, input_tokens=100)
    assert money_unwatched(OpenHandsOptions(max_cost_usd=1.0), used)
    assert not money_unwatched(OpenHandsOptions(max_cost_usd=1.0, input_cost_per_token=0.0), used)
    assert not money_unwatched(OpenHandsOptions(), used)


@given(st.floats(0, 1000))
def test_a_pause_is_short_at_first_grows_slowly_and_never_passes_the_time_limit(elapsed: float) -> None:
    options = OpenHandsOptions()
    pause = pause_s(options, elapsed)
    assert 0 <= pause <= options.poll_interval_s
    assert pause <= max(0.2, elapsed * 0.02)
    assert elapsed > options.timeout_s or elapsed + pause <= options.timeout_s + 1e-9


def test_the_prompt_tells_the_promise_before_the_gap_and_the_gap_before_the_code() -> None:
    text = task_text(_REQUEST, "/work/copy")
    places = [text.index(part) for part in ("- adds up", "3-5, 9", "`tests/test_prices.py`", "The code is in `src/shop/prices.py`")]
    assert places == sorted(places)
    assert "working directory is /work/copy" in text


def test_the_prompt_asks_for_a_marker_with_the_ids_that_the_specification_shows() -> None:
    specification = Specification(
        path="s.md",
        title="Shop",
        requirements=(
            Requirement(id="REQ-0a1b2c3d", text="adds up", line=3),
            Requirement(id="P-7", text="rounds", line=4, id_given=True),
            Requirement(id="REQ-99999999", text="80% coverage", line=5, measured_by="test_coverage"),
        ),
    )
    shown = render_spec(numbered(specification))
    text = task_text(replace(_REQUEST, specification=shown, requirements=tuple(each.id for each in specification.testable)), "/w")
    assert "- REQ-0a1b2c3d: adds up\n- P-7: rounds\n- 80% coverage" in text
    assert '`@pytest.mark.requirement("REQ-0a1b2c3d")`' in text
    assert "in the specification: REQ-0a1b2c3d, P-7." in text
    assert [line[0] for line in text.splitlines() if line[1:3] == ". "] == list("123456")
    assert "requirement(" not in task_text(_REQUEST, "/w"), "where nothing can be named, nothing is asked"


def test_the_prompt_without_coverage_names_the_goal() -> None:
    assert "80 %" in task_text(TestRequest(module="a.py", dotted="a", test_file="t.py", specification="x"), "/w")


@pytest.mark.parametrize(
    ("module", "dotted", "root"),
    [("src/shop/prices.py", "shop.prices", "src"), ("shop/prices.py", "shop.prices", "."), ("lib/py/shop/__init__.py", "shop", "lib/py")],
)
def test_the_import_root_is_what_the_import_name_leaves(module: str, dotted: str, root: str) -> None:
    request = TestRequest(module=module, dotted=dotted, test_file="tests/test_x.py", specification="")
    assert import_root(request) == root
    assert run_command(request) == f"PYTHONPATH={root} python -m pytest -q tests/test_x.py"


@given(st.sets(st.integers(1, 60)))
def test_line_ranges_lose_and_invent_no_line(lines: set[int]) -> None:
    read: set[int] = set()
    for part in filter(None, line_ranges(lines).split(", ")):
        first, _, last = part.partition("-")
        read |= set(range(int(first), int(last or first) + 1))
    assert read == lines


_LETTERS = 'abé"\\/\n'


@given(st.text(_LETTERS, min_size=4), st.text(_LETTERS), st.text(_LETTERS))
def test_no_secret_survives_as_it_is_or_as_json(secret: str, before: str, after: str) -> None:
    text = redact(before + secret + json.dumps({"key": secret}) + after, [secret])
    assert secret not in text
    assert json.dumps(secret)[1:-1] not in text
    assert HIDDEN in text


def test_the_options_never_show_their_keys() -> None:
    secret = _made_up("a", "made", "up", "one")
    assert secret not in repr(OpenHandsOptions(api_key=secret, server_key=secret))


def test_a_conversation_always_names_its_tools_and_its_output_limit() -> None:
    body = conversation_body(OpenHandsOptions(model="openai/m"), conversation="c", working_folder=Path("/w"), text="t")
    assert [tool["name"] for tool in body["agent_settings"]["tools"]] == ["terminal", "file_editor"]
    assert body["agent_settings"]["llm"]["max_output_tokens"] == 4096
    assert body["autotitle"] is False


def test_a_copy_is_compared_file_by_file_without_caches(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "b.py").write_text("1")
    before = snapshot(tmp_path)
    (tmp_path / "a.py").write_text("2")
    (tmp_path / "b.py").unlink()
    for name in ("new.py", "test_agreed.py", ".coverage", "__pycache__/x.pyc", ".pytest_cache/v/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "link").symlink_to("/etc")
    assert strayed(before, snapshot(tmp_path), "test_agreed.py") == ("a.py", "b.py", "link", "new.py")


def test_the_agreed_file_is_read_only_where_it_is_a_plain_file_of_the_copy(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside.py", tmp_path / "copy"
    outside.write_text("what the agent may not read")
    (root / "tests").mkdir(parents=True)
    (root / "tests" / "test_link.py").symlink_to(outside)
    (root / "linked").symlink_to(tmp_path)
    (root / "test_blank.py").write_text(" \n")
    (root / "test_good.py").write_text("def test(): ...")
    assert read_agreed(root, "tests/test_link.py") is None
    assert read_agreed(root, "linked/outside.py") is None
    assert read_agreed(root, "test_blank.py") is None
    assert read_agreed(root, "test_absent.py") is None
    assert read_agreed(root, "test_good.py") == "def test(): ..."
