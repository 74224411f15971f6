"""What the warm judge costs, as ratios in one run: beside pytest with coverage, beside mutmut and cosmic-ray, and for 30 candidates.

`python -m benchmarks.acceptance.speed [--rounds N] [--jobs N] [--without mutmut|cosmic-ray]…`: a table on standard output, the raw
figures in `results/`. The other tools get an environment of their own each, made here with uv, their versions pinned below. Of
cosmic-ray's jobs, which all cost the same (one pytest run each), every n-th is run and the sum extrapolated; the table says so.
Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.acceptance.speed_subject import suite, write
from spec2prod.adapters.judge.client import Judge, Mutation
from spec2prod.adapters.judge.place import Place
from spec2prod.adapters.programs import uv_program
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.domain.judging import Measured, judged
from spec2prod.domain.judging_canaries import canary_file
from spec2prod.domain.mutation import Fate

PINNED = {"mutmut": "mutmut==3.8.1", "cosmic-ray": "cosmic-ray==8.7.0"}
PYTEST = "pytest==9.2.0"
TARGETS = {"coverage": 1.0, "mutmut": 10.0, "cosmic-ray": 50.0, "candidates": 15.0}
CANDIDATES = 30
JOBS = 40  # of cosmic-ray's
DIFFERENCES = """\
Why the scores differ: mutmut and cosmic-ray count every failing test as a kill, the judge only assertions (crashes stand beside it);
cosmic-ray tries each operator against all others, mutmut and the judge one or two; mutmut changes no module level, no class level and no
default arguments, and stops, like cosmic-ray here, at the first test that fails, where the judge fills the whole matrix. The judge leaves
out texts of errors and changes that compile to the same code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One way's cost: seconds of wall clock (the median), and what it found; where only a part of it was run, `note` says so."""

    way: str
    wall_s: float
    mutants: int = 0
    killed: int = 0
    note: str = ""

    @property
    def score(self) -> str:
        """Return the mutation score as text."""
        return f"{100 * self.killed / self.mutants:5.1f} % of {self.mutants}" if self.mutants else ""


def timed(rounds: int, run: Callable[[], object]) -> float:
    """Return the median wall time; the first turn only warms up where there are several."""
    taken: list[float] = []
    for _ in range(rounds + (rounds > 1)):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:] or taken)


def asked(  # noqa: PLR0913 - what a question is made of
    root: Path, tests: list[str], candidates: list[str], mutation: Mutation, *, module_level: bool = True, python: Path | None = None
) -> Measured:
    """Ask the judge about the project, in that Python."""

    async def ask() -> Measured:
        async with Judge(Place(root=root, import_root=".", interpreter=python or Path(sys.executable), box=find_sandbox())) as judge:
            return await judge.measure(tests, candidates, ["shop.py"], mutation=mutation, module_level=module_level)

    return asyncio.run(ask())


def coverage_cost(work: Path, rounds: int) -> tuple[Figure, Figure]:
    """Measure per-test coverage of 100 tests, and one plain run of them with branch coverage."""
    root = work / "coverage"
    write(root, {"test_shop.py": suite(100)})
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--cov=shop", "--cov-branch", "--cov-report=", "tests"]
    env = os.environ | {"PYTHONPATH": str(root)}
    run = timed(rounds, lambda: subprocess.run(plain, cwd=root, env=env, check=True, stdout=subprocess.DEVNULL))
    ours = timed(rounds, lambda: asked(root, ["tests/test_shop.py"], [], Mutation.NONE))
    return Figure(way="pytest with branch coverage, once", wall_s=run), Figure(way="judge, lines of each of 100 tests", wall_s=ours)


