"""What the answers come to: a confusion matrix by kind, and the two rates that count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.acceptance.judging import Answer
from benchmarks.acceptance.labels import PASSING, Candidate, Label

VERDICTS = ("accepted", "redundant", "review", "suspected_defect", "rejected", "errored")
MISSING = Answer(verdict="errored", reason="no answer")
type Judged = tuple[Candidate, Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Counts of what went wrong. `bad` were accepted of `all_bad`, `spared` called redundant: not adopted, yet not objected to either.

    `doubtful` are those that a person should have seen, `good` sound tests turned away, `revealing` those that show a defect and were lost.
    """

    bad: int
    spared: int
    all_bad: int
    doubtful: int
    all_doubtful: int
    good: int
    all_good: int
    revealing: int
    all_revealing: int

    def lines(self) -> Iterator[str]:
        """Tell them."""
        yield f"{'bad ones accepted (false accepts)':38} {_share(self.bad, self.all_bad)}"
        yield f"{'bad ones called redundant':38} {_share(self.spared, self.all_bad)}"
        yield f"{'doubtful ones passed unseen':38} {_share(self.doubtful, self.all_doubtful)}"
        yield f"{'good ones turned away (false rejects)':38} {_share(self.good, self.all_good)}"
        yield f"{'defect-revealing ones lost':38} {_share(self.revealing, self.all_revealing)}"


def judged(candidates: Iterable[Candidate], answers: Mapping[str, Answer]) -> list[Judged]:
    """Put each candidate beside its answer; without one it counts as errored."""
    return [(each, answers.get(each.name, MISSING)) for each in candidates]


def rates(told: Sequence[Judged]) -> Rates:
    """Count what went wrong."""

    def wrong(*labels: Label) -> tuple[int, int]:
        own = [(each, answer) for each, answer in told if each.label in labels]
        return sum(not each.is_right(answer.verdict) for each, answer in own), len(own)

    bad, doubtful = wrong(Label.BAD), wrong(Label.REVIEW_OK)
    spared = sum(each.label is Label.BAD and answer.verdict == "redundant" for each, answer in told)
    good, revealing = wrong(Label.GOOD, Label.REDUNDANT_OK), wrong(Label.REVEALS_DEFECT)
    return Rates(
        bad=bad[0] - spared,
        spared=spared,
        all_bad=bad[1],
        doubtful=doubtful[0],
        all_doubtful=doubtful[1],
        good=good[0],
        all_good=good[1],
        revealing=revealing[0],
        all_revealing=revealing[1],
    )


def matrix(told: Sequence[Judged]) -> Iterator[str]:
    """Tell the verdicts by label and kind, a line each; what is wrong has a sign."""
    yield f"{'label':15} {'kind':22} " + " ".join(f"{each[:9]:>9}" for each in VERDICTS) + "  wrong"
    for label in Label:
        for kind in sorted({each.kind for each, _ in told if each.label is label}):
            own = [(each, answer) for each, answer in told if each.label is label and each.kind == kind]
            yield _row(label, kind, own)


def wrong_ones(told: Sequence[Judged]) -> list[Judged]:
    """Return what was judged wrongly."""
    return [(each, answer) for each, answer in told if not each.is_right(answer.verdict)]


def passes(answer: Answer) -> bool:
    """Say whether somebody would keep the test."""
    return answer.verdict in PASSING


def _row(label: Label, kind: str, own: Sequence[Judged]) -> str:
    counts = Counter(answer.verdict for _, answer in own)
    wrong = sum(not each.is_right(answer.verdict) for each, answer in own)
    cells = " ".join(f"{counts[each] or '·':>9}" for each in VERDICTS)
    return f"{label:15} {kind:22} {cells}  {wrong or ''}"


def _share(count: int, of: int) -> str:
    return f"{count:4d} of {of:4d}  {100 * count / of:5.1f} %" if of else "none in the set"
