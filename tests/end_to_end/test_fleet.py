"""Several components through the real command line: on one machine, and by workers on PostgreSQL, one of which is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from spec2prod.cli import main
from tests.end_to_end.conftest import environment, until
from tests.end_to_end.layouts import CODE, NO_TYPES, PLAIN, SPEC, TEST, Project

SLOWLY = "import time\n\n{test}\n\ndef test_slowly() -> None:\n    time.sleep({seconds})\n"
NEEDS = '\n[tool.spec2prod.components.page]\npath = "page.py"\nneeds = ["sums"]\n\n[tool.spec2prod.components.sums]\npath = "sums.py"\n'


def files(*names: str) -> dict[str, str]:
    made = {"pyproject.toml": PLAIN + NO_TYPES + NEEDS}
    for name in names:
        made |= {f"{name}.py": CODE, f"tests/test_{name}.py": TEST.format(dotted=name), f"specs/{name}.md": SPEC}
    return made


class Fleet:
    """A project in git, and the command line in its folder, with a database of its own."""

    def __init__(self, project: Project, url: str, folder: Path) -> None:
        self.project, self.folder = project, folder
        self.env = environment({"SPEC2PROD_DATABASE_URL": url, "SPEC2PROD_CACHE_DIR": str(folder)})
        self.workers: list[subprocess.Popen[str]] = []
        project.git("init", "--quiet")
        self.commit()

    def commit(self) -> None:
        self.project.git("add", "--all")
        self.project.git("commit", "--quiet", "--message", "x")

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "spec2prod", *words]
        return subprocess.run(argv, cwd=self.project.root, env=self.env, capture_output=True, text=True, timeout=120, check=False)

    def worker(self, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "spec2prod", "worker", "--slots", "2", *words]
        self.folder.mkdir(exist_ok=True)
        made = subprocess.Popen(argv, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.workers.append(made)
        return made

    def jobs(self) -> dict[str, dict[str, Any]]:
        return {job["component"]: job for job in json.loads(self.call("queue", "--json").stdout)["jobs"]}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", files("sums", "page"))


@pytest.fixture
def fleet(project: Project, fresh_postgres: Callable[[], str], tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(project, fresh_postgres(), tmp_path / "machine")
    yield made
    for each in made.workers:
        each.kill()
        each.communicate()


def reports(root: Path) -> Mapping[str, Any]:
    return {path.stem.removeprefix("workflow_report_"): json.loads(path.read_text()) for path in root.glob("workflow_report_*.json")}


@pytest.mark.slow
def test_all_components_run_here_in_the_order_of_their_needs(project: Project) -> None:
    argv = [sys.executable, "-m", "spec2prod", "run", "--all", "--target", "development", "--slots", "2"]
    done = subprocess.run(argv, cwd=project.root, env=environment(None), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.index("sums: Promoted to development.") < lines.index("page: began")
    assert {name: report["exit_code"] for name, report in reports(project.root).items()} == {"sums": 0, "page": 0}
    assert "2 of 2 promoted" in done.stdout


@pytest.mark.slow
def test_what_needs_a_red_component_is_not_run_and_the_batch_ends_as_its_worst(project: Project) -> None:
    project.write({"tests/test_sums.py": "from sums import add\n\n\ndef test_add() -> None:\n    assert add(1, 2) == 4\n"})
    argv = [sys.executable, "-m", "spec2prod", "run", "page", "--target", "development"]
    done = subprocess.run(argv, cwd=project.root, env=environment(None), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "sums because others need them" in done.stdout
    assert "not run (needs sums, which failed)" in done.stdout
    assert set(reports(project.root)) == {"sums"}


@pytest.mark.slow
def test_a_second_worker_ends_what_a_killed_one_began_as_the_same_run(fleet: Fleet) -> None:
    fleet.project.write({"tests/test_sums.py": SLOWLY.format(test=TEST.format(dotted="sums"), seconds=4)})
    fleet.commit()
    assert fleet.call("run", "--all", "--target", "development").returncode == 0
    assert fleet.jobs()["page"]["why"].startswith("needs sums (waiting)")
    first = fleet.worker()
    until(lambda: "running" in fleet.call("runs").stdout)
    began = fleet.jobs()["sums"]
    first.send_signal(signal.SIGKILL)
    second = fleet.worker("--until-empty")
    out, _ = second.communicate(timeout=120)
    assert second.returncode == 0, out
    ended = fleet.jobs()
    assert (ended["sums"]["exit_code"], ended["page"]["exit_code"]) == (0, 0), out
    assert (ended["sums"]["run_id"], ended["sums"]["attempts"]) == (began["run_id"], 2)
    assert f"going on with run {began['run_id'][:8]}" in out
    assert not list((fleet.folder / "fleet").glob("*/checkouts/*"))
    told = json.loads(fleet.call("queue", "report", ended["sums"]["id"]).stdout)
    assert (told["context_session_id"], told["exit_code"]) == (began["run_id"], 0)


@pytest.mark.slow
def test_a_stopped_workers_run_goes_on_in_its_checkout_from_any_folder_and_its_job_ends_where_a_worker_takes_it(fleet: Fleet) -> None:
    fleet.project.write({"tests/test_sums.py": SLOWLY.format(test=TEST.format(dotted="sums"), seconds=4)})
    fleet.commit()
    assert fleet.call("run", "sums", "--target", "development").returncode == 0
    first = fleet.worker()
    until(lambda: "running" in fleet.call("runs").stdout)
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGTERM)
    out, _ = first.communicate(timeout=60)
    run_id = fleet.jobs()["sums"]["run_id"]
    assert "sums: stopped; its job waits again, and the next worker goes on with the same run" in out
    assert "spec2prod resume" not in out
    here = fleet.folder / "somewhere"
    here.mkdir()
    resumed = subprocess.run(
        [sys.executable, "-m", "spec2prod", "resume", run_id[:8]], cwd=here, env=fleet.env, capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    report = json.loads((here / "workflow_report_sums.json").read_text())
    assert (report["context_session_id"], report["run"]["attempt"]) == (run_id, 2)
    out, _ = fleet.worker("--until-empty").communicate(timeout=60)
    assert (fleet.jobs()["sums"]["exit_code"], fleet.jobs()["sums"]["run_id"]) == (0, run_id), out
    refused = fleet.call("retry", run_id[:8], "--from", "testing")
    assert refused.returncode == 2
    assert "submit it again: spec2prod run sums --target development" in refused.stderr


@pytest.mark.slow
def test_a_machine_without_git_leaves_the_queue_to_others(fleet: Fleet) -> None:
    assert fleet.call("run", "sums", "--target", "development").returncode == 0
    fleet.env["PATH"] = str(fleet.folder)
    worker = fleet.worker("--until-empty")
    out, _ = worker.communicate(timeout=60)
    assert worker.returncode == 4, out
    assert "git is not installed" in out
    assert "install git" in out
    assert fleet.jobs()["sums"]["state"] == "waiting"


@pytest.mark.slow
def test_a_batch_that_was_stopped_goes_on_and_measures_nothing_twice(project: Project) -> None:
    project.write({"tests/test_page.py": SLOWLY.format(test=TEST.format(dotted="page"), seconds=4)})
    argv = [sys.executable, "-m", "spec2prod", "run", "--all", "--target", "development", "--no-cache"]
    with subprocess.Popen(argv, cwd=project.root, env=environment(None), stdout=subprocess.PIPE, text=True) as stopped:
        assert stopped.stdout is not None
        until(lambda: "page: began" in (stopped.stdout.readline() if stopped.stdout else ""))
        stopped.send_signal(signal.SIGINT)
        stopped.send_signal(signal.SIGTERM)
        assert stopped.wait(timeout=60) == 130
    done = subprocess.run(argv, cwd=project.root, env=environment(None), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.index("sums: Promoted to development.") < next(number for number, line in enumerate(lines) if "page: began again" in line)
    told = reports(project.root)
    assert {name: report["exit_code"] for name, report in told.items()} == {"sums": 0, "page": 0}
    assert told["sums"]["run"]["attempt"] == 2
    assert "pytest" not in {each["tool"] for each in told["sums"]["run"]["processes"]}


@pytest.mark.slow
def test_workers_take_the_commit_and_the_submitter_gets_reports_and_changes(fleet: Fleet) -> None:
    fleet.project.write(files("other") | {"page.py": "import os\n" + CODE})
    fleet.commit()
    fleet.worker("--labels", "linux")  # sums and other run side by side in it
    submitted = fleet.call("run", "--all", "--target", "development", "--wait", "--labels", "linux", "--priority", "high")
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    told = reports(fleet.project.root)
    assert {name: (report["component_name"], report["success"]) for name, report in told.items()} == {
        name: (name, True) for name in ("sums", "page", "other")
    }
    patch = (fleet.project.root / "workflow_changes_page.patch").read_text()
    assert "-import os" in patch
    assert (fleet.project.root / "page.py").read_text().startswith("import os")
    fleet.project.write({"page.py": "unfinished"})
    refused = fleet.call("run", "--all")
    assert refused.returncode == 2
    assert "page.py" in refused.stderr


def in_project(project: Project, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Call the command line in this process: a refusal starts nothing."""
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("SPEC2PROD_DATABASE_URL", raising=False)
    return main(words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "--all", "--spec", "spec.md"), "one component or several"),
        (("run", "--all", "--new"), "--new is for one component's run"),
        (("run", "storage", "--no-wait"), "--no-wait is for one component's run"),
        (("run", "--all", "sums"), "--all, and sums besides"),
        (("run", "--component", "sums"), "--spec and --component are needed"),
        (("run", "nobody"), "there are: page, sums"),
        (("run", "sums", "--priority", "urgent"), "no priority is called 'urgent'"),
        (("run", "sums", "--at", "HEAD"), "there is no commit HEAD"),
        (("queue", "move", "sums", "--priority", "high"), "there is no job 'sums'"),
        (("queue", "drain", "somebody"), "there is no worker 'somebody'"),
        (("worker", "--slots", "0"), "a worker has one slot at least"),
        (("worker", "--labels", "a b"), "no label: 'a b'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert in_project(project, monkeypatch, *words) == 2
    assert told in capsys.readouterr().err


def test_a_circle_and_a_missing_specification_are_refused_before_anything_is_queued(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.root / "specs" / "page.md").unlink()
    assert in_project(project, monkeypatch, "run", "--all") == 2
    assert "there is no specification specs/page.md" in capsys.readouterr().err
    project.write({"pyproject.toml": (NO_TYPES + NEEDS).replace('path = "sums.py"', 'path = "sums.py"\nneeds = ["page"]')})
    assert in_project(project, monkeypatch, "run", "--all") == 2
    assert "page needs sums needs page" in capsys.readouterr().err
    assert in_project(project, monkeypatch, "queue") == 0
    assert "nothing is in the queue" in capsys.readouterr().out
