from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.judging import (
    OBJECTIONS,
    OUT_OF_TIME,
    OUTCOMES,
    Beforehand,
    Evidence,
    Filter,
    JudgedCase,
    JudgedVerdict,
    Judgement,
    Measured,
    judged,
)
from spec2prod.domain.judging_canaries import NAMES, canary_file, planted, void_reason
from spec2prod.domain.mutation import Fate, Kill, KillMatrix, Mutant, merged
from spec2prod.domain.screening import screen

LINES = {"unit.py": frozenset({72})}
MUTANTS = tuple(
    Mutant(id=f"m{line}", module="unit.py", line=line, column=5, operator="comparison", words="`<` becomes `<=`", statement=line)
    for line in (72, 80)
)
NAMES_OF_TWO = ("test_x.py::test_a", "test_x.py::test_b")
EVIDENCE = Evidence(kind="network", detail="socket.connect")


def case(name: str = "test_a", **more: object) -> JudgedCase:
    fields: dict[str, object] = {"outcome": "passed", "lines": LINES, **more}
    return JudgedCase(id=f"test_x.py::{name}", function=f"test_x.py::{name.partition('[')[0]}", **fields)  # type: ignore[arg-type]


def measured(
    *cases: JudgedCase,
    kills: Mapping[str, Mapping[str, Kill]] | None = None,
    crashes: Mapping[str, Mapping[str, str]] | None = None,
    **more: object,
) -> Measured:
    rows = {mutant: {f"test_x.py::{test}": kill for test, kill in row.items()} for mutant, row in (kills or {}).items()}
    stops = {mutant: {f"test_x.py::{test}": error for test, error in row.items()} for mutant, row in (crashes or {}).items()}
    return Measured(cases=cases, matrix=KillMatrix(mutants=MUTANTS, outcomes=rows, crashes=stops), **more)  # type: ignore[arg-type]


def only(found: Measured, beforehand: Beforehand | None = None) -> Judgement:
    judgements = judged(found, {each.function for each in found.cases} or {"test_x.py::test_a"}, beforehand)
    assert len(judgements) == 1
    return judgements[0]


def test_a_test_that_notices_a_change_is_accepted_and_says_which() -> None:
    judgement = only(measured(case(), kills={"m72": {"test_a": Kill.ASSERTION}, "m80": {"test_a": Kill.ASSERTION}}))
    assert (judgement.verdict, judgement.filter) == (JudgedVerdict.ACCEPTED, Filter.MUTATION)
    assert judgement.sentence == "fails if line 72 `<` becomes `<=` (and on 1 more change)"
    assert judgement.kills == judgement.gained == ("m72", "m80")


@pytest.mark.parametrize("kill", [Kill.CRASH, Kill.TIMEOUT, Kill.SURVIVED, Kill.NOT_RUN])
def test_only_assertions_count(kill: Kill) -> None:
    assert only(measured(case(), kills={"m72": {"test_a": kill}})).verdict is JudgedVerdict.REJECTED


def test_an_exception_on_a_change_that_no_assertion_notices_counts_for_a_test_whose_assertions_notice_another() -> None:
    kills = {"m72": {"test_a": Kill.ASSERTION, "test_b": Kill.ASSERTION}, "m80": {"test_b": Kill.CRASH}}
    found = measured(case("test_a"), case("test_b"), kills=kills, crashes={"m80": {"test_b": "ValueError"}})
    first, second = judged(found, ["test_x.py::test_a", "test_x.py::test_b"])
    assert (first.verdict, second.verdict) == (JudgedVerdict.REDUNDANT, JudgedVerdict.ACCEPTED)
    assert second.sentence == "fails if line 72 `<` becomes `<=`; stops with ValueError if line 80 `<` becomes `<=`"
    assert (second.kills, second.stops, second.gained) == (("m72",), ("m80",), ("m72", "m80"))


