"""`python -m benchmarks.engine.change`: one line changed in one of ten modules, beside the tools that this asks again, by hand and at once.

By hand they are started in two ways: as a person does (pytest with coverage, ruff, basedpyright, bandit, detect-secrets), and by the
commands of the run's own report, whose workers answer several questions in one process. The release is subtracted, as in
`benchmarks.overhead`: nobody made one by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import measured, median, save
from benchmarks.overhead.__main__ import by_hand
from benchmarks.overhead.subjects import Subject, generated


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One changed line: seconds of the run and of its tools by hand, what was started, and how many answers the cache gave."""

    run_s: float
    run_cpu_s: float
    by_hand_s: float
    by_hand_cpu_s: float
    own_commands_s: float
    own_commands_cpu_s: float
    tools: tuple[str, ...]
    hits: int


def change(subject: Subject, number: int) -> Change:
    """Change a line, run, and start the same tools by hand."""
    module = subject.root / "src/wide/m3.py"
    module.write_text(re.sub(r"x \+ 3\b.*", f"x + 3  # changed {number} times", module.read_text()))
    command = [sys.executable, "-m", "spec2prod", "run", "--spec", subject.specification, "--component", subject.component]
    ran = measured([[*command, "--target", "staging", "--async", "--no-fix"]], subject.root)
    report = json.loads((subject.root / f"workflow_report_{subject.component}.json").read_text())
    processes = report["run"]["processes"]
    tools = [each for each in processes if not each["tool"].startswith(("uv ", "release "))]
    released_cpu_s = sum(each["cpu_ms"] for each in processes if each not in tools) / 1000
    scratch = Path(tempfile.mkdtemp(prefix="spec2prod-by-hand-"))
    own = measured([[word.replace("{scratch}", str(scratch)) for word in each["argv"]] for each in tools], subject.root)
    shutil.rmtree(scratch, ignore_errors=True)
    asked = [each for each in by_hand(subject) if Path(each[0]).name != "pip-audit"]  # the settings leave it out
    env = {"PYTHONPATH": str(subject.root / subject.import_root)}
    persons = measured(asked, subject.root, env)
    return Change(
        run_s=ran.wall_s - report["stage_timings"].get("staging_deployment", 0.0) / 1000,
        run_cpu_s=ran.cpu_s - released_cpu_s,
        by_hand_s=persons.wall_s,
        by_hand_cpu_s=persons.cpu_s,
        own_commands_s=own.wall_s,
        own_commands_cpu_s=own.cpu_s,
        tools=tuple(each["tool"] for each in tools),
        hits=report["run"].get("cache", {}).get("hits", 0),
    )


def main() -> None:
    """Change a line, again and again; print the medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.change", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="changes (default: %(default)s)")
    rounds = parser.parse_args().rounds
    work = Path(tempfile.mkdtemp(prefix="spec2prod-change-"))
    try:
        subject = generated(work / "generated")
        pyproject = subject.root / "pyproject.toml"
        pyproject.write_text(pyproject.read_text() + "\n[tool.spec2prod.rules.staging]\nvulnerabilities = { asked = false }\n")
        change(subject, 0)
        taken = [change(subject, number) for number in range(1, rounds + 1)]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    wall, cpu = median(each.run_s for each in taken), median(each.run_cpu_s for each in taken)
    hand, hand_cpu = median(each.by_hand_s for each in taken), median(each.by_hand_cpu_s for each in taken)
    own, own_cpu = median(each.own_commands_s for each in taken), median(each.own_commands_cpu_s for each in taken)
    print(f"asked again: {', '.join(taken[-1].tools)}; answers from the cache: {taken[-1].hits}")
    print(f"{'spec2prod run':40} {wall:6.2f} s wall {cpu:6.2f} s CPU")
    for way, its_wall, its_cpu in (("as a person starts them", hand, hand_cpu), ("the commands of the run itself", own, own_cpu)):
        ratios = f"{wall / its_wall:5.2f} x wall {cpu / its_cpu:5.2f} x CPU"
        print(f"by hand, {way:31} {its_wall:6.2f} s wall {its_cpu:6.2f} s CPU; the run takes {ratios}")
    print(f"raw figures: {save(__file__, taken)}")


if __name__ == "__main__":
    main()
