"""The last filters before a verdict: what a test notices in the matrix, and whether anything kept notices it already.

Pure: measurements go in, judgements come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spec2prod.domain.judged import Filter, JudgedVerdict
from spec2prod.domain.judging_values import DECLARATION, NOTHING_DONE, NOTHING_RETURNED, OUT_OF_TIME, Beforehand, Judgement, Measured
from spec2prod.domain.mutation import Kill, KillMatrix, Mutant, position
from spec2prod.domain.mutation_choice import choose

_MANY = 4  # changes of values that a test ran and did not notice, where all it noticed is that something is gone
_SLIGHT = 10  # a test that compares nothing must notice one in so many changes
_TAG = "requirement "


def weighed(measured: Measured, names: list[str], known: Beforehand) -> dict[str, Judgement]:
    """Keep the tests that add something: a mutant that nothing kept notices, or the first evidence for a requirement."""
    seen = _seen(measured, names, known)
    sound = [name for name in names if name not in known.doubtful and seen.kills[name] and not seen.too_little(name, known)]
    tags = {name: frozenset(map(_tag, known.requirements.get(name, frozenset()) - known.met)) for name in names}
    worth = {name: seen.kills[name] | seen.stops[name] | tags[name] for name in sound}
    kept = {each.test: each.gained for each in choose(worth, seen.beforehand)}
    told: dict[str, Judgement] = {}
    for name in names:
        verdict, sentence = _late(name, kept.get(name), known, seen)
        told[name] = Judgement(
            test=name,
            verdict=verdict,
            filter=_decided_by(verdict, name, known) if seen.kills[name] else Filter.MUTATION,
            sentence=sentence,
            evidence=tuple(dict.fromkeys(piece for case in measured.of(name) for piece in case.evidence)),
            kills=seen.in_order(seen.kills[name]),
            stops=seen.in_order(seen.stops[name]),
            gained=seen.in_order(kept.get(name, frozenset()) & (seen.kills[name] | seen.stops[name])),
        )
    return told


def _decided_by(verdict: JudgedVerdict, name: str, known: Beforehand) -> Filter:
    """Return who decided a late verdict: a review may be owed to what was seen before anything ran."""
    if verdict is not JudgedVerdict.REVIEW or name not in known.doubtful:
        return Filter.MUTATION
    return Filter.GROUNDING if name in known.doubts else Filter.SCREEN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What each candidate notices: `kills` by an assertion, `stops` by an exception where nobody's assertion kills the mutant."""

    matrix: KillMatrix
    mutants: Mapping[str, Mutant]
    kills: Mapping[str, frozenset[str]]
    stops: Mapping[str, frozenset[str]]
    beforehand: frozenset[str]
    untried: Mapping[str, int]

    def in_order(self, mutants: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(mutants, key=lambda each: position(self.mutants[each])))

    def too_little(self, name: str, known: Beforehand) -> str:
        """Say that a test notices too little of what it runs, empty where it does not: it looks at no value."""
        if name in known.stating:
            return ""
        compares = name in known.comparing
        if self._is_shallow(name, compares=compares):
            return f"it notices only that nothing comes back, not that something else does: {fails_if(self.kills[name], self.mutants)}"
        missed, noticed = self._met(name, Kill.SURVIVED), len(self.kills[name])
        if not compares and noticed * _SLIGHT < len(missed) + noticed:
            told = fails_if(self.kills[name], self.mutants)
            return f"it compares nothing, and notices {noticed} of the {len(missed) + noticed} changes that let it end: {told}"
        return ""

    def _is_shallow(self, name: str, *, compares: bool) -> bool:
        """Whether a test notices only that nothing is returned, though it ran other changes too.

        Those at which it stops with an exception speak for a test that compares, since it never came to its assertion.
        """
        ran = self._met(name, Kill.SURVIVED) if compares else [*self._met(name, Kill.SURVIVED), *self._met(name, Kill.CRASH)]
        unseen = sum(self.mutants[each].operator != NOTHING_RETURNED and not self.mutants[each].module_level for each in ran)
        noticed = {self.mutants[each].operator for each in self.kills[name]}
        return (noticed == {NOTHING_RETURNED} and unseen > 0) or (noticed == {NOTHING_RETURNED, NOTHING_DONE} and unseen > _MANY)

    def _met(self, name: str, kill: Kill) -> list[str]:
        return [mutant for mutant, row in self.matrix.outcomes.items() if row.get(name) is kill]

    def stops_with(self, name: str, mutants: Iterable[str]) -> str:
        """Return ``stops with ValueError if line 16 `0` becomes `1` ``."""
        ordered = self.in_order(mutants)
        first, rest = self.mutants[ordered[0]], _more(len(ordered) - 1)
        return f"stops with {self.matrix.crashes[ordered[0]][name]} if {_condition(first, self.mutants)}{rest}"


