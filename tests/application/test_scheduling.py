"""The live scheduler: fair, safe to cancel, all or nothing; and the host that takes a slot for each process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec2prod.application.scheduling import ScheduledHost, Scheduler, cpu_slots, waiting_noted
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.schedule import AGEING_MS, CPU, MEMORY, Priority, Rate, Resource, Slots, Task, uses_of_process
from tests.fakes import FakeClock, FakeHistory, FakeHost, FakeTree

AGENT, MONEY = "agent", "money"


class Work:
    """Tasks that end when they are told to; `order` names them as they began."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.order: list[str] = []
        self.most = 0
        self._going: dict[str, asyncio.Event] = {}

    def begin(
        self, name: str, *, ms: float = 1.0, priority: Priority = Priority.NORMAL, remaining_ms: float | None = None, **uses: float
    ) -> asyncio.Task[None]:
        self._going[name] = asyncio.Event()
        task = Task(name=name, duration_ms=ms, uses=uses or {CPU: 1.0}, priority=priority)
        return asyncio.create_task(self._hold(task, remaining_ms), name=name)

    async def _hold(self, task: Task, remaining_ms: float | None) -> None:
        async with self.scheduler.slot(task, remaining_ms=remaining_ms):
            self.order.append(task.name)
            self.most = max(self.most, len(self.scheduler.running))
            await self._going[task.name].wait()

    async def end(self, name: str) -> None:
        self._going[name].set()
        await turns()


async def turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def scheduler(clock: FakeClock, cpus: float = 1, *, ageing_ms: float = AGEING_MS) -> Scheduler:
    resources: dict[str, Resource] = {
        CPU: Slots(count=cpus),
        MEMORY: Slots(count=100.0),
        AGENT: Slots(count=1),
        MONEY: Rate(per_hour=3.6, burst=1.0),
    }
    return Scheduler(resources, clock.elapsed_ms, ageing_ms=ageing_ms)


def alone[T](work: Callable[[], Awaitable[T]]) -> T:
    async def within() -> T:
        async with asyncio.timeout(20):
            return await work()

    return asyncio.run(within())


def test_who_fits_never_waits_not_even_a_turn_of_the_loop() -> None:
    async def hold() -> None:
        shared = scheduler(FakeClock(), 2)
        async with shared.slot(Task(name="a", duration_ms=1)) as waited, shared.slot(Task(name="b", duration_ms=1)):
            assert (waited.ms, waited.lacked) == (0, "")
            assert list(shared.running) == ["a", "b"]
        assert not shared.running

    async def work() -> None:
        eager = asyncio.Task(hold(), loop=asyncio.get_running_loop(), eager_start=True)
        assert eager.done()  # before the loop had a turn
        await eager

    alone(work)


def test_the_better_class_goes_first_then_the_longer_path_then_who_came_first() -> None:
    async def work() -> list[str]:
        on = Work(scheduler(FakeClock()))
        on.begin("running")
        await turns()
        on.begin("short")
        on.begin("as short")
        on.begin("long", remaining_ms=90)
        on.begin("low and long", ms=900, priority=Priority.LOW)
        on.begin("critical", priority=Priority.CRITICAL)
        await turns()
        assert [each.name for each in on.scheduler.waiting] == ["critical", "long", "short", "as short", "low and long"]
        for name in ("running", "critical", "long", "short", "as short"):
            await on.end(name)
        return on.order

    assert alone(work) == ["running", "critical", "long", "short", "as short", "low and long"]


def test_a_low_task_that_waited_long_enough_goes_before_fresh_better_ones() -> None:
    async def work() -> list[str]:
        clock = FakeClock()
        on = Work(scheduler(clock, ageing_ms=100))
        on.begin("running")
        await turns()
        on.begin("low", priority=Priority.LOW)
        await turns()
        clock.ms = 250  # two classes up
        on.begin("high", priority=Priority.HIGH)
        on.begin("normal", ms=9, priority=Priority.NORMAL)
        await turns()
        clock.ms = 310  # three classes up, the others not one
        for name in ("running", "low", "high", "normal"):
            await on.end(name)
        return on.order

    assert alone(work) == ["running", "low", "high", "normal"]


