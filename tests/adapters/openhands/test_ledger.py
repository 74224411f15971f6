"""What is kept of a task, when it is over, and how much further an extended one may go. No server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.openhands.client import Progress
from spec2prod.adapters.openhands.ledger import TaskRecord, read_record, records_in, write_record
from spec2prod.adapters.openhands.limits import extended, limit_reached, still_reached
from spec2prod.adapters.openhands.options import Grant, Limits, OpenHandsOptions
from spec2prod.adapters.openhands.passing import asked_wait_s, failure_may_pass, status_may_pass
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest

_REQUEST = TestRequest(module="src/shop/prices.py", dotted="shop.prices", test_file="tests/test_prices.py", specification="- adds up ✓")
_OUTCOME = TaskOutcome(
    task_id="t", module=_REQUEST.module, test_file=_REQUEST.test_file, status=TaskStatus.DELIVERED, text="def test(): ..."
)
_RECORD = TaskRecord(
    run_id="r",
    request=_REQUEST,
    endpoint=1,
    identity="abc",
    elapsed_s=3.5,
    used=Progress(status="paused", calls=3, input_tokens=10, cost_usd=0.25, models=("openai/scripted",)),
    limits=Limits(timeout_s=1.0, max_iterations=2, max_tokens=3, max_cost_usd=None),
    outcome=_OUTCOME,
)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path, "t", _RECORD)
    assert read_record(tmp_path, "t") == _RECORD
    assert list(records_in(tmp_path)) == [("t", _RECORD)]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run_id": 1}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.task.json").write_text(text)
    assert read_record(tmp_path, "t") is None
    assert list(records_in(tmp_path)) == []


def test_no_key_is_kept(tmp_path: Path) -> None:
    secret = f"made-{'up'}"  # whole, a scanner would take it for one
    write_record(tmp_path, "t", replace(_RECORD, outcome=replace(_OUTCOME, reason=f"said {secret}")), [secret])
    assert secret not in (tmp_path / "t.task.json").read_text()


@pytest.mark.parametrize("status", [TaskStatus.DELIVERED, TaskStatus.NO_FILE])
def test_what_is_over_stays_over_whatever_the_limits(status: TaskStatus) -> None:
    record = replace(_RECORD, outcome=replace(_OUTCOME, status=status))
    assert record.answers(OpenHandsOptions(max_iterations=10_000)) == record.outcome


@pytest.mark.parametrize("status", [TaskStatus.ERRORED, TaskStatus.CANCELLED])
def test_what_failed_or_was_stopped_is_gone_on_with(status: TaskStatus) -> None:
    assert replace(_RECORD, outcome=replace(_OUTCOME, status=status)).answers(OpenHandsOptions()) is None


def test_a_pause_holds_as_long_as_its_limit() -> None:
    paused = replace(_RECORD, limits=None, outcome=replace(_OUTCOME, status=TaskStatus.LIMIT, resumable=True))
    assert paused.answers(OpenHandsOptions(max_iterations=3)) == paused.outcome
    assert paused.answers(OpenHandsOptions(max_iterations=4)) is None
    assert paused.answers(OpenHandsOptions(max_iterations=4, max_cost_usd=0.25)) == paused.outcome
    assert replace(paused, limits=OpenHandsOptions(max_iterations=4).limits).answers(OpenHandsOptions(max_iterations=3)) is None


_USED = st.builds(
    Progress,
    status=st.just("paused"),
    calls=st.integers(0, 100),
    input_tokens=st.integers(0, 10_000),
    output_tokens=st.integers(0, 10_000),
    cost_usd=st.floats(0, 10),
)
_LIMITS = st.builds(
    Limits,
    timeout_s=st.floats(1, 600),
    max_iterations=st.integers(1, 60),
    max_tokens=st.integers(1, 9_000),
    max_cost_usd=st.one_of(st.none(), st.floats(0.01, 5)),
)


@given(_LIMITS, _USED, st.floats(0, 900))
def test_a_grant_for_every_limit_always_lets_it_go_on_and_none_is_ever_lowered(limits: Limits, used: Progress, elapsed_s: float) -> None:
    wider = extended(limits, Grant(seconds=1, iterations=1, tokens=1, usd=0.01), used, elapsed_s)
    options = OpenHandsOptions().within(wider)
    assert not still_reached(replace(options, max_cost_usd=wider.max_cost_usd), used, elapsed_s)
    assert wider.timeout_s > limits.timeout_s
    assert wider.max_iterations > limits.max_iterations
    assert wider.max_tokens > limits.max_tokens
    assert (wider.max_cost_usd is None) == (limits.max_cost_usd is None)
    assert extended(limits, Grant(), used, elapsed_s) == limits


def test_the_command_that_goes_on_names_the_limit_that_was_reached() -> None:
    options = OpenHandsOptions(max_cost_usd=0.5)
    reached = limit_reached(options, Progress(status="running", cost_usd=0.6), 1.0)
    assert reached is not None
    assert reached.more == "--usd 0.5"


@pytest.mark.parametrize(
    ("status", "may"), [(408, True), (429, True), (500, True), (503, True), (400, False), (401, False), (404, False), (422, False)]
)
def test_only_some_answers_may_be_others_next_time(status: int, may: bool) -> None:  # noqa: FBT001 - a table
    assert status_may_pass(status) is may


@pytest.mark.parametrize(
    ("kind", "code", "detail", "may"),
    [
        ("rate_limit", "LLMRateLimitError", "", True),
        ("transient", "LLMTimeoutError", "", True),
        ("config", "LibTmuxException", "no server running", True),
        ("unknown", "X", "Connection error.", True),
        ("auth", "LLMAuthenticationError", "Connection error.", False),
        ("config", "NotFoundError", "", False),
        ("quota", "X", "", False),
        ("internal", "KeyError", "", False),
        ("unknown", "X", "", False),
    ],
)
def test_only_what_may_pass_is_tried_again(kind: str, code: str, detail: str, may: bool) -> None:  # noqa: FBT001 - a table
    assert failure_may_pass(kind, code, detail, correctable=False) is may


@pytest.mark.parametrize(
    ("detail", "seconds"),
    [
        ("Rate limit reached. Please try again in 20s.", 20.0),
        ("Please try again in 350ms", 0.35),
        ("Retry-After: 7", 7.0),
        ("try again in 2 minutes", 120.0),
        ("retry after 1.5 seconds", 1.5),
        ("try again later", None),
        ("", None),
    ],
)
def test_a_wait_that_is_asked_for_in_words_is_read(detail: str, seconds: float | None) -> None:
    assert asked_wait_s(detail) == (None if seconds is None else pytest.approx(seconds))
