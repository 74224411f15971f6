"""A whole judgement as it is told, kept and read again: one row per test function, in the order of the files and lines.

Mutants are told in words here (``src/calc.py: line 72 `<` becomes `<=` ``): who reads this has no matrix beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Self

_LISTS = ("evidence", "kills", "stops", "gained", "requirements")


class JudgedVerdict(StrEnum):
    """What becomes of a candidate."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REDUNDANT = "redundant"
    REVIEW = "review"
    SUSPECTED_DEFECT = "suspected_defect"
    ERRORED = "errored"


class Filter(IntEnum):
    """Who decided; the numbers of ACCEPTANCE.md."""

    PROVENANCE = 0
    SCREEN = 1
    ISOLATION = 2
    PERTURBATION = 3
    COVERAGE = 4
    MUTATION = 5
    GROUNDING = 6
    TRIAGE = 7
    CONFIRMATION = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTest:
    """The verdict on one test function, ready to be told. `line` is 1-based, 0 where it is not known; mutants are told in words.

    `kills` are the changes that its assertions notice, `stops` those at which it only stops with an exception, `gained` those of both
    that nothing else that is kept notices. `requirements` are the stated IDs that it is tied to, `message` is how it failed, and
    `adds` tells the lines that neither the suite nor a test accepted before it runs, by module.
    """

    file: str
    name: str
    line: int
    verdict: str
    filter: str
    filter_number: int
    sentence: str
    evidence: tuple[str, ...] = ()
    kills: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    message: str = ""
    adds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A whole judgement. `void` says why none of it counts; `unsandboxed`, why it ran without a sandbox.

    `suite` counts the existing tests beside which it was made, `absent` says of their files that could not be collected why.
    `suite_kills` tells which changes each measured test function of the suite notices, by node ID, also where that is none. By module,
    `survivors` are the changes that neither the suite nor an accepted test notices, `uncovered` the lines inside functions that none of
    them runs, and `statements` counts the module's statements.
    """

    component: str
    specification: str
    tests: tuple[JudgedTest, ...]
    suite: int = 0
    absent: tuple[str, ...] = ()
    mutants: int = 0
    void: str = ""
    unsandboxed: str = ""
    from_cache: bool = False
    suite_kills: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    survivors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    uncovered: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    statements: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return what `dataclasses.asdict` and JSON made of one."""
        tests = tuple(JudgedTest(**{**each, **_lists(each), "adds": _tuples(each["adds"])}) for each in values["tests"])
        tables = {name: _tuples(values[name]) for name in ("suite_kills", "survivors", "uncovered")}
        return cls(**{**values, **tables, "tests": tests, "absent": tuple(values["absent"])})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return what `as_text` wrote."""
        values: dict[str, Any] = json.loads(text)
        return cls.of(values)

    def as_text(self) -> str:
        """Return the judgement as JSON text."""
        return json.dumps(asdict(self))

    @property
    def is_whole(self) -> bool:
        """Whether every test has a true verdict: only such a judgement is kept."""
        return not self.void and all(each.verdict != JudgedVerdict.ERRORED for each in self.tests)


def noticed(judged: Judged) -> dict[str, tuple[str, ...]]:
    """Return which changes the assertions of each test function notice, by node ID; one that could not be measured is missing."""
    if judged.void:
        return {}
    own = {f"{each.file}::{each.name}": each.kills for each in judged.tests if each.name and each.verdict != JudgedVerdict.ERRORED}
    return {**judged.suite_kills, **own}


def _lists(values: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values[name]) for name in _LISTS}


def _tuples(table: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(values) for name, values in table.items()}
