"""A judgement as a run's candidates, and as what the agent is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spec2prod.domain.candidate import Candidate, CandidateVerdict, TaskOutcome, TaskStatus, by_urgency, counted
from spec2prod.domain.judged import Judged, JudgedTest
from spec2prod.domain.judging import Filter, JudgedVerdict
from spec2prod.domain.judging_comparing import grounded
from spec2prod.domain.proposal import accepted, candidates_of, feedback_on, kills_of, uncut, whole_file, withdrawn, worth
from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.suite import CaseResult

MODULE, FILE = "src/calc.py", "tests/test_calc.py"
OUTCOME = TaskOutcome(task_id="t", module=MODULE, test_file=FILE, status=TaskStatus.DELIVERED)


def row(name: str, verdict: JudgedVerdict, *kills: str, message: str = "", requirements: tuple[str, ...] = ()) -> JudgedTest:
    return JudgedTest(
        file=FILE,
        name=name,
        line=3,
        verdict=verdict.value,
        filter="mutation",
        filter_number=5,
        sentence=f"why {name}",
        kills=kills,
        gained=kills,
        message=message,
        requirements=requirements,
        adds={MODULE: (5,), "src/other.py": (1,)},
    )


JUDGED = Judged(
    component="calc",
    specification="s.md",
    tests=(
        row("test_good", JudgedVerdict.ACCEPTED, "a", "b", requirements=("REQ-1",)),
        row("test_bad", JudgedVerdict.REJECTED, message="E   assert 1 == 2"),
        row("test_bug", JudgedVerdict.SUSPECTED_DEFECT, message="E   assert 3 == 4"),
        row("test_same", JudgedVerdict.REDUNDANT, "a"),
        row("test_odd", JudgedVerdict.REVIEW),
        row("test_lost", JudgedVerdict.ERRORED),
    ),
    suite_kills={"tests/test_old.py::test_old": ("c",)},
    survivors={MODULE: ("line 9 `<` becomes `<=`",), "src/other.py": ("line 1 `1` becomes `2`",)},
    uncovered={MODULE: (7, 8)},
    statements={MODULE: 10},
)
CANDIDATES = candidates_of(OUTCOME, JUDGED, 2)


def test_every_verdict_of_the_judge_is_one_of_the_runs() -> None:
    assert {each.value for each in JudgedVerdict} == {each.value for each in CandidateVerdict}
    good = CANDIDATES[0]
    assert (good.verdict, good.reason, good.decided_by, good.round) == (CandidateVerdict.ACCEPTED, "why test_good", "filter 5, mutation", 2)
    assert good.gained == (5,), "the lines of its own module"


def test_the_agent_is_told_what_was_rejected_and_never_of_what_may_be_a_defect_or_could_not_be_judged() -> None:
    told = feedback_on(OUTCOME, JUDGED, CANDIDATES, "promise", 90.0)
    assert told is not None
    assert (told.rejected, told.uncovered, told.survivors) == (1, 2, 1)
    assert "- `test_bad`: why test_bad" in told.text
    assert "assert 1 == 2" in told.text
    assert not any(f"- `{name}`" in told.text for name in ("test_bug", "test_same", "test_odd", "test_lost"))
    assert "Keep these tests exactly as they are: `test_good`, `test_bug`, `test_odd`." in told.text


@pytest.mark.parametrize("claimed", [{"REQ-9": ""}, {"REQ-1": "0000.0000.0000"}])
def test_a_test_is_told_to_mend_the_requirement_that_it_names_wrongly(claimed: dict[str, str]) -> None:
    case = CaseResult(node_id=f"{FILE}::test_odd", name="test_odd", file=FILE, line=1, outcome="passed", requirements=claimed)
    specification = Specification(path="s.md", title="S", requirements=(Requirement(id="REQ-1", text="adds", line=3),))
    doubt = grounded([case], specification, []).doubts[case.node_id]
    odd = replace(row("test_odd", JudgedVerdict.REVIEW), sentence=doubt, filter="grounding", filter_number=int(Filter.GROUNDING))
    judgement = replace(JUDGED, tests=(JUDGED.tests[0], odd), survivors={}, uncovered={})
    told = feedback_on(OUTCOME, judgement, candidates_of(OUTCOME, judgement, 1), "promise", 80.0)
    assert told is not None
    assert f"- `test_odd`: {doubt}" in told.text
    assert "exactly as they are: `test_good`." in told.text


def test_lines_are_asked_for_only_below_the_goal() -> None:
    told = feedback_on(OUTCOME, JUDGED, CANDIDATES, "promise", 80.0)
    assert told is not None
    assert told.uncovered == 0


def test_a_file_that_does_not_parse_is_told_as_a_whole() -> None:
    refused = whole_file(OUTCOME, 1, CandidateVerdict.REJECTED, Filter.SCREEN, "it does not parse: line 3")
    told = feedback_on(OUTCOME, None, [refused], "promise", 80.0)
    assert told is not None
    assert "- the whole file: it does not parse: line 3" in told.text


@pytest.mark.parametrize(("decided_by", "told"), [(Filter.CONFIRMATION, "filter 8, confirmation"), ("gates", "gates")])
def test_what_is_taken_back_is_what_was_accepted_and_nothing_else(decided_by: Filter | str, told: str) -> None:
    left = withdrawn(CANDIDATES, CandidateVerdict.ERRORED, decided_by, "no")
    assert accepted(left) == ()
    assert (left[0].verdict, left[0].decided_by, left[0].reason, left[0].only) == (CandidateVerdict.ERRORED, told, "no", ())
    assert left[1:] == CANDIDATES[1:]


def test_a_file_is_worth_what_its_accepted_tests_notice_and_show() -> None:
    assert worth(CANDIDATES) == (2, 1)
    assert worth(withdrawn(CANDIDATES, CandidateVerdict.REJECTED, "gates", "no")) == (0, 0)


def test_what_the_suite_and_the_accepted_tests_notice_is_known_by_node_id() -> None:
    assert kills_of(JUDGED, CANDIDATES) == {"tests/test_old.py::test_old": ("c",), f"{FILE}::test_good": ("a", "b")}


def test_only_what_is_not_accepted_and_stands_elsewhere_cannot_be_cut_out() -> None:
    names = {each.name for each in JUDGED.tests}
    assert uncut(JUDGED, names) == ""
    assert uncut(JUDGED, names - {"test_good"}) == ""
    assert uncut(JUDGED, names - {"test_bad"}) == "test_bad"


def test_people_read_first_what_they_must_look_at() -> None:
    ordered = [each.name for each in by_urgency(CANDIDATES)]
    assert ordered == ["test_bug", "test_lost", "test_odd", "test_good", "test_bad", "test_same"]
    assert counted(CANDIDATES) == "1 accepted, 1 suspected defect, 1 errored, 1 for review, 1 rejected, 1 redundant"
    assert counted(list[Candidate]()) == "0 accepted"
