"""A batch of components and three workers, who are killed at random moments and replaced: does each run come to the same end?"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from benchmarks.chaos.project import FAULT, WRITERS, End, end_of, surroundings
from benchmarks.chaos.trials import LONGEST_S, MOST_KILLS, ORPHANS_S, Peace, Place, Trial, compare, orphans_in
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.domain.fleet import MOST_DEATHS, Job

_NAMES = ("area", "price", "speed", "weight")
_LOOK_S = 0.1
_SPEC = """\
# {name}

## Requirements
- Multiplies two numbers
- Says how one goes into the other

## Examples
- `{name}.{name}(2, 3)` → `6`
- `{name}.share(6, 3)` → `2.0`
"""
_CODE = '''\
"""{name}."""


def {name}(a: int, b: int) -> int:
    """Multiply."""
    return a * b


def share(a: int, b: int) -> float:
    """Divide."""
    return a / b
'''
_PYPROJECT = '[tool.ruff]\nline-length = 100\n\n[tool.spec2prod]\ntype_checker = "ty"\n'  # no such program: the runs are a second shorter
_COMPONENT = '\n[tool.spec2prod.components.{name}]\npath = "{name}.py"\n'


class Fleet:
    """A project in git, a database, and workers, each on a machine (a folder) of its own."""

    def __init__(self, root: Path, url: str, direct: str, workers: int) -> None:
        """Lay the project out; nobody works yet."""
        self.root, self._direct = root, direct
        self._environment = surroundings({"SPEC2PROD_DATABASE_URL": url})
        self.machines = [root / f"machine-{number}" for number in range(workers)]
        self.workers: dict[Path, subprocess.Popen[bytes]] = {}
        self._project = root / "project"
        files = {"pyproject.toml": _PYPROJECT + "".join(_COMPONENT.format(name=name) for name in _NAMES)}
        for name in _NAMES:
            files |= {f"{name}.py": FAULT + _CODE.format(name=name), f"specs/{name}.md": _SPEC.format(name=name)}
        for path, text in files.items():
            (self._project / path).parent.mkdir(parents=True, exist_ok=True)
            (self._project / path).write_text(text, encoding="utf-8")
        self._git("init", "--quiet")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "x")

    def _git(self, *words: str) -> None:
        identity = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "init.defaultBranch=main")
        subprocess.run(["/usr/bin/env", "git", *identity, *words], cwd=self._project, capture_output=True, timeout=60, check=True)

    def put_to_work(self, machine: Path, *words: str) -> subprocess.Popen[bytes]:
        """Start a worker on a machine."""
        machine.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "spec2prod", "worker", "--slots", "1", "--folder", str(machine), *words]
        with (machine / "log").open("ab") as log:
            self.workers[machine] = subprocess.Popen(argv, cwd=machine, env=self._environment, stdout=log, stderr=subprocess.STDOUT)
        return self.workers[machine]

    def submit(self) -> None:
        """Put every component into the queue."""
        words = ("run", "--all", "--target", "development", "--async", "--committed", "--at", "HEAD", *WRITERS["spec"])
        subprocess.run(
            [sys.executable, "-m", "spec2prod", *words],
            cwd=self._project,
            env=self._environment,
            capture_output=True,
            timeout=60,
            check=True,
        )

    def said(self) -> str:
        """Return what the workers said last."""
        return "\n".join((machine / "log").read_text(encoding="utf-8", errors="replace")[-1000:] for machine in self.machines)

    @contextmanager
    def opened(self) -> Iterator[Database]:
        """Look into the database, by a way of one's own."""
        with closing(open_database(self._direct)) as database:
            yield database

    def jobs(self) -> tuple[Job, ...]:
        """Return the jobs as they are."""
        with self.opened() as database:
            return Queue(database).jobs()

    def alive(self) -> int:
        """Return how many workers have their lock."""
        with self.opened() as database:
            return sum(each.alive for each in Queue(database).workers())

    def outcome(self, job: Job) -> tuple[End, str, int]:
        """Return how a job ended, under which run, and how many steps were answered from the record."""
        with self.opened() as database:
            report, changes = Queue(database).outcome(job.id)
        told = json.loads(report)
        end = end_of(told, int(job.exit_code or 0), {"changes": changes})
        return end, str(told["context_session_id"]), int(told["run"]["steps_replayed"])

    def dismiss(self) -> None:
        """Let every worker end, and have what they left cleared up."""
        for worker in self.workers.values():
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers.values():
            worker.wait(LONGEST_S)
        for machine in self.machines:
            self.put_to_work(machine, "--until-empty").wait(LONGEST_S)


@contextmanager
def fleet_in(place: Place, workers: int) -> Iterator[Fleet]:
    """Have a fleet for a while; whatever happens, nobody works on afterwards."""
    root, url, direct = place.new()
    fleet = Fleet(root, url, direct, workers)
    try:
        yield fleet
    finally:
        for worker in fleet.workers.values():
            worker.kill()
            worker.wait()


