"""One project's story: a run is killed at random moments, gone on with, and compared with one that nobody disturbed."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.attempt import Watched, watched_until
from benchmarks.chaos.course import Course
from benchmarks.chaos.outages import Server
from benchmarks.chaos.project import End, Project
from benchmarks.chaos.remains import differences, left_by
from benchmarks.chaos.watch import NOTHING, Sight, Watch
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.runs import State
from spec2prod.testing import ScriptedModel

MOST_KILLS = 16  # of one run, and two thirds of it at least; where it comes to its end before, there are fewer
STARTING, FIRST, AFTER = "(starting)", "(before the first step)", "(after its end was noted)"
_CLEARED = 0.4  # how likely the cache is cleared before every attempt of a run
_LOOKS = 0.5  # how likely the database is opened between two attempts: else the next attempt finds it just as the dead one left it
_OUTAGE = 0.5  # how likely an attempt meets an outage, where there are any
_LONGEST_OUTAGE_S = 6.0
_COULD_NOT_ASK = 4
_NOT_THERE = re.compile(r"Not promoted to \w+: \S+: the database \S+ cannot be used")  # a server that was away when the run began


@dataclass(slots=True, kw_only=True)
class Trial:
    """One story. `killed_at_s` are seconds after each start; `outages` what befell the database, when and for how long.

    `extra_calls` of the model are above the undisturbed run's; `refused` counts attempts that found no database and did not begin.
    `killed_in` tells for each kill the last step that was recorded then (or how far the run was), and how many processes it had at work.
    `cleared`: without the cache of answers.
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
    killed_in: list[tuple[str, int]] = field(default_factory=list)
    cleared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Peace:
    """How it goes undisturbed: the ends by component, the seconds, and the calls of the model."""

    ends: Mapping[str, End]
    lasts_s: float
    calls: int = 0
    course: Course = field(default_factory=lambda: Course(0, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trials happen: a folder, the database server (None: SQLite), what befalls it, the model (or None), kills a run from and to."""

    folder: Path
    server: Server | None = None
    outages: tuple[str, ...] = ()
    model: ScriptedModel | None = None
    kills: tuple[int, int] = (MOST_KILLS * 2 // 3, MOST_KILLS)

    @property
    def temporary(self) -> Path:
        """Return where temporary files of what is killed lie; nothing else does. A short name: sockets are among them."""
        folder = self.folder / "t"
        folder.mkdir(exist_ok=True)
        return folder

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
        return Project(root / "project", {"SPEC2PROD_DATABASE_URL": url, "TMPDIR": str(self.temporary), **model}, writer=writer), direct

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
    """Run once in peace.

    Raises:
        RuntimeError: where it is not promoted, or its agent did not ask the model: then there is nothing to compare with.
    """
    project, url = place.project(writer)
    before = place.calls
    watched = watched_until(project.start(), Watch(url), None, 0)
    calls = place.calls - before
    if watched.exit_code or (writer == "agent" and not calls):
        message = f"undisturbed it ended with {watched.exit_code} after {calls} calls of the model: {project.said()}"
        raise RuntimeError(message)
    course = Course.of(watched.seen, watched.lasts_s)
    ends = {"": project.end(watched.exit_code)}
    shutil.rmtree(project.root.parent)
    return Peace(ends=ends, lasts_s=watched.lasts_s, calls=calls, course=course)


def one_trial(number: int, place: Place, dice: random.Random, peace: Peace, writer: str) -> Trial:
    """Kill a run and its successors at places spread over the whole course; then let one end, and compare."""
    trial, (project, url), before = Trial(number=number, writer=writer), place.project(writer), place.calls
    course = peace.course
    places = course.places(dice, dice.randint(*place.kills))
    trial.cleared = dice.random() < _CLEARED
    watch, sight = Watch(url), NOTHING
    while True:
        done = len(sight.steps)
        moment = course.moment(dice, places[len(trial.killed_at_s)], done) if len(trial.killed_at_s) < len(places) else None
        with place.troubled(trial, dice, course.from_to_s(done, moment) if moment else peace.lasts_s / 2):
            trial.attempts += 1
            watched = watched_until(project.start(), watch, moment, sight.attempt)
        course.learn(watched.seen)
        sight = _note(trial, watched, watch, sight.attempt)
        trial.wrong += left_by(project, place.temporary, url if sight.state and dice.random() < _LOOKS else "")
        if (code := _ended(watched, sight, project, trial)) is not None:
            break
        if trial.cleared and sight.state:
            _clear(project, url)
    trial.wrong += left_by(project, place.temporary, url)
    try:
        trial.wrong += differences(peace.ends[""], project.end(code))
        trial.replayed = project.report()["run"]["steps_replayed"]
    except (RuntimeError, KeyError, TypeError) as error:
        trial.wrong.append(f"{error!r}; it said: {project.said()}")
    trial.extra_calls = place.calls - before - peace.calls
    if trial.extra_calls > len(trial.killed_at_s):
        trial.wrong.append(f"{trial.extra_calls} calls of the model too many after {len(trial.killed_at_s)} kills")
    (shutil.rmtree if not trial.wrong else _keep)(project.root.parent)
    return trial


def _note(trial: Trial, watched: Watched, watch: Watch, noted: int) -> Sight:
    """Note a kill and how far the run was; return what its database says now, when nothing works any more.

    Raises:
        RuntimeError: where the database says nothing, although it is not away.
    """
    sight = watch.look()
    watch.close()
    if sight is None:
        message = "the database does not answer, although nothing befalls it"
        raise RuntimeError(message)
    if watched.is_killed:
        trial.killed_at_s.append(round(watched.lasts_s, 3))
        trial.killed_in.append((_phase(sight, noted), watched.tools))
    return sight


def _phase(sight: Sight, noted: int) -> str:
    """Return how far a run was when it was killed."""
    if sight.attempt == noted:
        return STARTING
    if sight.state == State.FINISHED:
        return AFTER
    return sight.steps[-1] if sight.steps else FIRST


def _ended(watched: Watched, sight: Sight, project: Project, trial: Trial) -> int | None:
    """Return the exit code of a run that came to its end, also where it was killed after that; None where it is to be gone on with."""
    if sight.state == State.FINISHED:
        return sight.exit_code if watched.is_killed else watched.exit_code
    if watched.exit_code == _COULD_NOT_ASK and trial.outages and _NOT_THERE.search(project.said()):
        trial.refused += 1
        return None
    return None if watched.is_killed else watched.exit_code


def _clear(project: Project, url: str) -> None:
    """Have nothing answered but by the run's own record: neither from the cache of answers, nor by known digests."""
    with closing(open_database(url)) as database:
        for table in ("answers", "contents"):
            database.rows(f"DELETE FROM {table}")  # noqa: S608 - ours
    (project.root / ".spec2prod/digests.json").unlink(missing_ok=True)


def _keep(root: Path) -> None:
    """Keep a project that came to another end, to be looked at."""
    kept = Path(tempfile.gettempdir()) / "s2p-chaos-kept" / root.name
    shutil.copytree(root, kept, symlinks=True, ignore_dangling_symlinks=True)
