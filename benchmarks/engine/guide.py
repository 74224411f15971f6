"""`python -m benchmarks.engine.guide`: the guide's comparison, sync against async, with a scripted agent of 5 s a module.

The calculator without tests, generation on, to development. Beside it stands the ancestor's figure for a staging run without
generation: 10 tool starts, 9.5 s CPU and 8.5 s wall, where the same tools alone took 2.45 s CPU and 1.27 s wall.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import measured, median, save
from benchmarks.overhead.subjects import calculator

SECONDS_PER_CALL = 1.25  # the script calls four times a module


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One run: seconds of wall clock and CPU, the saving that its report tells, in seconds, and the stages that passed."""

    way: str
    wall_s: float
    cpu_s: float
    saved_s: float
    accepted: int
    exit_code: int


def take(work: Path, way: str, seconds_per_call: float) -> Taken:
    """Run once, on a fresh project."""
    root = work / way
    shutil.rmtree(root, ignore_errors=True)
    subject = calculator(root)
    shutil.rmtree(root / "tests")
    run = [sys.executable, "-m", "spec2prod", "run", "--spec", subject.specification, "--component", subject.component]
    run += ["--target", "development", "--enable-openhands", *(["--async"] if way == "async" else [])]
    model = [sys.executable, "-m", "spec2prod.testing", "--script", "calculator", "--seconds-per-call", str(seconds_per_call), "--"]
    ran = measured([[*model, *run]], root)
    report = json.loads((root / f"workflow_report_{subject.component}.json").read_text())
    return Taken(
        way=way,
        wall_s=ran.wall_s,
        cpu_s=ran.cpu_s,
        saved_s=report["parallel_execution_savings_ms"] / 1000,
        accepted=sum(each["verdict"] == "accepted" for each in report["run"]["candidates"]),
        exit_code=ran.exit_code,
    )


def main() -> None:
    """Take the ways in turn, print medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.guide", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way (default: %(default)s)")
    parser.add_argument("--seconds-per-call", type=float, default=SECONDS_PER_CALL, help="of the scripted model (default: %(default)s)")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="spec2prod-guide-"))
    try:
        taken = [take(work, way, options.seconds_per_call) for _ in range(options.rounds) for way in ("sync", "async")]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for way in ("sync", "async"):
        own = [each for each in taken if each.way == way]
        wall, cpu, saved = (median(getattr(each, name) for each in own) for name in ("wall_s", "cpu_s", "saved_s"))
        print(f"{way:6} {wall:6.1f} s wall {cpu:6.1f} s CPU, {saved:.1f} s saved by overlap, exit {own[-1].exit_code}")
    print(f"raw figures: {save(__file__, taken)}")


if __name__ == "__main__":
    main()
