"""Mutants of a component and which test notices which: the matrix that says what a test is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kill(StrEnum):
    """What one test did on one mutant. Only `assertion` counts: any call of broken code may crash or hang."""

    ASSERTION = "assertion"
    CRASH = "crash"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    NOT_RUN = "not_run"


class Fate(StrEnum):
    """What became of one mutant, whatever the test."""

    KILLED = "killed"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    NOT_COVERED = "not_covered"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One small change of the component. `module` is a relative path; `line` and `column` are 1-based.

    `statement` is the line at which the changed statement begins, the one that coverage knows. `owner` is the
    function it stands in, empty at module level; `module_level` says that it acts when the module is imported.
    """

    id: str
    module: str
    line: int
    column: int
    operator: str
    words: str
    statement: int
    owner: str = ""
    module_level: bool = False

    @property
    def address(self) -> str:
        """Return `file:line:column`."""
        return f"{self.module}:{self.line}:{self.column}"

    @property
    def condition(self) -> str:
        """Return the words that follow "fails if": ``line 72 `<` becomes `<=` ``."""
        return f"line {self.line} {self.words}" if self.words.startswith("`") else f"in line {self.line} {self.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillMatrix:
    """Every mutant against every test that covers it. `outcomes` leads from the mutant's ID to its tests' outcomes.

    A pair that is not there was not covered. `unjudged` says of mutants that could not be tried why. `crashes` names the exception
    that ended a test on a mutant, by mutant and test; where the component could not even be imported there is none.
    `repairs` names the tests that fail on the component as it is, and pass on a mutant; `moves` names
    examples of the specification that fail, and fail otherwise on a mutant.
    """

    mutants: tuple[Mutant, ...] = ()
    outcomes: Mapping[str, Mapping[str, Kill]] = field(default_factory=dict)
    unjudged: Mapping[str, str] = field(default_factory=dict)
    crashes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    repairs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    moves: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def killed_by(self, tests: Iterable[str]) -> frozenset[str]:
        """Return the IDs of the mutants that an assertion of one of these tests kills."""
        wanted = frozenset(tests)
        return frozenset(
            mutant for mutant, row in self.outcomes.items() if any(kill is Kill.ASSERTION and test in wanted for test, kill in row.items())
        )

    def crashed_by(self, tests: Iterable[str]) -> frozenset[str]:
        """Return the IDs of the mutants at which one of these tests stops with an exception that it does not expect."""
        wanted = frozenset(tests)
        return frozenset(
            mutant
            for mutant, row in self.crashes.items()
            if any(self.outcomes.get(mutant, {}).get(test) is Kill.CRASH for test in wanted & row.keys())
        )

    def fate(self, mutant: str, tests: Iterable[str] | None = None) -> Fate:
        """Return what became of a mutant, of these tests alone where they are named."""
        if mutant in self.unjudged:
            return Fate.UNJUDGED
        row = self.outcomes.get(mutant, {})
        wanted = frozenset(row if tests is None else tests)
        met = {kill for test, kill in row.items() if test in wanted}
        found = next((fate for kill, fate in _STRONGEST_FIRST if kill in met), None)
        return found or (Fate.SURVIVED if met else Fate.NOT_COVERED)

    def score(self, tests: Iterable[str] | None = None) -> float | None:
        """Return the percentage of judged mutants that assertions kill, None where there is no mutant."""
        fates = [self.fate(each.id, tests) for each in self.mutants]
        judged = [fate for fate in fates if fate is not Fate.UNJUDGED]
        return 100.0 * judged.count(Fate.KILLED) / len(judged) if judged else None

    def survivors(self, tests: Iterable[str] | None = None) -> tuple[Mutant, ...]:
        """Return the mutants that no assertion kills though they could be tried, in the order of the source."""
        left = (each for each in self.mutants if self.fate(each.id, tests) not in {Fate.KILLED, Fate.UNJUDGED})
        return tuple(sorted(left, key=position))


_STRONGEST_FIRST = ((Kill.ASSERTION, Fate.KILLED), (Kill.TIMEOUT, Fate.TIMEOUT), (Kill.CRASH, Fate.CRASHED), (Kill.SURVIVED, Fate.SURVIVED))


def position(mutant: Mutant) -> tuple[str, int, int, str]:
    """Return the key by which mutants are told in order."""
    return (mutant.module, mutant.line, mutant.column, mutant.id)


def merged(outcomes: Iterable[Kill]) -> Kill:
    """Return what a test function did of whose cases each did one of these: the strongest counts."""
    met = set(outcomes)
    order = (Kill.ASSERTION, Kill.TIMEOUT, Kill.CRASH, Kill.SURVIVED)
    return next((kill for kill in order if kill in met), Kill.NOT_RUN)
