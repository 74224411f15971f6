"""Agent slots and money by the hour in the one database: over processes, first come first served, and never for the dead."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from spec2prod.adapters.openhands.quota import OwnQuota
from spec2prod.adapters.store.database import Database
from spec2prod.adapters.store.quotas import SharedQuota
from spec2prod.application.ports import Quota
from spec2prod.domain.quota import HOUR_S, Asking, QuotaRules

_TWO = QuotaRules(endpoint_slots=2)
_ONE = QuotaRules(endpoint_slots=1)


def _asking(task: str, endpoint: str = "e", promise_usd: float = 0.0) -> Asking:
    return Asking(task=task, endpoint=endpoint, promise_usd=promise_usd)


@dataclass
class At:
    """A real database whose time is told by the test."""

    database: Database
    seconds: float = 1_000_000.0
    shared: bool = field(init=False)

    def __post_init__(self) -> None:
        self.shared = self.database.shared

    def __getattr__(self, name: str) -> object:
        return getattr(self.database, name)

    def now(self) -> float:
        return self.seconds


@pytest.fixture(params=["shared", "own"])
def made(request: pytest.FixtureRequest, database: Database) -> tuple[Callable[[QuotaRules], Quota], At]:
    """Both forms, with a clock that the test moves."""
    at = At(database)
    if request.param == "own":
        return lambda rules: OwnQuota(rules=rules, clock=at.now), at
    return lambda rules: SharedQuota(at, rules, "holder of a test"), at  # type: ignore[arg-type]  # the rest is handed on


def test_first_come_first_served_and_a_turn_is_kept_until_it_is_given_back(made: tuple[Callable[[QuotaRules], Quota], At]) -> None:
    quota = made[0](_ONE)
    assert quota.ask(_asking("a")).is_given
    assert not quota.ask(_asking("b")).is_given
    assert quota.ask(_asking("c")).reason == "1 of 1 agent slots at e are taken, and 1 asked before"
    assert quota.ask(_asking("d", "elsewhere")).is_given
    assert quota.ask(_asking("a")).is_given
    quota.leave("a")
    quota.leave("a")
    assert not quota.ask(_asking("c")).is_given, "it was b's before"
    assert quota.ask(_asking("b")).is_given
    quota.leave("b")
    assert quota.ask(_asking("c")).is_given


def test_whoever_goes_to_another_endpoint_leaves_the_one_before(made: tuple[Callable[[QuotaRules], Quota], At]) -> None:
    quota = made[0](_ONE)
    assert quota.ask(_asking("a")).is_given
    assert quota.ask(_asking("b", "other")).is_given
    assert not quota.ask(_asking("a", "other")).is_given
    assert quota.ask(_asking("c")).is_given


def test_the_money_of_the_last_hour_counts_and_the_same_total_counts_once(made: tuple[Callable[[QuotaRules], Quota], At]) -> None:
    quota, at = made[0](QuotaRules(usd_per_hour=2.0)), made[1]
    assert quota.ask(_asking("a")).is_given
    for total in (0.5, 0.5, 1.25, 0.75):
        quota.spent("a", total)
    assert quota.ask(_asking("b")).is_given
    at.seconds += 600.0
    quota.spent("b", 1.0)
    refused = quota.ask(_asking("c"))
    assert (refused.is_given, refused.reason) == (False, "$2.25 of the $2 for an hour are spent")
    assert refused.wait_s == HOUR_S - 600.0
    at.seconds += refused.wait_s
    assert quota.ask(_asking("c")).is_given
    quota.spent("a", 1.5)
    assert quota.ask(_asking("d", promise_usd=0.75)).is_given, "of a only what came on top counts"
    assert not quota.ask(_asking("e", promise_usd=0.25)).is_given


def test_what_a_conversation_may_still_cost_is_kept_for_it_until_it_ends(made: tuple[Callable[[QuotaRules], Quota], At]) -> None:
    quota = made[0](QuotaRules(usd_per_hour=2.0))
    assert quota.ask(_asking("a", promise_usd=1.5)).is_given
    assert not quota.ask(_asking("b", promise_usd=1.0)).is_given
    quota.spent("a", 0.5)
    assert not quota.ask(_asking("b", promise_usd=1.0)).is_given, "it was promised, and then spent: the same money"
    quota.leave("a")
    assert quota.ask(_asking("b", promise_usd=1.0)).is_given


def test_two_runs_share_what_there_is_and_each_obeys_its_own_rules(database: Database) -> None:
    mine, theirs = SharedQuota(database, _TWO, "run one"), SharedQuota(database, _ONE, "run two")
    assert mine.ask(_asking("a")).is_given
    assert not theirs.ask(_asking("b")).is_given
    assert SharedQuota(database, QuotaRules(), "run three").ask(_asking("c")).is_given, "who states no limit takes no slot"
    assert database.rows("SELECT task FROM agent_turns ORDER BY ticket") == [("a",), ("b",)]


def test_what_any_run_spends_counts_for_those_that_have_a_limit(database: Database) -> None:
    SharedQuota(database, QuotaRules(), "run one").spent("a", 3.0)
    assert not SharedQuota(database, QuotaRules(usd_per_hour=2.0), "run two").ask(_asking("b")).is_given


def test_what_is_too_old_to_count_is_forgotten_but_for_each_tasks_total(database: Database) -> None:
    at = At(database)
    quota = SharedQuota(at, QuotaRules(usd_per_hour=2.0), "run")  # type: ignore[arg-type]  # as above
    for total in (0.5, 1.0, 1.5):
        quota.spent("a", total)
    at.seconds += 2 * HOUR_S
    quota.spent("b", 1.0)
    assert database.rows("SELECT task, total_usd FROM agent_spending ORDER BY task") == [("a", 1.5), ("b", 1.0)]


_PROCESS = """
import sys
import time
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.quotas import SharedQuota
from spec2prod.domain.quota import Asking, QuotaRules

