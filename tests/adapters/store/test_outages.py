"""PostgreSQL restarted in mid-run, and the network to it cut: what is asked meanwhile is done once, or is told not to be done."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from benchmarks.chaos.outages import Server, server_in
from spec2prod.adapters.store import session
from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database, NothingDoneError, open_database
from spec2prod.adapters.store.defects import DefectStore
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.postgres import PostgresDatabase
from spec2prod.adapters.store.quotas import SharedQuota
from spec2prod.adapters.store.runs import Runs, State, StoredRun
from spec2prod.domain.defect import DispositionKind
from spec2prod.domain.quota import QuotaRules
from spec2prod.errors import StoreError, StoreUnreachableError, TakenOverError
from tests.adapters.store.conftest import a_run
from tests.adapters.store.test_defects import a_defect
from tests.adapters.store.test_defects import said as said_of_it
from tests.fleet.jobs import DONE, crew, put

pytestmark = pytest.mark.slow  # a server that is stopped and started, and limits that have to run out

_AWAY_S = 0.6

type Later = Callable[[Callable[[], None]], None]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of our own: it is stopped, and no other test may notice."""
    with tempfile.TemporaryDirectory(prefix="s2p-pg-") as folder, server_in(Path(folder)) as started:
        yield started


@pytest.fixture
def places(server: Server) -> tuple[str, str]:
    """A new database: by the wire, and directly."""
    return server.fresh()


@pytest.fixture
def database(places: tuple[str, str]) -> Iterator[PostgresDatabase]:
    opened = PostgresDatabase(places[0])
    yield opened
    opened.close()


@pytest.fixture
def later() -> Iterator[Later]:
    """Do something a moment later, and before the next test begins."""
    timers: list[threading.Timer] = []

    def begin(what: Callable[[], None]) -> None:
        timers.append(threading.Timer(_AWAY_S, what))
        timers[-1].start()

    yield begin
    for timer in timers:
        timer.join()


@pytest.fixture(params=[pytest.param("restart", marks=pytest.mark.slow), "reset", "silence"])
def away(request: pytest.FixtureRequest, server: Server, later: Later) -> Callable[[], None]:
    """Return what takes the server away, and brings it back a moment later."""
    leave: dict[str, Callable[[], None]] = {
        "restart": server.stop,
        "reset": lambda: server.wire.cut(silent=False),
        "silence": lambda: server.wire.cut(silent=True),
    }
    back = server.start if request.param == "restart" else server.wire.mend

    def vanish() -> None:
        leave[request.param]()
        later(back)

    return vanish


@contextmanager
def cut(server: Server, *, silent: bool) -> Iterator[None]:
    server.wire.cut(silent=silent)
    try:
        yield
    finally:
        server.wire.mend()


async def said(text: str) -> str:
    return text


def journal_of(database: Database, run: StoredRun) -> DurableJournal:
    return DurableJournal(database, run, pytest.fail)


def test_a_run_rides_through_an_outage_and_each_of_its_steps_is_kept_once(database: PostgresDatabase, away: Callable[[], None]) -> None:
    run = Runs(database).begin(a_run())
    journal = journal_of(database, run)
    assert asyncio.run(journal.step("x:1", said, "before")) == "before"
    away()
    assert asyncio.run(journal.step("x:2", said, "meanwhile")) == "meanwhile"
    asyncio.run(journal.intend("a.py", None, "text"))
    assert Runs(database).steps(run) == 2
    assert [write.path for write in Runs(database).writes(run)] == ["a.py"]


def test_what_a_worker_does_meanwhile_is_done_once(database: PostgresDatabase, away: Callable[[], None]) -> None:
    put(database, ["api", "page"], {"page": ["api"]})
    claims = Claims(database)
    claims.enlist(crew(), "1")
    (job,) = claims.claim(crew(), 2)
    away()
    assert claims.finish(job, DONE, 1.0)
    (after,) = claims.claim(crew(), 2)
    assert (after.component, after.attempts) == ("page", 1), "what it needs came nearer once"
    assert claims.pulse(crew())[0] == {(after.id, 1)}
    assert database.is_held("worker one")


class Deaf:
    """Lets a statement through, and cuts the wire before its answer comes back."""

    def __init__(self, database: PostgresDatabase, server: Server, statement: str, *, arrives: bool) -> None:
        self.database, self.server, self.statement, self.arrives = database, server, statement, arrives
        self.run, self.heard = database._run, 0  # only there one can stand between a question and its answer

    def __call__(self, sql: str, values: tuple[object, ...]) -> object:
        if not sql.startswith(self.statement) or self.heard:
            return self.run(sql, values)  # type: ignore[arg-type]  # handed on as it came
        self.heard += 1
        if self.arrives:
            self.run(sql, values)  # type: ignore[arg-type]
        self.server.wire.cut(silent=False)
        self.server.wire.mend()
        return self.run("SELECT 1", ())


