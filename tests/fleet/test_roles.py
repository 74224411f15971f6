"""The roles of docs/how-to/run-a-fleet.md, as its SQL makes them on a real server: each can do its work, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from markdown_it import MarkdownIt

from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.defects import DefectStore
from spec2prod.adapters.store.looked_at import look_at
from spec2prod.adapters.store.queue import Queue
from spec2prod.adapters.store.quotas import SharedQuota
from spec2prod.adapters.store.runs import Runs, State
from spec2prod.bootstrap.withdrawing import withdraw
from spec2prod.domain.defect import Disposition, DispositionKind, suspect
from spec2prod.domain.fleet import JobState
from spec2prod.domain.quota import Asking, QuotaRules
from spec2prod.domain.schedule import Priority
from spec2prod.errors import StoreError, StoreRightsError, UsageError
from tests.adapters.store.conftest import a_run
from tests.fleet.jobs import DONE, RED, crew, put

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "run-a-fleet.md"
REFUSED = "permission denied|must be owner"
A_JOB = "id, batch, component, target, request, source, priority, turn, expected_ms, position, labels, submitted_at, changed_at"
VALUES = "'x', 'b', 'c', 't', '{}', '{}', 2, 0, 0, 0, '', 0, 0"


def roles() -> str:
    """The page's SQL; the roles are the server's, so that another test of this session may have made them."""
    (found,) = (token.content for token in MarkdownIt().parse(PAGE.read_text()) if token.type == "fence" and token.info == "sql")
    return found


@pytest.fixture(scope="module")
def url(postgres_server: str) -> str:
    """A database with tables and roles: the owner's URL."""
    own = postgres_server.replace("/postgres?", "/with_roles?")
    with psycopg.connect(postgres_server, autocommit=True) as session:
        session.execute("CREATE DATABASE with_roles")
    open_database(own).close()
    with psycopg.connect(own, autocommit=True) as session:
        for _ in ("first", "after an upgrade"):
            session.execute(roles().encode())
    return own


@pytest.fixture
def as_role(url: str) -> Iterator[Callable[[str], Database]]:
    opened: list[Database] = []

    def login(name: str) -> Database:
        opened.append(open_database(url.replace("//postgres:", f"//{name}:")))
        return opened[-1]

    yield login
    for each in opened:
        each.close()


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(StoreError, match=REFUSED):
        yield


def test_each_role_does_its_work(as_role: Callable[[str], Database]) -> None:
    ada, worker, dashboard = as_role("ada"), as_role("worker_1"), as_role("dashboard")
    mine, claims = Queue(ada), Claims(worker)
    ids = put(ada, ["storage", "api", "page", "site"], {"api": ["storage"], "site": ["page"]}, labels=frozenset({"gpu"}))
    assert put(ada, ["storage"], labels=frozenset({"gpu"})) == {"storage": ids["storage"]}
    mine.put_before(mine.find("page"), mine.find("storage"))
    mine.prefer(mine.find("storage"), Priority.HIGH)
    mine.withdraw(mine.find("page"))
    one = crew(labels="gpu")
    claims.enlist(one, "1")
    claims.take_out_withdrawn()
    for expected in ("storage", "api"):
        (job,) = claims.claim(one, 1)
        assert job.component == expected
        assert claims.finish(job, DONE, 1.0)
    assert claims.pulse(one) == (frozenset(), False)
    claims.dismiss(one)
    told = {job.component: job.state for job in Queue(dashboard).jobs()}
    ended, left = JobState.ENDED, JobState.NOT_RUN
    assert told == {"storage": ended, "api": ended, "page": left, "site": left}
    assert mine.outcome(ids["api"]) == Queue(dashboard).outcome(ids["api"]) == ("{}", "")


def test_who_looks_sees_the_runs_and_not_what_is_theirs_alone(as_role: Callable[[str], Database]) -> None:
    worker, run = as_role("worker_1"), a_run(id="1f0c9a2b")
    hold = worker.hold(run.lock_name)
    assert hold is not None
    Runs(worker).begin(run)
    worker.rows("INSERT INTO steps VALUES (?, 'testing:tests', 'q', '1', 1, 0, 1)", run.id)
    for name in ("dashboard", "ada"):
        runs = Runs(as_role(name))
        (told,) = runs.all()
        assert (told.id, told.component, told.state, told.secret) == (run.id, run.component, run.state, "")
        assert (runs.is_alive(told), runs.steps(told)) == (True, 1)
        for hidden in ("SELECT secret FROM runs", "SELECT request FROM runs", "SELECT inputs FROM runs", "SELECT value FROM steps"):
            with refused():
                as_role(name).rows(hidden)
    hold.release()