def test_an_exception_counts_for_nothing_where_somebodys_assertion_notices_the_same_change() -> None:
    kills = {"m72": {"test_a": Kill.ASSERTION, "test_b": Kill.ASSERTION}, "m80": {"test_a": Kill.ASSERTION, "test_b": Kill.CRASH}}
    found = measured(case("test_a"), case("test_b"), kills=kills, crashes={"m80": {"test_b": "ValueError"}})
    first, second = judged(found, ["test_x.py::test_a", "test_x.py::test_b"])
    assert (first.verdict, second.verdict, second.stops) == (JudgedVerdict.ACCEPTED, JudgedVerdict.REDUNDANT, ())


def test_where_several_files_can_be_changed_the_sentence_names_one() -> None:
    found = measured(case(), kills={"m72": {"test_a": Kill.ASSERTION}})
    other = replace(MUTANTS[1], id="m9", module="other.py")
    several = replace(found, matrix=replace(found.matrix, mutants=(*MUTANTS, other)))
    assert only(several).sentence == "fails if line 72 `<` becomes `<=` in unit.py"


def test_a_test_that_only_ever_stops_is_for_review() -> None:
    found = measured(case(), kills={"m72": {"test_a": Kill.CRASH}}, crashes={"m72": {"test_a": "ValueError"}})
    judgement = only(found)
    assert (judgement.verdict, judgement.filter) == (JudgedVerdict.REVIEW, Filter.MUTATION)
    assert judgement.sentence.endswith("it only stops with ValueError if line 72 `<` becomes `<=`")


def test_what_stops_the_existing_suite_needs_no_other_test() -> None:
    kills = {"m72": {"test_old": Kill.ASSERTION, "test_a": Kill.ASSERTION}, "m80": {"test_old": Kill.CRASH, "test_a": Kill.CRASH}}
    found = measured(case(), case("test_old"), kills=kills, crashes={"m80": {"test_old": "KeyError", "test_a": "KeyError"}})
    beforehand = Beforehand(existing=frozenset({"test_x.py::test_old"}))
    assert [each.verdict for each in judged(found, ["test_x.py::test_a"], beforehand)] == [JudgedVerdict.REDUNDANT]


def test_the_second_of_two_alike_is_redundant() -> None:
    row = {"test_a": Kill.ASSERTION, "test_b": Kill.ASSERTION}
    first, second = judged(measured(case("test_a"), case("test_b"), kills={"m72": row}), ["test_x.py::test_a", "test_x.py::test_b"])
    assert (first.verdict, second.verdict) == (JudgedVerdict.ACCEPTED, JudgedVerdict.REDUNDANT)
    assert "others notice" in second.sentence


def test_what_the_existing_suite_kills_needs_no_other_test() -> None:
    row = {"test_a": Kill.ASSERTION, "test_old": Kill.ASSERTION}
    found = measured(case("test_a"), case("test_old"), kills={"m72": row})
    beforehand = Beforehand(existing=frozenset({"test_x.py::test_old"}))
    assert [each.verdict for each in judged(found, ["test_x.py::test_a"], beforehand)] == [JudgedVerdict.REDUNDANT]


def test_the_first_evidence_for_a_requirement_is_a_reason_of_its_own() -> None:
    row = {"test_a": Kill.ASSERTION, "test_old": Kill.ASSERTION}
    found = measured(case("test_a"), case("test_old"), kills={"m72": row})
    tied = {"test_x.py::test_a": frozenset({"REQ-1"})}
    beforehand = Beforehand(existing=frozenset({"test_x.py::test_old"}), requirements=tied)
    (judgement,) = judged(found, ["test_x.py::test_a"], beforehand)
    assert (judgement.verdict, judgement.sentence) == (JudgedVerdict.ACCEPTED, "is the first evidence for REQ-1")
    met = Beforehand(existing=beforehand.existing, requirements=tied, met=frozenset({"REQ-1"}))
    assert judged(found, ["test_x.py::test_a"], met)[0].verdict is JudgedVerdict.REDUNDANT


