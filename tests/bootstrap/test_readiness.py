"""What `spec2prod doctor` says of the database, and of settings that cannot be read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spec2prod.adapters.examination import State
from spec2prod.bootstrap import readiness
from spec2prod.bootstrap.database_row import database_row
from spec2prod.config.settings import read_settings

URL = "SPEC2PROD_DATABASE_URL"


@pytest.mark.slow
@pytest.mark.parametrize("text", [b"x = \n", b"\xff\xfe"], ids=["no TOML", "no UTF-8"])
def test_a_pyproject_that_cannot_be_read_is_one_row_and_the_rest_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text)
    monkeypatch.chdir(tmp_path)
    told = {row.name: row for row in asyncio.run(readiness.examine())}
    assert told["settings"].state is State.BROKEN
    assert told["settings"].told.startswith("pyproject.toml: cannot be read: ")
    assert told["settings"].next_step == "Mend the file: it must be TOML in UTF-8."
    assert told["ruff"].state is State.OK
    assert "database" not in told, "which one is meant nobody knows"


@pytest.mark.slow
def test_a_component_that_is_not_there_is_named_once_and_the_database_has_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(URL, raising=False)
    told = {row.name: row for row in asyncio.run(readiness.examine("nope"))}
    assert told["component nope"].state is State.BROKEN
    assert told["component nope"].told.startswith("there is none; looked for src/nope/, ")
    assert told["database"] == database_row(tmp_path, read_settings(tmp_path))
    assert not (tmp_path / ".spec2prod").exists()


def test_a_file_that_the_first_run_makes_is_well_and_one_that_is_no_database_stops(tmp_path: Path) -> None:
    file, settings = tmp_path / ".spec2prod" / "spec2prod.sqlite", read_settings(tmp_path)
    row = database_row(tmp_path, settings)
    assert (row.state, row.told) == (State.OK, f"{file}, which the first run makes")
    assert not file.parent.exists()
    file.parent.mkdir()
    file.write_text("garbage\n")
    row = database_row(tmp_path, settings)
    assert (row.stops, row.told) == (True, f"{file} cannot be used (file is not a database)")
    assert row.next_step.startswith("move it away: ")


def test_a_server_that_cannot_be_reached_stops_and_its_password_is_not_told(tmp_path: Path) -> None:
    row = database_row(tmp_path, read_settings(tmp_path, environ={URL: "postgresql://ada:hunter@127.0.0.1:1/x"}))
    assert row.stops
    assert row.told.startswith("postgresql://127.0.0.1:1/x cannot be used (")
    assert "hunter" not in row.told
    assert row.next_step.startswith("check the URL")


def test_nowhere_is_a_place_too(tmp_path: Path) -> None:
    row = database_row(tmp_path, read_settings(tmp_path, environ={URL: "none"}))
    assert (row.state, row.told) == (State.OK, f"none: nothing is kept (environment: {URL})")
