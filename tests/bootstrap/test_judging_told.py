"""What a judgement tells beside its verdicts: what the suite notices, what nobody does, and which lines are left."""

from __future__ import annotations

from pathlib import Path

from spec2prod.bootstrap.judging_place import Candidate, Workplace
from spec2prod.bootstrap.judging_told import rows, suite_kills, survivors, uncovered
from spec2prod.domain.component import Component
from spec2prod.domain.judging import Filter, JudgedCase, JudgedVerdict, Judgement, Measured
from spec2prod.domain.mutation import Kill, KillMatrix, Mutant
from spec2prod.domain.screening import screen
from tests.fakes import FakeTree

MODULE, OLD, NEW = "calc.py", "tests/test_old.py", "tests/test_new.py"
SOURCE = "LIMIT = 3\n\n\ndef low(x):\n    if x < LIMIT:\n        return True\n    return False\n"
TEXT = "def test_a():\n    assert low(1)\n\n\ndef test_b():\n    assert low(9)\n"


def mutant(name: str, line: int) -> Mutant:
    return Mutant(id=name, module=MODULE, line=line, column=1, operator="x", words=f"`{name}` becomes `y`", statement=line)


def case(function: str, lines: set[int], outcome: str = "passed", message: str = "") -> JudgedCase:
    return JudgedCase(id=f"{function}[0]", function=function, outcome=outcome, message=message, lines={MODULE: frozenset(lines)})


MEASURED = Measured(
    cases=(
        case(f"{OLD}::test_old", {5, 6}),
        case(f"{NEW}::test_a", {5, 6}),
        case(f"{NEW}::test_b", {5, 7}, "failed", "E   assert False in /project/calc.py"),
    ),
    matrix=KillMatrix(
        mutants=(mutant("killed", 5), mutant("crashed", 6), mutant("survives", 6), mutant("unseen", 7), mutant("untried", 5)),
        outcomes={
            "killed": {f"{OLD}::test_old[0]": Kill.ASSERTION, f"{NEW}::test_a[0]": Kill.ASSERTION},
            "crashed": {f"{OLD}::test_old[0]": Kill.CRASH},
            "survives": {f"{OLD}::test_old[0]": Kill.SURVIVED, f"{NEW}::test_a[0]": Kill.SURVIVED},
            "unseen": {f"{NEW}::test_b[0]": Kill.ASSERTION},
        },
        unjudged={"untried": "it could not be swapped"},
    ),
    statements={MODULE: frozenset({1, 4, 5, 6, 7})},
)
KEPT = {f"{OLD}::test_old", f"{NEW}::test_a"}


def workplace() -> Workplace:
    component = Component(
        name="calc",
        root=Path("/project"),
        source=MODULE,
        import_root=".",
        modules=(MODULE,),
        tests=(OLD,),
        interpreter=Path("python"),
    )
    return Workplace(
        tree=FakeTree({MODULE: SOURCE}), component=component, suite=(OLD,), files={NEW: Candidate(shown=NEW, text=TEXT)}, canaries="c.py"
    )


def test_what_the_suite_notices_is_told_in_words() -> None:
    assert suite_kills(MEASURED, [f"{OLD}::test_old"]) == {f"{OLD}::test_old": ("calc.py: line 5 `killed` becomes `y`",)}


def test_a_change_survives_that_no_kept_test_notices_in_any_way_and_lines_that_are_run_come_first() -> None:
    assert survivors(MEASURED, KEPT) == {MODULE: ("line 6 `survives` becomes `y`", "line 7 `unseen` becomes `y`")}


def test_lines_that_run_at_import_need_no_test() -> None:
    assert uncovered(workplace(), MEASURED, KEPT) == {MODULE: (7,)}
    assert uncovered(workplace(), MEASURED, []) == {MODULE: (5, 6, 7)}


def test_a_row_tells_how_it_failed_what_it_shows_and_the_lines_that_it_is_the_first_to_run() -> None:
    verdicts = [
        Judgement(test=f"{NEW}::test_a", verdict=JudgedVerdict.ACCEPTED, filter=Filter.MUTATION, sentence="x", gained=("killed",)),
        Judgement(test=f"{NEW}::test_b", verdict=JudgedVerdict.REJECTED, filter=Filter.ISOLATION, sentence="it fails"),
    ]
    first, second = rows(workplace(), {NEW: screen(TEXT)}, verdicts, MEASURED, {f"{NEW}::test_a": {"REQ-2", "REQ-1"}})
    assert (first.requirements, first.adds, first.message) == (("REQ-1", "REQ-2"), {}, "")
    assert (second.message, second.adds) == ("E   assert False in calc.py", {})
    alone = rows(workplace(), {NEW: screen(TEXT)}, verdicts[:1], Measured(cases=MEASURED.cases[1:], matrix=MEASURED.matrix))
    assert alone[0].adds == {MODULE: (5, 6)}
