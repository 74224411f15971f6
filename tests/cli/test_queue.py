"""`spec2prod queue report` and `changes`: a component's name stands for its newest job that ended, and what is newer is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.cli import main
from spec2prod.domain.fleet import Ending
from tests.fleet.jobs import crew, put

REPORT, PATCH = '{"exit_code": 0}', "--- a/api.py\n"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The queue of the project in which the commands are called."""
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPEC2PROD_DATABASE_URL", raising=False)
    opened = open_database(".spec2prod/spec2prod.sqlite")
    yield opened
    opened.close()


def ended(database: Database, report: str = REPORT, changes: str = PATCH) -> str:
    """Put `api` into the queue, and end it; return its job's ID."""
    name = put(database, ["api"])["api"]
    (job,) = Claims(database).claim(crew(), 1)
    assert Claims(database).finish(job, Ending(exit_code=0, conclusion="Promoted to staging.", report=report, changes=changes), 1.0)
    return name


def test_a_name_is_the_newest_job_that_ended_and_what_is_newer_is_told_beside_the_report(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    old = ended(database)
    new = put(database, ["api"])["api"]
    assert main(["queue", "report", "api"]) == 0
    told = capsys.readouterr()
    newer = f"newer: {new} (staging, waiting)\n"
    assert told.out == REPORT
    assert told.err == f"the report of {old} (staging), the last job of api that ended; {newer}"
    assert main(["queue", "changes", "api"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == (PATCH, f"the changes of {old} (staging), the last job of api that ended; {newer}")


def test_nothing_is_told_beside_a_report_that_is_the_newest_or_named_by_its_id(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    old = ended(database)
    assert main(["queue", "report", "api"]) == 0
    assert capsys.readouterr() == (REPORT, "")
    put(database, ["api"])
    assert main(["queue", "report", old[:8]]) == 0
    assert capsys.readouterr() == (REPORT, "")


def test_a_newer_job_that_ended_without_a_report_is_not_hidden_behind_an_older_one(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(database)
    bare = ended(database, report="", changes="")
    assert main(["queue", "report", "api"]) == 2
    assert f"api ({bare}) has no report: it is ended (Promoted to staging.)" in capsys.readouterr().err
    assert main(["queue", "changes", "api"]) == 2
    assert f"api ({bare}) has no changes" in capsys.readouterr().err


def test_what_never_ended_has_no_report(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    name = put(database, ["api"])["api"]
    assert main(["queue", "report", "api"]) == 2
    assert f"api ({name}) has no report: it is waiting" in capsys.readouterr().err


def test_what_was_taken_out_since_is_told_too(database: Database) -> None:
    old = ended(database)
    queue = Queue(database)
    put(database, ["api"])
    queue.withdraw(queue.find("api"))
    Claims(database).take_out_withdrawn()
    job, since = queue.find_ended("api")
    assert (job.id, [each.state for each in since]) == (old, ["not_run"])
