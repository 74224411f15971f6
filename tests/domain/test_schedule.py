"""Laws of scheduling: bounds are bounds, capacities and needs are kept, nothing starves, a plan is never worse than the rule."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.schedule import (
    AGEING_MS,
    CPU,
    MEMORY,
    Graph,
    Priority,
    Rate,
    Slots,
    Task,
    critical_path,
    earliest_ms,
    is_overdue,
    remaining_ms,
    standing,
    uses_of_process,
)
from spec2prod.domain.schedule_bound import bounds_ms, lower_bound_ms
from spec2prod.domain.schedule_planning import plan_order
from spec2prod.domain.schedule_simulation import FIRST_COME, NOTHING, Policy, Schedule, Simulation, longest_path_first, simulate

AGENT, MONEY = "agent", "money"


def task(name: str, ms: float, *needs: str, priority: Priority = Priority.NORMAL, **uses: float) -> Task:
    return Task(name=name, duration_ms=ms, needs=needs, priority=priority, uses=uses or {CPU: 1.0})


def on(graph_slots: float, *tasks: Task) -> Graph:
    return Graph(tasks=tasks, resources={CPU: Slots(count=graph_slots)})


@st.composite
def graphs(draw: st.DrawFn, most: int = 8, *, rates: bool = True, plain: bool = False) -> Graph:
    """Small graphs over CPU, agent, memory and money; whole milliseconds, so that sums are exact."""
    names = [f"t{number}" for number in range(draw(st.integers(1, most)))]
    cpus, agents = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    kinds: list[dict[str, float]] = [{CPU: 1.0}, {AGENT: 1.0}]
    if not plain:
        kinds += [{CPU: float(cpus)}, {CPU: 1.0, AGENT: 1.0}, {CPU: 1.0, MEMORY: 600.0}]
    if rates:
        kinds.append({AGENT: 1.0, MONEY: 1.5})
    tasks = tuple(
        Task(
            name=name,
            duration_ms=float(draw(st.integers(0, 9))),
            uses=draw(st.sampled_from(kinds)),
            needs=tuple(draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=2))) if number else (),
            priority=draw(st.sampled_from(Priority)),
        )
        for number, name in enumerate(names)
    )
    money = Rate(per_hour=3_600_000.0 * 0.5, burst=2.0)  # 0.5 a millisecond
    return Graph(tasks=tasks, resources={CPU: Slots(count=cpus), AGENT: Slots(count=agents), MEMORY: Slots(count=1000), MONEY: money})


policies = st.sampled_from(["first come", "rule", "ageing", "plan"])


def policy_of(name: str, graph: Graph) -> Policy:
    made = {
        "first come": lambda: FIRST_COME,
        "rule": lambda: longest_path_first(graph, math.inf),
        "ageing": lambda: longest_path_first(graph, 3.0),
        "plan": lambda: plan_order(graph).policy,
    }
    return made[name]()


def assert_feasible(graph: Graph, schedule: Schedule) -> None:
    for each in graph.tasks:
        assert schedule.end_ms[each.name] == schedule.start_ms[each.name] + each.duration_ms
        assert all(schedule.end_ms[need] <= schedule.start_ms[each.name] for need in each.needs)
    for name, resource in graph.resources.items():
        for moment in schedule.start_ms.values():
            if isinstance(resource, Slots):
                running = [each for each in graph.tasks if schedule.start_ms[each.name] <= moment < schedule.end_ms[each.name]]
                assert sum(each.uses.get(name, 0.0) for each in running) <= resource.count
            else:
                paid = sum(each.uses.get(name, 0.0) for each in graph.tasks if schedule.start_ms[each.name] <= moment)
                assert paid <= resource.burst + resource.per_ms * moment + 1e-6


def optimum_ms(graph: Graph) -> float:
    """Return the best makespan there is: some best schedule puts every task, in some order, as early as it fits."""
    return min(_placed(order, graph) for order in itertools.permutations(graph.tasks) if _keeps_needs(order))


def _keeps_needs(order: tuple[Task, ...]) -> bool:
    place = {each.name: number for number, each in enumerate(order)}
    return all(place[need] < place[each.name] for each in order for need in each.needs)


def _placed(order: tuple[Task, ...], graph: Graph) -> float:
    placed: list[tuple[float, float, Task]] = []
    for each in order:
        ready = max((end for _, end, done in placed if done.name in each.needs), default=0.0)
        moments = sorted({ready, *(end for _, end, _ in placed if end > ready)})
        start = next(moment for moment in moments if _fits(each, moment, placed, graph))
        placed.append((start, start + each.duration_ms, each))
    return max(end for _, end, _ in placed)


def _fits(one: Task, start: float, placed: list[tuple[float, float, Task]], graph: Graph) -> bool:
    moments = [start, *(begin for begin, _, _ in placed if start < begin < start + one.duration_ms)]
    return all(
        sum(each.uses.get(name, 0.0) for begin, end, each in placed if begin <= moment < end) + amount <= resource.count
        for name, amount in one.uses.items()
        if isinstance(resource := graph.resources[name], Slots)
        for moment in moments
    )


@given(graphs(most=5, rates=False))
def test_the_bound_is_a_bound(graph: Graph) -> None:
    assert lower_bound_ms(graph) <= optimum_ms(graph) + 1e-9


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 3))
def test_the_bound_of_equals_on_slots_is_a_bound(durations: list[int], slots: int) -> None:
    graph = on(slots, *(task(f"t{number}", ms) for number, ms in enumerate(durations)))
    bins = min(
        max(sum(ms for ms, slot in zip(durations, chosen, strict=True) if slot == each) for each in range(slots))
        for chosen in itertools.product(range(slots), repeat=len(durations))
    )
    assert lower_bound_ms(graph) <= bins
    assert plan_order(graph).makespan_ms >= bins


@given(graphs(), policies)
def test_needs_and_capacities_are_kept_and_no_order_beats_the_bound(graph: Graph, policy: str) -> None:
    schedule = simulate(graph, policy_of(policy, graph))
    assert_feasible(graph, schedule)
    assert schedule.makespan_ms >= lower_bound_ms(graph) - 1e-6


@given(graphs(most=12))
def test_a_plan_is_never_worse_than_the_rule_and_gives_what_it_says(graph: Graph) -> None:
    planned = plan_order(graph, ageing_ms=math.inf)
    assert planned.makespan_ms <= simulate(graph, longest_path_first(graph, math.inf)).makespan_ms
    assert planned.makespan_ms >= planned.bound_ms - 1e-6
    assert planned == plan_order(graph, ageing_ms=math.inf)


@given(graphs(most=14, rates=False, plain=True))
def test_the_quick_pass_does_what_the_full_one_does(graph: Graph) -> None:
    run = Simulation(graph)
    urgency = remaining_ms(graph)
    assert run.is_plain
    assert run.go_by([urgency[name] for name in run.names]) == run.go(Policy(urgency_ms=urgency, ageing_ms=math.inf))


@given(graphs(), policies)
def test_idle_and_busy_slots_are_all_there_is(graph: Graph, policy: str) -> None:
    schedule = simulate(graph, policy_of(policy, graph))
    for name in (CPU, AGENT, MEMORY):
        resource = graph.resources[name]
        used = sum(each.duration_ms * each.uses.get(name, 0.0) for each in graph.tasks)
        idle = sum(each.slot_ms for each in schedule.idle if each.resource == name)
        if isinstance(resource, Slots) and any(name in each.uses for each in graph.tasks):
            assert used + idle == pytest.approx(resource.count * schedule.makespan_ms)


@given(graphs())
def test_the_critical_path_is_a_chain_as_long_as_the_longest_path(graph: Graph) -> None:
    named = {each.name: each for each in graph.tasks}
    path = critical_path(graph)
    assert sum(named[name].duration_ms for name in path) == max(remaining_ms(graph).values())
    assert all(one in named[other].needs for one, other in itertools.pairwise(path))


@given(graphs())
def test_no_path_through_a_task_is_longer_than_the_critical_one(graph: Graph) -> None:
    earliest, remaining = earliest_ms(graph), remaining_ms(graph)
    assert max(earliest[name] + remaining[name] for name in remaining) == dict(bounds_ms(graph))["critical path"]


@given(st.sampled_from(Priority), st.sampled_from(Priority), st.floats(0, 1e7), st.floats(0, 1e7), st.floats(0, 1e7))
def test_nobody_who_comes_late_enough_goes_first(old: Priority, new: Priority, came: float, later: float, now: float) -> None:
    """Whoever begins to wait more than (old - new + 1) ageing times later never stands better: so nothing starves."""
    newcomer = came + (max(0, old - new) + 1) * AGEING_MS + later
    moment = newcomer + now
    assert standing(old, moment - came) <= standing(new, moment - newcomer)


def test_a_low_task_waiting_long_enough_overtakes_an_endless_stream_of_better_ones() -> None:
    stream = [task(f"high{number}", 10, *([f"pace{number}"] if number else []), priority=Priority.HIGH) for number in range(30)]
    pace = [task(f"pace{number}", 9, *([f"pace{number - 1}"] if number > 1 else []), pace=1) for number in range(1, 30)]
    low = task("low", 10, priority=Priority.LOW)
    graph = Graph(tasks=(*stream, *pace, low), resources={CPU: Slots(count=1), "pace": Slots(count=1)})
    aged, strict = (simulate(graph, longest_path_first(graph, ageing)) for ageing in (20.0, math.inf))
    assert strict.start_ms["low"] >= max(strict.start_ms[each.name] for each in stream)
    assert aged.start_ms["low"] < 100


def test_a_task_that_takes_every_slot_is_not_passed_for_ever() -> None:
    small = [task(f"s{number}", 10 if number % 2 else 15, *([f"s{number - 2}"] if number > 1 else [])) for number in range(40)]
    graph = on(2, *small, task("wide", 5, priority=Priority.LOW, cpu=2))
    assert simulate(graph, longest_path_first(graph, 10.0)).start_ms["wide"] < 80
    assert simulate(graph, longest_path_first(graph, math.inf)).start_ms["wide"] > 250


def test_the_longest_remaining_path_goes_first_within_a_class_and_classes_before_paths() -> None:
    graph = on(1, task("short", 1), task("long", 2), task("tail", 9, "long"), task("urgent", 1, priority=Priority.HIGH))
    starts = simulate(graph, longest_path_first(graph)).start_ms
    assert sorted(starts, key=lambda name: starts[name]) == ["urgent", "long", "tail", "short"]


def test_three_equal_tasks_on_two_slots_have_a_bound_that_can_be_reached() -> None:
    graph = on(2, *(task(name, 10) for name in "abc"))
    assert lower_bound_ms(graph) == 20 == plan_order(graph).makespan_ms


def test_money_that_comes_back_slowly_is_waited_for_and_is_in_the_bound() -> None:
    graph = Graph(
        tasks=tuple(Task(name=name, duration_ms=10, uses={AGENT: 1.0, MONEY: 1.0}) for name in "abc"),
        resources={AGENT: Slots(count=3), MONEY: Rate(per_hour=36.0, burst=1.0)},
    )
    schedule = simulate(graph, longest_path_first(graph))
    assert schedule.makespan_ms == pytest.approx(200_010) == lower_bound_ms(graph)
    assert {each.waited_for for each in schedule.idle} == {"agent + money", NOTHING}


def test_idle_time_names_what_it_waited_for() -> None:
    graph = Graph(
        tasks=(task("write", 30, agent=1), task("judge", 5, "write"), task("lint", 2)),
        resources={CPU: Slots(count=1), AGENT: Slots(count=1)},
    )
    told = [(each.resource, each.start_ms, each.end_ms, each.waited_for) for each in simulate(graph, longest_path_first(graph)).idle]
    assert told == [(CPU, 2, 30, "write"), (AGENT, 30, 35, NOTHING)]


def test_short_agents_first_where_their_judges_are_what_is_scarce() -> None:
    """Johnson's case: the plain rule lets the judges wait; the plan does not."""
    writers = [(1, 8), (2, 8), (3, 8), (8, 8)]
    tasks = [task(f"w{number}", ms, agent=1) for number, (ms, _) in enumerate(writers)]
    tasks += [task(f"j{number}", ms, f"w{number}") for number, (_, ms) in enumerate(writers)]
    graph = Graph(tasks=tuple(tasks), resources={CPU: Slots(count=1), AGENT: Slots(count=1)})
    assert simulate(graph, longest_path_first(graph)).makespan_ms == 40
    assert simulate(graph, plan_order(graph).policy).makespan_ms == 33 == lower_bound_ms(graph)


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ((task("a", 1), task("a", 1)), "two tasks have one name"),
        ((task("a", 1, "b"),), "a needs b, which is no task"),
        ((task("a", 1, "b"), task("b", 1, "a")), "in a circle"),
        ((task("a", 1, gpu=1),), "a uses gpu, which is no resource"),
        ((task("a", 1, cpu=3),), "a uses 3 of cpu, of which there is 2"),
        ((task("a", -1),), "a would take -1 ms"),
    ],
)
def test_a_graph_that_could_never_be_done_is_refused(tasks: tuple[Task, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        on(2, *tasks)


def test_nothing_to_do_takes_no_time() -> None:
    graph = on(2)
    assert (lower_bound_ms(graph), critical_path(graph), plan_order(graph).makespan_ms) == (0.0, (), 0.0)
    assert simulate(graph, FIRST_COME).makespan_ms == 0


@pytest.mark.parametrize(
    ("expected_mb", "memory_mb", "uses"),
    [
        (None, 100.0, {CPU: 1}),
        (0.0, 100.0, {CPU: 1}),
        (30.0, None, {CPU: 1}),
        (30.0, 100.0, {CPU: 1, MEMORY: 30}),
        (100.0, 100.0, {CPU: 1, MEMORY: 100}),
        (101.0, 100.0, {CPU: 1, MEMORY: 100}),
    ],
)
def test_a_process_takes_the_memory_that_it_is_expected_to_need_and_never_more_than_there_is(
    expected_mb: float | None, memory_mb: float | None, uses: dict[str, float]
) -> None:
    assert uses_of_process(expected_mb, memory_mb) == uses


@given(st.none() | st.floats(0, 1e9), st.floats(1, 1e7))
def test_no_process_is_refused_for_what_it_needs(expected_mb: float | None, memory_mb: float) -> None:
    task = Task(name="tool", duration_ms=1, uses=uses_of_process(expected_mb, memory_mb))
    assert Graph(tasks=(task,), resources={CPU: Slots(count=2), MEMORY: Slots(count=memory_mb)}).in_order == (task,)


def test_overdue_is_better_than_critical() -> None:
    assert not is_overdue(Priority.LOW, 3.9 * AGEING_MS)
    assert is_overdue(Priority.LOW, 4 * AGEING_MS)


def test_durations_that_were_misjudged_change_the_times_and_not_the_order() -> None:
    graph = on(1, task("a", 5), task("b", 9))
    schedule = simulate(graph, longest_path_first(graph), {"a": 50.0, "b": 1.0})
    assert schedule.start_ms == {"a": 1.0, "b": 0.0}
    assert replace(schedule, idle=()).makespan_ms == 51