def test_a_task_of_several_resources_takes_all_or_nothing() -> None:
    async def work() -> None:
        on = Work(scheduler(FakeClock()))
        on.begin("agent", agent=1)
        await turns()
        on.begin("both", cpu=1, agent=1)
        on.begin("cpu alone", cpu=1)
        await turns()
        assert on.order == ["agent", "cpu alone"]  # `both` holds no CPU while it lacks an agent
        await on.end("cpu alone")
        await on.end("agent")
        assert on.order[-1] == "both"
        await on.end("both")
        assert on.scheduler.running == ()

    alone(work)


def test_what_an_overdue_task_lacks_is_kept_for_it() -> None:
    async def work() -> list[str]:
        clock = FakeClock()
        on = Work(scheduler(clock, 2, ageing_ms=10))
        on.begin("one", cpu=1)
        on.begin("two", cpu=1)
        await turns()
        on.begin("wide", cpu=2)
        await turns()
        on.begin("slips past", cpu=1)
        await on.end("one")
        clock.ms = 31  # NORMAL is above CRITICAL after three ageing times
        on.begin("must not", cpu=1, priority=Priority.CRITICAL)
        await turns()
        await on.end("slips past")
        assert on.order == ["one", "two", "slips past"]
        await on.end("two")
        await on.end("wide")
        await on.end("must not")
        return on.order

    assert alone(work) == ["one", "two", "slips past", "wide", "must not"]


@pytest.mark.parametrize("moment", ["while it waits", "as it is handed out", "while it works"])
def test_who_is_cancelled_keeps_no_slot(moment: str) -> None:
    async def work() -> None:
        on = Work(scheduler(FakeClock()))
        first = on.begin("first")
        await turns()
        second = on.begin("second", ms=9)
        third = on.begin("third")
        await turns()
        if moment == "as it is handed out":
            first.cancel()
            await asyncio.sleep(0)  # the slot is given to `second`, which has not run since
            assert list(on.scheduler.running) == ["second"]
            assert on.order == ["first"]
        elif moment == "while it works":
            await on.end("first")
        second.cancel()
        with suppress(asyncio.CancelledError):
            await second
        await on.end("first")
        assert list(on.scheduler.running) == ["third"]
        await on.end("third")
        await third
        assert not on.scheduler.running + on.scheduler.waiting

    alone(work)


def test_money_comes_back_with_time_and_nobody_else_need_come_by() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        shared = Scheduler({MONEY: Rate(per_hour=3600.0 * 50, burst=1.0)}, lambda: loop.time() * 1000)  # a dollar in 20 ms
        waits, lacked = list[float](), list[str]()
        for _ in range(3):
            async with shared.slot(Task(name="call", duration_ms=1, uses={MONEY: 1.0})) as waited:
                waits.append(waited.ms)
                lacked.append(waited.lacked)
        assert waits[0] < waits[-1]
        assert lacked == ["", MONEY, MONEY]

    alone(work)


def test_what_could_never_be_handed_out_is_refused_at_once() -> None:
    async def work(**uses: float) -> None:
        async with scheduler(FakeClock()).slot(Task(name="big", duration_ms=1, uses=uses)):
            pass

    with pytest.raises(ValueError, match="big uses 2 of cpu, of which there is 1"):
        alone(lambda: work(cpu=2))
    with pytest.raises(ValueError, match="big uses 1 of gpu, of which there is 0"):
        alone(lambda: work(gpu=1))


def test_resources_can_be_added_and_known_ones_stay_as_they_are() -> None:
    shared = scheduler(FakeClock(), 3)
    shared.provide(CPU, Slots(count=99))
    shared.provide("agent http://127.0.0.1:1", Slots(count=4))
    assert shared.slots == {CPU: 3, MEMORY: 100, AGENT: 1, "agent http://127.0.0.1:1": 4}