def undisturbed(place: Place, workers: int) -> Peace:
    """Work a batch off in peace."""
    with fleet_in(place, workers) as fleet:
        begun = _begin(fleet)
        while not _is_over(fleet.jobs()):
            _still(begun, fleet)
        lasts_s = time.monotonic() - begun
        ends = {job.component: fleet.outcome(job)[0] for job in fleet.jobs()}
        fleet.dismiss()
    return Peace(ends=ends, lasts_s=lasts_s)


def one_trial(number: int, place: Place, dice: random.Random, peace: Peace, workers: int) -> Trial:
    """Kill workers at random moments, replace each; let the batch end, and compare."""
    trial = Trial(number=number, writer="spec")
    with fleet_in(place, workers) as fleet:
        begun = _begin(fleet)
        with place.troubled(trial, dice, peace.lasts_s):
            _kill_as_it_goes(fleet, trial, dice, begun, peace.lasts_s / MOST_KILLS)
        jobs = fleet.jobs()
        for job in jobs:
            _compare(fleet, job, peace, trial)
        fleet.dismiss()
        trial.attempts = sum(job.attempts for job in jobs)
        _look_around(fleet, trial)
        if trial.wrong:
            trial.wrong.append(fleet.said())
    return trial


def _begin(fleet: Fleet) -> float:
    """Have everybody at work, then submit: on one machine's database a submitter works by itself where nobody else does."""
    for machine in fleet.machines:
        fleet.put_to_work(machine)
    begun = time.monotonic()
    while not (fleet.root.exists() and fleet.alive() == len(fleet.machines)):
        _still(begun, fleet)
    fleet.submit()
    return time.monotonic()


def _kill_as_it_goes(fleet: Fleet, trial: Trial, dice: random.Random, begun: float, pause_s: float) -> None:
    """Kill until all is done; each next moment is drawn as soon as the last one is over."""
    due = time.monotonic() + dice.uniform(0.0, 2 * pause_s)
    while not _is_over(fleet.jobs()):
        _still(begun, fleet)
        for machine, worker in fleet.workers.items():
            if worker.poll() is not None:
                trial.refused += 1  # it found no database
                fleet.put_to_work(machine)
                if not trial.outages:
                    trial.wrong.append(f"a worker ended by itself: {worker.returncode}")
        if time.monotonic() >= due and len(trial.killed_at_s) < MOST_KILLS:
            _kill(fleet, trial, dice.choice(fleet.machines), begun)
            due = time.monotonic() + dice.uniform(0.0, 2 * pause_s)


def _kill(fleet: Fleet, trial: Trial, machine: Path, begun: float) -> None:
    """Kill a machine's worker and put another one there; not where a job would be given up for the workers that died of it."""
    if any(job.deaths >= MOST_DEATHS - 1 for job in fleet.jobs() if not job.is_over):
        return
    worker = fleet.workers[machine]
    family = psutil.Process(worker.pid).children(recursive=True)
    worker.kill()
    worker.wait()
    trial.killed_at_s.append(round(time.monotonic() - begun, 3))
    _, left = psutil.wait_procs(family, timeout=ORPHANS_S)
    trial.wrong += [f"an orphan: process {each.pid}" for each in left]
    fleet.put_to_work(machine)


def _compare(fleet: Fleet, job: Job, peace: Peace, trial: Trial) -> None:
    try:
        end, run_id, replayed = fleet.outcome(job)
    except (ValueError, KeyError, TypeError) as error:
        trial.wrong.append(f"{job.component}: {job.conclusion}; no report ({error!r})")
        return
    trial.replayed += replayed
    compare(peace.ends[job.component], end, trial, f"{job.component}: ")
    if run_id != job.run_id:
        trial.wrong.append(f"{job.component}: it ended as another run than it began")


def _look_around(fleet: Fleet, trial: Trial) -> None:
    """Note what was left: processes, locks, workers that live on, checkouts, half files."""
    trial.wrong += [f"an orphan: {each[:200]}" for each in orphans_in(fleet.root)]
    with fleet.opened() as database:
        trial.wrong += [f"a worker's lock is held: {each.id}" for each in Queue(database).workers() if each.alive]
    left = [path for machine in fleet.machines for pattern in ("**/checkouts/*", "**/*.tmp") for path in machine.glob(pattern)]
    trial.wrong += [f"left behind: {path.relative_to(fleet.root)}" for path in left]


def _is_over(jobs: Sequence[Job]) -> bool:
    return len(jobs) == len(_NAMES) and all(job.is_over for job in jobs)


def _still(begun: float, fleet: Fleet) -> None:
    """Wait a moment; a batch that hangs is no result.

    Raises:
        TimeoutError: where it takes far too long.
    """
    if time.monotonic() - begun > LONGEST_S:
        message = f"it hangs: {[(job.component, job.state, job.worker) for job in fleet.jobs()]}; {fleet.said()}"
        raise TimeoutError(message)
    time.sleep(_LOOK_S)
