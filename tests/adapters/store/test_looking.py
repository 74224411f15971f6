"""A database that is only looked at: nothing is made, nothing is changed, and what cannot be written is read."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.layout import LAYOUT
from spec2prod.adapters.store.looked_at import look_at
from spec2prod.adapters.store.queue import Queue
from spec2prod.adapters.store.runs import Runs, State
from spec2prod.adapters.store.session import name_of
from spec2prod.errors import StoreError, UsageError
from tests.adapters.store.conftest import a_run

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users could reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="s2p-looking-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write there; root may everywhere, and is somebody else meanwhile."""
    inside = [*folder.rglob("*"), folder]
    is_root = os.geteuid() == 0
    for each in inside:
        each.chmod(0o555 if each.is_dir() else 0o444)
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for each in inside:
            each.chmod(0o755 if each.is_dir() else 0o644)


def held(file: Path) -> Path:
    """Make a database with one run, whose lock somebody had; all of it is in the file."""
    with closing(open_database(file)) as database:
        hold = database.hold("run /project calc")
        assert hold is not None
        Runs(database).begin(a_run(id="1f0c9a2b"))
    return file


def test_where_no_file_is_looking_finds_nothing_and_makes_nothing(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / ".spec2prod" / "spec2prod.sqlite", looking=True)) as database:
        assert (Runs(database).all(), Queue(database).jobs(), Queue(database).workers()) == ([], (), ())
        assert not database.is_held("run /project calc")
    assert list(tmp_path.iterdir()) == []


def test_who_makes_the_state_folder_says_that_it_is_nobodys_to_keep(tmp_path: Path) -> None:
    open_database(tmp_path / ".spec2prod" / "spec2prod.sqlite").close()
    assert (tmp_path / ".spec2prod" / ".gitignore").read_text() == "*\n"
    assert (tmp_path / ".spec2prod" / "CACHEDIR.TAG").read_text().startswith("Signature: ")
    open_database(tmp_path / "data" / "own.sqlite").close()
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["own.sqlite"], "a folder of the user's own is left as it is"


def test_a_read_only_file_is_looked_into_and_writing_says_what_to_do(folder: Path) -> None:
    file = held(folder / ".spec2prod" / "spec2prod.sqlite")
    with read_only(folder):
        with closing(open_database(file, looking=True)) as database:
            runs = Runs(database)
            (run,) = runs.all()
            assert (run.id, runs.is_alive(run)) == ("1f0c9a2b", False)
            with pytest.raises(StoreError) as refusal:
                runs.end(run, State.CANCELLED, None, "")
        assert refusal.value.next_step.startswith(f"make {file.parent} a folder that you can write, or name another place")
        with pytest.raises(StoreError):
            open_database(file)
        assert (look_at(str(file)).usable, look_at(str(file)).told) == (False, f"{file} cannot be written")


def test_a_database_that_cannot_be_made_says_what_to_do_and_nothing_of_moving_it(folder: Path) -> None:
    file = folder / ".spec2prod" / "spec2prod.sqlite"
    with read_only(folder):
        with pytest.raises(StoreError) as refusal:
            open_database(file)
        assert refusal.value.next_step == next_step_of(file)
        found = look_at(str(file))
    assert (found.usable, found.told, found.next_step) == (False, f"{file} cannot be made", next_step_of(file))


def next_step_of(file: Path) -> str:
    return f"make {file.parent} a folder that you can write, or name another place: SPEC2PROD_DATABASE_URL=sqlite:///PATH"


def test_what_a_database_is_is_told_without_making_or_changing_it(tmp_path: Path) -> None:
    file = tmp_path / ".spec2prod" / "spec2prod.sqlite"
    assert look_at(str(file)).told == f"{file}, which the first run makes"
    assert list(tmp_path.iterdir()) == []
    with closing(open_database(file)) as database:
        assert look_at(f"sqlite:///{file}").told == f"{file}, layout {LAYOUT}"
        Runs(database).begin(a_run(version="0.0.1"))
        assert look_at(str(file)).told.endswith("; its newest run was begun by spec2prod 0.0.1")
    for layout, usable, told in ((1, True, f"layout 1, which the next run brings to {LAYOUT}"), (99, False, "has layout 99")):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"PRAGMA user_version={layout:d}")
        assert (look_at(str(file)).usable, told in look_at(str(file)).told) == (usable, True)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


def test_what_is_no_database_is_told_with_what_moving_it_away_costs(tmp_path: Path) -> None:
    file = tmp_path / "spec2prod.sqlite"
    file.write_text("garbage\n")
    found = look_at(str(file))
    assert (found.usable, found.told) == (False, f"{file} cannot be used (file is not a database)")
    assert found.next_step == "move it away: a new one is made, without the runs, answers and suspected defects that it holds"
    assert file.read_text() == "garbage\n"


def test_a_server_is_told_with_host_and_port_and_nothing_is_made_there(fresh_postgres: Callable[[], str]) -> None:
    url = fresh_postgres()
    assert look_at(url).told == f"{name_of(url)}, without tables yet: the first run makes them"
    with psycopg.connect(url) as session:
        assert session.execute("SELECT to_regnamespace('spec2prod')").fetchone() == (None,)
    open_database(url).close()
    assert look_at(url).told == f"{name_of(url)}, layout {LAYOUT}; postgres may look, submit, work"
    with psycopg.connect(url) as session:
        session.execute("UPDATE spec2prod.layout SET version = 99")
    assert (look_at(url).usable, "has layout 99" in look_at(url).told) == (False, True)


def test_a_server_that_does_not_answer_is_told_with_its_port_and_without_the_password() -> None:
    found = look_at("postgresql://ada:hunter@127.0.0.1:1/x")
    assert not found.usable
    assert found.told.startswith("postgresql://127.0.0.1:1/x cannot be used (")
    assert "\n" not in found.told
    assert "hunter" not in found.told + found.next_step


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://ada:hunter@db.example.org:5433/spec2prod", "postgresql://db.example.org:5433/spec2prod"),
        ("postgres://db.example.org/spec2prod?sslmode=require", "postgresql://db.example.org/spec2prod"),
        ("postgresql://[::1]:5433/x", "postgresql://[::1]:5433/x"),
        ("postgresql://a:1,b:2/x", "postgresql://a:1,b:2/x"),
        ("postgresql:///x?host=/run/db&port=5433", "postgresql:///run/db:5433/x"),
        ("postgresql:///x", "postgresql://localhost/x"),
    ],
)
def test_a_server_is_named_by_host_and_port(url: str, name: str) -> None:
    assert name_of(url) == name


@pytest.mark.parametrize("url", ["postgresql://ada:hunter@[::1/x", "postgresql://ada:hunter%zz@db/x", "mysql://ada:hunter@db/x"])
def test_what_is_no_url_is_a_usage_error_that_keeps_the_password(url: str) -> None:
    with pytest.raises(UsageError) as refusal:
        open_database(url)
    assert "hunter" not in f"{refusal.value}{refusal.value.next_step}"
    if url.startswith("postgres"):
        assert (look_at(url).usable, "hunter" in look_at(url).told) == (False, False)
