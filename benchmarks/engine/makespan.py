"""`python -m benchmarks.engine.makespan [--graphs N]`: how close the schedule of simulated agents comes to the lower bound.

A graph is a run with generation: the tests, then for each of 1-20 modules an agent's task of 0.5-60 s (truncated Pareto, heavy-tailed)
on 1-8 agent slots and two CPU tasks that judge what it brought, then one that takes it; the other tools beside. Every order is worked
off in the same simulation: first come first served, the plain rule (longest expected remaining path first), and spec2prod's plan. In
the second half the plan is made from mis-estimated durations (log-normal, sigma 0.5: two in three within a factor of 1.65) and worked off
with the real ones. Only planning takes real time; it is measured too. The exit code is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from spec2prod.domain.schedule import Graph, Slots, Task
from spec2prod.domain.schedule_bound import lower_bound_ms
from spec2prod.domain.schedule_planning import plan_order
from spec2prod.domain.schedule_simulation import FIRST_COME, longest_path_first, simulate

WAYS = ("first come", "plain rule", "plan")
MEDIAN_TARGET, WORST_TARGET = 1.05, 1.15
_SHAPE = 0.6  # Pareto: the smaller, the heavier the tail
_SIGMA = 0.5
_SHORTEST_S, _LONGEST_S = 0.5, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One graph: ratios of makespans to the lower bound; `planning_ms` is real time."""

    seed: int
    tasks: int
    modules: int
    agent_slots: int
    cpu_slots: int
    bound_ms: float
    planning_ms: float
    known: Mapping[str, float]
    misjudged: Mapping[str, float]


def random_graph(seed: int) -> Graph:
    """Return a run with simulated agents; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable benchmark, no secret
    modules = [f"module_{number}" for number in range(chance.randint(1, 20))]
    tools = [_on("cpu", name, chance.uniform(0.1, 6)) for name in ("linting", "type_checking", "static", "vulnerabilities")]
    tests = _on("cpu", "tests", chance.uniform(0.3, 8))
    chains = [task for module in modules for task in _chain(module, chance)]
    last = _on("cpu", "adopt", chance.uniform(0.3, 8), *(task.name for task in (*chains, *tools)))
    resources = {"cpu": Slots(count=chance.choice((2, 2, 4, 8))), "agent": Slots(count=chance.randint(1, 8))}
    return Graph(tasks=(tests, *tools, *chains, last), resources=resources)


def _chain(module: str, chance: random.Random) -> list[Task]:
    generate = _on("agent", f"generate {module}", min(_LONGEST_S, _SHORTEST_S * chance.paretovariate(_SHAPE)), "tests")
    judge = [_on("cpu", f"{order} {module}", chance.uniform(0.3, 2), generate.name) for order in ("forwards", "backwards")]
    return [generate, *judge]


def _on(resource: str, name: str, seconds: float, *needs: str) -> Task:
    return Task(name=name, duration_ms=seconds * 1000, uses={resource: 1.0}, needs=needs)


def measure(seed: int) -> Measured:
    """Work one graph off in every way, with durations that are known and with misjudged ones."""
    graph = random_graph(seed)
    chance = random.Random(f"noise {seed}")  # noqa: S311 - as above
    expected = replace(
        graph, tasks=tuple(replace(task, duration_ms=task.duration_ms * chance.lognormvariate(0, _SIGMA)) for task in graph.tasks)
    )
    bound = lower_bound_ms(graph)
    begun = time.perf_counter()
    plan_order(graph)
    planning_ms = (time.perf_counter() - begun) * 1000
    return Measured(
        seed=seed,
        tasks=len(graph.tasks),
        modules=sum(task.name.startswith("generate") for task in graph.tasks),
        agent_slots=_slots(graph, "agent"),
        cpu_slots=_slots(graph, "cpu"),
        bound_ms=bound,
        planning_ms=planning_ms,
        known=_ratios(graph, graph, bound),
        misjudged=_ratios(graph, expected, bound),
    )


def _ratios(graph: Graph, expected: Graph, bound: float) -> dict[str, float]:
    """Return each way's makespan beside the bound: ordered by what is expected, worked off as it really is."""
    policies = {"first come": FIRST_COME, "plain rule": longest_path_first(expected), "plan": plan_order(expected).policy}
    actual = {task.name: task.duration_ms for task in graph.tasks}
    return {way: simulate(expected, policy, actual).makespan_ms / bound for way, policy in policies.items()}


def _slots(graph: Graph, name: str) -> int:
    resource = graph.resources[name]
    return int(resource.count) if isinstance(resource, Slots) else 0


def table(taken: Sequence[Measured]) -> str:
    """Return makespan / lower bound: median, 95th percentile, worst, and how many are above the targets."""
    lines = [f"{'durations':12} {'order':12} {'median':>8} {'95 %':>8} {'worst':>8} {'> 1.05':>7} {'> 1.15':>7}"]
    for durations in ("known", "misjudged"):
        for way in WAYS:
            ratios = sorted(getattr(each, durations)[way] for each in taken)
            above = [sum(ratio > limit for ratio in ratios) for limit in (MEDIAN_TARGET, WORST_TARGET)]
            median, high = statistics.median(ratios), ratios[int(0.95 * (len(ratios) - 1))]
            lines.append(f"{durations:12} {way:12} {median:8.3f} {high:8.3f} {ratios[-1]:8.3f} {above[0]:7d} {above[1]:7d}")
    planning = sorted(each.planning_ms for each in taken)
    typical, worst, most = statistics.median(planning), planning[-1], max(each.tasks for each in taken)
    lines.append(f"planning: median {typical:.1f} ms, worst {worst:.1f} ms, of {most} tasks at most")
    return "\n".join(lines)


def save(taken: Sequence[Measured], folder: Path = Path(__file__).parent / "results") -> Path:
    """Keep the raw figures."""
    folder.mkdir(exist_ok=True)
    file = folder / f"makespan-{datetime.now(tz=UTC):%Y-%m-%d-%H%M%S}.json"
    told = {"benchmark": "makespan", "python": platform.python_version(), "graphs": [asdict(each) for each in taken]}
    file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return file


def is_within_targets(taken: Sequence[Measured]) -> bool:
    """Whether the plan of known durations keeps both targets."""
    ratios = [each.known["plan"] for each in taken]
    return statistics.median(ratios) <= MEDIAN_TARGET and max(ratios) <= WORST_TARGET


def main() -> int:
    """Measure every graph, print the table, keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.makespan", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--graphs", type=int, default=1000, help="random graphs (default: %(default)s)")
    taken = [measure(seed) for seed in range(parser.parse_args().graphs)]
    print("makespan / lower bound")
    print(table(taken))
    print(f"raw figures: {save(taken).relative_to(Path.cwd(), walk_up=True)}")
    return 0 if is_within_targets(taken) else 1


if __name__ == "__main__":
    sys.exit(main())
