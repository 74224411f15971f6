"""What a person must look at, measured: tests that notice next to nothing, and tests that contradict what is demanded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spec2prod.domain.judging import OUT_OF_TIME, Beforehand, Filter, JudgedCase, JudgedVerdict, Judgement, Measured, judged
from spec2prod.domain.mutation import Kill, KillMatrix, Mutant

LINES = {"unit.py": frozenset({1})}
A, DEFECT, EXAMPLE = "test_x.py::test_a", "test_x.py::test_demand", "test_e.py::test_example_1"
NOTHING = "return value"


def mutant(number: int, operator: str = "comparison") -> Mutant:
    return Mutant(id=f"m{number}", module="unit.py", line=number, column=1, operator=operator, words="`a` becomes `b`", statement=number)


def alone(kills: list[tuple[str, Kill]], **known: frozenset[str]) -> Judgement:
    """Judge one test that did this on mutants made by these operators."""
    mutants = tuple(mutant(number, operator) for number, (operator, _) in enumerate(kills))
    rows = {each.id: {A: kill} for each, (_, kill) in zip(mutants, kills, strict=True)}
    crashes = {name: {A: "ValueError"} for name, row in rows.items() if row[A] is Kill.CRASH}
    case = JudgedCase(id=A, function=A, outcome="passed", lines=LINES)
    found = Measured(cases=(case,), matrix=KillMatrix(mutants=mutants, outcomes=rows, crashes=crashes))
    return judged(found, [A], Beforehand(**known))[0]  # type: ignore[arg-type]


STATES = {"stating": frozenset({A}), "comparing": frozenset({A})}
COMPARES = {"comparing": frozenset({A})}
ONLY_NOTHING = (NOTHING, Kill.ASSERTION)


@pytest.mark.parametrize(
    ("kills", "known", "verdict"),
    [
        ([ONLY_NOTHING, ("constant", Kill.SURVIVED)], {}, JudgedVerdict.REVIEW),
        ([ONLY_NOTHING, ("constant", Kill.SURVIVED)], COMPARES, JudgedVerdict.REVIEW),
        ([ONLY_NOTHING, ("constant", Kill.SURVIVED)], STATES, JudgedVerdict.ACCEPTED),
        ([ONLY_NOTHING, ("constant", Kill.CRASH)], {}, JudgedVerdict.REVIEW),
        ([ONLY_NOTHING, ("constant", Kill.CRASH)], COMPARES, JudgedVerdict.ACCEPTED),
        ([ONLY_NOTHING], {}, JudgedVerdict.ACCEPTED),
        ([ONLY_NOTHING, ("removed statement", Kill.ASSERTION), *[("constant", Kill.SURVIVED)] * 5], COMPARES, JudgedVerdict.REVIEW),
    ],
)
def test_who_notices_only_that_nothing_comes_back_is_looked_at(
    kills: list[tuple[str, Kill]], known: dict[str, frozenset[str]], verdict: JudgedVerdict
) -> None:
    judgement = alone(kills, **known)
    assert judgement.verdict is verdict
    assert verdict is JudgedVerdict.ACCEPTED or "only that nothing comes back" in judgement.sentence


@pytest.mark.parametrize(
    ("survived", "known", "verdict"),
    [
        (10, {}, JudgedVerdict.REVIEW),
        (9, {}, JudgedVerdict.ACCEPTED),
        (10, COMPARES, JudgedVerdict.ACCEPTED),
        (10, STATES, JudgedVerdict.ACCEPTED),
    ],
)
def test_who_compares_nothing_must_notice_one_change_in_ten(
    survived: int, known: dict[str, frozenset[str]], verdict: JudgedVerdict
) -> None:
    judgement = alone([("comparison", Kill.ASSERTION), *[("constant", Kill.SURVIVED)] * survived], **known)
    assert judgement.verdict is verdict
    assert verdict is JudgedVerdict.ACCEPTED or "notices 1 of the 11 changes that let it end" in judgement.sentence


def beside(kill: Kill, failing: JudgedCase, known: Beforehand, repairs: bool = True) -> Judgement:  # noqa: FBT001, FBT002 - a case
    """Judge a test that passes, and does this on the one change on which the failing test would pass."""
    passing = JudgedCase(id=A, function=A, outcome="passed", lines=LINES)
    mutants = (mutant(1), mutant(2))
    matrix = KillMatrix(
        mutants=mutants,
        outcomes={"m1": {A: kill}, "m2": {A: Kill.ASSERTION}},
        repairs={"m1": frozenset({failing.id})} if repairs else {},
    )
    names = {A, failing.function} - known.examples.keys()
    return next(each for each in judged(Measured(cases=(passing, failing), matrix=matrix), names, known) if each.test == A)


DEMAND = JudgedCase(id=DEFECT, function=DEFECT, outcome="failed", how="assertion", message="E   assert 1 == 2", lines=LINES)
PLANTED = JudgedCase(id=EXAMPLE, function=EXAMPLE, outcome="failed", how="assertion", lines=LINES)
DEMANDED = Beforehand(requirements={DEFECT: frozenset({"REQ-1"})}, stating=frozenset({A}))
GIVEN = Beforehand(examples={EXAMPLE: "specs/s.md:8"}, stating=frozenset({A}))


@pytest.mark.parametrize(
    ("failing", "known", "words"),
    [
        (DEMAND, DEMANDED, "it contradicts test_demand (REQ-1)"),
        (PLANTED, GIVEN, "it contradicts the specification's example at specs/s.md:8"),
    ],
)
def test_who_fails_where_the_demanded_passes_contradicts_it(failing: JudgedCase, known: Beforehand, words: str) -> None:
    judgement = beside(Kill.ASSERTION, failing, known)
    assert (judgement.verdict, judgement.filter) == (JudgedVerdict.REVIEW, Filter.GROUNDING)
    assert judgement.sentence.startswith(words)
    assert beside(Kill.SURVIVED, failing, known).verdict is JudgedVerdict.ACCEPTED
    assert beside(Kill.ASSERTION, failing, known, repairs=False).verdict is JudgedVerdict.ACCEPTED


def test_who_states_an_example_is_not_dragged_along() -> None:
    agreeing = Beforehand(examples=GIVEN.examples, agreeing=frozenset({A}), stating=frozenset({A}))
    assert beside(Kill.ASSERTION, PLANTED, agreeing).verdict is JudgedVerdict.ACCEPTED


@pytest.mark.parametrize(
    ("kill", "known", "verdict"),
    [
        (Kill.ASSERTION, GIVEN, JudgedVerdict.REVIEW),
        (Kill.CRASH, GIVEN, JudgedVerdict.REVIEW),
        (Kill.SURVIVED, GIVEN, JudgedVerdict.ACCEPTED),
        (Kill.ASSERTION, replace(GIVEN, requirements={A: frozenset({"REQ-1"})}), JudgedVerdict.ACCEPTED),
        (Kill.ASSERTION, replace(GIVEN, agreeing=frozenset({A})), JudgedVerdict.ACCEPTED),
    ],
)
def test_who_stands_on_what_a_failing_example_stands_on_waits_unless_it_is_tied_to_a_requirement(
    kill: Kill, known: Beforehand, verdict: JudgedVerdict
) -> None:
    passing = JudgedCase(id=A, function=A, outcome="passed", lines=LINES)
    rows = {"m1": {A: kill}, "m2": {A: Kill.ASSERTION}}
    matrix = KillMatrix(mutants=(mutant(1), mutant(2)), outcomes=rows, moves={"m1": frozenset({EXAMPLE})})
    judgement = judged(Measured(cases=(passing, PLANTED), matrix=matrix), [A], known)[0]
    assert judgement.verdict is verdict
    assert (judgement.filter is Filter.GROUNDING and "specs/s.md:8" in judgement.sentence) or verdict is JudgedVerdict.ACCEPTED


def test_an_example_that_holds_contradicts_nobody() -> None:
    holds = JudgedCase(id=EXAMPLE, function=EXAMPLE, outcome="passed", lines=LINES)
    assert beside(Kill.ASSERTION, holds, GIVEN).verdict is JudgedVerdict.ACCEPTED


def test_who_met_no_change_for_want_of_time_gets_no_verdict() -> None:
    passing = JudgedCase(id=A, function=A, outcome="passed", lines=LINES)
    matrix = KillMatrix(mutants=(mutant(1),), unjudged={"m1": OUT_OF_TIME})
    (judgement,) = judged(Measured(cases=(passing,), matrix=matrix), [A], None)
    assert (judgement.verdict, judgement.filter) == (JudgedVerdict.ERRORED, Filter.MUTATION)
    assert "1 change of what it runs was not tried" in judgement.sentence
    beside_it = Measured(cases=(passing,), matrix=KillMatrix(mutants=(mutant(2),), unjudged={"m2": OUT_OF_TIME}))
    assert judged(beside_it, [A], None)[0].verdict is JudgedVerdict.REJECTED