def test_who_lacks_a_right_is_told_who_has_it_and_not_that_the_database_cannot_be_used(as_role: Callable[[str], Database]) -> None:
    with pytest.raises(StoreError, match=r": ada has no right to do that \(permission denied for table workers\)") as refusal:
        Queue(as_role("ada")).drain("vm-1")
    assert "queue drain need spec2prod_work" in refusal.value.next_step


def test_whoever_submits_has_the_worker_stop_a_jobs_run_and_no_other(as_role: Callable[[str], Database]) -> None:
    ada, worker, dashboard = as_role("ada"), as_role("worker_1"), as_role("dashboard")
    ids = put(ada, ["stopped", "anew", "other"])
    claims, runs, two = Claims(worker), Runs(worker), crew("two", slots=3)
    claims.enlist(two, "1")
    jobs = {job.component: job for job in claims.claim(two, 3)}
    own = runs.begin(a_run(id=jobs["stopped"].run_id, lock_name="a"))
    anew = runs.begin(a_run(root=f"/checkouts/{ids['anew']}", lock_name="b"))
    others = [runs.begin(a_run(id=jobs["other"].run_id, lock_name="c")), runs.begin(a_run(id="2f0c9a2b", lock_name="d"))]
    refusal = StoreRightsError("ada has no right", next_step="ask")
    for run in (own, anew):
        _, told = withdraw(run.id, Runs(ada), Queue(ada), refusal, patience_s=0.0)
        assert told.startswith("is asked to stop: its worker two")
    for name, asked in ((ada, "2f0c9a2b"), (dashboard, others[0].id)):
        with pytest.raises(StoreRightsError):
            withdraw(asked, Runs(name), Queue(name), refusal, patience_s=0.0)
    claims.pulse(two)
    states = [runs.standing(each)[0] for each in (own, anew, *others)]
    assert states == [State.CANCELLING, State.CANCELLING, State.RUNNING, State.RUNNING]
    assert claims.finish(jobs["stopped"], RED, 1.0)
    claims.dismiss(two)
    claims.take_out_withdrawn()  # as the next worker does with a withdrawn job whose worker is gone
    told_of = {job.id: job.state for job in Queue(ada).jobs()}
    assert [told_of[each] for each in ids.values()] == [JobState.ENDED, JobState.NOT_RUN, JobState.WAITING]


def test_a_running_job_that_is_to_be_removed_names_the_command_that_stops_it(as_role: Callable[[str], Database]) -> None:
    worker, one = as_role("worker_1"), crew("three", labels="slow")
    put(worker, ["slow"], labels=frozenset({"slow"}))
    (job,) = Claims(worker).claim(one, 1)
    with pytest.raises(UsageError, match="does not wait: it is running") as refusal:
        Queue(worker).withdraw(job)
    assert refusal.value.next_step == f"spec2prod cancel {job.run_id[:8]} stops it"
    Claims(worker).dismiss(one)


@pytest.mark.parametrize(
    ("name", "usable", "told"),
    [
        ("ada", True, "ada may look, submit, not work: run of one component needs a login that does"),
        ("worker_1", True, "worker_1 may look, submit, work"),
        ("dashboard", False, "dashboard may only look there: no run can begin"),
        ("nobody_of_ours", False, "nobody_of_ours may do nothing there"),
    ],
)
def test_doctor_tells_what_a_login_may(url: str, name: str, usable: bool, told: str) -> None:  # noqa: FBT001
    with psycopg.connect(url, autocommit=True) as session:
        if name == "nobody_of_ours":
            session.execute("DROP ROLE IF EXISTS nobody_of_ours; CREATE ROLE nobody_of_ours LOGIN")
    found = look_at(url.replace("//postgres:", f"//{name}:"))
    assert found.usable is usable
    assert found.told.endswith(told)
    assert bool(found.next_step) is not usable


