"""The set: which candidates there are, what each of them is, and which verdict is right for it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HERE = Path(__file__).parent
CANDIDATES = HERE / "candidates"


class Label(StrEnum):
    """What a candidate is, whatever anybody's code says about it."""

    GOOD = "good"
    REDUNDANT_OK = "redundant_ok"
    BAD = "bad"
    REVEALS_DEFECT = "reveals_defect"
    REVIEW_OK = "review_ok"


# Which verdicts are right. A bad test may be held back in any way; a doubtful one must not pass unseen.
RIGHT: Mapping[Label, frozenset[str]] = {
    Label.GOOD: frozenset({"accepted", "redundant"}),
    Label.REDUNDANT_OK: frozenset({"accepted", "redundant"}),
    Label.BAD: frozenset({"rejected", "review", "suspected_defect", "errored"}),
    Label.REVEALS_DEFECT: frozenset({"suspected_defect"}),
    Label.REVIEW_OK: frozenset({"review", "rejected"}),
}
PASSING = RIGHT[Label.GOOD]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One test function. `name` is its node ID from its file's name on: `test_x.py::TestY::test_z`; `why` defends the label."""

    module: str
    name: str
    label: Label
    kind: str
    why: str

    @property
    def file(self) -> Path:
        """Return the file it stands in."""
        return CANDIDATES / self.module / self.name.partition("::")[0]

    @property
    def function(self) -> str:
        """Return its name within the file: `TestY::test_z`."""
        return self.name.partition("::")[2]

    def is_right(self, verdict: str) -> bool:
        """Say whether that verdict does it justice."""
        return verdict in RIGHT[self.label]


def modules() -> tuple[str, ...]:
    """Return the modules that have candidates."""
    return tuple(sorted(each.parent.name for each in CANDIDATES.glob("*/labels.toml")))


def candidates_of(module: str) -> tuple[Candidate, ...]:
    """Read a module's labels.

    Raises:
        KeyError: where a label lacks a field.
        ValueError: where a label is none of `Label`.
    """
    rows = tomllib.loads((CANDIDATES / module / "labels.toml").read_text(encoding="utf-8"))["test"]
    return tuple(
        Candidate(module=module, name=row["name"], label=Label(row["label"]), kind=row["kind"], why=row["why"].strip()) for row in rows
    )


def files_of(module: str) -> tuple[Path, ...]:
    """Return a module's candidate files."""
    return tuple(sorted((CANDIDATES / module).glob("test_*.py")))
