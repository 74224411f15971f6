"""The roles of docs/how-to/run-a-fleet.md, as its SQL makes them on a real server: each can do its work, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from markdown_it import MarkdownIt

from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.domain.fleet import JobState
from spec2prod.domain.schedule import Priority
from spec2prod.errors import StoreError
from tests.fleet.jobs import DONE, crew, put

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


@pytest.mark.parametrize(
    "statement",
    [
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
