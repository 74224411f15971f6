"""A finished run as a schedule: what is told agrees with what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from spec2prod.domain.plan import Mode, Stage
from spec2prod.domain.schedule import CPU, MEMORY
from spec2prod.domain.schedule_measured import IN_TURN, OWN_WORK, MeasuredSchedule, measured_schedule
from spec2prod.domain.schedule_simulation import NOTHING
from spec2prod.domain.timeline import Span


def span(name: str, start: float, end: float, stage: str = "", waited: float = 0.0) -> Span:
    return Span(name=name, start_ms=start, end_ms=end, stage=stage, waited_ms=waited)


def told(*spans: Span, mode: Mode = Mode.ASYNC, cpu_slots: int = 2, written: dict[str, str] | None = None) -> MeasuredSchedule:
    return measured_schedule(spans, mode=mode, written=written or {}, cpu_slots=cpu_slots)


def idle(schedule: MeasuredSchedule, resource: str = "cpu") -> dict[str, float]:
    return {each.waited_for: each.slot_ms for each in schedule.idle if each.resource == resource}


stages = st.sampled_from([Stage.TESTING, Stage.GENERATION, Stage.REFACTORING, Stage.ACCEPTANCE, Stage.STAGING_DEPLOYMENT])
names = st.sampled_from(
    ["tests", "linting", "auto_fix", "openhands_submission", "agent:a.py", "agent:a.py round 2", "agent:b.py", "judge:test_a.py", "deploy"],
)
steps = st.builds(
    lambda stage, name, start, length, waited, lacked: replace(
        span(name, start, start + length, stage, min(waited, length)), waited_for=lacked
    ),
    stages,
    names,
    st.integers(0, 100),
    st.integers(0, 50),
    st.integers(0, 20),
    st.sampled_from(["", CPU, MEMORY]),
)


@settings(max_examples=60)
@given(st.lists(steps, max_size=12), st.integers(0, 3), st.sampled_from(Mode))
def test_no_bound_is_above_what_was_measured_and_idle_and_busy_time_are_all_there_is(spans: list[Span], slots: int, mode: Mode) -> None:
    schedule = measured_schedule(spans, mode=mode, written={"test_a.py": "a.py"}, cpu_slots=slots)
    assert schedule.lower_bound_ms <= schedule.makespan_ms
    assert sum(each.worked_ms for each in schedule.path) <= schedule.makespan_ms + len(schedule.path)  # times may touch by 1 ms
    for resource, count in schedule.slots.items():
        worked = sum(each.worked_ms for each in spans if each.name.startswith("agent:") == (resource == "agent") and not _is_own(each))
        assert abs(sum(idle(schedule, resource).values()) + worked - count * schedule.makespan_ms) < 1e-6


def _is_own(each: Span) -> bool:
    return each.name == "openhands_submission"


def test_the_critical_path_leads_from_the_tests_through_the_agent_to_the_judges() -> None:
    schedule = told(
        span(Stage.SPECIFICATION, 0, 10),
        span("tests", 10, 110, Stage.TESTING),
        span("linting", 10, 30, Stage.REFACTORING),
        span("openhands_submission", 110, 120, Stage.GENERATION),
        span("agent:a.py", 120, 620, Stage.GENERATION),
        span("agent:b.py", 120, 320, Stage.GENERATION),
        span("judge:test_a.py", 620, 700, Stage.ACCEPTANCE),
        span("judge:test_b.py", 620, 640, Stage.ACCEPTANCE),
        span("tests", 700, 800, Stage.ACCEPTANCE),
        written={"test_a.py": "a.py", "test_b.py": "b.py"},
    )
    assert [each.name for each in schedule.path] == [
        "specification",
        "tests",
        "openhands_submission",
        "agent:a.py",
        "judge:test_a.py",
        "tests",
    ]
    assert schedule.lower_bound_ms == schedule.makespan_ms == 800
    assert schedule.slots == {"cpu": 2, "agent": 2}
    assert idle(schedule)["agent:b.py"] == 400  # from 120 to 320 on both slots: nothing to judge before it is there
    assert idle(schedule)[OWN_WORK] > 0  # from 320 to 620 `judge:test_b.py` could have begun


def test_what_a_step_waited_for_a_slot_is_not_its_own_time_and_keeps_no_slot() -> None:
    schedule = told(
        span("tests", 0, 100, Stage.TESTING), span("linting", 0, 60, Stage.REFACTORING), span("types", 0, 90, Stage.REFACTORING, waited=60)
    )
    assert schedule.slots == {"cpu": 2}
    assert schedule.lower_bound_ms == 100
    assert idle(schedule) == {NOTHING: 10}


def test_a_slot_that_was_free_while_a_step_waited_for_memory_waited_for_memory() -> None:
    waiting = replace(span("types", 20, 150, Stage.REFACTORING, waited=80), waited_for=MEMORY)
    schedule = told(span("tests", 0, 100, Stage.TESTING), waiting)
    assert schedule.slots == {"cpu": 2}
    assert idle(schedule) == {OWN_WORK: 20, MEMORY: 80, NOTHING: 50}  # before 20 nobody had asked for anything


def test_in_sync_mode_slots_wait_for_their_turn_and_the_bound_tells_what_async_could_reach() -> None:
    schedule = told(span("tests", 0, 100, Stage.TESTING), span("linting", 100, 160, Stage.REFACTORING), mode=Mode.SYNC)
    assert schedule.makespan_ms == 160
    assert schedule.lower_bound_ms == 100
    assert idle(schedule) == {IN_TURN: 100, NOTHING: 60}


def test_a_release_needs_everything_and_what_is_asked_again_needs_the_first_answer() -> None:
    schedule = told(
        span("linting", 0, 10, Stage.REFACTORING),
        span("auto_fix", 10, 15, Stage.REFACTORING),
        span("linting", 15, 20, Stage.REFACTORING),
        span(Stage.STAGING_DEPLOYMENT, 20, 70),
    )
    assert _names(schedule.path) == ["linting", "auto_fix", "linting", "staging_deployment"]


def _names(path: Sequence[Span]) -> list[str]:
    return [str(each.name) for each in path]


def test_a_run_of_nothing_has_no_schedule_to_speak_of() -> None:
    schedule = told()
    assert (schedule.path, schedule.idle, schedule.lower_bound_ms, schedule.slots) == ((), (), 0.0, {})


def test_a_later_round_needs_the_judgement_before_it_and_its_judgement_needs_it() -> None:
    schedule = told(
        span("openhands_submission", 0, 10, Stage.GENERATION),
        span("agent:a.py", 10, 100, Stage.GENERATION),
        span("judge:test_a.py", 100, 150, Stage.ACCEPTANCE),
        span("agent:a.py round 2", 150, 300, Stage.GENERATION),
        span("judge:test_a.py", 300, 340, Stage.ACCEPTANCE),
        written={"test_a.py": "a.py"},
    )
    names = [each.name for each in schedule.path]
    assert names == ["openhands_submission", "agent:a.py", "judge:test_a.py", "agent:a.py round 2", "judge:test_a.py"]
    assert schedule.lower_bound_ms == schedule.makespan_ms == 340
    assert schedule.slots["agent"] == 1
