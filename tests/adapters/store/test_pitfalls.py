"""The twelve pitfalls of an engine (design: ENGINE.md), each as a property of ours.

The first, SQLite older than 3.42, is shown by every test here: they run on the SQLite that this Python has. Queue priorities (10) are
in tests/fleet; timeouts (11) in tests/adapters/test_host.py and below; the whole command line in tests/end_to_end/test_runs.py.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from spec2prod.adapters.host import MARK, ProcessHost
from spec2prod.adapters.store import layout
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.runs import Runs, State, StoredRun
from spec2prod.domain.command import Command
from spec2prod.errors import StoreError, StoreLayoutError, TakenOverError
from tests.adapters.store.conftest import a_run


async def said(text: str) -> str:
    return text


def journal_of(database: Database, run: StoredRun) -> DurableJournal:
    return DurableJournal(database, run, pytest.fail)


def test_1_an_old_sqlite_does(sqlite: Database) -> None:
    """The statements ask nothing that SQLite 3.35 (2021) lacks: no unixepoch, no JSON functions, no STRICT tables."""
    assert sqlite3.sqlite_version_info >= (3, 35)
    words = " ".join((*layout.TABLES, *(each for steps in layout.MIGRATIONS.values() for each in steps))).lower()
    assert not any(new in words for new in ("unixepoch", "strict", "json_", "->>"))
    assert Runs(sqlite).begin(a_run()).attempt == 1


@pytest.mark.asyncio
async def test_2_two_live_processes_with_one_run_do_no_step_twice(database: Database, begun: StoredRun) -> None:
    first, second = journal_of(database, begun), journal_of(database, Runs(database).take_up(begun))
    answers = await asyncio.gather(first.step("x", said, "first"), second.step("x", said, "first"), return_exceptions=True)
    assert isinstance(answers[0], TakenOverError)
    assert answers[1] == "first"
    ((attempt,),) = database.rows("SELECT attempt FROM steps WHERE run_id = ?", begun.id)
    assert attempt == 2


@pytest.mark.asyncio
async def test_3_a_dead_process_run_is_taken_over_at_once(database: Database, begun: StoredRun) -> None:
    await journal_of(database, begun).step("x", said, "done")
    assert database.hold(begun.lock_name) is not None, "nobody holds it: no heartbeat has to time out first"
    journal = journal_of(database, Runs(database).take_up(Runs(database).find(begun.id)))
    assert await journal.step("x", said, "done") == "done"
    assert len(journal.replayed) == 1


def test_4_a_newer_layout_is_refused_by_name(database_place: str) -> None:
    database = open_database(database_place)
    name = database.name
    newer = layout.LAYOUT + 1
    database.rows("UPDATE layout SET version = version + 1" if database.shared else f"PRAGMA user_version = {newer:d}")
    database.close()
    with pytest.raises(StoreLayoutError, match=f"has layout {newer}; this spec2prod knows {layout.LAYOUT}") as refused:
        open_database(database_place)
    assert refused.value.where == name
    assert refused.value.next_step


def test_4_an_older_layout_is_migrated(database_place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older spec2prod has kept stays; who is at work with it meanwhile goes on."""
    older = open_database(database_place)
    run = Runs(older).begin(a_run())
    for module in ("sqlite", "postgres"):
        monkeypatch.setattr(f"spec2prod.adapters.store.{module}.LAYOUT", layout.LAYOUT + 1)
    monkeypatch.setitem(layout.MIGRATIONS, layout.LAYOUT, ("ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'",))
    database = open_database(database_place)
    assert database.rows("SELECT id, colour FROM runs") == [(run.id, "blue")]
    Runs(older).end(run, State.FINISHED, 0, "Promoted.")
    assert Runs(database).find(run.id).conclusion == "Promoted."
    older.close()
    database.close()


PICKLE = base64.b64encode(b"\x80\x04\x95cposix\nsystem\n").decode()


@pytest.mark.parametrize(
    "planted",
    [PICKLE, '{"!": "os.system", "v": "id"}', '{"!": "Completed", "v": {"no": 1}}', '{"py/reduce": [1]}', "[" * 100_000, "NaN["],
    ids=["pickle", "another type", "another shape", "another library's", "too deep", "no JSON"],
)
def test_5_a_planted_value_is_refused_and_never_run(sqlite: Database, planted: str) -> None:
    run = Runs(sqlite).begin(a_run())
    sqlite.rows("INSERT INTO steps VALUES (?, 'testing:tests:1', 'q', ?, 1, 0, 0)", run.id, planted)
    with pytest.raises(StoreError, match="not ours, and is not read"):
        journal_of(sqlite, run)
    assert len(Runs(sqlite).all()) == 1, "listing reads no values"


