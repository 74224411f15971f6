"""Rounds in the report: what each brought, what a test has cost, and no 0 where no price is known."""

from __future__ import annotations

from dataclasses import replace

from spec2prod.domain.candidate import CandidateVerdict
from spec2prod.domain.trace import Matrix, Row, Shown, Status
from spec2prod.reports.rounds import cost, rounds
from tests.reports.runs import NEW_TEST, PASSED, ROUNDS


def _row(name: str, *files: str, status: Status = Status.VERIFIED, is_stale: bool = False) -> Row:
    tests = tuple(
        Shown(node_id=f"{file}::test", file=file, line=1, outcome="passed", is_stale=is_stale and file != NEW_TEST) for file in files
    )
    return Row(id=name, text="t", line=1, priority="", text_hash="h", status=status, reason="r", tests=tests)


def test_each_round_tells_what_it_brought_used_and_whether_it_counts() -> None:
    first, second = rounds(PASSED)
    assert (first["number"], first["is_kept"], first["proposed"], first["judged"][CandidateVerdict.ACCEPTED]) == (1, True, 5, 2)
    assert (second["number"], second["is_kept"], second["told_rejected"], second["llm_calls"]) == (2, False, 3, 1)
    assert set(second["judged"]) == set(CandidateVerdict)


def test_an_accepted_test_costs_its_share_of_all_rounds() -> None:
    found = cost(PASSED)
    assert (found["llm_calls"], found["cost_usd"], found["accepted_tests"], found["usd_per_accepted_test"]) == (4, 0.03, 2, 0.015)
    assert (found["requirements"], found["usd_per_requirement"], found["why"]) == (0, None, "")


def test_only_requirements_that_no_other_test_shows_count() -> None:
    rows = (
        _row("NEW", NEW_TEST),
        _row("OLD", "tests/test_old.py"),
        _row("BOTH", NEW_TEST, "tests/test_old.py"),
        _row("STALE", NEW_TEST, "tests/test_old.py", is_stale=True),
        _row("RED", NEW_TEST, status=Status.FAILING),
    )
    found = cost(replace(PASSED, matrix=Matrix(path="spec.md", rows=rows, unknown=(), orphans=(), is_judged=True)))
    assert (found["requirements"], found["usd_per_requirement"]) == (2, 0.015)


def test_where_no_price_is_known_nothing_is_said_to_cost_0() -> None:
    unpriced = (ROUNDS[0], replace(ROUNDS[1], cost_usd=None))
    found = cost(replace(PASSED, rounds=unpriced))
    assert (found["cost_usd"], found["usd_per_accepted_test"]) == (None, None)
    assert found["why"] == f"no price is known for the model that was asked about {ROUNDS[1].module}"


def test_tests_that_cost_nothing_do_not_make_the_rest_look_cheap() -> None:
    free = replace(PASSED.requests[0], generator="spec", test_file="tests/test_examples.py")
    given = replace(PASSED.candidates[0], test_file="tests/test_examples.py")
    found = cost(replace(PASSED, requests=(*PASSED.requests, free), candidates=(*PASSED.candidates, given)))
    assert found["accepted_tests"] == 2


def test_a_run_without_generation_has_cost_nothing() -> None:
    found = cost(replace(PASSED, rounds=(), candidates=(), requests=()))
    assert (found["cost_usd"], found["usd_per_accepted_test"], found["accepted_tests"]) == (0, None, 0)
