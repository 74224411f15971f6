"""Rounds as values: the message, how it is known again, what of a round is over, and when money is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spec2prod.adapters.openhands.client import IDLE
from spec2prod.adapters.openhands.endings import Ending, of_limit, of_round, of_run_time
from spec2prod.adapters.openhands.ledger import TaskRecord, read_record, write_record
from spec2prod.adapters.openhands.limits import Reached, is_priced
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.rounds import is_answered, round_text, said_at
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.feedback import Feedback

_FEEDBACK = Feedback(text="`t` failed: key-of-somebody")
_RECORD = TaskRecord(run_id="r", request=TestRequest(module="m.py", dotted="m", test_file="test_m.py", specification=""))
_OUTCOME = TaskOutcome(task_id="t", module="m.py", test_file="test_m.py", status=TaskStatus.DELIVERED, text="x")


def _said(text: str, source: str = "user") -> dict[str, Any]:
    return {"source": source, "kind": "MessageEvent", "llm_message": {"content": [{"type": "text", "text": text}]}}


def test_a_message_is_known_again_and_told_from_every_other() -> None:
    text = round_text(_FEEDBACK, 2)
    said = [_said("the task"), _said(text, "agent"), _said(round_text(_FEEDBACK, 20)), _said(text)]
    events = [*said, {"source": "agent"}]
    assert said_at(events, 2) == 3
    assert said_at(events, 20) == 2
    assert said_at(events, 3) is None
    assert is_answered(events, 3)
    assert not is_answered(events, 4)


def test_no_key_is_said() -> None:
    assert "key-of-somebody" not in round_text(_FEEDBACK, 2, ["key-of-somebody"])


@pytest.mark.parametrize(
    ("status", "resumable", "kept"),
    [
        (TaskStatus.DELIVERED, False, True),
        (TaskStatus.NO_FILE, False, True),
        (TaskStatus.LIMIT, False, True),
        (TaskStatus.LIMIT, True, False),
        (TaskStatus.ERRORED, False, False),
        (TaskStatus.CANCELLED, False, False),
    ],
)
def test_only_what_is_over_is_not_done_again(tmp_path: Path, status: TaskStatus, resumable: bool, kept: bool) -> None:  # noqa: FBT001
    outcome = replace(_OUTCOME, status=status, resumable=resumable)
    record = replace(_RECORD, outcome=_OUTCOME).after_round(2, outcome)
    assert record.rounds == ({2: outcome} if kept else {})
    assert record.outcome == _OUTCOME
    write_record(tmp_path, "t", record)
    assert read_record(tmp_path, "t") == record


def test_a_record_of_an_older_version_has_no_rounds(tmp_path: Path) -> None:
    write_record(tmp_path, "t", _RECORD)
    file = next(tmp_path.iterdir())
    file.write_text(file.read_text().replace('"rounds": {}', '"unknown": 1'))
    found = read_record(tmp_path, "t")
    assert found is not None
    assert found.rounds == {}


def test_a_later_round_at_a_limit_is_over_and_one_at_the_runs_end_is_not() -> None:
    limit = of_round(of_limit(Reached(limit="the limit of 4 iterations", more="--iterations 4"), "t"))
    assert not limit.resumable
    assert "extend" not in limit.next_step
    assert of_round(of_run_time(0)).resumable
    finished = Ending(status=None)
    assert of_round(finished) == finished


@pytest.mark.parametrize(
    ("options", "calls", "cost", "priced"),
    [
        (OpenHandsOptions(), 3, 0.0, False),
        (OpenHandsOptions(), 3, 0.1, True),
        (OpenHandsOptions(), 0, 0.0, True),
        (OpenHandsOptions(input_cost_per_token=0.0), 3, 0.0, True),
    ],
)
def test_0_is_a_sum_only_where_a_price_is_known(options: OpenHandsOptions, calls: int, cost: float, priced: bool) -> None:  # noqa: FBT001
    assert is_priced(options, replace(IDLE, calls=calls, cost_usd=cost)) is priced
