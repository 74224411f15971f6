"""What earlier runs have taught, in a real database, on both kinds."""

from __future__ import annotations

import pytest

from spec2prod.adapters.store.database import Database
from spec2prod.adapters.store.history import StoredHistory
from spec2prod.domain.durations import KEPT
from spec2prod.errors import StoreError


def test_a_run_expects_what_the_ones_before_have_learnt(database: Database) -> None:
    first = StoredHistory(database, "calculator")
    assert first.expected_ms("pytest") is None
    first.learn("pytest", 700.0)
    first.learn("ruff", 30.0)
    assert first.expected_ms("pytest") is None  # what a run expects does not change under it
    first.keep()
    second = StoredHistory(database, "calculator")
    assert (second.expected_ms("pytest"), second.expected_ms("ruff")) == (700.0, 30.0)
    assert StoredHistory(database, "another").expected_ms("pytest") is None


def test_nothing_is_written_before_the_run_keeps_it_and_nothing_twice(database: Database) -> None:
    history = StoredHistory(database, "calculator")
    history.learn("pytest", 1.0)
    assert database.rows("SELECT COUNT(*) FROM durations") == [(0,)]
    history.keep()
    history.keep()
    assert database.rows("SELECT COUNT(*) FROM durations") == [(1,)]


def test_only_the_newest_are_kept_and_count(database: Database) -> None:
    for number in range(KEPT + 5):
        history = StoredHistory(database, "calculator")
        history.learn("pytest", float(number))
        history.learn("other", 1.0)
        history.keep()
    rows = database.rows("SELECT ms FROM durations WHERE name = ? ORDER BY at", "calculator:pytest")
    assert [ms for (ms,) in rows] == [float(number) for number in range(5, KEPT + 5)]


def test_many_of_one_name_in_one_run_all_count(database: Database) -> None:
    history = StoredHistory(database, "calculator")
    for ms in (1.0, 2.0, 3.0):
        history.learn("agent", ms)
    history.keep()
    assert StoredHistory(database, "calculator").expected_ms("agent") == 2.0


def test_how_often_a_gate_says_no_is_learnt_apart_from_how_long_it_takes(database: Database) -> None:
    history = StoredHistory(database, "calculator")
    for red in (True, True, False):
        history.learn_verdict("linting", red=red)
    history.keep()
    later = StoredHistory(database, "calculator")
    assert later.failure_rate("linting") == pytest.approx(3 / 5)
    assert later.failure_rate("security") == 0.5
    assert later.expected_ms("linting") is None


def test_the_largest_peak_of_memory_is_expected_apart_from_how_long_it_takes(database: Database) -> None:
    history = StoredHistory(database, "calculator")
    for mb in (90.0, 400.0, 110.0):
        history.learn_memory("pytest", mb)
    history.learn("pytest", 1.0)
    assert history.expected_mb("pytest") is None
    history.keep()
    later = StoredHistory(database, "calculator")
    assert (later.expected_mb("pytest"), later.expected_ms("pytest"), later.expected_mb("ruff")) == (400.0, 1.0, None)
    for _ in range(KEPT):
        later.learn_memory("pytest", 100.0)
    later.keep()
    assert StoredHistory(database, "calculator").expected_mb("pytest") == 100.0  # one large answer does not count for ever


class Broken:
    """A database that answers nothing."""

    def rows(self, *_: object) -> list[tuple[float, ...]]:
        raise StoreError("the disk is full")

    def now(self) -> float:
        raise StoreError("the disk is full")


def test_a_database_that_does_not_answer_stops_nothing_and_is_told_of() -> None:
    history = StoredHistory(Broken(), "calculator")  # type: ignore[arg-type] # a part of one is enough to break
    assert history.expected_ms("pytest") is None
    assert history.expected_mb("pytest") is None
    history.learn("pytest", 1.0)
    history.keep()
    assert "the disk is full" in history.trouble