@pytest.mark.parametrize("arrives", [True, False], ids=["the answer is lost", "the question is lost"])
@pytest.mark.parametrize("statement", ["INSERT INTO steps", "COMMIT"])
def test_a_statement_whose_answer_was_lost_is_done_once(
    database: PostgresDatabase, server: Server, monkeypatch: pytest.MonkeyPatch, statement: str, *, arrives: bool
) -> None:
    """Without asking the server what became of it, a step that was kept would be told as taken over."""
    run = Runs(database).begin(a_run())
    deaf = Deaf(database, server, statement, arrives=arrives)
    monkeypatch.setattr(database, "_run", deaf)
    journal = journal_of(database, run)
    assert asyncio.run(journal.step("x:1", said, "once")) == "once"
    assert deaf.heard == 1
    assert Runs(database).steps(run) == 1


@pytest.mark.parametrize("arrives", [True, False], ids=["the answer is lost", "the question is lost"])
@pytest.mark.parametrize("statement", ["INSERT INTO defects", "INSERT INTO dispositions", "INSERT INTO agent_spending", "COMMIT"])
def test_what_is_noted_in_one_transaction_is_noted_once(
    database: PostgresDatabase, server: Server, monkeypatch: pytest.MonkeyPatch, statement: str, *, arrives: bool
) -> None:
    deaf = Deaf(database, server, statement, arrives=arrives)
    monkeypatch.setattr(database, "_run", deaf)
    store, quota = DefectStore(database), SharedQuota(database, QuotaRules(), "run")
    noted = store.note(a_defect())
    store.dispose(noted, said_of_it(DispositionKind.WRONG_TEST))
    quota.spent("task", 1.5)
    assert deaf.heard == 1
    assert [each.id for each in store.known()] == [noted.id]
    assert store.said_of(noted) == (said_of_it(DispositionKind.WRONG_TEST),)
    assert database.rows("SELECT usd, total_usd FROM agent_spending") == [(1.5, 1.5)]


def test_a_transaction_that_was_begun_is_done_again_as_a_whole_or_not_at_all(database: PostgresDatabase, server: Server) -> None:
    database.rows("CREATE TABLE numbers (n INTEGER)")

    def begun() -> None:
        with database.transaction() as inside:
            inside.rows("INSERT INTO numbers VALUES (1)")
            with cut(server, silent=False):
                pass
            inside.rows("INSERT INTO numbers VALUES (2)")

    with pytest.raises(NothingDoneError):
        begun()
    assert database.rows("SELECT n FROM numbers") == []
    with database.transaction() as inside:
        inside.rows("INSERT INTO numbers VALUES (3)")
    assert database.rows("SELECT n FROM numbers") == [(3,)]


def test_an_error_of_the_callers_own_stays_what_it_is(database: PostgresDatabase, server: Server) -> None:
    with pytest.raises(KeyError), database.transaction(), cut(server, silent=False):
        raise KeyError
    assert database.rows("SELECT 1") == [(1,)]


def test_a_server_that_says_nothing_is_lost_after_a_while(
    database: PostgresDatabase, server: Server, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.Session, "silence_s", 0.2)
    with cut(server, silent=True):
        later(server.wire.mend)
        assert database.rows("SELECT 2") == [(2,)]


def test_a_server_that_stays_away_ends_the_run_with_its_name_and_how_to_go_on(places: tuple[str, str], server: Server) -> None:
    database = PostgresDatabase(places[0], patience_s=0.3)
    run = Runs(database).begin(a_run())
    journal = journal_of(database, run)
    asyncio.run(journal.step("x:1", said, "done"))
    with (
        cut(server, silent=False),
        pytest.raises(StoreUnreachableError, match=r"postgresql://127\.0\.0\.1:\d+/t\w+ cannot be used") as lost,
    ):
        asyncio.run(journal.step("x:2", said, "lost"))
    assert lost.value.exit_code == 4
    assert f"spec2prod resume {run.id[:8]}" in lost.value.next_step
    again = journal_of(database, Runs(database).take_up(Runs(database).find(run.id)))
    assert asyncio.run(again.step("x:1", said, "done")) == "done"
    assert len(again.replayed) == 1
    database.close()


def test_patience_is_not_taken_twice_for_one_outage(places: tuple[str, str], server: Server) -> None:
    database = PostgresDatabase(places[0], patience_s=0.5)
    with cut(server, silent=False):
        for _ in range(2):
            with pytest.raises(StoreUnreachableError):
                database.rows("SELECT 1")
        begun = time.thread_time()
        with pytest.raises(StoreUnreachableError):
            database.rows("SELECT 1")
        assert time.thread_time() - begun < 0.5, "one try, and no more"
    assert database.rows("SELECT 1") == [(1,)], "and a server that is back is used"
    database.close()


