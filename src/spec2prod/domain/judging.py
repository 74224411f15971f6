"""A candidate test before the judge: what was measured of it, and which verdict follows, with its filter and a sentence.

Source of the filters and verdicts: ACCEPTANCE.md. Pure: measurements go in, judgements come out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from spec2prod.domain.judged import Filter, JudgedVerdict
from spec2prod.domain.judging_values import (
    DOUBTS,
    FOREIGN,
    NOTHING_DONE,
    NOTHING_RETURNED,
    OBJECTIONS,
    OUT_OF_TIME,
    OUTCOMES,
    STARTED,
    Beforehand,
    Evidence,
    JudgedCase,
    Judgement,
    Measured,
    last_line,
)
from spec2prod.domain.judging_weighing import weighed
from spec2prod.domain.mutation import Kill, KillMatrix

__all__ = [
    "DOUBTS",
    "FOREIGN",
    "NOTHING_DONE",
    "NOTHING_RETURNED",
    "OBJECTIONS",
    "OUTCOMES",
    "OUT_OF_TIME",
    "Beforehand",
    "Evidence",
    "Filter",
    "JudgedCase",
    "JudgedVerdict",
    "Judgement",
    "Measured",
    "judged",
    "last_line",
]
_SAME = "it stands on what the specification's example at {} stands on, which fails: each change of what that one gets makes this one fail"
_FEW = 2  # tests that may mind a change that repairs the code: those that were written from the code as it is


def judged(measured: Measured, candidates: Collection[str], beforehand: Beforehand | None = None) -> tuple[Judgement, ...]:
    """Return a verdict on every candidate, in the order of their names."""
    known = beforehand or Beforehand()
    names = sorted(set(candidates) - known.existing)
    early = {name: found for name in names if (found := _early(measured, name, known)) is not None}
    left = [name for name in names if name not in early]
    late = weighed(measured, left, _with_doubts(measured, left, early, known))
    return tuple(early.get(name) or late[name] for name in names)


def _early(measured: Measured, name: str, known: Beforehand) -> Judgement | None:
    """Ask the filters that look at one test alone, the cheap ones first."""
    if objection := known.objections.get(name):
        return _rejected(name, Filter.SCREEN, objection)
    cases = measured.of(name)
    file = name.partition("::")[0]
    if reason := _unjudgeable(measured, name, file, cases):
        return Judgement(test=name, verdict=JudgedVerdict.ERRORED, filter=Filter.ISOLATION, sentence=reason)
    evidence = tuple(dict.fromkeys((*measured.at_import.get(file, ()), *(piece for case in cases for piece in case.evidence))))
    if objection := next((_objection(piece) for piece in evidence if piece.kind in OBJECTIONS), ""):
        return _rejected(name, Filter.ISOLATION, objection, evidence)
    if name in known.may_skip and any(case.outcome == "skipped" for case in cases):
        sentence = "it skips itself here, for want of something that the machine lacks: nothing is known of it"
        return Judgement(test=name, verdict=JudgedVerdict.ERRORED, filter=Filter.ISOLATION, sentence=sentence, evidence=evidence)
    if bad := next((case for case in cases if case.outcome != "passed"), None):
        return _failing(name, bad, evidence, known)
    return _unfit(measured, name, evidence, known)


def _with_doubts(measured: Measured, names: list[str], early: Mapping[str, Judgement], known: Beforehand) -> Beforehand:
    """Add what the measurement gives a person to look at: state that is left changed, and tests that contradict a requirement's."""
    left = {name: told for name in names for case in measured.of(name) for piece in case.evidence if (told := _doubt(piece))}
    matrix = measured.by_function
    contradicted: dict[str, str] = {}
    for other, told in _demands(measured, early, known):
        repairing = frozenset(mutant for mutant, row in matrix.repairs.items() if other in row and _is_small(matrix, mutant))
        if repairing:
            found = [name for name in names if name not in known.agreeing and repairing <= matrix.killed_by([name])]
            contradicted = dict.fromkeys(found, told) | contradicted
        elif other in known.examples:
            contradicted = dict.fromkeys(_standing_on(other, matrix, names, known), _SAME.format(known.examples[other])) | contradicted
    return replace(known, suspicions={**known.suspicions, **left}, doubts={**contradicted, **known.doubts})


def _demands(measured: Measured, early: Mapping[str, Judgement], known: Beforehand) -> Iterator[tuple[str, str]]:
    """Yield the failing tests of requirements and of the specification's examples, with what is to be said of who contradicts them."""
    change = "each change that makes that one pass makes this one fail"
    for name, where in known.examples.items():
        if any(case.outcome == "failed" for case in measured.of(name)):
            yield name, f"it contradicts the specification's example at {where}: {change}"
    for name, judgement in early.items():
        if judgement.verdict is JudgedVerdict.SUSPECTED_DEFECT:
            demanded = ", ".join(sorted(known.requirements[name]))
            yield name, f"it contradicts {name.partition('::')[2]} ({demanded}): {change}"


