"""What a run's log hears of the judge at work: each phase once, not every test."""

from __future__ import annotations

from spec2prod.bootstrap.judging_run import first_of_each


def test_each_phase_is_told_as_it_begins_and_its_counts_are_not() -> None:
    told: list[str] = []
    take = first_of_each(told.append)
    for words in (
        "collecting the tests",
        "measured 1 of 3 tests",
        "measured 2 of 3 tests",
        "tried 1 of 61 mutants",
        "tried 2 of 61 mutants",
    ):
        take(words)
    assert told == ["collecting the tests", "measuring the tests", "trying the mutants"]
