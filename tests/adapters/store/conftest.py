"""Both databases, real; and a run on one of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.runs import Runs, State, StoredRun

type NewRun = Callable[..., StoredRun]


def a_run(**changes: object) -> StoredRun:
    """Return a run's row, not stored yet."""
    plain = StoredRun(
        id=str(uuid.uuid4()),
        component="calc",
        target="development",
        mode="sync",
        request={"spec": "spec.md"},
        identity="asked",
        inputs={"src/calc.py": "d1"},
        state=State.RUNNING,
        attempt=1,
        secret=uuid.uuid4().hex,
        version="0.1.0",
        root="/project",
        lock_name="run /project calc",
        host="here",
        pid=1,
        began_at=1000.0,
        changed_at=1000.0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test's shorthand


@pytest.fixture
def database(database_place: str) -> Iterator[Database]:
    opened = open_database(database_place)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "own.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def begun(database: Database) -> StoredRun:
    return Runs(database).begin(a_run())
