"""The record of suspected defects, on both databases: what was noted stays until somebody disposes of it, and what they said stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.defects import DefectStore, PassingDefects, UnreadableDefects, stamp_of
from spec2prod.domain.defect import Defect, Disposition, DispositionKind, Promised, suspect
from spec2prod.errors import StoreError, UsageError

BEFORE, SAID, AFTER = (f"2026-01-0{day}T00:00:00.000+00:00" for day in (1, 2, 3))


def a_defect(
    test: str = "test_subtract", *, component: str = "calc", message: str = "assert 8 == 2", seen_at: str = BEFORE, run_id: str = ""
) -> Defect:
    return suspect(
        component=component,
        module="src/calc/core.py",
        test_file="tests/test_core.py",
        test=test,
        source=f"def {test}():\n    assert subtract(5, 3) == 2\n",
        requirements=(("REQ-3", "1f0c.9a2b.3d4e"),),
        sentence="REQ-3 says 2, the code returns 8",
        message=message,
        run_id=run_id or f"run at {seen_at}",
        seen_at=seen_at,
    )


def said(kind: DispositionKind, reason: str = "so it is") -> Disposition:
    return Disposition(kind=kind, reason=reason, by="Ada", at=SAID)


def test_what_one_process_notes_another_knows(database: Database, database_place: str) -> None:
    noted = DefectStore(database).note(a_defect())
    other = open_database(database_place)
    try:
        assert DefectStore(other).open_of("calc") == (noted,) == (a_defect(),)
        assert DefectStore(other).open_of("other") == ()
        assert DefectStore(other).disposed_of(noted.id) is None
    finally:
        other.close()


def test_noting_again_adds_nothing_and_tells_who_saw_it_last(database: Database) -> None:
    store = DefectStore(database)
    store.note(a_defect())
    store.note(a_defect(seen_at=AFTER, message="assert 9 == 2"))
    (known,) = store.open_of("calc")
    assert (known.seen_at, known.run_id, known.message) == (AFTER, f"run at {AFTER}", "assert 9 == 2")


def test_it_is_known_how_often_it_was_seen_and_by_which_runs(database: Database) -> None:
    store = DefectStore(database)
    for number in range(25):
        store.note(a_defect(run_id=f"r{number}"))
    store.note(a_defect(run_id="r24"))
    (known,) = store.open_of("calc")
    assert (known.times, len(known.seen), known.seen[0][0], known.seen[-1]) == (25, 20, "r5", ("r24", BEFORE))


def test_the_requirements_sentence_is_kept_with_its_place(database: Database) -> None:
    promise = Promised(id="REQ-3", text="Subtracts \x00 <b>", path="s.md", line=7)
    DefectStore(database).note(replace(a_defect(), promises=(promise,)))
    (known,) = DefectStore(database).open_of("calc")
    assert known.promises == (promise,)


def test_of_several_all_are_disposed_of_or_none(database: Database) -> None:
    store = DefectStore(database)
    one, other = store.note(a_defect()), store.note(a_defect("test_other"))
    with pytest.raises(UsageError, match="no defect has the ID 'ffff'"):
        store.find_all([one.id, "ffff"])
    assert store.find_all([other.id, one.id[:8], other.id]) == (other, one)
    told = store.dispose_all([one, other], said(DispositionKind.WRONG_TEST))
    assert [each.disposition for each in told] == [said(DispositionKind.WRONG_TEST)] * 2
    assert store.open_of("calc") == ()


def test_open_ones_are_told_in_the_order_in_which_they_were_noted(database: Database) -> None:
    store = DefectStore(database)
    for name in ("test_c", "test_a", "test_b"):
        store.note(a_defect(name))
    assert [each.test for each in store.open_of("calc")] == ["test_c", "test_a", "test_b"]


@pytest.mark.parametrize("kind", [DispositionKind.WRONG_TEST, DispositionKind.WRONG_REQUIREMENT])
def test_a_wrong_test_or_requirement_stays_disposed_of_when_it_is_proposed_again(database: Database, kind: DispositionKind) -> None:
    store = DefectStore(database)
    disposed = store.dispose(store.note(a_defect()), said(kind))
    assert store.open_of("calc") == ()
    assert store.note(a_defect(seen_at=AFTER)).disposition == disposed.disposition == said(kind)
    assert store.open_of("calc") == ()
    assert store.disposed_of(disposed.id) == said(kind)


def test_what_was_fixed_and_fails_again_is_open_again_and_what_was_said_is_kept(database: Database) -> None:
    store = DefectStore(database)
    store.dispose(store.note(a_defect()), said(DispositionKind.FIXED))
    assert store.note(a_defect(seen_at=AFTER)).is_open
    (known,) = store.open_of("calc")
    assert store.disposed_of(known.id) is None
    assert store.said_of(known) == (said(DispositionKind.FIXED),)
    store.dispose(known, said(DispositionKind.WRONG_TEST, "it was never promised"))
    assert [each.kind for each in store.said_of(known)] == [DispositionKind.FIXED, DispositionKind.WRONG_TEST]
    assert store.disposed_of(known.id) == said(DispositionKind.WRONG_TEST, "it was never promised")


def test_a_run_that_saw_it_before_it_was_fixed_does_not_open_it_again(database: Database) -> None:
    store = DefectStore(database)
    store.dispose(store.note(a_defect()), said(DispositionKind.FIXED))
    assert not store.note(a_defect(seen_at=BEFORE)).is_open


def test_projects_on_one_server_know_nothing_of_one_another(database: Database) -> None:
    one, other = DefectStore(database, "one"), DefectStore(database, "other")
    one.note(a_defect())
    one.dispose(one.note(a_defect("test_b")), said(DispositionKind.WRONG_TEST))
    other.note(a_defect("test_b"))
    assert [each.test for each in one.open_of("calc")] == ["test_subtract"]
    assert [each.test for each in other.open_of("calc")] == ["test_b"]
    assert other.disposed_of(a_defect("test_b").id) is None


def test_one_is_found_by_the_beginning_of_its_id(database: Database) -> None:
    store = DefectStore(database)
    known = [store.note(a_defect(f"test_{number}")) for number in range(20)]  # more than there are first signs
    assert store.find(known[0].id) == known[0]
    with pytest.raises(UsageError, match="no defect has the ID 'x'"):
        store.find("x")
    with pytest.raises(UsageError, match="no defect has the ID ''"):
        store.find("")
    shared = next(sign for sign in "0123456789abcdef" if sum(each.id.startswith(sign) for each in known) > 1)
    with pytest.raises(UsageError, match=f"defects have an ID that begins with {shared}"):
        store.find(shared)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_whatever_a_test_prints_comes_back_as_it_was(database: Database, message: str, source: str) -> None:
    store = DefectStore(database)
    noted = store.note(replace(a_defect(), message=message, source=source, sentence=message))
    (known,) = store.open_of("calc")
    assert known == noted
    assert (known.message, known.source) == (message, source)


def test_every_change_shows_beside_the_file_and_none_where_several_machines_share(database: Database, tmp_path: Path) -> None:
    store, stamp = DefectStore(database), stamp_of(database.name)
    if database.shared:
        store.note(a_defect())
        assert not list(tmp_path.rglob("*.defects"))
        return
    assert not stamp.exists()
    seen = []
    noted = store.note(a_defect())
    seen.append(stamp.stat().st_mtime_ns)
    store.dispose(noted, said(DispositionKind.FIXED))
    seen.append(stamp.stat().st_mtime_ns)
    store.note(a_defect(seen_at=AFTER))
    seen.append(stamp.stat().st_mtime_ns)
    assert seen == sorted(seen)
    before = stamp.stat().st_mtime_ns
    assert store.open_of("calc")
    assert stamp.stat().st_mtime_ns == before  # looking changes nothing


def test_a_record_that_nobody_can_say_has_changed_is_not_changed(sqlite: Database) -> None:
    stamp_of(sqlite.name).symlink_to(Path(sqlite.name).parent / "nowhere" / "at all")
    with pytest.raises(StoreError, match="it cannot be written"):
        DefectStore(sqlite).note(a_defect())
    assert DefectStore(sqlite).open_of("calc") == ()


def test_what_could_not_be_written_is_open_for_as_long_as_the_run_lasts(sqlite: Database) -> None:
    store = DefectStore(sqlite)
    wrong = store.dispose(store.note(a_defect("test_wrong")), said(DispositionKind.WRONG_TEST))
    fixed = store.dispose(store.note(a_defect("test_fixed")), said(DispositionKind.FIXED))
    sqlite.rows("PRAGMA query_only=ON")
    for each in (a_defect("test_new"), replace(fixed, seen_at=AFTER, disposition=None), replace(wrong, seen_at=AFTER, disposition=None)):
        with pytest.raises(StoreError, match="readonly"):
            store.note(each)
    assert {each.test for each in store.open_of("calc")} == {"test_new", "test_fixed"}
    assert store.open_of("other") == ()
    sqlite.rows("PRAGMA query_only=OFF")
    store.note(a_defect("test_new"))
    assert {each.test for each in DefectStore(sqlite).open_of("calc")} == {"test_new"}


def test_a_database_of_the_layout_before_gets_the_tables_and_loses_nothing(sqlite: Database, tmp_path: Path) -> None:
    sqlite.rows("INSERT INTO durations (name, at, ms) VALUES ('tests', 1.0, 2.0)")
    for statement in ("DROP TABLE defects", "DROP TABLE dispositions", "PRAGMA user_version=1"):
        sqlite.rows(statement)
    sqlite.close()
    again = open_database(tmp_path / "own.sqlite")
    try:
        assert DefectStore(again).note(a_defect()).is_open
        assert again.rows("SELECT name, ms FROM durations") == [("tests", 2.0)]
    finally:
        again.close()


def test_without_a_database_a_defect_lasts_as_long_as_the_run() -> None:
    record = PassingDefects()
    record.note(a_defect())
    record.note(a_defect())
    assert record.open_of("calc") == (a_defect(),)
    assert record.open_of("other") == ()
    assert record.disposed_of(a_defect().id) is None
    assert not record.is_kept


def test_a_database_that_cannot_be_used_answers_nothing() -> None:
    record = UnreadableDefects(StoreError("no room"))
    for ask in (lambda: record.open_of("calc"), lambda: record.note(a_defect()), lambda: record.disposed_of("x")):
        with pytest.raises(StoreError, match="no room"):
            ask()