def test_a_grounded_assertion_that_fails_is_a_suspected_defect_and_an_ungrounded_one_is_rejected() -> None:
    failing = measured(case(outcome="failed", how="assertion", message="test_x.py:3: in test_a\nE   assert 5 == 4"))
    assert only(failing).verdict is JudgedVerdict.REJECTED
    tied = {"test_x.py::test_a": frozenset({"REQ-2"})}
    judgement = only(failing, Beforehand(requirements=tied))
    assert (judgement.verdict, judgement.filter) == (JudgedVerdict.SUSPECTED_DEFECT, Filter.TRIAGE)
    assert "REQ-2" in judgement.sentence
    assert "assert 5 == 4" in judgement.sentence
    assert only(failing, Beforehand(requirements=tied, unstable={"test_x.py::test_a": "random"})).verdict is JudgedVerdict.REJECTED
    crashed = measured(case(outcome="failed", how="crash"))
    assert only(crashed, Beforehand(requirements=tied)).verdict is JudgedVerdict.REJECTED


def test_who_fails_and_states_the_opposite_of_an_example_is_for_a_person_and_suspects_no_code() -> None:
    failing = measured(case(outcome="failed", how="assertion", message="E   assert 3 == 4"))
    contrary = "it states the opposite of the specification's example at specs/calc.md:4: `add(1, 2) == 3`"
    tied = {"test_x.py::test_a": frozenset({"REQ-1"})}
    judgement = only(failing, Beforehand(requirements=tied, opposite={"test_x.py::test_a": contrary}))
    assert (judgement.verdict, judgement.filter, judgement.sentence) == (JudgedVerdict.REVIEW, Filter.GROUNDING, contrary)


@pytest.mark.parametrize("kind", sorted(OBJECTIONS))
def test_each_objectionable_evidence_rejects_and_says_so(kind: str) -> None:
    judgement = only(measured(case(evidence=(Evidence(kind=kind, detail="seen"),)), kills={"m72": {"test_a": Kill.ASSERTION}}))
    assert (judgement.verdict, judgement.filter, judgement.sentence) == (
        JudgedVerdict.REJECTED,
        Filter.ISOLATION,
        f"{OBJECTIONS[kind]} (seen)",
    )


@pytest.mark.parametrize("kind", ["fork", "subprocess", "loopback", "collaborator_patched"])
def test_what_is_no_objection_is_told_only(kind: str) -> None:
    judgement = only(measured(case(evidence=(Evidence(kind=kind),)), kills={"m72": {"test_a": Kill.ASSERTION}}))
    assert (judgement.verdict, judgement.evidence) == (JudgedVerdict.ACCEPTED, (Evidence(kind=kind),))


@pytest.mark.parametrize("outcome", sorted(OUTCOMES))
def test_every_outcome_but_passed_rejects(outcome: str) -> None:
    assert only(measured(case(outcome=outcome))).sentence == OUTCOMES[outcome]


def test_what_was_seen_while_its_file_was_imported_counts_against_each_of_its_tests() -> None:
    assert only(measured(case(), at_import={"test_x.py": (EVIDENCE,)})).filter is Filter.ISOLATION


@pytest.mark.parametrize(
    "more",
    [{"refused": {"test_x.py": "SyntaxError"}}, {"troubles": {"test_x.py::test_a": "differs"}}, {"too_many": ("test_x.py::test_a",)}],
)
def test_what_cannot_be_judged_is_errored_and_never_a_verdict(more: dict[str, Any]) -> None:
    assert only(measured(case(), kills={"m72": {"test_a": Kill.ASSERTION}}, **more)).verdict is JudgedVerdict.ERRORED


def test_a_test_that_was_not_collected_is_errored() -> None:
    assert only(measured()).verdict is JudgedVerdict.ERRORED


