"""`python -m benchmarks.overhead [--rounds N]`: a table on standard output, the raw figures in `results/`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.overhead.subjects import Subject, clean, subjects

BIN = Path(sys.executable).parent
WAYS = ("by hand", "async", "sync")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One measurement: seconds of wall clock, seconds of CPU with all children, processes started by the tool."""

    way: str
    wall_s: float
    cpu_s: float
    processes: int
    exit_code: int


def by_hand(subject: Subject) -> list[list[str]]:
    """Return the commands that a person would start, all at once."""
    sources, tests = list(subject.sources), list(subject.tests)
    python = sys.executable
    return [
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--cov={sources[0]}", "--cov-report=", *tests],
        [str(BIN / "ruff"), "check", "--quiet", *sources, *tests],
        [str(BIN / "basedpyright"), "--level", "error", *sources],
        [str(BIN / "bandit"), "-q", "-r", *sources],
        [str(BIN / "detect-secrets"), "scan", "--no-verify", "--all-files", *sources, *tests],
        [str(BIN / "pip-audit"), "--format", "json", "--progress-spinner", "off", "--timeout", "5"],
    ]


def measure_by_hand(subject: Subject) -> Round:
    """Start the tools at once, and wait for all."""
    env = os.environ | {"PYTHONPATH": str(subject.root / subject.import_root)}
    before, start = os.times(), time.perf_counter()
    started = [
        subprocess.Popen(each, cwd=subject.root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for each in by_hand(subject)
    ]
    codes = [process.wait() for process in started]
    return _round("by hand", start, before, len(started), max(codes))


def measure_run(subject: Subject, *, async_mode: bool) -> Round:
    """Run spec2prod to staging, without generation; its release, which nobody did by hand, is subtracted."""
    command = [sys.executable, "-m", "spec2prod", "run", "--spec", subject.specification, "--component", subject.component]
    command += ["--target", "staging", "--no-fix", "--no-cache", *(["--async"] if async_mode else [])]
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=subject.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    report = json.loads((subject.root / f"workflow_report_{subject.component}.json").read_text())
    one = _round("async" if async_mode else "sync", start, before, 0, done.returncode)
    processes = report["run"]["processes"]
    judging = [each for each in processes if not each["tool"].startswith(("uv ", "release "))]
    released_ms = sum(each["cpu_ms"] for each in processes if each not in judging)
    return replace(
        one,
        wall_s=one.wall_s - report["stage_timings"].get("staging_deployment", 0.0) / 1000,
        cpu_s=one.cpu_s - released_ms / 1000,
        processes=len(judging),
    )


def _round(way: str, start: float, before: os.times_result, processes: int, code: int) -> Round:
    wall, after = time.perf_counter() - start, os.times()
    cpu = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    return Round(way=way, wall_s=wall, cpu_s=cpu, processes=processes, exit_code=code)


def measure(subject: Subject, rounds: int) -> list[Round]:
    """Measure the ways in turn, so that a busy moment of the machine hits them alike; the first turn only warms up."""
    taken: list[Round] = []
    for turn in range(rounds + 1):
        for way in WAYS:
            clean(subject.root)
            one = measure_by_hand(subject) if way == "by hand" else measure_run(subject, async_mode=way == "async")
            if turn:
                taken.append(one)
    return taken


def row(subject: Subject, taken: Sequence[Round]) -> str:
    """Return one line of the table: medians, and ratios to the tools by hand."""
    told: dict[str, tuple[float, float, int]] = {}
    for way in WAYS:
        own = [each for each in taken if each.way == way]
        told[way] = (statistics.median(each.wall_s for each in own), statistics.median(each.cpu_s for each in own), own[-1].processes)
    hand, beside, sync = (told[way] for way in WAYS)
    return (
        f"{subject.name:24} {hand[0]:6.2f} s {hand[1]:6.2f} s   "
        f"{beside[0] / hand[0]:5.2f} x {beside[1] / hand[1]:5.2f} x {beside[2]:3d}   {sync[0] / hand[0]:5.2f} x {sync[1] / hand[1]:5.2f} x"
    )


def save(results: Mapping[str, Sequence[Round]]) -> Path:
    """Keep the raw figures."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{datetime.now(tz=UTC):%Y-%m-%d-%H%M%S}.json"
    told = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "rounds": {name: [asdict(each) for each in taken] for name, taken in results.items()},
    }
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return file


def main() -> None:
    """Measure everything, print the table, keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured turns a subject (default: %(default)s)")
    rounds = parser.parse_args().rounds
    work = Path(tempfile.mkdtemp(prefix="spec2prod-overhead-"))
    results: dict[str, list[Round]] = {}
    print(f"{'':24} {'tools by hand, at once':18}   {'staging run, async':22}   staging run, sync")
    print(f"{'subject':24} {'wall':>8} {'CPU':>8}   {'wall':>7} {'CPU':>7} {'starts':>6}   {'wall':>7} {'CPU':>7}")
    try:
        for subject in subjects(work):
            results[subject.name] = measure(subject, rounds)
            print(row(subject, results[subject.name]), flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"raw figures: {save(results)}")


if __name__ == "__main__":
    main()
