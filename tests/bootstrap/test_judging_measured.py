from __future__ import annotations

from spec2prod.adapters.judge.client import Mutation
from spec2prod.bootstrap.judging_measured import bounds_of


def test_who_allows_a_run_of_the_tests_more_time_allows_the_judge_more_and_nobody_allows_it_less() -> None:
    usual = bounds_of(600.0, Mutation.MATRIX)
    assert usual.total_s == 900.0
    assert bounds_of(4.0, Mutation.MATRIX).total_s == usual.total_s
    assert bounds_of(7200.0, Mutation.MATRIX).told()["mutants_until_s"] > 7200.0


def test_changes_are_tried_by_several_processes_and_a_plain_measurement_by_one() -> None:
    assert bounds_of(600.0, Mutation.MATRIX).lanes >= 2
    assert bounds_of(600.0, Mutation.NONE).lanes == 1
