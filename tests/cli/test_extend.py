"""`spec2prod extend` where nothing has to be asked of anybody: which task is meant, and what would not let it go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.openhands.client import Progress
from spec2prod.adapters.openhands.ledger import TaskRecord, write_record
from spec2prod.adapters.openhands.options import Limits
from spec2prod.bootstrap.extending import Extended, telling
from spec2prod.bootstrap.listening import listening
from spec2prod.cli import main
from spec2prod.cli.extend import tell
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from tests.fakes import FakeClock, Told

_TASK = "732ec305-85b7-52be-8250-733940fdce4c"
_OTHER = "732ec399-85b7-52be-8250-733940fdce4c"
_LIMITS = Limits(timeout_s=300.0, max_iterations=2, max_tokens=1000, max_cost_usd=None)
_REQUEST = TestRequest(module="src/a.py", dotted="a", test_file="tests/test_a.py", specification="- adds up")
_PAUSED = TaskOutcome(
    task_id=_TASK,
    module="src/a.py",
    test_file="tests/test_a.py",
    status=TaskStatus.LIMIT,
    resumable=True,
    next_step=f"spec2prod extend {_TASK} --iterations 2",
)
_RECORD = TaskRecord(run_id="r1", request=_REQUEST, used=Progress(status="paused", calls=2), paused_at=_LIMITS, outcome=_PAUSED)


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a run's tasks, in the current project."""
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".spec2prod" / "runs" / "r1" / "openhands" / "tasks"


@pytest.mark.parametrize(
    ("records", "words", "told"),
    [
        ({}, ["732"], "no tasks are called '732'"),
        ({_TASK: _RECORD, _OTHER: _RECORD}, ["732", "--usd", "1"], "2 tasks are called '732'"),
        ({_TASK: _RECORD}, ["9"], f"Paused here: {_TASK}."),
        ({_TASK: _RECORD}, ["732"], "--iterations 2"),
        ({_TASK: _RECORD}, ["732", "--usd", "1"], "has no money limit"),
        ({_TASK: _RECORD}, ["732", "--seconds", "60"], "it would stay at the limit of 2 iterations"),
        ({_TASK: replace(_RECORD, outcome=None)}, ["732", "--iterations", "5"], "spec2prod resume r1"),
        (
            {_TASK: replace(_RECORD, outcome=replace(_PAUSED, status=TaskStatus.DELIVERED, text="x", resumable=False))},
            ["732"],
            "is not paused",
        ),
    ],
)
def test_what_would_not_go_on_is_refused_with_the_next_step(
    notes: Path, records: dict[str, TaskRecord], words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, record in records.items():
        write_record(notes, name, record)
    assert main(["extend", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_task_that_cannot_go_on_stays_as_it_was(notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("LLM_MODEL", "LLM_API_KEY", "LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    write_record(notes, _TASK, _RECORD)
    before = (notes / f"{_TASK}.task.json").read_bytes()
    assert main(["extend", "732", "--iterations", "5"]) == 4
    assert "no model is set" in capsys.readouterr().err
    assert (notes / f"{_TASK}.task.json").read_bytes() == before


@pytest.mark.parametrize("amount", ["0", "-1", "x", "nan", "inf", "1e13"])
def test_a_grant_is_an_amount_above_zero(amount: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["extend", "732", "--usd", amount])
    assert ended.value.code == 2
    assert "above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("priced", "used"),
    [
        (False, "(4 calls of openai/some-model, no price is known for openai/some-model)"),
        (True, "(4 calls of openai/some-model, $0.0300 in all)"),
    ],
)
def test_a_price_that_nobody_knows_is_told_as_such_and_never_as_a_sum(
    priced: bool,  # noqa: FBT001
    used: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = replace(_PAUSED, status=TaskStatus.DELIVERED, resumable=False, text="x", llm_calls=4, model="openai/some-model")
    done = replace(done, cost_usd=0.03 if priced else 0.0, is_priced=priced)
    assert tell(Extended(run_id="r1", outcome=done)) == 0
    assert f"src/a.py: delivered tests/test_a.py {used}\n" in capsys.readouterr().out
    assert tell(Extended(run_id="r1", outcome=replace(done, text=None, resumable=True, status=TaskStatus.LIMIT))) == 3
    assert used in capsys.readouterr().err


def test_what_goes_on_is_told_with_the_time_since_the_command_began() -> None:
    heard, clock = Told(), FakeClock()
    with listening(heard):
        tell_later = telling(clock)
        tell_later("starting the agent server")
        clock.ms = 16_900.0
        tell_later("the agent server is ready")
    assert [(each.text, each.at_ms) for each in heard.events] == [
        ("starting the agent server", 0.0),
        ("the agent server is ready", 16_900.0),
    ]
