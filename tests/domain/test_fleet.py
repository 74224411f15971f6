"""The queue's laws, without a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.fleet import (
    AGEING_S,
    Crew,
    Job,
    JobState,
    labels_of,
    priority_of,
    remaining_paths,
    suits,
    turn_of,
    unmet,
    why_waiting,
    with_needed,
    worst_of,
)
from spec2prod.domain.schedule import Priority
from spec2prod.errors import SettingsError, UsageError

PRIORITIES = st.sampled_from(Priority)
MOMENTS = st.integers(0, 10_000)


def job(name: str = "api", **values: object) -> Job:
    return replace(Job(id=name, batch="b", component=name, target="staging", request="{}", source="{}"), **values)  # type: ignore[arg-type]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Give components that need earlier ones only, so that there is no circle."""
    names = [f"c{number}" for number in range(draw(st.integers(1, 12)))]
    return {name: tuple(draw(st.sets(st.sampled_from(names[:place])))) if place else () for place, name in enumerate(names)}


@given(PRIORITIES, MOMENTS, PRIORITIES, MOMENTS, MOMENTS)
def test_the_turn_orders_two_jobs_as_priority_less_time_waited_does_at_every_moment(
    one: Priority, came: int, other: Priority, followed: int, later: int
) -> None:
    now = max(came, followed) + later
    urgency = (one - (now - came) / AGEING_S) - (other - (now - followed) / AGEING_S)
    turns = turn_of(one, came) - turn_of(other, followed)
    assert abs(turns - urgency * AGEING_S) < 1e-6


def test_a_low_job_that_has_waited_half_an_hour_goes_before_a_new_critical_one() -> None:
    assert turn_of(Priority.LOW, 0) < turn_of(Priority.CRITICAL, 3 * AGEING_S + 1)
    assert turn_of(Priority.LOW, 0) > turn_of(Priority.CRITICAL, 3 * AGEING_S - 1)


@given(graphs(), st.data())
def test_each_component_comes_after_what_it_needs_and_nothing_needed_is_left_out(
    needs: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    asked = data.draw(st.lists(st.sampled_from(sorted(needs)), min_size=1, unique=True))
    ordered = with_needed(asked, needs)
    assert set(asked) <= set(ordered)
    assert len(set(ordered)) == len(ordered)
    for place, name in enumerate(ordered):
        assert set(needs[name]) <= set(ordered[:place])


def test_a_circle_is_refused_by_the_names_in_it() -> None:
    with pytest.raises(SettingsError, match="b needs c needs d needs b") as refused:
        with_needed(["a"], {"a": ("b",), "b": ("c",), "c": ("d",), "d": ("b",)})
    assert refused.value.where == "pyproject.toml: tool.spec2prod.components.d.needs"


def test_a_component_that_needs_itself_is_a_circle() -> None:
    with pytest.raises(SettingsError, match="a needs a"):
        with_needed(["a"], {"a": ("a",)})


def test_a_need_that_is_no_component_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match="'stroage', and no component") as refused:
        with_needed(["api"], {"api": ("stroage",), "storage": ()})
    assert refused.value.next_step == "there are api, storage"


def test_a_chain_longer_than_pythons_stack_is_put_in_order() -> None:
    needs = {f"c{number}": (f"c{number - 1}",) if number else () for number in range(5_000)}
    assert with_needed(["c4999"], needs) == tuple(needs)


def longest(name: str, needs: Mapping[str, tuple[str, ...]], own: Mapping[str, float], ordered: tuple[str, ...]) -> float:
    return own[name] + max((longest(each, needs, own, ordered) for each in ordered if name in needs[each]), default=0.0)


@given(graphs(), st.data())
def test_the_remaining_path_is_the_longest_chain_that_begins_with_a_component(
    needs: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    ordered = with_needed(sorted(needs), needs)
    own = {name: float(data.draw(st.integers(1, 100))) for name in ordered}
    assert remaining_paths(ordered, needs, own) == {name: longest(name, needs, own, ordered) for name in ordered}


@given(st.frozensets(st.sampled_from("abcd")), st.frozensets(st.sampled_from("abcd")))
def test_a_worker_suits_where_it_has_every_label_that_is_asked_for(asked: frozenset[str], has: frozenset[str]) -> None:
    assert suits(job(labels=asked), Crew(id="w", host="h", slots=1, labels=has)) == all(each in has for each in asked)


def test_labels_are_words_between_commas() -> None:
    assert labels_of(" gpu,linux, ") == {"gpu", "linux"}
    with pytest.raises(UsageError, match="no label: 'a b'"):
        labels_of("gpu,a b")


def test_a_priority_is_found_in_any_case() -> None:
    assert priority_of("High") is Priority.HIGH
    with pytest.raises(UsageError, match="no priority is called 'urgent'"):
        priority_of("urgent")


@pytest.mark.parametrize(
    ("workers", "needed", "why"),
    [
        ([], [], "no worker takes jobs: start one with spec2prod worker --labels gpu"),
        ([Crew(id="w", host="h", slots=1, alive=False)], [], "no worker takes jobs"),
        ([Crew(id="w", host="h", slots=1, draining=True)], [], "no worker takes jobs"),
        ([Crew(id="w", host="h", slots=1)], [], "no worker has the labels gpu: start one with spec2prod worker --labels gpu"),
        ([Crew(id="w", host="h", slots=1, labels=frozenset({"gpu"}))], [], "every slot is taken (1 of 1)"),
        ([Crew(id="w", host="h", slots=2, labels=frozenset({"gpu"}))], [], "its turn"),
        ([], [job("storage", state=JobState.RUNNING)], "needs storage (running)"),
    ],
)
def test_a_waiting_job_says_what_it_waits_for(workers: list[Crew], needed: list[Job], why: str) -> None:
    assert why_waiting(job(labels=frozenset({"gpu"})), needed, workers, {"w": 1}).startswith(why)


@pytest.mark.parametrize(("code", "why"), [(1, "failed"), (3, "is pending"), (4, "errored"), (5, "was rolled back")])
def test_what_is_not_promoted_says_how_it_ended(code: int, why: str) -> None:
    assert unmet(job(state=JobState.ENDED, exit_code=code)) == f"needs api, which {why}"


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([0, 0], 0), ([0, 3], 3), ([3, 1, 4], 1), ([0, 4], 4), ([5, 1], 5), ([0, None], 1), ([4, None], 4), ([2, None], 2), ([], 0)],
)
def test_a_batch_ends_as_its_worst_job(codes: list[int | None], worst: int) -> None:
    jobs = [job(exit_code=code, state=JobState.NOT_RUN if code is None else JobState.ENDED) for code in codes]
    assert worst_of(jobs) == worst
