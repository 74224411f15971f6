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

from benchmarks.chaos.attempt import LONGEST_S
from benchmarks.chaos.project import BATCH, WRITERS, End, end_of, files_of_batch, surroundings
from benchmarks.chaos.remains import ORPHANS_S, differences, forgotten_in, orphans_in
from benchmarks.chaos.trials import FIRST, Peace, Place, Trial
from benchmarks.chaos.watch import Watch
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.domain.fleet import MOST_DEATHS, Job

_LOOK_S = 0.1
IDLE = "(a worker between two runs)"


class Fleet:
    """A project in git, a database, and workers, each on a machine (a folder) of its own."""

    def __init__(self, root: Path, url: str, direct: str, workers: int, temporary: Path) -> None:
        """Lay the project out; nobody works yet."""
        self.root, self.direct, self.temporary = root, direct, temporary
        self._environment = surroundings({"SPEC2PROD_DATABASE_URL": url, "TMPDIR": str(temporary)})
        self.machines = [root / f"machine-{number}" for number in range(workers)]
        self.workers: dict[Path, subprocess.Popen[bytes]] = {}
        self._project = root / "project"
        for path, text in files_of_batch().items():
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
        with closing(open_database(self.direct)) as database:
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
    fleet = Fleet(root, url, direct, workers, place.temporary)
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
            _kill_as_it_goes(fleet, trial, dice, begun, place.kills[1], peace)
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


def _kill_as_it_goes(fleet: Fleet, trial: Trial, dice: random.Random, begun: float, most: int, peace: Peace) -> None:  # noqa: PLR0913, PLR0917 - one trial's
    """Kill until all is done; each next moment is drawn as soon as the last one is over."""
    pause_s = peace.lasts_s / most
    due = time.monotonic() + dice.uniform(0.0, 2 * pause_s)
    while not _is_over(fleet.jobs()):
        _still(begun, fleet)
        for machine, worker in fleet.workers.items():
            if worker.poll() is not None:
                trial.refused += 1  # it found no database
                fleet.put_to_work(machine)
                if not trial.outages:
                    trial.wrong.append(f"a worker ended by itself: {worker.returncode}")
        if time.monotonic() >= due and len(trial.killed_at_s) < most:
            _kill(fleet, trial, dice.choice(fleet.machines), begun)
            due = time.monotonic() + dice.uniform(0.0, 2 * pause_s)


def _kill(fleet: Fleet, trial: Trial, machine: Path, begun: float) -> None:
    """Kill a machine's worker and put another one there; not where its job would be given up for the workers that died of it."""
    worker = fleet.workers[machine]
    where, spared = _at(fleet, worker.pid)
    if spared:
        return
    family = psutil.Process(worker.pid).children(recursive=True)
    worker.kill()
    worker.wait()
    trial.killed_at_s.append(round(time.monotonic() - begun, 3))
    trial.killed_in.append((where, len(family)))
    _, left = psutil.wait_procs(family, timeout=ORPHANS_S)
    trial.wrong += [f"an orphan: process {each.pid}" for each in left]
    fleet.put_to_work(machine)


def _at(fleet: Fleet, pid: int) -> tuple[str, bool]:
    """Return how far a worker's run is, and whether it must be spared."""
    watch = Watch(fleet.direct)
    with closing(watch):
        component, steps = watch.of_process(pid)
    if not component:  # it idles, begins or ends: or the database is away
        return IDLE, any(job.deaths >= MOST_DEATHS - 1 for job in fleet.jobs() if not job.is_over)
    doomed = any(job.deaths >= MOST_DEATHS - 1 for job in fleet.jobs() if job.component == component and not job.is_over)
    return (steps[-1] if steps else FIRST), doomed


def _compare(fleet: Fleet, job: Job, peace: Peace, trial: Trial) -> None:
    try:
        end, run_id, replayed = fleet.outcome(job)
    except (ValueError, KeyError, TypeError) as error:
        trial.wrong.append(f"{job.component}: {job.conclusion}; no report ({error!r})")
        return
    trial.replayed += replayed
    trial.wrong += differences(peace.ends[job.component], end, f"{job.component}: ")
    if run_id != job.run_id:
        trial.wrong.append(f"{job.component}: it ended as another run than it began")


def _look_around(fleet: Fleet, trial: Trial) -> None:
    """Note what was left: processes, locks, workers that live on, checkouts, half files."""
    trial.wrong += [f"an orphan: {each[:200]}" for each in orphans_in(fleet.root)]
    trial.wrong += forgotten_in(fleet.temporary)
    with fleet.opened() as database:
        trial.wrong += [f"a worker's lock is held: {each.id}" for each in Queue(database).workers() if each.alive]
    left = [path for machine in fleet.machines for pattern in ("**/checkouts/*", "**/*.tmp") for path in machine.glob(pattern)]
    trial.wrong += [f"left behind: {path.relative_to(fleet.root)}" for path in left]


def _is_over(jobs: Sequence[Job]) -> bool:
    return len(jobs) == len(BATCH) and all(job.is_over for job in jobs)


def _still(begun: float, fleet: Fleet) -> None:
    """Wait a moment; a batch that hangs is no result.

    Raises:
        TimeoutError: where it takes far too long.
    """
    if time.monotonic() - begun > LONGEST_S:
        message = f"it hangs: {[(job.component, job.state, job.worker) for job in fleet.jobs()]}; {fleet.said()}"
        raise TimeoutError(message)
    time.sleep(_LOOK_S)
