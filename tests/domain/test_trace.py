"""The matrix requirement → test → result: every status, and what the gate makes of them."""

from __future__ import annotations

import pytest

from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.trace import Matrix, Status, answer, carries_marker, trace
from spec2prod.domain.verdict import Measurement, Unanswered

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
        "test_a.py::test_add passed; its tests were not judged against mutants",
    )


def test_a_test_that_kills_a_mutant_verifies_and_one_that_kills_none_does_not() -> None:
    add, same = case("test_add", REQ_1=""), case("test_same", REQ_2="")
    matrix = trace(SPEC, suite(add, same), kills={add.node_id: ["fails if line 2 `+` becomes `-`"]})
    assert (status(matrix), status(matrix, "REQ-2")) == (Status.VERIFIED, Status.COVERED)
    assert "no test of it fails" in matrix.rows[1].reason
    assert matrix.is_judged


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


def test_tests_without_a_requirement_are_orphans() -> None:
    assert traced(case("test_a"), case("test_b", REQ_1="")).orphans == ("tests/test_a.py::test_a",)


def test_the_gate_counts_by_priority_and_leaves_out_what_a_gate_answers() -> None:
    told = answer(traced(case("test_a", REQ_1="")))
    assert isinstance(told, Measurement)
    assert (dict(told.values), told.checked) == ({"p0_percent": 100.0, "p1_percent": 0.0, "percent": 50.0}, 2)
    assert told.summary == "1 of 2 requirements traced to passing tests (P0: 1 of 1, P1: 0 of 1)"
    assert [(each.address, each.code) for each in told.findings] == [("s.md:5", "uncovered")]


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
