"""The table of runs: found by the beginning of their IDs, alive by their locks, and forgotten step by step."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.runs import Runs, State, StoredRun
from spec2prod.errors import RunNotFoundError, TakenOverError
from tests.adapters.store.conftest import a_run


def test_a_run_is_found_by_the_beginning_of_its_id(database: Database) -> None:
    runs = Runs(database)
    first = runs.begin(a_run(id="1f0c9a2b-1"))
    runs.begin(a_run(id="1f0d0000-2", lock_name="other"))
    assert runs.find("1f0c") == first
    with pytest.raises(RunNotFoundError, match="several runs begin with '1f0': 1f0"):
        runs.find("1f0")
    with pytest.raises(RunNotFoundError, match="near are 1f0c9a2b"):
        runs.find("1f0c9a2c")
    for nothing in ("", "%", "_"):
        with pytest.raises(RunNotFoundError):
            runs.find(nothing)


def test_how_a_run_ended_is_kept(database: Database, begun: StoredRun) -> None:
    runs = Runs(database)
    runs.end(begun, State.FINISHED, 1, "Not promoted.")
    told = runs.find(begun.id)
    assert (told.state, told.exit_code, told.conclusion) == (State.FINISHED, 1, "Not promoted.")
    assert not runs.is_alive(told)


def test_a_list_tells_how_runs_stand_and_nothing_that_is_theirs_alone(database: Database, begun: StoredRun) -> None:
    assert begun.secret
    assert begun.request
    assert Runs(database).all() == [replace(begun, secret="", request={}, inputs={})]


def test_a_run_lives_as_long_as_its_lock_is_held(database: Database, begun: StoredRun, database_place: str) -> None:
    runs, other = Runs(database), open_database(database_place)
    assert not runs.is_alive(begun), "it says that it runs, and nobody holds its lock: it has died"
    hold = other.hold(begun.lock_name)
    assert hold is not None
    assert runs.is_alive(begun)
    hold.release()
    assert not runs.is_alive(begun)
    other.close()


def test_a_clock_that_was_set_back_hides_no_run(database: Database, begun: StoredRun) -> None:
    """Which run is gone on with follows from the order in which they were begun, whatever the clock said then."""
    runs = Runs(database)
    runs.end(begun, State.FINISHED, 0, "Promoted.")
    later = runs.begin(a_run(began_at=begun.began_at - 3600.0))
    last = runs.begin(a_run(began_at=begun.began_at - 7200.0))
    assert runs.newest(begun.lock_name) == last
    assert [run.id for run in runs.all()] == [last.id, later.id, begun.id]


def test_a_lock_is_let_go_when_its_process_is_killed(database: Database, begun: StoredRun, database_place: str) -> None:
    code = (
        "import sys, time\nfrom spec2prod.adapters.store.database import open_database\n"
        "hold = open_database(sys.argv[1]).hold(sys.argv[2])\nprint(hold is not None, flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, database_place, begun.lock_name], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "True"
        assert Runs(database).is_alive(begun)
        process.kill()
        process.wait()
    for _ in range(100):  # a server notices within milliseconds
        if not Runs(database).is_alive(begun):
            break
    hold = database.hold(begun.lock_name)
    assert hold is not None


def test_who_begins_or_takes_up_buries_what_died_under_the_same_lock(database: Database, begun: StoredRun) -> None:
    runs = Runs(database)
    asked = runs.begin(a_run(lock_name="another"))
    runs.ask_to_end(asked)
    second = runs.begin(a_run(lock_name=begun.lock_name))
    assert runs.find(begun.id).state is State.INTERRUPTED
    assert runs.find(asked.id).state is State.CANCELLING, "it has another lock"
    assert runs.take_up(runs.find(begun.id)).attempt == 2
    assert runs.find(second.id).state is State.INTERRUPTED


def test_of_two_who_take_up_one_run_the_second_is_refused(database: Database, begun: StoredRun) -> None:
    seen_by_both = Runs(database).find(begun.id)
    assert Runs(database).take_up(seen_by_both).attempt == 2
    with pytest.raises(TakenOverError):
        Runs(database).take_up(seen_by_both)


def test_an_attempt_that_was_taken_over_does_not_say_how_the_run_ended(database: Database, begun: StoredRun) -> None:
    runs = Runs(database)
    runs.take_up(runs.find(begun.id))
    runs.end(begun, State.FINISHED, 0, "Promoted.")
    assert runs.find(begun.id).state is State.RUNNING


def test_retrying_forgets_the_steps_of_the_named_stages_alone(database: Database, begun: StoredRun) -> None:
    names = ("testing:tests:1", "refactoring:linting:1", "test_acceptance:fix t:1")
    database.many(
        "INSERT INTO steps (run_id, name, question, value, attempt, began_at, ended_at) VALUES (?, ?, 'q', '1', 1, 0, 0)",
        [(each, name) for each in (begun.id, "another") for name in names],
    )
    runs = Runs(database)
    assert runs.forget(begun, ["refactoring", "test_acceptance"]) == 2
    assert runs.steps(begun) == 1
    assert database.rows("SELECT count(*) FROM steps") == [(4,)]