def test_a_server_that_never_answered_is_told_at_once_and_one_that_did_is_waited_for(
    places: tuple[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("spec2prod.adapters.store.session.time.sleep", waited.append)
    with cut(server, silent=False):
        with pytest.raises(StoreError, match="cannot be used"):
            open_database(places[0])
        assert waited == []
    open_database(places[0]).close()
    with cut(server, silent=False), pytest.raises(StoreError):
        PostgresDatabase(places[0], patience_s=0.01)
    assert waited


@pytest.mark.slow
def test_locks_that_a_restart_freed_are_taken_again_and_nobody_living_is_taken_for_dead(places: tuple[str, str], server: Server) -> None:
    one, other = open_database(places[0]), open_database(places[0])
    mine, others = Claims(one), Claims(other)
    mine.enlist(crew("one"), "1")
    others.enlist(crew("other"), "1")
    server.stop()
    server.start()
    assert mine.silent("one") == {"other"}, "its lock is free"
    mine.pulse(crew("one"))
    assert mine.silent("one") == frozenset(), "who has lost its own lock as well gives the others time"
    others.pulse(crew("other"))
    assert others.silent("other") == frozenset()
    assert one.is_held("worker one")
    assert one.is_held("worker other")
    one.close()
    other.close()


def test_who_lost_its_lock_with_its_session_writes_nothing_over_its_successor(places: tuple[str, str], server: Server) -> None:
    """The lock is free as soon as the server sees the session end; the fence is the row, which the successor has changed."""
    cut_off, successor = open_database(places[0]), open_database(places[1])
    first = Runs(cut_off).begin(a_run())
    second = Runs(cut_off).begin(a_run(lock_name="another"))
    assert cut_off.hold(first.lock_name)
    journal, begun_anew = journal_of(cut_off, first), journal_of(cut_off, second)
    with cut(server, silent=False):
        _until(lambda: not successor.is_held(first.lock_name))
        assert successor.hold(first.lock_name)
        Runs(successor).take_up(Runs(successor).find(first.id))
        Runs(successor).begin(a_run(lock_name="another"))
    for mine in (journal, begun_anew):
        with pytest.raises(TakenOverError):
            asyncio.run(mine.step("x:1", said, "late"))
        with pytest.raises(TakenOverError):
            asyncio.run(mine.intend("a.py", None, "late"))
    Runs(cut_off).end(first, State.FINISHED, 0, "late")
    assert Runs(successor).standing(first) == (State.RUNNING, 2)
    assert Runs(successor).standing(second) == (State.INTERRUPTED, 1)
    assert Runs(successor).steps(first) == Runs(successor).steps(second) == 0
    cut_off.close()
    successor.close()


def test_a_transaction_of_who_is_cut_off_is_ended_by_who_comes_back(
    database: PostgresDatabase, server: Server, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are locked until the server notices: whoever comes back ends it, and need not wait."""
    run = Runs(database).begin(a_run())
    monkeypatch.setattr(session.Session, "silence_s", 0.3)

    def begun() -> None:
        with database.transaction() as inside:
            inside.rows("UPDATE runs SET conclusion = 'half' WHERE id = ?", run.id)
            with cut(server, silent=True):
                later(server.wire.mend)
                inside.rows("SELECT 1")

    with pytest.raises(NothingDoneError):
        begun()
    Runs(database).end(run, State.FINISHED, 0, "whole")
    assert Runs(database).find(run.id).conclusion == "whole"


def test_what_the_url_says_goes_before_what_is_usual(places: tuple[str, str]) -> None:
    made = session.connect(f"{places[0]}?connect_timeout=3&options=-c%20statement_timeout%3D7s")
    with made:
        assert made.info.get_parameters()["connect_timeout"] == "3"
        told = made.execute("SELECT current_setting('statement_timeout'), current_setting('search_path')").fetchall()
    assert told == [("7s", "spec2prod")]


def test_a_wire_that_is_cut_lets_nothing_through(places: tuple[str, str], server: Server) -> None:
    """The tool of these tests does what it says: else they would pass for nothing."""
    with cut(server, silent=False), pytest.raises(psycopg.OperationalError):
        psycopg.connect(places[0])
    with cut(server, silent=True), pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(places[0], connect_timeout=2)
    with psycopg.connect(places[0]) as by_wire:
        assert by_wire.execute("SELECT current_database()").fetchall() == [(places[0].rpartition("/")[2],)]


def _until(holds: Callable[[], bool]) -> None:
    """Wait for a condition: a bound on patience, not a measurement."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