def matrix_cost(work: Path, rounds: int, *, module_level: bool, tool: str = "") -> Figure:
    """Measure the full matrix of the module and 26 tests; with a tool in the very environment in which the tool runs."""
    root = work / f"matrix-{module_level}-{tool}"
    python = environment(work, tool) / "python" if tool else None
    write(root, {"test_shop.py": suite(26)})
    found: list[Measured] = []
    wall = timed(
        rounds, lambda: found.append(asked(root, ["tests/test_shop.py"], [], Mutation.MATRIX, module_level=module_level, python=python))
    )
    matrix = found[-1].matrix
    fates = [fate for each in matrix.mutants if (fate := matrix.fate(each.id)) is not Fate.UNJUDGED]
    crashed = sum(fate in {Fate.CRASHED, Fate.TIMEOUT} for fate in fates)
    way = "judge, full matrix" + ("" if module_level else ", functions only") + (f", beside {tool}" if tool else "")
    return Figure(way=way, wall_s=wall, mutants=len(fates), killed=fates.count(Fate.KILLED), note=f"{crashed} more by crash or time")


def environment(work: Path, tool: str) -> Path:
    """Make the tool's own environment; return its folder of programs."""
    folder = work / f"env-{tool}"
    if folder.exists():
        return folder / "bin"
    uv = str(uv_program())
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python"), PINNED[tool], PYTEST],
        check=True,
    )
    return folder / "bin"