def test_runs_in_different_threads_share_the_slots() -> None:
    shared, at_once, most, lock = scheduler(FakeClock(), 2), 0, 0, threading.Lock()

    async def one(number: int) -> None:
        nonlocal at_once, most
        async with shared.slot(Task(name=str(number), duration_ms=number)):
            with lock:
                at_once += 1
                most = max(most, at_once)
            await asyncio.sleep(0.002)
            with lock:
                at_once -= 1

    async def several() -> None:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(one(number))

    threads = [threading.Thread(target=lambda: asyncio.run(several())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 2
    assert not shared.running + shared.waiting


def test_a_loop_that_was_closed_leaves_no_waiter_behind() -> None:
    shared = scheduler(FakeClock())
    loop = asyncio.new_event_loop()
    holder = shared.slot(Task(name="holder", duration_ms=1))
    loop.run_until_complete(holder.__aenter__())
    other = asyncio.new_event_loop()
    left = other.create_task(Work(shared)._hold(Task(name="left", duration_ms=99), None))
    other.run_until_complete(asyncio.sleep(0))
    other.close()
    loop.run_until_complete(holder.__aexit__(None, None, None))
    loop.close()
    assert not shared.running + shared.waiting
    left.get_coro().close()  # type: ignore[union-attr] # it was begun, and is ended here without its loop
    left._log_destroy_pending = False  # type: ignore[attr-defined] # asyncio would tell of it, and rightly


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([{CPU: 1.0}, {CPU: 2.0}, {AGENT: 1.0}, {CPU: 1.0, AGENT: 1.0}])
            | st.builds(uses_of_process, st.none() | st.floats(0, 150), st.just(100.0)),
            st.sampled_from(Priority),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_whatever_is_asked_or_cancelled_ends_and_no_slot_is_lost(asked: list[tuple[Mapping[str, float], Priority, bool]]) -> None:
    async def work() -> None:
        shared = scheduler(FakeClock(), 2)

        async def one(number: int) -> None:
            uses, priority, _ = asked[number]
            async with shared.slot(Task(name=str(number), duration_ms=number, uses=uses, priority=priority)):
                held = [asked[int(name)][0] for name in shared.running]
                assert sum(each.get(CPU, 0) for each in held) <= 2
                assert sum(each.get(AGENT, 0) for each in held) <= 1
                assert sum(each.get(MEMORY, 0) for each in held) <= 100.0 + 1e-6
                await turns(number % 3)

        tasks = [asyncio.create_task(one(number)) for number in range(len(asked))]
        await turns(2)
        for task, (_, _, cancelled) in zip(tasks, asked, strict=True):
            if cancelled:
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results)
        assert not shared.running + shared.waiting

    alone(work)


def command(tool: str) -> Command:
    return Command(tool=tool, argv=(tool,), cwd=Path("/project"))


def test_two_tools_overlap_and_a_third_waits_for_a_slot_and_says_how_long() -> None:
    async def work() -> tuple[list[float], int]:
        clock, started, most = FakeClock(), 0, 0
        gate = asyncio.Event()

        class Slow(FakeHost):
            async def run(self, command: Command) -> Completed:
                nonlocal started, most
                started += 1
                most = max(most, started)
                await gate.wait()
                started -= 1
                return Completed(command=command, exit_code=0, wall_ms=50)

        host = ScheduledHost(Slow(FakeTree({})), scheduler(clock, cpu_slots(1, 2)), FakeHistory(), named=lambda each: each.tool)

        async def noting(tool: str) -> float:
            with waiting_noted() as noted:
                await asyncio.create_task(host.run(command(tool)))
            return noted.ms

        tasks = [asyncio.create_task(noting(tool)) for tool in ("a", "b", "c")]
        await turns()
        clock.ms = 70
        gate.set()
        return await asyncio.gather(*tasks), most

    assert alone(work) == ([0, 0, 70], 2)


def test_the_longest_expected_chain_gets_the_slot_and_durations_are_learnt() -> None:
    async def work() -> tuple[list[str], FakeHistory]:
        history = FakeHistory({"quick": 10.0, "long": 900.0, "feeds the agent": 20.0})
        inner = FakeHost(FakeTree({}), {"killed": lambda each, _: Completed(command=each, exit_code=-9, wall_ms=1)})
        shared = scheduler(FakeClock())
        host = ScheduledHost(inner, shared, history, named=lambda each: each.tool, after_ms={"feeds the agent": 5000.0})
        async with shared.slot(Task(name="busy", duration_ms=1)):
            tasks = [asyncio.create_task(host.run(command(tool))) for tool in ("quick", "killed", "long", "feeds the agent")]
            await turns()
            assert inner.started == []
        await asyncio.gather(*tasks)
        return [each.tool for each in inner.started], history

    started, history = alone(work)
    assert started == ["feeds the agent", "killed", "long", "quick"]  # what was never seen is expected to take a second
    assert [name for name, _ in history.learnt] == ["feeds the agent", "long", "quick"]


def test_tools_that_do_not_fit_into_memory_together_run_one_after_another_and_say_what_they_waited_for() -> None:
    async def work() -> tuple[list[tuple[str, ...]], dict[str, tuple[float, str]], FakeHistory]:
        clock, together, notes = FakeClock(), list[tuple[str, ...]](), dict[str, tuple[float, str]]()
        history = FakeHistory(memory={"judge": 60.0, "pytest": 50.0, "whale": 900.0})
        shared = scheduler(clock, 4)

        class Watched(FakeHost):
            async def run(self, command: Command) -> Completed:
                together.append(shared.running)
                await turns(1)
                clock.ms += 10
                return Completed(command=command, exit_code=-9 if command.tool == "whale" else 0, wall_ms=10, peak_memory_mb=70.0)

        host = ScheduledHost(Watched(FakeTree({})), shared, history, named=lambda each: each.tool)

        async def noting(tool: str) -> None:
            with waiting_noted() as noted:
                await host.run(command(tool))
            notes[tool] = (noted.ms, noted.lacked)

        await asyncio.gather(*(noting(tool) for tool in ("judge", "pytest", "whale", "never seen")))
        return together, notes, history

    together, notes, history = alone(work)
    assert together[:2] == [("judge",), ("judge", "never seen")]  # of what was never seen nothing is known that could be kept free
    for memory_needed in ("judge", "pytest", "whale"):
        assert sum(memory_needed in each for each in together) >= 1
    assert not [each for each in together if len({"judge", "pytest", "whale"} & set(each)) > 1]
    assert {tool: lacked for tool, (_, lacked) in notes.items()} == {"judge": "", "pytest": MEMORY, "whale": MEMORY, "never seen": ""}
    assert notes["pytest"][0] > 0
    assert sorted(history.peaks) == [("judge", 70.0), ("never seen", 70.0), ("pytest", 70.0), ("whale", 70.0)]  # a killed one, too
    assert "whale" not in [tool for tool, _ in history.learnt]


def test_where_no_memory_is_counted_none_is_taken() -> None:
    async def work() -> list[str]:
        inner = FakeHost(FakeTree({}))
        shared = Scheduler({CPU: Slots(count=2)}, FakeClock().elapsed_ms)
        await ScheduledHost(inner, shared, FakeHistory(memory={"a": 5.0}), named=lambda each: each.tool).run(command("a"))
        return [each.tool for each in inner.started]

    assert alone(work) == ["a"]


@pytest.mark.parametrize(("cores", "chosen", "slots"), [(None, None, 4), (2, None, 4), (8, None, 8), (8, 3, 3), (8, 1, 2)])
def test_there_are_slots_for_the_tools_of_one_run_unless_somebody_says_otherwise(cores: int | None, chosen: int | None, slots: int) -> None:
    assert cpu_slots(cores, chosen) == slots
