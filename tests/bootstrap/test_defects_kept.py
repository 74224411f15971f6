"""Which record of suspected defects a run gets: the database's, one of its own where nothing is kept, none where nobody can know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from spec2prod.adapters.store.defects import DefectStore, PassingDefects, UnreadableDefects
from spec2prod.bootstrap.durable import Keeper
from spec2prod.errors import StoreError
from tests.fakes import FakeClock


@asynccontextmanager
async def opened(root: Path, setting: str | None = None) -> AsyncIterator[Keeper]:
    keeper = Keeper(root, "calc", FakeClock())
    await keeper.open(setting, wait=False)
    yield keeper
    keeper.close()


@pytest.mark.asyncio
async def test_a_project_that_keeps_runs_keeps_its_defects(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeper:
        assert isinstance(keeper.defects(""), DefectStore)


@pytest.mark.asyncio
async def test_where_nothing_is_kept_they_last_as_long_as_the_run(tmp_path: Path) -> None:
    async with opened(tmp_path, "none") as keeper:
        assert isinstance(keeper.defects(""), PassingDefects)


@pytest.mark.asyncio
async def test_a_database_that_is_there_and_cannot_be_used_may_hold_some(tmp_path: Path) -> None:
    file = tmp_path / ".spec2prod" / "spec2prod.sqlite"
    file.parent.mkdir()
    file.write_text("no database\n" * 1000)
    async with opened(tmp_path) as keeper:
        record = keeper.defects("")
        assert isinstance(record, UnreadableDefects)
        with pytest.raises(StoreError, match="cannot be used"):
            record.open_of("calc")


@pytest.mark.asyncio
async def test_a_database_that_could_never_be_made_holds_none(tmp_path: Path) -> None:
    (tmp_path / ".spec2prod").write_text("a file where a folder is wanted")
    async with opened(tmp_path) as keeper:
        assert isinstance(keeper.defects(""), PassingDefects)