def mutmut_cost(work: Path) -> Figure:
    """Run mutmut once on the same module and tests."""
    programs, root = environment(work, "mutmut"), work / "mutmut"
    write(root, {"test_shop.py": suite(26)})
    (root / "setup.cfg").write_text("[mutmut]\nsource_paths=shop.py\npytest_add_cli_args_test_selection=tests\n", encoding="utf-8")
    env = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    run = [str(programs / "mutmut"), "run"]
    wall = timed(1, lambda: subprocess.run(run, cwd=root, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    subprocess.run(
        [str(programs / "mutmut"), "export-cicd-stats"], cwd=root, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    told = json.loads((root / "mutants" / "mutmut-cicd-stats.json").read_text(encoding="utf-8"))
    return Figure(way=PINNED["mutmut"], wall_s=wall, mutants=told["total"], killed=told["killed"] + told["timeout"] + told["segfault"])


def sampled(session: Path, jobs: int) -> tuple[int, int]:
    """Leave about so many jobs of a cosmic-ray session, evenly over its operators (0: all); return how many are left, of how many."""
    with contextlib.closing(sqlite3.connect(session)) as database, database:
        names = [name for (name,) in database.execute("SELECT job_id FROM mutation_specs ORDER BY rowid")]
        left = names[:: max(1, len(names) // jobs)] if jobs else names
        for table in ("mutation_specs", "work_items"):
            dropped = [(name,) for name in names if name not in set(left)]
            database.executemany(f"DELETE FROM {table} WHERE job_id = ?", dropped)  # noqa: S608 - one of the two above
    return len(left), len(names)


def cosmic_ray_cost(work: Path, jobs: int) -> Figure:
    """Run cosmic-ray once on the same module and tests; its time is that of all jobs, extrapolated from those that were run."""
    programs, root = environment(work, "cosmic-ray"), work / "cosmic-ray"
    write(root, {"test_shop.py": suite(26)})
    command = f"{programs / 'python'} -m pytest -x -q -p no:cacheprovider tests"
    settings = f'[cosmic-ray]\nmodule-path = "shop.py"\ntimeout = 10.0\nexcluded-modules = []\ntest-command = "{command}"\n'
    (root / "settings.toml").write_text(settings + '[cosmic-ray.distributor]\nname = "local"\n', encoding="utf-8")
    env = os.environ | {"PYTHONPATH": str(root)}
    tool = str(programs / "cosmic-ray")
    subprocess.run([tool, "init", "settings.toml", "session.sqlite"], cwd=root, env=env, check=True)
    run_jobs, all_jobs = sampled(root / "session.sqlite", jobs)
    run = [tool, "exec", "settings.toml", "session.sqlite"]
    wall = timed(1, lambda: subprocess.run(run, cwd=root, env=env, check=True, stdout=subprocess.DEVNULL))
    told = subprocess.run(
        [str(programs / "cr-report"), "session.sqlite"], cwd=root, env=env, check=True, capture_output=True, text=True
    ).stdout
    total, survived = (
        int(found[1]) if (found := re.search(rf"{name}: (\d+)", told)) else 0 for name in ("total jobs", "surviving mutants")
    )
    note = f"extrapolated from {run_jobs} of {all_jobs} jobs, {wall:.1f} s" if run_jobs < all_jobs else ""
    return Figure(way=PINNED["cosmic-ray"], wall_s=wall * all_jobs / run_jobs, mutants=total, killed=total - survived, note=note)


def candidates_cost(work: Path, rounds: int) -> Figure:
    """Measure 30 candidates in 10 files beside a suite and canaries, verdicts included."""
    root = work / "candidates"
    files = {
        f"test_candidate_{number}.py": suite(3 + 2, name=f"test_{number}").replace(STOCK_TESTS, "") for number in range(CANDIDATES // 3)
    }
    write(root, {"test_shop.py": suite(8), "test_canary.py": canary_file("shop"), **files})
    names = [f"tests/{name}" for name in (*files, "test_canary.py")]
    verdicts: list[int] = []

    def run() -> None:
        measured = asked(root, ["tests/test_shop.py"], names, Mutation.MATRIX)
        functions = {case.function for case in measured.cases if case.function.partition("::")[0] in names}
        verdicts.append(len(judged(measured, functions)))

    wall = timed(rounds, run)
    return Figure(way=f"judge, {CANDIDATES} candidates in {len(files)} files, and canaries", wall_s=wall, note=f"{verdicts[-1]} verdicts")


STOCK_TESTS = suite(2).partition("import shop\n")[2]


def report(figures: Mapping[str, Figure]) -> bool:
    """Print the table; say whether every target is met."""
    for figure in figures.values():
        print(f"{figure.way:48} {figure.wall_s:8.2f} s   {figure.score:18} {figure.note}")
    plain, ours = figures["plain"], figures["per test"]
    met = {"coverage": (ours.wall_s / plain.wall_s, ours.wall_s / plain.wall_s <= TARGETS["coverage"])}
    for name in PINNED:
        if name in figures:
            ratio = figures[name].wall_s / figures[f"judge beside {name}"].wall_s
            met[name] = (ratio, ratio >= TARGETS[name])
    met["candidates"] = (figures["candidates"].wall_s, figures["candidates"].wall_s <= TARGETS["candidates"])
    for name, (value, is_met) in met.items():
        print(f"{name:12} {value:7.2f}   target {TARGETS[name]:g}   {'met' if is_met else 'MISSED'}")
    print(DIFFERENCES)
    return all(is_met for _, is_met in met.values())


def save(figures: Mapping[str, Figure]) -> Path:
    """Keep the raw figures."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"speed-{datetime.now(tz=UTC):%Y-%m-%d-%H%M%S}.json"
    told = {
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "figures": {name: asdict(each) for name, each in figures.items()},
    }
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return file


def main() -> int:
    """Measure everything, print the table, keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.acceptance.speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="measured turns of the judge and of pytest (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=JOBS, help="cosmic-ray's jobs that are run, 0 for all (default: %(default)s)")
    parser.add_argument("--without", action="append", default=[], choices=sorted(PINNED), help="leave out a tool")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="spec2prod-speed-"))
    try:
        plain, per_test = coverage_cost(work, options.rounds)
        figures = {"plain": plain, "per test": per_test}
        figures["matrix"] = matrix_cost(work, options.rounds, module_level=True)
        for name in [each for each in PINNED if each not in options.without]:
            figures[f"judge beside {name}"] = matrix_cost(work, options.rounds, module_level=False, tool=name)
            figures[name] = mutmut_cost(work) if name == "mutmut" else cosmic_ray_cost(work, options.jobs)
        figures["candidates"] = candidates_cost(work, options.rounds)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    is_met = report(figures)
    print(f"raw figures: {save(figures)}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