@pytest.mark.parametrize(
    ("beforehand", "by"),
    [
        (Beforehand(objections={"test_x.py::test_a": "it asserts nothing"}), Filter.SCREEN),
        (Beforehand(unstable={"test_x.py::test_a": "it depends on the clock"}), Filter.PERTURBATION),
        (Beforehand(doubts={"test_x.py::test_a": "it uses a private name"}), Filter.GROUNDING),
    ],
)
def test_what_others_know_beforehand_decides(beforehand: Beforehand, by: Filter) -> None:
    judgement = only(measured(case(), kills={"m72": {"test_a": Kill.ASSERTION}}), beforehand)
    assert (judgement.filter, judgement.verdict) == (by, JudgedVerdict.REVIEW if by is Filter.GROUNDING else JudgedVerdict.REJECTED)


def test_a_test_that_runs_nothing_of_the_component_is_off_target() -> None:
    assert only(measured(case(lines={}), kills={"m72": {"test_a": Kill.SURVIVED}})).filter is Filter.COVERAGE


def test_a_test_that_imported_another_copy_is_errored_and_not_called_off_target() -> None:
    seen = (Evidence(kind="foreign_copy", detail="unit from /elsewhere/unit.py"),)
    judgement = only(measured(case(lines={}, evidence=seen)))
    assert (judgement.verdict, judgement.filter) == (JudgedVerdict.ERRORED, Filter.COVERAGE)
    assert "another copy: it imports unit from /elsewhere/unit.py" in judgement.sentence
    assert only(measured(case(evidence=seen), kills={"m72": {"test_a": Kill.ASSERTION}})).verdict is JudgedVerdict.ACCEPTED


def test_a_test_that_only_notices_what_runs_at_import_is_on_target() -> None:
    assert only(measured(case(lines={}), kills={"m72": {"test_a": Kill.ASSERTION}})).verdict is JudgedVerdict.ACCEPTED


def test_a_function_kills_what_one_of_its_cases_kills() -> None:
    found = measured(case("test_a[1]"), case("test_a[2]"), kills={"m72": {"test_a[1]": Kill.SURVIVED, "test_a[2]": Kill.ASSERTION}})
    assert only(found).verdict is JudgedVerdict.ACCEPTED


def test_the_fates_of_mutants_and_the_score() -> None:
    mutants = tuple(Mutant(id=each, module="u.py", line=1, column=1, operator="", words="`a`", statement=1) for each in "abcdef")
    rows = {
        "a": {"t": Kill.ASSERTION, "u": Kill.CRASH},
        "b": {"t": Kill.CRASH},
        "c": {"t": Kill.TIMEOUT},
        "d": {"t": Kill.SURVIVED, "u": Kill.NOT_RUN},
    }
    matrix = KillMatrix(mutants=mutants, outcomes=rows, unjudged={"f": "preloaded"})
    assert [matrix.fate(each.id) for each in mutants] == [
        Fate.KILLED, Fate.CRASHED, Fate.TIMEOUT, Fate.SURVIVED, Fate.NOT_COVERED, Fate.UNJUDGED,
    ]  # fmt: skip
    assert matrix.fate("a", ["u"]) is Fate.CRASHED
    assert matrix.score() == 20.0
    assert [each.id for each in matrix.survivors()] == ["b", "c", "d", "e"]
    assert KillMatrix().score() is None


@given(st.lists(st.sampled_from(Kill)))
def test_the_strongest_outcome_counts(kills: list[Kill]) -> None:
    assert (merged(kills) is Kill.ASSERTION) == (Kill.ASSERTION in kills)


@given(st.data())
def test_what_is_kept_kills_all_that_the_sound_candidates_kill(data: st.DataObject) -> None:
    names = ["test_a", "test_b", "test_c"]
    rows = {mutant.id: {name: data.draw(st.sampled_from([Kill.ASSERTION, Kill.SURVIVED])) for name in names} for mutant in MUTANTS}
    found = measured(*(case(name) for name in names), kills=rows)
    verdicts = judged(found, [f"test_x.py::{name}" for name in names])
    kept = [each.test for each in verdicts if each.verdict is JudgedVerdict.ACCEPTED]
    assert found.matrix.killed_by(kept) == found.matrix.killed_by(f"test_x.py::{name}" for name in names)
    assert {each.verdict for each in verdicts if not each.kills} <= {JudgedVerdict.REJECTED}


