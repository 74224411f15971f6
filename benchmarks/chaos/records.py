"""Raw results as JSON lines, one a trial, so that a series can be gone on with and several be added up."""

from __future__ import annotations

import json
import platform
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.chaos.project import REPOSITORY
from benchmarks.chaos.trials import Trial

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What the trials of a series have in common. The dice of trial n are those of (seed, n), so that one alone can be repeated."""

    database: str
    workers: int
    outages: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """Return the name of its results."""
        return "-".join([self.database, f"{self.workers}-workers" if self.workers else "single", *self.outages])

    @property
    def file(self) -> Path:
        """Return where its results are."""
        return RESULTS / f"{self.name}.jsonl"

    def keep(self, trial: Trial, lasts_s: float) -> None:
        """Add a trial to the results."""
        RESULTS.mkdir(exist_ok=True)
        line = {
            "at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            "series": self.name,
            "seed": self.seed,
            "commit": _commit(),
            "python": platform.python_version(),
            "undisturbed_s": round(lasts_s, 3),
            **asdict(trial),
        }
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def earlier(self) -> list[dict[str, Any]]:
        """Return what was kept of this seed."""
        return [line for line in lines_of([self.file]) if line["seed"] == self.seed]


def lines_of(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the trials that files hold."""
    return [json.loads(line) for file in files if file.exists() for line in file.read_text(encoding="utf-8").splitlines()]


def kills_of(lines: Sequence[Mapping[str, Any]]) -> int:
    """Return how many kills there were in all."""
    return sum(len(line["killed_at_s"]) for line in lines)


def summary(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a table of all series, added up by what they were about, and one of the kills by how far the run was, as markdown."""
    by_name: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        by_name[str(line["series"])].append(line)
    names = sorted(by_name)
    head = "| series | kills | outages | trials, of them with the agent | steps replayed | calls of the model again | differing |"
    where = "| last step recorded at the kill | " + " | ".join(names) + " | all | of them with processes at work |"
    marks = "|---|" + "---|" * (len(names) + 2)
    return [head, "|---|---|---|---|---|---|---|", *(_row(name, by_name[name]) for name in names), "", where, marks, *_phases(by_name)]


def _phases(by_name: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Return how many kills fell where."""
    counts = {name: Counter(where for line in by_name[name] for where, _ in _places(line)) for name in sorted(by_name)}
    at_work = Counter(where for lines in by_name.values() for line in lines for where, tools in _places(line) if tools)
    everywhere = sorted({where for each in counts.values() for where in each})
    rows = [(where, [each[where] for each in counts.values()]) for where in everywhere]
    return [f"| {where} | {' | '.join(map(str, each))} | {sum(each)} | {at_work[where]} |" for where, each in rows]


def _places(line: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return for each kill how far the run was; the first trials did not tell."""
    return list(line.get("killed_in", [("(not told)", 0)] * len(line["killed_at_s"])))


def _row(name: str, lines: Sequence[Mapping[str, Any]]) -> str:
    agents = sum(line["writer"] == "agent" for line in lines)
    outages, replayed = sum(len(line["outages"]) for line in lines), sum(line["replayed"] for line in lines)
    again, wrong = sum(line["extra_calls"] for line in lines), sum(bool(line["wrong"]) for line in lines)
    return f"| {name} | {kills_of(lines)} | {outages} | {len(lines)}, {agents} | {replayed} | {again} | {wrong} |"


def _commit() -> str:
    """Return the commit of the package that is tried; `-dirty` where the package (not this benchmark) differs from it."""
    changed = _git("status", "--porcelain", "--", "src")
    return _git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")


def _git(*words: str) -> str:
    return subprocess.run(["/usr/bin/env", "git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()