def _seen(measured: Measured, names: list[str], known: Beforehand) -> _Seen:
    """Weigh the matrix. An exception is the weaker kill: any call of broken code may raise, so an assertion on the mutant outdoes it."""
    matrix = measured.by_function
    kills = {name: matrix.killed_by([name]) for name in names}
    suite = matrix.killed_by(known.existing)
    asserted = suite.union(*(kills[name] for name in names if name not in known.doubtful))
    return _Seen(
        matrix=matrix,
        mutants={each.id: each for each in matrix.mutants},
        kills=kills,
        stops={name: matrix.crashed_by([name]) - asserted for name in names},
        beforehand=suite | matrix.crashed_by(known.existing) - asserted,
        untried={name: _untried(measured, name) for name in names} if OUT_OF_TIME in matrix.unjudged.values() else {},
    )


def _untried(measured: Measured, name: str) -> int:
    """Count the changes of lines that a test runs, and of declarations, for which there was no time left."""
    ran = {(module, line) for case in measured.of(name) for module, lines in case.lines.items() for line in lines}
    left = (each for each in measured.matrix.mutants if measured.matrix.unjudged.get(each.id) == OUT_OF_TIME)
    return sum((each.module, each.statement) in ran or each.operator == DECLARATION for each in left)


def _late(name: str, gained: frozenset[str] | None, known: Beforehand, seen: _Seen) -> tuple[JudgedVerdict, str]:
    kills, stops = seen.kills[name], seen.stops[name]
    if not kills:
        return _without_kill(name, stops, seen)
    if name in known.doubtful:
        return JudgedVerdict.REVIEW, known.doubtful[name]
    if little := seen.too_little(name, known):
        return JudgedVerdict.REVIEW, little
    if gained is None:
        return JudgedVerdict.REDUNDANT, f"others notice all that it would notice: {fails_if(kills, seen.mutants)}"
    first = sorted(each.removeprefix(_TAG) for each in gained if each.startswith(_TAG))
    reasons = [fails_if(alone, seen.mutants)] if (alone := gained & kills) else []
    reasons += [seen.stops_with(name, alone)] if (alone := gained & stops) else []
    reasons += [f"is the first evidence for {', '.join(first)}"] if first else []
    return JudgedVerdict.ACCEPTED, "; ".join(reasons)


def _without_kill(name: str, stops: frozenset[str], seen: _Seen) -> tuple[JudgedVerdict, str]:
    """Say what becomes of a test whose assertions notice nothing, or met nothing."""
    if count := seen.untried.get(name, 0):
        left = f"{count} change{'s' if count > 1 else ''} of what it runs {'were' if count > 1 else 'was'} not tried"
        return JudgedVerdict.ERRORED, f"{OUT_OF_TIME}: {left}, and it notices none of the others (test_timeout_seconds gives more)"
    nothing = "its assertions notice none of the changes made to the code that it runs"
    if not stops:
        return JudgedVerdict.REJECTED, nothing
    return JudgedVerdict.REVIEW, f"{nothing}; it only {seen.stops_with(name, stops)}"


def fails_if(killed: Iterable[str], mutants: Mapping[str, Mutant]) -> str:
    """Return the reason in words: ``fails if line 72 `<` becomes `<=` (and if 3 more changes are made)``."""
    ordered = sorted((mutants[each] for each in killed), key=position)
    return f"fails if {_condition(ordered[0], mutants)}{_more(len(ordered) - 1)}"


def _condition(mutant: Mutant, mutants: Mapping[str, Mutant]) -> str:
    """Return the change in words, with its file where several files have some."""
    is_one_of_several = any(each.module != mutant.module for each in mutants.values())
    return mutant.condition + (f" in {mutant.module}" if is_one_of_several else "")


def _more(count: int) -> str:
    return f" (and on {count} more change{'s' if count > 1 else ''})" if count else ""


def _tag(requirement: str) -> str:
    return _TAG + requirement