def _standing_on(example: str, matrix: KillMatrix, names: list[str], known: Beforehand) -> list[str]:
    """Return the tests, tied to no requirement, that mind each change of what a failing example gets: they may rest on the same defect."""
    moving = [matrix.outcomes.get(mutant, {}) for mutant, tests in matrix.moves.items() if example in tests]
    loose = (name for name in names if name not in known.agreeing and not known.requirements.get(name))
    return [name for name in loose if moving and all(row.get(name, Kill.SURVIVED) is not Kill.SURVIVED for row in moving)]


def _is_small(matrix: KillMatrix, mutant: str) -> bool:
    """Whether few tests mind a change: one that breaks much may make a failing test pass, and repairs nothing."""
    row = matrix.outcomes.get(mutant, {})
    minding = sum(kill is not Kill.SURVIVED for kill in row.values())
    return minding <= max(_FEW, len(row) // 3)


def _doubt(piece: Evidence) -> str:
    return DOUBTS[piece.kind] + f" ({piece.detail})" if piece.kind in DOUBTS else ""


def _unfit(measured: Measured, name: str, evidence: tuple[Evidence, ...], known: Beforehand) -> Judgement | None:
    """Say why a test that passes is of no use; None where the matrix must decide."""
    if name in known.unstable:
        return _rejected(name, Filter.PERTURBATION, known.unstable[name], evidence)
    runs_some = any(lines for case in measured.of(name) for lines in case.lines.values())
    if not runs_some and (copy := next((each.detail for each in evidence if each.kind == FOREIGN), "")):
        sentence = f"what it tests is another copy: it imports {copy}"
        return Judgement(test=name, verdict=JudgedVerdict.ERRORED, filter=Filter.COVERAGE, sentence=sentence, evidence=evidence)
    if not runs_some and any(each.kind == STARTED for each in evidence):
        sentence = "it runs no line of the component itself: what the processes that it starts run is not measured"
        return Judgement(test=name, verdict=JudgedVerdict.ERRORED, filter=Filter.COVERAGE, sentence=sentence, evidence=evidence)
    if not runs_some and _untried_at_import(measured) and not measured.by_function.killed_by([name]):
        sentence = f"{OUT_OF_TIME}: it runs no line of the component, and changes of what runs while that is imported were not tried"
        return Judgement(test=name, verdict=JudgedVerdict.ERRORED, filter=Filter.MUTATION, sentence=sentence, evidence=evidence)
    if not runs_some and not measured.by_function.killed_by([name]):  # what runs while the component is imported is nobody's line
        return _rejected(name, Filter.COVERAGE, "it runs no line of the component", evidence)
    return None


def _untried_at_import(measured: Measured) -> bool:
    matrix = measured.matrix
    return any(each.module_level and matrix.unjudged.get(each.id) == OUT_OF_TIME for each in matrix.mutants)


def _unjudgeable(measured: Measured, name: str, file: str, cases: tuple[JudgedCase, ...]) -> str:
    """Say why nothing true can be said about a test; empty where something can."""
    if file in measured.refused:
        return f"its file could not be collected: {last_line(measured.refused[file])}"
    trouble = next((measured.troubles[case.id] for case in cases if case.id in measured.troubles), "")
    if trouble:
        return f"the judge disagrees with itself: {last_line(trouble)}"
    if name in measured.too_many:
        return f"it has more cases than the judge runs ({len(cases)} were run)"
    return "" if cases else "it was not collected"


def _failing(name: str, bad: JudgedCase, evidence: tuple[Evidence, ...], known: Beforehand) -> Judgement:
    """Tell a test that reveals a defect from one that is wrong: it must be tied to a requirement, and state what is false."""
    told = OUTCOMES.get(bad.outcome, bad.outcome) + (f": {last_line(bad.message)}" if bad.message else "")
    grounded = known.requirements.get(name, frozenset())
    if bad.outcome == "failed" and bad.how == "assertion" and grounded and name not in known.unstable:
        if contrary := known.opposite.get(name):  # it names the requirement, and says otherwise: the code is not what is suspected
            return Judgement(test=name, verdict=JudgedVerdict.REVIEW, filter=Filter.GROUNDING, sentence=contrary, evidence=evidence)
        demanded = " and ".join(sorted(grounded))
        seen = last_line(bad.message).removeprefix("AssertionError: ")
        sentence = f"the code may be wrong ({demanded}): {seen or 'an assertion without a message'}"
        return Judgement(test=name, verdict=JudgedVerdict.SUSPECTED_DEFECT, filter=Filter.TRIAGE, sentence=sentence, evidence=evidence)
    return _rejected(name, Filter.ISOLATION, told, evidence)


def _rejected(name: str, by: Filter, reason: str, evidence: tuple[Evidence, ...] = ()) -> Judgement:
    return Judgement(test=name, verdict=JudgedVerdict.REJECTED, filter=by, sentence=reason, evidence=evidence)


def _objection(piece: Evidence) -> str:
    return OBJECTIONS[piece.kind] + (f" ({piece.detail})" if piece.detail else "")
