"""One project's story: a run is killed at random moments, gone on with, and compared with one that nobody disturbed."""

from __future__ import annotations

import random
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.outages import Server
from benchmarks.chaos.project import End, Project, working_in
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.runs import Runs, State
from spec2prod.testing import ScriptedModel

ORPHANS_S = 10.0  # what dies with a killed run dies within this time
LONGEST_S = 300.0
MOST_KILLS = 8
_AGAIN = 0.8  # how likely a run that goes on is killed as well
_OUTAGE = 0.5  # how likely an attempt meets an outage, where there are any
_LONGEST_OUTAGE_S = 6.0
_COULD_NOT_ASK = 4


@dataclass(slots=True, kw_only=True)
class Trial:
    """One story. `killed_at_s` are seconds after each start; `outages` what befell the database, when and for how long.

    `extra_calls` of the model are above the undisturbed run's; `refused` counts attempts that found no database and did not begin.
    """

    number: int
    writer: str
    killed_at_s: list[float] = field(default_factory=list)
    outages: list[tuple[str, float, float]] = field(default_factory=list)
    attempts: int = 0
    refused: int = 0
    replayed: int = 0
    extra_calls: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peace:
    """How it goes undisturbed: the ends by component, the seconds, and the calls of the model."""

    ends: Mapping[str, End]
    lasts_s: float
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trials happen: a folder, the database server (None: SQLite), what befalls it, and the model (None: no agent)."""

    folder: Path
    server: Server | None = None
    outages: tuple[str, ...] = ()
    model: ScriptedModel | None = None

    def new(self) -> tuple[Path, str, str]:
        """Return a new folder, the URL of a new database for what is disturbed, and for who looks on."""
        root = self.folder / uuid.uuid4().hex[:12]
        if self.server is not None:
            return root, *self.server.fresh()
        url = f"sqlite:///{root / 'state' / 'spec2prod.sqlite'}"
        return root, url, url

    def project(self, writer: str) -> tuple[Project, str]:
        """Return a new project, and where its database is."""
        root, url, direct = self.new()
        model = self.model.environment() if self.model and writer == "agent" else {}
        return Project(root / "project", {"SPEC2PROD_DATABASE_URL": url, **model}, writer=writer), direct

    @property
    def calls(self) -> int:
        """Return how often the model was called so far."""
        return self.model.calls if self.model else 0

    @contextmanager
    def troubled(self, trial: Trial, dice: random.Random, lasts_s: float, *, often: float = _OUTAGE) -> Iterator[None]:
        """Have the database away for a moment meanwhile, as the dice will; it is back at the end."""
        if self.server is None or not self.outages or dice.random() >= often:
            yield
            return
        kind, after_s, long_s = dice.choice(self.outages), dice.uniform(0.0, lasts_s), dice.uniform(0.2, _LONGEST_OUTAGE_S)
        over = threading.Event()
        thread = threading.Thread(target=_befall, args=(self.server, trial, over, kind, after_s, long_s))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _befall(server: Server, trial: Trial, over: threading.Event, kind: str, after_s: float, long_s: float) -> None:  # noqa: PLR0913, PLR0917 - a thread's
    """Have the database away from a moment on, and back; where all was over before, nothing happens."""
    if over.wait(after_s):
        return
    trial.outages.append((kind, round(after_s, 3), round(long_s, 3)))
    away: Mapping[str, Callable[[], None]] = {
        "restart": server.stop,
        "reset": lambda: server.wire.cut(silent=False),
        "silence": lambda: server.wire.cut(silent=True),
    }
    away[kind]()
    over.wait(long_s)
    (server.start if kind == "restart" else server.wire.mend)()


def undisturbed(place: Place, writer: str) -> Peace:
    """Run once in peace."""
    project, _ = place.project(writer)
    before, begun = place.calls, time.monotonic()
    code = project.start().wait(LONGEST_S)
    return Peace(ends={"": project.end(code)}, lasts_s=time.monotonic() - begun, calls=place.calls - before)


def one_trial(number: int, place: Place, dice: random.Random, peace: Peace, writer: str) -> Trial:
    """Kill a run, and its successors as the dice will; then let one end, and compare."""
    trial, (project, url), before = Trial(number=number, writer=writer), place.project(writer), place.calls
    while True:
        dies = not trial.killed_at_s or (len(trial.killed_at_s) < MOST_KILLS and dice.random() < _AGAIN)
        moment = dice.uniform(0.0, peace.lasts_s * 1.05) if dies else LONGEST_S
        with place.troubled(trial, dice, peace.lasts_s):
            process = project.start()
            trial.attempts += 1
            if was_killed(process, moment):
                trial.killed_at_s.append(round(moment, 3))
        look_around(project, url, trial)
        if (code := _ended(process, project, url, trial)) is not None:
            break
    try:
        compare(peace.ends[""], project.end(code), trial)
        trial.replayed = project.report()["run"]["steps_replayed"]
    except (RuntimeError, KeyError, TypeError) as error:
        trial.wrong.append(f"{error!r}; it said: {project.said()}")
    trial.extra_calls = place.calls - before - peace.calls
    if trial.extra_calls > len(trial.killed_at_s):
        trial.wrong.append(f"{trial.extra_calls} calls of the model too many after {len(trial.killed_at_s)} kills")
    return trial


def was_killed(process: subprocess.Popen[bytes], after_s: float) -> bool:
    """Kill a run after a time; False where it had ended by itself."""
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    except BaseException:  # the series is stopped: nothing of it works on
        process.kill()
        raise
    return False


def _ended(process: subprocess.Popen[bytes], project: Project, url: str, trial: Trial) -> int | None:
    """Return the exit code of a run that came to its end, also where it was killed after that; None where it is to be gone on with."""
    with closing(open_database(url)) as database:
        runs = Runs(database).all(limit=1)
    if runs and runs[0].state is State.FINISHED:
        return runs[0].exit_code
    if process.returncode == _COULD_NOT_ASK and trial.outages and "the database cannot be used" in project.said():
        trial.refused += 1
        return None
    return process.returncode if process.returncode >= 0 else None


def look_around(project: Project, url: str, trial: Trial) -> None:
    """Note what a dead run has left: processes, locks, half files."""
    trial.wrong += [f"an orphan: {each[:200]}" for each in orphans_in(project.root)]
    trial.wrong += [f"a half file: {each}" for each in project.half_written()]
    trial.wrong += locks_in(url)


def orphans_in(folder: Path) -> list[str]:
    """Return what still works in a folder after a time in which it should have ended."""
    deadline = time.monotonic() + ORPHANS_S
    while (found := working_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def locks_in(url: str) -> list[str]:
    """Return the runs whose lock is held, although nobody works on them any more."""
    deadline = time.monotonic() + ORPHANS_S  # a server notices a dead client when it next hears of it
    with closing(open_database(url)) as database:
        while (held := [run for run in Runs(database).all() if database.is_held(run.lock_name)]) and time.monotonic() < deadline:
            time.sleep(0.05)
    return [f"a lock is held: {run.lock_name}" for run in held]


def compare(wanted: End, found: End, trial: Trial, who: str = "") -> None:
    """Note what is not as it was undisturbed."""
    for name, left, right in (
        ("exit code", wanted.exit_code, found.exit_code),
        ("verdicts", wanted.verdicts, found.verdicts),
        ("candidates", wanted.candidates, found.candidates),
        ("files", wanted.files, found.files),
    ):
        if left != right:
            trial.wrong.append(f"{who}other {name}: {right} instead of {left}"[:2000])
