"""The matrix requirement → test → result: every status, and what the gate makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.trace import Matrix, Noticed, Status, answer, carries_marker, hinted, in_force, trace
from spec2prod.domain.verdict import Comparison, Limit, Measurement, Rule, Unanswered

ADDS = Requirement(id="REQ-1", text="Adds", line=4, id_given=True, priority="P0")
DIVIDES = Requirement(id="REQ-2", text="Divides", line=5, id_given=True, priority="P1")
PROVED = Requirement(id="REQ-9", text="Achieve 80% coverage", line=6, measured_by="test_coverage")
SPEC = Specification(path="s.md", title="T", requirements=(ADDS, DIVIDES, PROVED))


def case(name: str, outcome: str = "passed", **claims: str) -> CaseResult:
    named = {key.replace("_", "-"): text for key, text in claims.items()}
    return CaseResult(node_id=f"tests/test_a.py::{name}", name=name, file="tests/test_a.py", line=3, outcome=outcome, requirements=named)


def suite(*cases: CaseResult) -> SuiteReport:
    return SuiteReport(cases=cases, statements={}, executed={})


def traced(*cases: CaseResult) -> Matrix:
    return trace(SPEC, suite(*cases))


def status(matrix: Matrix, identifier: str = "REQ-1") -> Status:
    return next(row.status for row in matrix.rows if row.id == identifier)


def test_a_passing_test_covers_and_says_that_no_judge_has_looked() -> None:
    matrix = traced(case("test_add", REQ_1=""))
    assert (status(matrix), matrix.rows[0].reason) == (
        Status.COVERED,
        "test_a.py::test_add passed; not judged: `spec2prod judge` tells whether it notices a change of the code",
    )


def test_a_test_that_kills_a_mutant_verifies_and_one_that_kills_none_does_not() -> None:
    add, same = case("test_add", REQ_1=""), case("test_same", REQ_2="")
    change = Noticed(kills=("line 2 `+` becomes `-`",), run_id="r1", at="2026-01-01")
    matrix = trace(SPEC, suite(add, same), noticed={add.node_id: change, same.node_id: Noticed(kills=(), run_id="r1")})
    assert (status(matrix), status(matrix, "REQ-2")) == (Status.VERIFIED, Status.COVERED)
    assert "no test of it fails" in matrix.rows[1].reason
    (shown,) = matrix.rows[0].tests
    assert (shown.kills, shown.judged_by, shown.judged_at) == (change.kills, "r1", "2026-01-01")
    assert (matrix.is_judged, matrix.unjudged) == (True, ())


def test_a_test_that_no_judge_has_measured_is_told_apart_from_one_that_notices_nothing() -> None:
    judged, unjudged = case("test_judged", REQ_1=""), case("test_new", REQ_1="")
    matrix = trace(
        SPEC, suite(judged, unjudged, case("test_red", "failed", REQ_2="")), noticed={judged.node_id: Noticed(kills=(), run_id="r1")}
    )
    assert (status(matrix), matrix.unjudged) == (Status.COVERED, ("tests/test_a.py",))
    assert matrix.rows[0].reason.startswith("test_a.py::test_new passed; not judged")


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([case("test_a", "failed", REQ_1="")], Status.FAILING),
        ([case("test_a", "error", REQ_1=""), case("test_b", REQ_1="")], Status.FAILING),
        ([case("test_a", "skipped", REQ_1="")], Status.UNCOVERED),
        ([case("test_a", "xfailed", REQ_1="")], Status.UNCOVERED),
        ([case("test_a", REQ_1="0000.0000.0000")], Status.STALE),
        ([case("test_a", "failed", REQ_1="0000.0000.0000"), case("test_b", REQ_1="")], Status.COVERED),
        ([case("test_a", REQ_1=ADDS.text_hash)], Status.COVERED),
        ([case("test_a")], Status.UNCOVERED),
        ([], Status.UNCOVERED),
    ],
)
def test_a_requirements_status_follows_from_its_tests(cases: list[CaseResult], expected: Status) -> None:
    assert status(traced(*cases)) is expected


def test_a_suspected_defect_is_told_before_a_failure() -> None:
    red = case("test_a", "failed", REQ_1="")
    assert status(trace(SPEC, suite(red), defects=[red.node_id])) is Status.SUSPECTED_DEFECT


def test_a_flaky_test_shows_nothing() -> None:
    red, green = case("test_a", "failed", REQ_1=""), case("test_b", REQ_2="")
    matrix = trace(SPEC, suite(red, green), flaky=[red.node_id, green.node_id])
    assert (status(matrix), status(matrix, "REQ-2")) == (Status.UNCOVERED, Status.UNCOVERED)
    assert "flaky" in matrix.rows[0].reason


def test_an_unknown_id_is_told_with_what_it_may_have_meant_and_counts_for_nothing() -> None:
    matrix = traced(case("test_a", req_1=""))
    assert [(each.id, each.near) for each in matrix.unknown] == [("req-1", "REQ-1")]
    assert status(matrix) is Status.UNCOVERED
    told = answer(matrix)
    assert isinstance(told, Measurement)
    assert "did you mean REQ-1?" in told.findings[-1].message


UNREAD = CaseResult(node_id="tests/test_b.py", name="", file="tests/test_b.py", line=0, outcome="error", message="SyntaxError")


def test_where_no_test_could_be_collected_the_requirements_are_not_known() -> None:
    told = answer(traced(UNREAD))
    assert isinstance(told, Unanswered)
    assert told.reason == "no test could be collected (tests/test_b.py): which requirements the tests name is not known"


def test_a_requirement_that_an_uncollected_test_may_name_is_not_said_to_be_named_by_none() -> None:
    matrix = traced(UNREAD, case("test_a", REQ_1=""))
    assert (matrix.rows[1].status, matrix.rows[1].reason) == (
        Status.UNCOVERED,
        "no collected test names it, and tests/test_b.py could not be collected",
    )
    assert isinstance(answer(matrix), Measurement)
    assert hinted(matrix, {"REQ-2": "tests/test_a.py::test_a"}) == matrix, "the marker may be there already"


def test_a_requirement_that_no_test_names_is_told_with_how_to_name_it_and_which_test_to_mark() -> None:
    matrix = traced(case("test_a"))
    how = 'no test names it: mark the one that shows it with @pytest.mark.requirement("REQ-1")'
    assert (matrix.rows[0].reason, matrix.unnamed) == (how, ("REQ-1", "REQ-2"))
    told = hinted(matrix, {"REQ-1": "tests/test_a.py::test_a"})
    assert told.rows[0].reason == f"{how}; tests/test_a.py::test_a makes the call of its example"
    assert told.rows[1:] == matrix.rows[1:]


def test_tests_without_a_requirement_are_orphans() -> None:
    assert traced(case("test_a"), case("test_b", REQ_1="")).orphans == ("tests/test_a.py::test_a",)


def test_the_gate_counts_by_priority_and_leaves_out_what_a_gate_answers() -> None:
    told = answer(traced(case("test_a", REQ_1="")))
    assert isinstance(told, Measurement)
    assert (dict(told.values), told.checked) == ({"p0_percent": 100.0, "p1_percent": 0.0, "percent": 50.0}, 2)
    assert told.summary == "1 of 2 requirements traced to passing tests (P0: 1 of 1, P1: 0 of 1)"
    assert [(each.address, each.code) for each in told.findings] == [("s.md:5", "uncovered")]


def limits(**values: float) -> Rule:
    told = (Limit(value=name, comparison=Comparison.AT_LEAST, threshold=figure) for name, figure in values.items())
    return Rule(gate="requirements", limits=tuple(told))


@pytest.mark.parametrize(
    ("priorities", "rule", "left", "clause"),
    [
        (["P0", ""], limits(p0_percent=100), limits(p0_percent=100), ""),
        (["P1", ""], limits(p0_percent=100), None, "requirements is not asked: no requirement is P0: this rule asks nothing"),
        (
            ["P1"],
            limits(p0_percent=100, p1_percent=90),
            limits(p1_percent=90),
            "requirements: no requirement is P0: p0_percent asks nothing",
        ),
        (
            [""],
            limits(p0_percent=100, p1_percent=90, percent=80),
            limits(percent=80),
            "requirements: no requirement is P0 or P1: p0_percent, p1_percent ask nothing",
        ),
        ([], limits(p0_percent=100), limits(p0_percent=100), ""),
    ],
)
def test_a_share_of_requirements_that_there_are_none_of_is_not_asked(
    priorities: list[str], rule: Rule, left: Rule | None, clause: str
) -> None:
    promises = tuple(replace(ADDS, id=f"REQ-{number}", priority=each) for number, each in enumerate(priorities))
    assert in_force(rule, replace(SPEC, requirements=(*promises, replace(PROVED, priority="P0")))) == (left, clause)


def test_a_specification_of_nothing_but_coverage_leaves_the_question_unanswered() -> None:
    assert isinstance(answer(trace(Specification(path="s.md", title="T", requirements=(PROVED,)), suite())), Unanswered)


@pytest.mark.parametrize(
    ("text", "carries"),
    [
        ('@pytest.mark.requirement("REQ-1")', True),
        ("@pytest.mark.req(id='a')", True),
        ("pytestmark = [mark . verifies_requirement('a')]", True),
        ("@pytest.mark.required", False),
        ("requirement = 1", False),
    ],
)
def test_a_test_file_that_carries_a_marker_is_told_from_one_that_does_not(text: str, *, carries: bool) -> None:
    assert carries_marker(text) is carries
