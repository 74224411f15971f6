"""The benchmark of the schedule, on a few of its graphs: it keeps its targets, and says so where it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from benchmarks.engine.makespan import is_within_targets, measure, random_graph, save, table
from spec2prod.domain.schedule_simulation import FIRST_COME, simulate

SEEDS = range(40)


def test_the_plan_of_random_runs_keeps_its_targets_and_the_raw_figures_are_kept(tmp_path: Path) -> None:
    taken = [measure(seed) for seed in SEEDS]
    assert is_within_targets(taken)
    assert all(each.known["plan"] >= 1 - 1e-9 for each in taken)
    assert all(each.known["plan"] <= each.known["plain rule"] + 1e-9 for each in taken)
    assert not is_within_targets([*taken, replace(taken[0], known={"plan": 1.16})])
    kept = json.loads(save(taken, tmp_path / "results").read_text())
    assert [each["seed"] for each in kept["graphs"]] == list(SEEDS)
    assert len(table(taken).splitlines()) == 8


def test_a_graph_is_the_same_for_the_same_seed() -> None:
    assert random_graph(7) == random_graph(7) != random_graph(8)
    graph = random_graph(7)
    assert simulate(graph, FIRST_COME) == simulate(graph, FIRST_COME)
