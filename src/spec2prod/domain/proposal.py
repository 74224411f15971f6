"""Proposed tests and what their judgement says about them: as candidates of a run, and as what the agent is told. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from spec2prod.domain.candidate import Candidate, CandidateVerdict, TaskOutcome
from spec2prod.domain.feedback import Feedback, Rejection, feedback_of
from spec2prod.domain.judged import Filter, Judged, JudgedTest

GATES = "gates"
_KEPT = {CandidateVerdict.ACCEPTED, CandidateVerdict.SUSPECTED_DEFECT, CandidateVerdict.REVIEW}


def candidates_of(outcome: TaskOutcome, judged: Judged, number: int) -> tuple[Candidate, ...]:
    """Return the judged tests of round `number` as candidates, in the order of the file."""
    return tuple(_candidate(outcome, each, number) for each in judged.tests)


def whole_file(outcome: TaskOutcome, number: int, verdict: CandidateVerdict, decided_by: Filter, reason: str) -> Candidate:
    """Return the one candidate of a file that was looked at as a whole."""
    return Candidate(
        module=outcome.module,
        test_file=outcome.test_file,
        name="",
        verdict=verdict,
        filter=decided_by.name.lower(),
        filter_number=decided_by.value,
        reason=reason,
        round=number,
    )


def withdrawn(candidates: Iterable[Candidate], verdict: CandidateVerdict, decided_by: Filter | str, reason: str) -> tuple[Candidate, ...]:
    """Return the candidates with what was accepted taken back, for a reason that all of it shares."""
    name, number = (decided_by.name.lower(), decided_by.value) if isinstance(decided_by, Filter) else (decided_by, None)

    def back(each: Candidate) -> Candidate:
        return replace(each, verdict=verdict, filter=name, filter_number=number, reason=reason, only=(), gained=())

    return tuple(back(each) if each.verdict is CandidateVerdict.ACCEPTED else each for each in candidates)


def accepted(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return those that are taken."""
    return tuple(each for each in candidates if each.verdict is CandidateVerdict.ACCEPTED)


def worth(candidates: Iterable[Candidate]) -> tuple[int, int]:
    """Return what of a file is taken is worth: the changes that it notices, then the requirements that it shows."""
    taken = accepted(candidates)
    noticed = {change for each in taken for change in (*each.kills, *each.stops)}
    return len(noticed), len({name for each in taken for name in each.requirements})


def kills_of(judged: Judged, candidates: Iterable[Candidate]) -> dict[str, tuple[str, ...]]:
    """Return in words which changes each kept test function notices, those of the suite and those that are taken, by node ID."""
    return {**judged.suite_kills, **{f"{each.test_file}::{each.name}": each.kills for each in accepted(candidates)}}


def feedback_on(
    outcome: TaskOutcome, judged: Judged | None, candidates: Sequence[Candidate], specification: str, goal: float
) -> Feedback | None:
    """Return what the agent is told of its file; `goal` is the coverage (percent) that its module should have.

    Without a judgement the file was refused as a whole. Nothing is told of tests that could not be judged: that is no fault of the agent's.
    """
    messages = {each.name: each.message for each in judged.tests} if judged else {}
    rejected = [each for each in candidates if each.verdict is CandidateVerdict.REJECTED]
    mistagged = [each for each in candidates if _is_mistagged(each)]
    uncovered = tuple(judged.uncovered.get(outcome.module, ())) if judged else ()
    return feedback_of(
        test_file=outcome.test_file,
        specification=specification,
        rejected=[Rejection(name=each.name, reason=each.reason, output=messages.get(each.name, "")) for each in rejected],
        uncovered=uncovered,
        survivors=judged.survivors.get(outcome.module, ()) if judged else (),
        is_goal_met=_percent(judged.statements if judged else {}, outcome.module, uncovered) >= goal,
        kept=[each.name for each in candidates if each.verdict in _KEPT and each not in mistagged],
        mistagged=[Rejection(name=each.name, reason=each.reason) for each in mistagged],
    )


def uncut(judged: Judged, known: Collection[str]) -> str:
    """Name a test that is not accepted and does not stand in the file's own text, so that it cannot be cut out; empty where none is."""
    refused = (each.name for each in judged.tests if each.name and each.verdict != CandidateVerdict.ACCEPTED)
    return next((name for name in refused if name not in known), "")


def _is_mistagged(candidate: Candidate) -> bool:
    """Whether a test is for review only because of the requirement that it names (`judging_comparing.grounded`)."""
    is_grounding = candidate.verdict is CandidateVerdict.REVIEW and candidate.filter_number == Filter.GROUNDING
    return is_grounding and candidate.reason.startswith(("it names ", "it was written for "))


def _percent(statements: Mapping[str, int], module: str, uncovered: Sequence[int]) -> float:
    total = statements.get(module, 0)
    return 100.0 * (total - len(uncovered)) / total if total else 100.0


def _candidate(outcome: TaskOutcome, test: JudgedTest, number: int) -> Candidate:
    return Candidate(
        module=outcome.module,
        test_file=outcome.test_file,
        name=test.name,
        verdict=CandidateVerdict(test.verdict),
        filter=test.filter,
        filter_number=test.filter_number,
        reason=test.sentence,
        line=test.line,
        evidence=test.evidence,
        kills=test.kills,
        stops=test.stops,
        only=test.gained,
        gained=tuple(test.adds.get(outcome.module, ())),
        requirements=test.requirements,
        round=number,
    )