def test_a_worker_notes_a_suspected_defect_and_whoever_submits_disposes_of_it(as_role: Callable[[str], Database]) -> None:
    ada, worker, dashboard = (DefectStore(as_role(name)) for name in ("ada", "worker_1", "dashboard"))
    seen, said_at, seen_again = (f"2026-01-0{day}T00:00:00.000+00:00" for day in (1, 2, 3))
    defect = suspect(
        component="calc",
        module="calc.py",
        test_file="tests/test_calc.py",
        test="test_add",
        source="def test_add(): assert add(1, 1) == 2",
        requirements=[("REQ-1", "1f0c.9a2b.3d4e")],
        sentence="REQ-1 says 2, the code returns 3",
        message="assert 3 == 2",
        run_id="r1",
        seen_at=seen,
    )
    worker.note(defect)
    said = Disposition(kind=DispositionKind.FIXED, reason="it added one", by="Ada", at=said_at)
    for who in (worker, dashboard):
        with refused():
            who.dispose(defect, said)
    assert dashboard.open_of("calc") == (defect,)
    ada.dispose(ada.find(defect.id), said)
    assert worker.open_of("calc") == dashboard.open_of("calc") == ()
    worker.note(replace(defect, seen_at=seen_again))
    assert [each.seen_at for each in ada.open_of("calc")] == [seen_again]
    assert ada.said_of(defect) == (said,)


def test_a_worker_takes_turns_at_an_endpoint_and_others_look_on(as_role: Callable[[str], Database]) -> None:
    worker, rules = as_role("worker_1"), QuotaRules(endpoint_slots=1, usd_per_hour=2.0)
    quota = SharedQuota(worker, rules, "agents of a run")
    assert quota.ask(Asking(task="t", endpoint="e")).is_given
    quota.spent("t", 1.5)
    for name in ("ada", "dashboard"):
        assert as_role(name).rows("SELECT task, given FROM agent_turns") == [("t", 1)]
        assert as_role(name).rows("SELECT usd FROM agent_spending") == [(1.5,)]
        with refused():
            SharedQuota(as_role(name), rules, "another").ask(Asking(task="mine", endpoint="e"))
        with refused():
            as_role(name).rows("DELETE FROM agent_spending")
    quota.leave("t")
    assert worker.rows("SELECT task FROM agent_turns") == []


@pytest.mark.parametrize("name", ["ada", "worker_1", "dashboard"])
@pytest.mark.parametrize("statement", ["UPDATE dispositions SET reason = 'none'", "DELETE FROM dispositions", "DELETE FROM defects"])
def test_nobody_changes_what_was_said_of_a_defect(as_role: Callable[[str], Database], name: str, statement: str) -> None:
    with refused():
        as_role(name).rows(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE defects SET body = '{}'",
        "INSERT INTO defects (project, id, component, body, run_id, seen_at, noted_at) VALUES ('', 'x', 'c', '{}', 'r', 's', 0)",
        "SELECT value FROM steps",
        "SELECT secret FROM runs",
        "SELECT body FROM contents",
        "UPDATE jobs SET state = 'ended'",
        "UPDATE jobs SET exit_code = 0",
        "UPDATE jobs SET request = '{}'",
        "DELETE FROM jobs",
        f"INSERT INTO jobs ({A_JOB}, state) VALUES ({VALUES}, 'ended')",  # noqa: S608 - the test's own words
        "INSERT INTO outcomes (job, report, changes) VALUES ('x', '{}', '')",
        "UPDATE outcomes SET report = '{}'",
        "UPDATE workers SET draining = 1",
        "DROP TABLE jobs",
    ],
)
def test_whoever_submits_reads_no_step_and_writes_no_result(as_role: Callable[[str], Database], statement: str) -> None:
    with refused():
        as_role("ada").rows(statement)


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO jobs ({A_JOB}) VALUES ({VALUES})",  # noqa: S608 - as above
        "UPDATE jobs SET position = 0",
        "DELETE FROM outcomes",
        "INSERT INTO workers (id, host, slots, labels, version, began_at) VALUES ('w', 'h', 1, '', '1', 0)",
        "SELECT value FROM steps",
        "CREATE TABLE spec2prod.mine (a INTEGER)",
    ],
)
def test_whoever_looks_writes_nothing(as_role: Callable[[str], Database], statement: str) -> None:
    with refused():
        as_role("dashboard").rows(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE jobs",
        "DROP SCHEMA spec2prod CASCADE",
        "TRUNCATE steps",
        "ALTER TABLE jobs DROP COLUMN state",
        "CREATE TABLE spec2prod.mine (a INTEGER)",
        "UPDATE layout SET version = 99",
    ],
)
def test_a_worker_drops_no_table_and_makes_none(as_role: Callable[[str], Database], statement: str) -> None:
    with refused():
        as_role("worker_1").rows(statement)
