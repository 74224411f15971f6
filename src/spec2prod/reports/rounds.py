"""What each round of generation brought, and what an accepted test and a requirement have cost."""

from __future__ import annotations

from collections import Counter

from spec2prod.domain.candidate import PAID, CandidateVerdict
from spec2prod.domain.rounds import Round, cost_of
from spec2prod.domain.run import Run
from spec2prod.reports import document
from spec2prod.reports.parts import told


def rounds(run: Run) -> tuple[document.Round, ...]:
    """Return every round, task by task."""
    kept = {each.test_file: each.round for each in run.candidates}
    order = list(dict.fromkeys(each.task_id for each in run.rounds))
    ordered = sorted(run.rounds, key=lambda each: (order.index(each.task_id), each.number))
    return tuple(_round(run, each, is_kept=kept.get(each.test_file) == each.number) for each in ordered)


def cost(run: Run) -> document.Cost:
    """Return what all rounds have used, and what that comes to for each test accepted and each requirement first shown.

    Only tests of those who are paid count: what costs nothing must not make the rest look cheap.
    """
    used = cost_of(run.rounds)
    paid = {each.test_file for each in run.requests if each.generator == PAID}
    accepted = sum(each.verdict is CandidateVerdict.ACCEPTED and each.test_file in paid for each in run.candidates)
    shown = _first_shown(run, paid)
    unpriced = sorted({each.module for each in run.rounds if each.cost_usd is None})
    return document.Cost(
        llm_calls=used.llm_calls,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_usd=used.cost_usd,
        accepted_tests=accepted,
        usd_per_accepted_test=used.per(accepted),
        requirements=shown,
        usd_per_requirement=used.per(shown),
        why=f"no price is known for the model that was asked about {', '.join(unpriced)}" if unpriced else "",
    )


def _round(run: Run, each: Round, *, is_kept: bool) -> document.Round:
    judged = run.rounds_judged.get((each.test_file, each.number), ())
    counts = Counter(candidate.verdict for candidate in judged)
    judgement = {verdict: counts[verdict] for verdict in CandidateVerdict}  # as they are: the page tells them in words
    return {**told(document.Round, each, is_kept=is_kept, proposed=len(judged), judged={}), "judged": judgement}


def _first_shown(run: Run, paid: set[str]) -> int:
    """Return how many requirements are shown by adopted tests of those who are paid, and by no other."""
    adopted = paid & set(run.adopted)
    rows = [row for row in run.matrix.rows if row.counts] if run.matrix else []
    return sum({test.file for test in row.tests if not test.is_stale} <= adopted for row in rows)
