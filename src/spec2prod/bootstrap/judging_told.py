"""A judgement as it is told, kept and read again: one row per test function, in the order of the files and lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from spec2prod.bootstrap.judging_place import Workplace
from spec2prod.domain.judging import Filter, JudgedVerdict, Judgement, Measured
from spec2prod.domain.screening import Screened

type ScreenedFiles = Mapping[str, tuple[Screened, ...] | str]

NOTHING = Measured()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTest:
    """The verdict on one test function, ready to be told. `line` is 1-based, 0 where it is not known; mutants are told in words."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A whole judgement. `void` says why none of it counts; `unsandboxed`, why it ran without a sandbox.

    `suite` counts the existing tests beside which it was made, `absent` says of their files that could not be collected why.
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

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return what `dataclasses.asdict` and JSON made of one."""
        lists = ("evidence", "kills", "stops", "gained")
        tests = tuple(JudgedTest(**{**each, **{name: tuple(each[name]) for name in lists}}) for each in values["tests"])
        return cls(**{**values, "tests": tests, "absent": tuple(values["absent"])})

    @property
    def is_whole(self) -> bool:
        """Whether every test has a true verdict."""
        return not self.void and all(each.verdict != JudgedVerdict.ERRORED for each in self.tests)


def rows(work: Workplace, screened: ScreenedFiles, judgements: Iterable[Judgement], measured: Measured = NOTHING) -> tuple[JudgedTest, ...]:
    """Tell verdicts in the order of the files and lines; of a file without a test function, why it has none."""
    lines = {f"{path}::{each.name}": each.line for path, found in screened.items() if not isinstance(found, str) for each in found}
    mutants = {each.id: f"{each.module}: {each.condition}" for each in measured.matrix.mutants}
    by_file: dict[str, list[Judgement]] = {path: [] for path in work.files}
    for each in judgements:
        by_file[each.test.partition("::")[0]].append(each)
    told: list[JudgedTest] = []
    for path, found in by_file.items():
        reason = screened[path]
        ordered = sorted(found, key=lambda each: (lines.get(each.test, sys.maxsize), each.test))
        told += [_row(work, path, each, lines, mutants) for each in ordered]
        told += [_row(work, path, _empty(path, reason), {}, {})] if isinstance(reason, str) and not found else []
    return tuple(told)


def _empty(path: str, reason: str) -> Judgement:
    return Judgement(test=f"{path}::", verdict=JudgedVerdict.REJECTED, filter=Filter.SCREEN, sentence=reason)


def _row(work: Workplace, path: str, each: Judgement, lines: Mapping[str, int], mutants: Mapping[str, str]) -> JudgedTest:
    copy = f"{work.component.root}/"  # is gone when this is read
    return JudgedTest(
        file=work.files[path].shown,
        name=each.test.partition("::")[2],
        line=lines.get(each.test, 0),
        verdict=each.verdict.value,
        filter=each.filter.name.lower(),
        filter_number=each.filter.value,
        sentence=each.sentence.replace(copy, ""),
        evidence=tuple(f"{piece.kind}: {piece.detail}".removesuffix(": ").replace(copy, "") for piece in each.evidence),
        kills=tuple(mutants[name] for name in each.kills),
        stops=tuple(mutants[name] for name in each.stops),
        gained=tuple(mutants[name] for name in each.gained),
    )
