"""Both forms of the circuit breaker obey the same laws; the shared one gives one trial to all processes together."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from spec2prod.adapters.openhands.breaker import CircuitBreaker
from spec2prod.adapters.store.breakers import SharedBreaker, breakers_in
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.application.ports import Breaker
from spec2prod.domain.circuit import USUAL, Circuit, CircuitRules

_RULES = CircuitRules(threshold=3, rest_s=60.0, trial_s=180.0)
_CALLERS = st.sampled_from(["a", "b", "c"])


@dataclass
class Clock:
    """Seconds that pass, or are set back, when told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Model:
    """The laws once more, in the plainest words: what a breaker must answer."""

    row: int = 0
    opened_at: float | None = None
    trial: tuple[str, float] | None = None

    def settle(self, now: float) -> None:
        if self.opened_at is not None and self.opened_at > now:
            self.opened_at = now
        if self.trial is not None and self.trial[1] > now:
            self.trial = (self.trial[0], now)
        if self.trial is not None and now - self.trial[1] >= _RULES.trial_s:
            self.trial = None

    def allows(self, caller: str, now: float) -> bool:
        self.settle(now)
        if self.opened_at is None:
            return True
        if now - self.opened_at < _RULES.rest_s:
            return False
        if self.trial is None:
            self.trial = (caller, now)
        return self.trial[0] == caller


class Laws(RuleBasedStateMachine):
    """Any calls at any times. Subclasses say which form is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.end = ExitStack()
        self.clock = Clock()
        self.model = Model()
        self.breaker: Breaker = self.make()

    def make(self) -> Breaker:
        return CircuitBreaker(clock=self.clock, rules=_RULES)

    def teardown(self) -> None:
        self.end.close()

    @rule(seconds=st.sampled_from([0.5, 30.0, 60.0, 180.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @rule(seconds=st.sampled_from([10.0, 500.0]))
    def the_clock_is_set_back(self, seconds: float) -> None:
        self.clock.seconds -= seconds

    @rule(caller=_CALLERS)
    def somebody_asks(self, caller: str) -> None:
        assert self.breaker.allows(caller) == self.model.allows(caller, self.clock.seconds)

    @rule()
    def a_call_succeeds(self) -> None:
        self.breaker.succeeded()
        self.model = Model()
        assert self.breaker.circuit is Circuit.CLOSED

    @rule()
    def a_call_fails(self) -> None:
        self.breaker.failed()
        self.model.settle(self.clock.seconds)
        self.model.row += 1
        if self.model.trial is not None or self.model.row >= _RULES.threshold:
            self.model.opened_at = self.clock.seconds
        self.model.trial = None

    @rule(rests=st.booleans())
    def it_opens(self, *, rests: bool) -> None:
        """What a machine that calls at random would seldom come to by itself."""
        for _ in range(_RULES.threshold):
            self.a_call_fails()
        if rests:
            self.clock.seconds += _RULES.rest_s

    @rule(caller=_CALLERS)
    def somebody_parts(self, caller: str) -> None:
        self.breaker.abandoned(caller)
        if self.model.trial is not None and self.model.trial[0] == caller:
            self.model.trial = None

    @invariant()
    def its_rest_ends(self) -> None:
        """However the clock was set: who waits as long as he is told finds it half-open."""
        left = self.breaker.rest_left_s
        assert 0 <= left <= _RULES.rest_s
        assert (left > 0) == (self.breaker.circuit is Circuit.OPEN)


class SharedLaws(Laws):
    """The same laws, of the form in the database; two hands on it take turns, as two workers would."""

    def make(self) -> Breaker:
        folder = self.end.enter_context(TemporaryDirectory())
        database = open_database(Path(folder) / "shared.sqlite")
        self.end.callback(database.close)
        return SharedBreaker(database=database, endpoint="e", clock=self.clock, rules=_RULES)


Laws.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
SharedLaws.TestCase.settings = settings(max_examples=12, stateful_step_count=30, deadline=None)
TestTheLawsInMemory = Laws.TestCase
TestTheLawsInTheDatabase = SharedLaws.TestCase


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Database]:
    """Return a database in a file."""
    database = open_database(tmp_path / "shared.sqlite")
    yield database
    database.close()


def _opened(breaker: Breaker) -> None:
    for _ in range(USUAL.threshold):
        breaker.failed()


def test_endpoints_do_not_share_their_failures(shared: Database) -> None:
    breakers = breakers_in(shared)
    _opened(breakers("one"))
    assert breakers("one").circuit is Circuit.OPEN
    assert breakers("two").circuit is Circuit.CLOSED


def test_a_trial_that_nobody_ends_is_free_again_after_a_while(shared: Database) -> None:
    clock = Clock()
    breaker = SharedBreaker(database=shared, endpoint="e", clock=clock)
    _opened(breaker)
    clock.seconds += USUAL.rest_s
    assert breaker.allows("who dies")
    clock.seconds += USUAL.trial_s - 1
    breaker.abandoned("other")
    assert not breaker.allows("other"), "it was not the other's to give back"
    clock.seconds += 1
    assert breaker.allows("other")


_ASK = """
import sys, time
from spec2prod.adapters.store.breakers import SharedBreaker
from spec2prod.adapters.store.database import open_database

place, caller = sys.argv[1:]
database = open_database(place)
breaker = SharedBreaker(database=database, endpoint="e", clock=lambda: 10_000.0)
print("ready", flush=True)
sys.stdin.readline()
print(breaker.allows(caller), flush=True)
database.close()
"""


def _rivals(place: str, count: int) -> list[str]:
    """Let several processes ask at once; return their answers."""
    processes = [
        subprocess.Popen([sys.executable, "-c", _ASK, place, f"p{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(count)
    ]
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    return [each.communicate(timeout=60)[0].strip() for each in processes]


def test_of_several_processes_one_gets_the_trial(tmp_path: Path) -> None:
    place = str(tmp_path / "shared.sqlite")
    database = open_database(place)
    _opened(SharedBreaker(database=database, endpoint="e", clock=lambda: 1000.0))
    assert sorted(_rivals(place, 4)) == ["False", "False", "False", "True"]
    database.close()


@pytest.mark.slow
def test_the_same_on_postgresql(fresh_postgres: Callable[[], str]) -> None:
    """The laws, and one trial for several processes, on a real server."""
    place = fresh_postgres()
    database = open_database(place)
    numbers = itertools.count()

    class OnPostgres(Laws):
        def make(self) -> Breaker:
            return SharedBreaker(database=database, endpoint=f"e{next(numbers)}", clock=self.clock, rules=_RULES)

    run_state_machine_as_test(OnPostgres, settings=settings(max_examples=10, stateful_step_count=30, deadline=None))
    _opened(SharedBreaker(database=database, endpoint="e", clock=lambda: 1000.0))
    assert sorted(_rivals(place, 4)) == ["False", "False", "False", "True"]
    database.close()