def test_canaries_are_tests_that_parse_and_the_screen_does_not_need_to_know_them() -> None:
    text = canary_file("a.unit")
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")}
    assert defined == set(NAMES)
    screened = screen(text)
    assert not isinstance(screened, str)
    assert any(not each.objection for each in screened), "some get past the screen: the other filters must find them"


@pytest.mark.parametrize(
    ("verdict", "is_void"),
    [
        (JudgedVerdict.REJECTED, False),
        (JudgedVerdict.ACCEPTED, True),
        (JudgedVerdict.REDUNDANT, True),
        (JudgedVerdict.ERRORED, True),
        (None, True),
    ],
)
def test_one_canary_that_is_not_rejected_voids_the_judgement(verdict: JudgedVerdict | None, *, is_void: bool) -> None:
    names = planted("test_canary.py")
    verdicts = dict.fromkeys(names, JudgedVerdict.REJECTED) | ({names[2]: verdict} if verdict else {})
    judgements = [
        Judgement(test=name, verdict=each, filter=Filter.SCREEN, sentence="")
        for name, each in verdicts.items()
        if verdict or name != names[2]
    ]
    assert bool(void_reason(judgements, names)) is is_void


def test_a_judgement_stands_where_a_canary_noticed_nothing_until_the_time_was_over() -> None:
    names = planted("test_canary.py")
    late = Judgement(test=names[0], verdict=JudgedVerdict.ERRORED, filter=Filter.MUTATION, sentence="the time for changes was over")
    rest = [Judgement(test=name, verdict=JudgedVerdict.REJECTED, filter=Filter.SCREEN, sentence="") for name in names[1:]]
    assert void_reason([late, *rest], names) == ""
    told = void_reason([replace(late, filter=Filter.ISOLATION, sentence="it was not collected"), *rest], names)
    assert "was errored (it was not collected)" in told


def test_nothing_is_known_of_a_test_that_skips_itself_because_the_machine_lacks_something() -> None:
    found = measured(case(outcome="skipped", lines={}))
    judgement = only(found, Beforehand(may_skip=frozenset({"test_x.py::test_a"})))
    assert (judgement.verdict, judgement.filter) == (JudgedVerdict.ERRORED, Filter.ISOLATION)
    assert only(found).verdict is JudgedVerdict.REJECTED


def test_nothing_is_known_of_a_test_that_leaves_the_component_to_other_processes() -> None:
    started = Evidence(kind="subprocess", detail="subprocess.Popen 'python'")
    judgement = only(measured(case(lines={}, evidence=(started,))))
    assert (judgement.verdict, judgement.filter) == (JudgedVerdict.ERRORED, Filter.COVERAGE)
    assert only(measured(case(lines={}))).verdict is JudgedVerdict.REJECTED
    assert only(measured(case(evidence=(started,)), kills={"m72": {"test_a": Kill.ASSERTION}})).verdict is JudgedVerdict.ACCEPTED


def test_a_test_that_runs_no_line_is_not_turned_away_before_changes_at_import_were_tried() -> None:
    late = replace(MUTANTS[0], id="table", operator="declaration", module_level=True)
    found = measured(case(lines={}), case("test_b"))
    told = judged(replace(found, matrix=KillMatrix(mutants=(*MUTANTS, late), unjudged={"table": OUT_OF_TIME})), NAMES_OF_TWO)
    assert [each.verdict for each in told] == [JudgedVerdict.ERRORED, JudgedVerdict.ERRORED]
    assert all(each.sentence.startswith(OUT_OF_TIME) and each.filter is Filter.MUTATION for each in told)
    assert {each.verdict for each in judged(found, NAMES_OF_TWO)} == {JudgedVerdict.REJECTED}
