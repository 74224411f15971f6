"""A task that was paused at a limit: the run tells how to go on, and a resumed run takes what came of it since."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.runs import Runs
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Journal
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Run
from tests.adapters.store.conftest import a_run
from tests.application.test_pipeline import MODULE, PROPOSED, SOURCE, a_plan, clean, linter, suite_gate
from tests.fakes import FakeTree, FakeWriter, ports_on

OLD = "tests/test_old.py"
_GO_ON = "spec2prod extend task-1 --usd 1"


def _paused(request: TestRequest) -> TaskOutcome:
    return TaskOutcome(
        task_id="task-1",
        module=request.module,
        test_file=request.test_file,
        status=TaskStatus.LIMIT,
        reason="stopped at the money limit of $1",
        next_step=_GO_ON,
        resumable=True,
        model="openai/second",
        tried=("openai/first: the model at e refused the key (401)",),
    )


def _delivered(request: TestRequest) -> TaskOutcome:
    return replace(_paused(request), status=TaskStatus.DELIVERED, text=PROPOSED, reason="", resumable=False)


async def _climb(journal: Journal, writer: FakeWriter) -> Run:
    ports = ports_on(
        FakeTree({MODULE: SOURCE, OLD: "old"}), clean("type_checking", errors=0), suite=suite_gate(), linter=linter(), writer=writer
    )
    return await run_plan(a_plan(tests=(OLD,), generate=True), replace(ports, journal=journal))


@pytest.mark.asyncio
async def test_a_resumed_run_asks_after_a_paused_task_once_more_and_after_no_other(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "j.sqlite")) as database:
        runs = Runs(database)
        row = runs.begin(a_run())
        first = await _climb(DurableJournal(database, row, pytest.fail), FakeWriter(_paused))
        assert not first.adopted
        row = runs.take_up(row)
        second = await _climb(DurableJournal(database, row, pytest.fail), FakeWriter(_delivered))
        assert [each.status for each in second.outcomes] == [TaskStatus.DELIVERED]
        assert second.adopted


@pytest.mark.asyncio
async def test_a_delivered_task_is_answered_from_the_journal(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "j.sqlite")) as database:
        runs = Runs(database)
        row = runs.begin(a_run())
        await _climb(DurableJournal(database, row, pytest.fail), FakeWriter(_delivered))
        nobody = FakeWriter()
        second = await _climb(DurableJournal(database, runs.take_up(row), pytest.fail), nobody)
        assert [each.status for each in second.outcomes] == [TaskStatus.DELIVERED]
        assert "submit" not in nobody.calls
        assert "outcome" not in nobody.calls


@pytest.mark.asyncio
async def test_the_report_tells_the_command_that_goes_on_and_which_models_were_tried(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "j.sqlite")) as database:
        run = await _climb(DurableJournal(database, Runs(database).begin(a_run()), pytest.fail), FakeWriter(_paused))
    told = next(stage for stage in run.stages if stage.stage is Stage.GENERATION)
    assert (told.errors, told.next_steps) == ((f"{MODULE}: stopped at the money limit of $1",), (_GO_ON,))
    assert told.outputs["paused"] == [{"task": "task-1", "module": MODULE, "go_on": _GO_ON}]
    assert told.outputs["answered_by"] == ["openai/second"]
    assert told.outputs["given_up"] == [f"{MODULE}: openai/first: the model at e refused the key (401)"]
