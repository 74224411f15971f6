"""The tests that real packages are published with, as candidates: how many good human tests are turned away?"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.acceptance.judging import Answers, judge
from benchmarks.acceptance.subjects import LONGEST_S, PACKAGES, upstream_of
from spec2prod.domain.screening import screen, without

COLUMNS = ("accepted", "redundant", "review", "suspected_defect", "rejected", "errored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One package's own tests: how many there are, how many were judged, what was said of them."""

    name: str
    all_tests: int
    answers: Answers
    turned_away: tuple[tuple[str, str, str], ...] = field(default=())

    @property
    def counts(self) -> Counter[str]:
        """Count the verdicts."""
        return Counter(each.verdict for each in self.answers.answers.values())


def replay(name: str, work: Path, most: int) -> Replayed:
    """Judge a package's own tests; of more than `most` a sample, the same one every time."""
    project, files = upstream_of(name, work)
    functions = [(file, each) for file in files for each in _functions(file)]
    chosen = functions if len(functions) <= most else random.Random(name).sample(functions, most)  # noqa: S311 - a sample, no secret
    kept: list[Path] = []
    for file in files:
        wanted = {each for where, each in chosen if where == file}
        if set(_functions(file)) - wanted:
            file.write_text(without(file.read_text(encoding="utf-8"), set(_functions(file)) - wanted), encoding="utf-8")
        kept += [file] if wanted else []
    answers = judge(project, [each.relative_to(project.root) for each in kept], timeout_s=2 * LONGEST_S)
    wrong = {key: each for key, each in answers.answers.items() if each.verdict in {"rejected", "suspected_defect", "errored"}}
    return Replayed(
        name=PACKAGES[name].archive,
        all_tests=len(functions),
        answers=answers,
        turned_away=tuple((key, each.verdict, each.reason) for key, each in wrong.items()),
    )


def table(replayed: Sequence[Replayed]) -> Iterator[str]:
    """Tell the verdicts, a line a package."""
    yield f"{'own tests of':24} {'tests':>6} {'judged':>6} " + " ".join(f"{each[:9]:>9}" for each in COLUMNS) + "    wall     CPU"
    for each in replayed:
        cells = " ".join(f"{each.counts[column]:>9}" for column in COLUMNS)
        told = f"{each.answers.wall_s:6.0f} s {each.answers.cpu_s:6.0f} s" + (f"  {each.answers.failure}" if each.answers.failure else "")
        yield f"{each.name:24} {each.all_tests:6d} {len(each.answers.answers):6d} {cells}  {told}"
    judged = sum(len(each.answers.answers) for each in replayed)
    rejected = sum(each.counts["rejected"] + each.counts["suspected_defect"] for each in replayed)
    share = f"{100 * rejected / judged:.1f} %" if judged else "none judged"
    yield f"wrongly rejected: {rejected} of {judged}, {share} (redundant, review and errored are columns of their own)"


def _functions(file: Path) -> list[str]:
    screened = screen(file.read_text(encoding="utf-8"))
    return [] if isinstance(screened, str) else [each.name for each in screened]
