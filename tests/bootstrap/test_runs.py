"""How long a run took, also where nobody noted its end; and when it was asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.adapters.store.runs import Runs, State, StoredRun
from spec2prod.application.ports import Event
from spec2prod.bootstrap.durable import place_of_database
from spec2prod.bootstrap.listening import listening
from spec2prod.bootstrap.running import _stoppable
from spec2prod.bootstrap.runs import known, to_retry
from spec2prod.cli.runs import _took
from spec2prod.domain.fleet import Crew, Ending, Job
from spec2prod.domain.plan import Stage
from spec2prod.errors import ExitCode, RunNotFoundError


def _stored(run_id: str) -> StoredRun:
    return StoredRun(
        id=run_id,
        component="calc",
        target="development",
        mode="sync",
        request={},
        identity="asked",
        inputs={},
        state=State.RUNNING,
        attempt=1,
        secret="",
        version="0.1.0",
        root="/project",
        lock_name=f"run {run_id}",
        host="here",
        pid=1,
        began_at=1000.0,
        changed_at=1000.0,
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.spec2prod]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPEC2PROD_DATABASE_URL", raising=False)
    return tmp_path


def _done(database: Database, run: StoredRun, at: float) -> None:
    values = (run.id, "testing:tests", "asked", "{}", 1, run.began_at, at)
    database.rows("INSERT INTO steps (run_id, name, question, value, attempt, began_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?)", *values)


def test_of_a_run_that_was_killed_only_what_it_surely_took_is_told(project: Path) -> None:
    database = open_database(place_of_database(project, None))
    runs = Runs(database)
    killed = runs.begin(_stored("killed"))
    _done(database, killed, 1004.0)
    runs.begin(_stored("at_once"))
    runs.begin(_stored("buried"))
    runs.begin(replace(_stored("after_it"), lock_name="run buried"))
    runs.end(killed_and_cancelled := runs.begin(_stored("cancelled")), State.CANCELLED, None, "")
    _done(database, killed_and_cancelled, 1003.0)
    runs.end(runs.begin(_stored("ended")), State.FINISHED, ExitCode.PROMOTED, "Promoted to development.")
    database.rows("UPDATE runs SET changed_at = ? WHERE id = ?", 1007.5, "ended")
    runs.end(runs.begin(_stored("told")), State.FINISHED, ExitCode.PROMOTED, "Promoted to development.", 12_340.0)
    database.close()
    shown = {each.id: (each.state, _took(each)) for each in known(9)}
    assert shown == {
        "killed": ("died", "over 4.0 s"),
        "at_once": ("died", "not known"),
        "buried": ("interrupted", "not known"),
        "after_it": ("died", "not known"),
        "cancelled": ("cancelled", "over 3.0 s"),
        "ended": ("finished", "7.5 s"),
        "told": ("finished", "12.3 s"),
    }


ASKED = {
    "spec": "specs/calc.md",
    "component": "calc",
    "target": "staging",
    "async_mode": True,
    "component_path": None,
    "overrides": {"coverage_goal": 90},
    "overrides_from": "queue",
    "output": None,
    "cwd": "/where/the/worker/was/started",
    "root_named": True,
}


def _of_a_worker(project: Path, checkout: Path, job: Job) -> str:
    """Keep a worker's run of a job that was stopped; return its ID."""
    database = open_database(place_of_database(project, None))
    Queue(database).submit([job], {})
    run = Runs(database).begin(replace(_stored(job.run_id), root=str(checkout), request=ASKED, target="staging"))
    Runs(database).end(run, State.INTERRUPTED, ExitCode.INTERRUPTED, "")
    database.close()
    return run.id


def test_a_workers_run_goes_on_in_its_checkout_and_the_report_comes_where_the_caller_stands(project: Path) -> None:
    checkout = project / "cache" / "checkouts" / "j1"
    checkout.mkdir(parents=True)
    run_id = _of_a_worker(project, checkout, Job(id="j1", batch="b", component="calc", target="staging", request="{}", source="{}"))
    request = to_retry(run_id[:8], Stage.TESTING)
    assert Path.cwd() == request.root == checkout
    assert (request.spec, request.resume, request.again_from) == (checkout / "specs" / "calc.md", run_id, Stage.TESTING)
    assert request.output == project / "workflow_report_calc.json"
    assert request.overrides == {"coverage_goal": 90, "database_url": f"sqlite:///{place_of_database(project, None)}"}


@pytest.mark.parametrize(
    ("over", "step"),
    [
        (False, "nothing is to be done: its job j1 is waiting, and a worker goes on with it (spec2prod queue)"),
        (True, "submit it again: spec2prod run calc --target staging"),
    ],
    ids=["its job waits", "its job is over"],
)
def test_a_workers_run_whose_checkout_is_gone_is_refused_with_what_goes_on_instead(project: Path, step: str, *, over: bool) -> None:
    job = Job(id="j1", batch="b", component="calc", target="staging", request="{}", source="{}")
    run_id = _of_a_worker(project, project / "gone", job)
    if over:
        database = open_database(place_of_database(project, None))
        (claimed,) = Claims(database).claim(Crew(id="w", host="here", slots=1), 1)
        assert Claims(database).finish(claimed, Ending(exit_code=130, conclusion=""), 1.0)
        database.close()
    with pytest.raises(RunNotFoundError, match=f"run {run_id[:8]} was done by a worker on here, in .*gone, which is not here") as refused:
        to_retry(run_id, Stage.TESTING)
    assert refused.value.next_step == step
    assert Path.cwd() == project


class _Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


def test_the_word_that_a_run_stops_has_the_time_at_which_it_was_asked_to() -> None:
    clock, heard = SystemClock(), _Heard()

    async def stopped() -> None:
        with listening(heard), _stoppable(clock, takes_signals=True):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(10)

    before = clock.elapsed_ms()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stopped())
    assert [each.kind for each in heard.events] == ["stopping"]
    assert before <= heard.events[0].at_ms <= clock.elapsed_ms()