place, name, turns = sys.argv[1:]
database = open_database(place)
quota = SharedQuota(database, QuotaRules(endpoint_slots=2), f"holder {name}", lease_s=0.3)
print("ready", flush=True)
sys.stdin.readline()
most = 0
for number in range(int(turns)):
    task = f"{name}-{number}"
    while not quota.ask(Asking(task=task, endpoint="e")).is_given:
        time.sleep(0.01)
    database.rows("INSERT INTO beside (task) VALUES (?)", task)
    until = time.monotonic() + (30 if turns != "1" else 0)
    while True:  # the first turn of all lasts until somebody has the other slot
        ((now,),) = database.rows("SELECT count(*) FROM beside")
        most = max(most, now)
        if now > 1:
            database.rows("INSERT INTO pairs (task) VALUES (?)", task)
        if time.monotonic() > until or database.rows("SELECT 1 FROM pairs LIMIT 1"):
            break
    print(most, flush=True)
    if turns == "1":
        sys.stdin.readline()
    database.rows("DELETE FROM beside WHERE task = ?", task)
    quota.leave(task)
"""


type Begin = Callable[[str, int], subprocess.Popen[str]]


@pytest.fixture
def begun(database: Database, database_place: str) -> Iterator[Begin]:
    """Return what begins a process that takes so many turns, and notes beside whom it has them."""
    database.rows("CREATE TABLE beside (task TEXT)")
    database.rows("CREATE TABLE pairs (task TEXT)")
    with ExitStack() as end:

        def begin(name: str, turns: int) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", _PROCESS, database_place, name, str(turns)]
            process = end.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            end.callback(process.kill)
            assert _said(process) == "ready"
            return process

        yield begin


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_processes_on_one_database_never_have_more_turns_than_there_are(database: Database, begun: Begin) -> None:
    processes = [begun(f"p{number}", 4) for number in range(3)]
    for each in processes:
        _go(each)
    told = [each.communicate(timeout=120)[0].split() for each in processes]
    assert [len(each) for each in told] == [4, 4, 4]
    assert max(int(most) for each in told for most in each) == 2
    assert database.rows("SELECT task FROM agent_turns") == []


def test_the_turns_of_a_process_that_was_killed_are_free_and_those_of_a_living_one_are_not(database: Database, begun: Begin) -> None:
    dies, lives = begun("dies", 1), begun("lives", 1)
    for each in (dies, lives):
        _go(each)
        assert _said(each)
    mine = SharedQuota(database, _TWO, "mine", lease_s=0.3)
    time.sleep(0.4)
    assert not mine.ask(_asking("next")).is_given, "both live, however long they say nothing"
    dies.kill()
    dies.wait()
    until = time.monotonic() + 20
    while not mine.ask(_asking("next")).is_given:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert not mine.ask(_asking("last")).is_given
    assert database.rows("SELECT task FROM agent_turns ORDER BY ticket") == [("lives-0",), ("next",), ("last",)]
    lives.communicate("\n", timeout=60)
    assert mine.ask(_asking("last")).is_given


def test_a_run_that_is_gone_on_with_finds_no_turn_of_its_dead_attempt(database: Database, begun: Begin) -> None:
    process = begun("run", 1)
    _go(process)
    assert _said(process) == "1"
    process.kill()
    process.wait()
    again, until = SharedQuota(database, _ONE, "holder run"), time.monotonic() + 20
    while database.is_held("holder run"):
        assert time.monotonic() < until
    assert again.ask(_asking("another")).is_given
    assert database.rows("SELECT task FROM agent_turns") == [("another",)]