# 6, the same ID with different input: tests/end_to_end/test_runs.py and tests/cli/test_durable.py


@pytest.mark.asyncio
async def test_7_a_process_never_adopts_the_work_of_others(database: Database, begun: StoredRun) -> None:
    """Going on with a run is one process's deed: opening the database, or beginning another run, touches no other's steps."""
    await journal_of(database, begun).step("x", said, "theirs")
    other = Runs(database).begin(a_run(lock_name="another"))
    assert await journal_of(database, other).step("x", said, "mine") == "mine"
    assert Runs(database).find(begun.id) == replace(begun, state=begun.state)
    assert Runs(database).steps(begun) == Runs(database).steps(other) == 1


@pytest.mark.asyncio
async def test_8_a_failure_is_not_replayed(database: Database, begun: StoredRun) -> None:
    async def fails() -> str:
        raise ConnectionError

    journal = journal_of(database, begun)
    with pytest.raises(ConnectionError):
        await journal.step("x", fails)
    assert Runs(database).steps(begun) == 0

    async def works() -> str:
        return "now"

    assert await journal.step("x", works) == "now"


@pytest.mark.asyncio
async def test_9_branches_that_wait_first_do_not_swap_their_answers(sqlite: Database) -> None:
    run = Runs(sqlite).begin(a_run())

    async def branch(journal: DurableJournal, name: str, turns: int) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await journal.step(name, said, name)

    first = journal_of(sqlite, run)
    await asyncio.gather(*(branch(first, name, turns) for name, turns in (("a", 3), ("b", 0), ("c", 1))))
    second = journal_of(sqlite, Runs(sqlite).take_up(run))
    assert await asyncio.gather(*(branch(second, name, turns) for name, turns in (("a", 0), ("b", 3), ("c", 1)))) == ["a", "b", "c"]


@pytest.mark.asyncio
async def test_11_a_step_that_is_cancelled_leaves_no_process_and_no_record(sqlite: Database, tmp_path: Path) -> None:
    run = Runs(sqlite).begin(a_run())
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"
    command = Command(tool="slow", argv=(sys.executable, "-c", code, str(tmp_path)), cwd=tmp_path)
    step = asyncio.create_task(journal_of(sqlite, run).step("x", ProcessHost(grace_s=0.1).run, command))
    await asyncio.to_thread(_until, lambda: [each for one in _working_in(tmp_path) for each in one.children()] != [])
    family = [each for one in _working_in(tmp_path) for each in (one, *one.children())]
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert not [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert Runs(sqlite).steps(run) == 0


def test_12_closing_is_quick_and_starts_no_thread(database: Database, begun: StoredRun) -> None:
    import threading  # noqa: PLC0415 - for this one count

    before = threading.active_count()
    journal_of(database, begun)
    assert threading.active_count() == before
    assert database.hold(begun.lock_name) is not None
    database.close()
    database.close()


def test_whoever_is_killed_leaves_no_process_and_no_scratch_file(tmp_path: Path) -> None:
    """SIGKILL cannot be caught: the watcher ends what the run has started, also what left its group and its session."""
    away = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1]], start_new_session=True)"
    tool = f"import subprocess, sys, time; {away}; time.sleep(600)"
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom spec2prod.adapters.host import ProcessHost\n"
        "from spec2prod.domain.command import Command\n"
        f"asyncio.run(ProcessHost().run(Command(tool='t', argv=(sys.executable, '-c', {tool!r}, sys.argv[1]), cwd=Path(sys.argv[1]))))"
    )
    env = {name: value for name, value in os.environ.items() if name != MARK} | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=env) as process:
        _until(lambda: len(_working_in(tmp_path)) == 3)
        assert list(tmp_path.glob("spec2prod-*"))
        process.send_signal(signal.SIGKILL)
    _until(lambda: not _working_in(tmp_path))
    _until(lambda: not list(tmp_path.glob("spec2prod-*")))


def _working_in(folder: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline", "status"])
    return [each for each in found if str(folder) in (each.info["cmdline"] or ())[3:] and each.info["status"] != psutil.STATUS_ZOMBIE]


def _until(holds: Callable[[], bool]) -> None:
    """Wait for a condition: a bound on patience, not a measurement."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
