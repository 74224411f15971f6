"""What a judge has measured of a test is known to later runs, as long as what it was measured on is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from spec2prod.application.kills import Kills
from spec2prod.application.ports import Memory, Subject, Tree
from spec2prod.application.recall import Recall
from spec2prod.domain.component import Component
from spec2prod.domain.question import Kept, Question
from spec2prod.domain.suite import CaseResult
from spec2prod.domain.trace import Noticed
from tests.fakes import FakeLinter, FakeSuite, FakeTree, ports_on

TEST, OTHER = "tests/test_a.py", "tests/test_b.py"
COMPONENT = Component(
    name="api", root=Path("/project"), source="a.py", import_root=".", modules=("a.py",), tests=(TEST, OTHER), interpreter=Path("/python")
)
FILES = {"a.py": "code", TEST: "test", OTHER: "other"}
CASES = tuple(
    CaseResult(node_id=name, name=name, file=name.partition("::")[0], line=1, outcome="passed", requirements=claims)
    for name, claims in (
        (f"{TEST}::test_one[1]", {"REQ-1": ""}),
        (f"{TEST}::test_one[2]", {"REQ-1": ""}),
        (f"{TEST}::test_nothing", {"REQ-1": ""}),
        (f"{TEST}::test_unmeasured", {"REQ-1": ""}),
        (f"{OTHER}::test_plain", {}),
    )
)
KILLED: Mapping[str, tuple[str, ...]] = {
    f"{TEST}::test_one": ("a.py: line 1",),
    f"{TEST}::test_nothing": (),
    f"{OTHER}::test_plain": ("x",),
}


class Remembered:
    """A cache in a dictionary."""

    def __init__(self) -> None:
        self.answers: dict[str, Kept] = {}

    def find(self, question: Question, tree: Tree) -> Kept | None:
        del tree
        return self.answers.get(question.key)

    def keep(self, question: Question, trace: Mapping[str, str], kept: Kept, tree: Tree) -> None:
        del trace, tree
        self.answers[question.key] = kept


class NoFingerprints:
    def question(self, subject: Subject) -> Question | None:
        del subject
        return None


def kills(tree: FakeTree, cache: Remembered, run_id: str, forced: str = "") -> Kills:
    suite, linter = FakeSuite(name="tests", answers=lambda _: ()), FakeLinter(name="linting", answers=lambda _: ())
    memory = Memory(fingerprints=NoFingerprints(), cache=cache, forced=frozenset(filter(None, [forced])))
    ports = replace(ports_on(tree, suite=suite, linter=linter), memory=memory)
    return Kills(run_id, ports, Recall(run_id, ports))


def judged(tree: FakeTree, cache: Remembered) -> Kills:
    known = kills(tree, cache, "r1")
    known.note(KILLED, tree.digest(COMPONENT.modules))
    known.keep(COMPONENT, CASES)
    return known


def test_every_case_of_a_measured_function_shares_what_it_notices_and_one_that_was_not_measured_is_missing() -> None:
    told = judged(FakeTree(FILES), Remembered()).of(COMPONENT, CASES)
    assert {name.partition("::")[2]: each.kills for name, each in told.items()} == {
        "test_one[1]": ("a.py: line 1",),
        "test_one[2]": ("a.py: line 1",),
        "test_nothing": (),
        "test_plain": ("x",),
    }
    assert {each.run_id for each in told.values()} == {"r1"}


def test_a_later_run_knows_what_was_measured_of_the_tests_that_name_a_requirement_and_by_whom() -> None:
    tree, cache = FakeTree(FILES), Remembered()
    judged(tree, cache)
    told = kills(tree, cache, "r2").of(COMPONENT, CASES)
    at = "2026-01-01T00:00:00.000+00:00"
    assert told[f"{TEST}::test_one[2]"] == Noticed(kills=("a.py: line 1",), run_id="r1", at=at)
    assert told[f"{TEST}::test_nothing"] == Noticed(kills=(), run_id="r1", at=at)
    assert {f"{TEST}::test_unmeasured", f"{OTHER}::test_plain"}.isdisjoint(told)


def test_a_change_of_the_code_or_of_the_test_file_makes_it_unknown_and_one_of_another_test_does_not() -> None:
    cache = Remembered()
    judged(FakeTree(FILES), cache)
    known = {path: bool(kills(FakeTree({**FILES, path: "changed"}), cache, "r2").of(COMPONENT, CASES)) for path in FILES}
    assert known == {"a.py": False, TEST: False, OTHER: True}


def test_what_was_judged_on_other_modules_than_those_that_stand_is_neither_told_nor_kept() -> None:
    tree, cache = FakeTree(FILES), Remembered()
    known = kills(tree, cache, "r1")
    known.note(KILLED, "the digest of other modules")
    known.keep(COMPONENT, CASES)
    assert (known.of(COMPONENT, CASES), cache.answers) == ({}, {})


def test_a_run_that_is_to_judge_anew_takes_nothing_from_earlier_ones() -> None:
    tree, cache = FakeTree(FILES), Remembered()
    judged(tree, cache)
    assert kills(tree, cache, "r2", forced="test_acceptance").of(COMPONENT, CASES) == {}
