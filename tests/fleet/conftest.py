"""The queue's database, on SQLite and on PostgreSQL in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spec2prod.adapters.store.database import Database, open_database


@pytest.fixture
def place(database_place: str) -> str:
    return database_place


@pytest.fixture
def database(place: str) -> Iterator[Database]:
    opened = open_database(place)
    yield opened
    opened.close()
