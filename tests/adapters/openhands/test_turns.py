"""A conversation's turn: who waits is told once, waits within the run's time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from spec2prod.adapters.openhands.endpoints import Endpoints
from spec2prod.adapters.openhands.options import Endpoint, OpenHandsOptions
from spec2prod.adapters.openhands.quota import OwnQuota
from spec2prod.adapters.openhands.turns import NoTurnError, Turns
from spec2prod.domain.circuit import Circuit
from spec2prod.domain.quota import Asking, QuotaRules, Turn
from spec2prod.errors import StoreError


@dataclass
class Scene:
    """A quota whose time passes only where somebody sleeps, and what was told."""

    rules: QuotaRules
    run_s: float = 10_000.0
    seconds: float = 0.0
    told: list[str] = field(default_factory=list)
    on_sleep: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.quota = OwnQuota(rules=self.rules, clock=lambda: self.seconds)
        self.turns = Turns(
            quota=self.quota, sleep=self.sleep, left_s=lambda: self.run_s - self.seconds, shortest_s=2.0, tell=self.told.append
        )

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.on_sleep()
        await asyncio.sleep(0)

    async def has_a_turn(self, task: str, endpoint: str = "e", promise_usd: float = 0.0) -> bool:
        """Take a turn and leave it; return whether it had to wait."""
        async with self.turns.seat(task, f"{task}.py") as seat:
            return await seat.take(endpoint, promise_usd)


@pytest.mark.asyncio
async def test_who_must_wait_is_told_of_once_and_begins_when_there_is_a_slot() -> None:
    scene = Scene(QuotaRules(endpoint_slots=1))
    scene.quota.ask(Asking(task="other", endpoint="e"))

    def leave_in_time() -> None:
        if scene.seconds > 30:
            scene.quota.leave("other")

    scene.on_sleep = leave_in_time
    assert await scene.has_a_turn("mine")
    assert scene.told == ["mine.py waits for its turn: 1 of 1 agent slots at e are taken"]
    assert 30 < scene.seconds < 32
    assert not await scene.has_a_turn("next"), "it was left again"


@pytest.mark.asyncio
async def test_money_is_waited_for_where_the_run_has_the_time_and_else_it_ends_at_once() -> None:
    scene = Scene(QuotaRules(usd_per_hour=1.0))
    scene.quota.spent("other", 1.0)
    assert await scene.has_a_turn("mine")
    assert scene.told == ["mine.py waits for its turn: $1.00 of the $1 for an hour are spent; in 60 minutes at the soonest"]
    assert 3600 <= scene.seconds < 3602
    hasty = Scene(QuotaRules(usd_per_hour=1.0), run_s=3601.0)
    hasty.quota.spent("other", 1.0)
    with pytest.raises(NoTurnError, match=r"^\$1\.00 of the \$1 for an hour are spent$"):
        await hasty.has_a_turn("mine")
    assert (hasty.seconds, hasty.told) == (0.0, [])


@pytest.mark.asyncio
async def test_what_may_cost_more_than_an_hour_has_does_not_wait_for_ever() -> None:
    scene = Scene(QuotaRules(usd_per_hour=1.0), run_s=float("inf"))
    with pytest.raises(NoTurnError, match=r"it may cost \$2\.00, and \$1 are for an hour"):
        await scene.has_a_turn("mine", promise_usd=2.0)


@pytest.mark.asyncio
async def test_a_slot_is_waited_for_no_longer_than_the_run_lasts_and_the_place_is_left() -> None:
    scene = Scene(QuotaRules(endpoint_slots=1), run_s=60.0)
    scene.quota.ask(Asking(task="other", endpoint="e"))
    with pytest.raises(NoTurnError, match="1 of 1 agent slots at e are taken"):
        await scene.has_a_turn("mine")
    assert scene.seconds <= 60
    scene.quota.leave("other")
    assert scene.quota.ask(Asking(task="next", endpoint="e")).is_given, "nobody asked before it any more"


@pytest.mark.asyncio
async def test_who_is_cancelled_while_waiting_leaves_its_place() -> None:
    scene = Scene(QuotaRules(endpoint_slots=1))
    scene.quota.ask(Asking(task="other", endpoint="e"))
    waits = asyncio.Event()
    scene.on_sleep = waits.set
    task = asyncio.create_task(scene.has_a_turn("mine"))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    scene.quota.leave("other")
    assert scene.quota.ask(Asking(task="next", endpoint="e")).is_given


class Gone:
    """A quota whose database is away."""

    def ask(self, asking: Asking) -> Turn:
        raise StoreError(f"nobody knows of {asking.task}")

    def leave(self, task: str) -> None:
        raise StoreError(f"nobody knows of {task}")

    def spent(self, task: str, usd: float) -> None:
        raise StoreError(f"nobody hears of {task} and {usd}")


@pytest.mark.asyncio
async def test_nothing_begins_where_nobody_knows_whose_turn_it_is_and_what_cannot_be_noted_stops_nothing() -> None:
    turns = Turns(quota=Gone(), sleep=asyncio.sleep, left_s=lambda: 100.0, shortest_s=2.0)
    with pytest.raises(StoreError, match="nobody knows of mine"):
        async with turns.seat("mine", "mine.py") as seat:
            await seat.take("e", 0.0)
    await turns.spent("mine", 1.0)


class Trial:
    """A half-open breaker that gives its one trial."""

    circuit, rest_left_s = Circuit.HALF_OPEN, 0.0

    def __init__(self) -> None:
        self.held: list[str] = []

    def allows(self, caller: str) -> bool:
        self.held.append(caller)
        return True

    def succeeded(self) -> None:
        self.held.clear()

    def failed(self) -> None:
        self.held.clear()

    def abandoned(self, caller: str) -> None:
        self.held = [each for each in self.held if each != caller]


@pytest.mark.asyncio
async def test_whoever_goes_on_at_another_endpoint_takes_a_turn_there_and_a_trial_is_given_back_where_none_comes() -> None:
    options = OpenHandsOptions(model="a/m", base_url="one", fallbacks=(Endpoint(model="b/m", base_url="two"),))
    scene, trial = Scene(QuotaRules(endpoint_slots=1), run_s=60.0), Trial()
    scene.quota.ask(Asking(task="other", endpoint="two"))
    async with scene.turns.seat("mine", "mine.py") as seat:

        async def enter(chosen: OpenHandsOptions) -> bool:
            return await seat.take(chosen.endpoint, 0.0)

        endpoints = Endpoints(options, lambda _: trial, {}, caller="mine", enter=enter)
        assert await endpoints.advance()
        assert not scene.quota.ask(Asking(task="next", endpoint="one")).is_given
        with pytest.raises(NoTurnError, match="agent slots at two"):
            await endpoints.advance()
        assert scene.quota.ask(Asking(task="next", endpoint="one")).is_given, "it left the first endpoint for the second"
    assert trial.held == []
