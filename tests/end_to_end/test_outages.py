"""PostgreSQL restarted, and the network to it cut, while a run or a worker is in the middle of its tests: the real command line."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.chaos.outages import Server, server_in
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.adapters.store.runs import Runs, StoredRun
from spec2prod.domain.fleet import Job
from tests.end_to_end.conftest import environment, until
from tests.end_to_end.layouts import CODE, NO_TYPES, PLAIN, SPEC, Project

pytestmark = pytest.mark.slow

AWAY_S = 3.0
PATIENCE_S = 240
WAITS = """\
import time
from pathlib import Path

from sums import add


def test_add() -> None:
    Path({began!r}).touch()
    while Path({waits!r}).exists():
        time.sleep(0.05)
    assert add(1, 2) == 3
"""
LEAVE: dict[str, Callable[[Server], None]] = {
    "restart": lambda server: server.stop(),
    "reset": lambda server: server.wire.cut(silent=False),
    "silence": lambda server: server.wire.cut(silent=True),
}


def come_back(server: Server, kind: str) -> None:
    server.start() if kind == "restart" else server.wire.mend()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="s2p-pg-") as folder, server_in(Path(folder)) as started:
        yield started


class Scene:
    """A component whose tests wait for a file to go, and a new database: by a wire that can be cut, and directly."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server, self.folder = server, folder
        self.url, self.direct = server.fresh()
        self.began, self.waits = folder / "began", folder / "waits"
        self.waits.touch()
        tests = WAITS.format(began=str(self.began), waits=str(self.waits))
        settings = PLAIN + NO_TYPES + '\n[tool.spec2prod.components.sums]\npath = "sums.py"\n'
        self.project = Project(folder / "project", {"pyproject.toml": settings, "sums.py": "import os\n" + CODE})
        self.project.write({"specs/sums.md": SPEC, "tests/test_sums.py": tests})
        self.processes: list[subprocess.Popen[str]] = []
        with closing(open_database(self.direct)):
            pass  # the tables are there

    def start(self, *words: str, url: str = "", folder: Path | None = None) -> subprocess.Popen[str]:
        env = environment({"SPEC2PROD_DATABASE_URL": url or self.url})
        where = folder or self.project.root
        where.mkdir(exist_ok=True)
        argv = [sys.executable, "-m", "spec2prod", *words]
        self.processes.append(subprocess.Popen(argv, cwd=where, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return self.processes[-1]

    def run(self) -> subprocess.Popen[str]:
        return self.start("run", "--spec", "specs/sums.md", "--component", "sums", "--target", "development", "--async")

    def worker(self, name: str, *, url: str = "") -> subprocess.Popen[str]:
        folder = self.folder / name
        return self.start("worker", "--slots", "1", "--until-empty", "--folder", str(folder), url=url, folder=folder)

    def submit(self) -> None:
        self.project.git("init", "--quiet")
        self.project.git("add", "--all")
        self.project.git("commit", "--quiet", "--message", "x")
        submitted = self.start("run", "--all", "--target", "development", "--async", url=self.direct)
        out, _ = submitted.communicate(timeout=PATIENCE_S)
        assert submitted.returncode == 0, out

    def go(self) -> None:
        self.waits.unlink()

    def in_its_tests(self) -> bool:
        return self.began.exists()

    def runs(self) -> list[StoredRun]:
        with closing(open_database(self.direct)) as database:
            return Runs(database).all()

    def steps(self) -> int:
        with closing(open_database(self.direct)) as database:
            return sum(Runs(database).steps(run) for run in Runs(database).all())

    def locks(self) -> list[str]:
        with closing(open_database(self.direct)) as database:
            return [run.lock_name for run in Runs(database).all() if database.is_held(run.lock_name)]

    def job(self) -> Job:
        with closing(open_database(self.direct)) as database:
            (job,) = Queue(database).jobs()
        return job

    def outcome(self) -> dict[str, Any]:
        with closing(open_database(self.direct)) as database:
            told: dict[str, Any] = json.loads(Queue(database).outcome(self.job().id)[0])
        return told

    def at_work(self) -> list[str]:
        words = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
        return [each for each in words if str(self.folder) in each]


@pytest.fixture
def scene(tmp_path: Path, server: Server) -> Iterator[Scene]:
    made = Scene(tmp_path, server)
    yield made
    for each in made.processes:
        each.kill()
        each.communicate()


def settled(scene: Scene) -> Callable[[], bool]:
    """The tests run, and the stages beside them have been recorded."""
    return lambda: scene.in_its_tests() and scene.steps() >= 1


@pytest.mark.parametrize("kind", LEAVE)
def test_a_run_rides_through_it(scene: Scene, kind: str) -> None:
    run = scene.run()
    until(settled(scene))
    LEAVE[kind](scene.server)
    scene.go()  # its tests end, and there is nobody to tell
    time.sleep(AWAY_S)
    come_back(scene.server, kind)
    out, _ = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, out
    report = scene.project.report("sums")
    assert (report["run"]["attempt"], report["success"]) == (1, True)
    assert [(each.state, each.attempt, each.exit_code) for each in scene.runs()] == [("finished", 1, 0)]
    assert scene.steps() >= 2
    until(lambda: scene.locks() == [])
    assert not (scene.project.root / "sums.py").read_text().startswith("import os"), "what the linter mended is there"


def test_a_database_that_stays_away_ends_the_run_by_its_name_and_what_is_done_is_gone_on_with(scene: Scene) -> None:
    run = scene.run()
    until(settled(scene))
    done = scene.steps()
    scene.server.wire.cut(silent=False)
    scene.go()
    try:
        out, _ = run.communicate(timeout=PATIENCE_S)
    finally:
        scene.server.wire.mend()
    (stored,) = scene.runs()
    assert run.returncode == 4, out
    assert f"the database postgresql://{scene.url.rpartition('@')[2]} cannot be used" in out.replace("\n", "")
    assert f"spec2prod resume {stored.id[:8]}" in out
    assert scene.project.report("sums")["exit_code"] == 4
    until(lambda: not any("pytest_worker" in each for each in scene.at_work()))
    resumed = scene.start("resume", stored.id[:8])
    out, _ = resumed.communicate(timeout=PATIENCE_S)
    assert resumed.returncode == 0, out
    report = scene.project.report("sums")["run"]
    assert report["attempt"] == 2
    assert report["steps_replayed"] >= done


@pytest.mark.parametrize("kind", LEAVE)
def test_a_worker_rides_through_it_and_its_job_is_done_once(scene: Scene, kind: str) -> None:
    scene.submit()
    worker = scene.worker("one")
    until(settled(scene))
    LEAVE[kind](scene.server)
    scene.go()
    time.sleep(AWAY_S)
    come_back(scene.server, kind)
    out, _ = worker.communicate(timeout=PATIENCE_S)
    assert worker.returncode == 0, out
    job = scene.job()
    assert (job.exit_code, job.attempts, job.deaths) == (0, 1, 0), out
    assert scene.outcome()["context_session_id"] == job.run_id
    assert [(each.state, each.attempt) for each in scene.runs()] == [("finished", 1)]


def test_a_worker_that_alone_is_cut_off_gives_way_to_its_successor(scene: Scene) -> None:
    """The server ended its session, so its lock was free: another worker goes on, and what the first one does counts for nothing."""
    scene.submit()
    first = scene.worker("first")
    until(settled(scene))
    scene.server.wire.cut(silent=False)
    second = scene.worker("second", url=scene.direct)
    until(lambda: scene.job().attempts == 2)
    scene.server.wire.mend()
    assert first.stdout is not None
    given_way = "sums: another worker has it; what was done here does not count"
    heard: list[str] = []
    while not heard or (heard[-1] and given_way not in heard[-1]):
        heard.append(first.stdout.readline())
    assert heard[-1], heard
    scene.go()
    out, _ = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 0, out
    assert "its jobs go on: sums" in out
    job = scene.job()
    assert (job.exit_code, job.attempts, job.deaths) == (0, 2, 1)
    assert scene.outcome()["context_session_id"] == job.run_id
    assert [(each.state, each.attempt) for each in scene.runs()] == [("finished", 2)]
    first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 0
