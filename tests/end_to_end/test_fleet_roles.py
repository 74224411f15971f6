"""A fleet whose people and machines log in with the roles of the how-to: who submits stops a run that a worker does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.end_to_end.conftest import until
from tests.end_to_end.layouts import TEST, Project
from tests.end_to_end.test_fleet import SLOWLY, Fleet, files
from tests.fleet.test_roles import roles


@pytest.fixture
def fleet(fresh_postgres: Callable[[], str], tmp_path: Path) -> Iterator[Fleet]:
    slow = {"tests/test_sums.py": SLOWLY.format(test=TEST.format(dotted="sums"), seconds=30)}
    made = Fleet(Project(tmp_path / "project", files("sums", "page") | slow), fresh_postgres(), tmp_path / "machine")
    yield made
    for each in made.workers:
        each.kill()
        each.communicate()


def as_role(fleet: Fleet, owner: str, name: str) -> None:
    """Let what is started next log in as somebody."""
    fleet.env["SPEC2PROD_DATABASE_URL"] = owner.replace("//postgres:", f"//{name}:")


@pytest.mark.slow
def test_who_submitted_a_job_stops_its_run_while_a_worker_does_it(fleet: Fleet) -> None:
    owner = fleet.env["SPEC2PROD_DATABASE_URL"]
    assert fleet.call("queue").returncode == 0
    with psycopg.connect(owner, autocommit=True) as session:
        session.execute(roles().encode())
    as_role(fleet, owner, "ada")
    assert fleet.call("run", "--all", "--target", "development").returncode == 0
    as_role(fleet, owner, "worker_1")
    worker = fleet.worker("--until-empty")
    as_role(fleet, owner, "ada")
    until(lambda: "running" in fleet.call("runs").stdout)
    run = fleet.jobs()["sums"]["run_id"][:8]
    removed = fleet.call("queue", "remove", "sums")
    assert (removed.returncode, f"spec2prod cancel {run} stops it" in removed.stderr) == (2, True)
    done = fleet.call("cancel", run)
    assert (done.returncode, done.stdout) == (0, f"run {run} of sums has stopped\n"), done.stderr
    out, _ = worker.communicate(timeout=60)
    jobs = fleet.jobs()
    assert (jobs["sums"]["exit_code"], jobs["page"]["state"]) == (130, "not_run"), out
    assert "cancelled" in jobs["sums"]["conclusion"]
    refused = fleet.call("resume", run)
    assert (refused.returncode, "ada has no right to do that" in refused.stderr) == (4, True)
