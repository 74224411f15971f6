"""The means that all runs of this process share, and what earlier runs have taught."""

from __future__ import annotations

import os
import time
from functools import cache

from spec2prod.adapters.free_memory import available_mb
from spec2prod.adapters.store.database import Database
from spec2prod.adapters.store.history import StoredHistory
from spec2prod.application.ports import History, Host
from spec2prod.application.scheduling import ScheduledHost, Scheduler, cpu_slots
from spec2prod.bootstrap.place import Place
from spec2prod.domain.durations import first_agent_ms, first_tool_ms
from spec2prod.domain.plan import Plan
from spec2prod.domain.run import Run
from spec2prod.domain.schedule import CPU, MEMORY, Slots
from spec2prod.domain.verdict import Measurement, Verdict

_AGENT, _TESTS = "agent", "pytest"
_TOLD_BY_TOOLS = {Verdict.PASSED, Verdict.WARNED, Verdict.FAILED}


class NoHistory:
    """The history of a run that is kept nowhere."""

    def expected_ms(self, name: str) -> float | None:
        """Know nothing."""
        del name
        return None

    def learn(self, name: str, ms: float) -> None:
        """Learn nothing."""

    def expected_mb(self, name: str) -> float | None:
        """Know nothing."""
        del name
        return None

    def learn_memory(self, name: str, mb: float) -> None:
        """Learn nothing."""

    def failure_rate(self, gate: str) -> float:
        """Return what is thought of a gate that was never asked."""
        del gate
        return 0.5

    def learn_verdict(self, gate: str, *, red: bool) -> None:
        """Learn nothing."""

    def keep(self) -> None:
        """Keep nothing."""


def history_of(database: Database | None, component: str) -> History:
    """Return what a database knows of a component."""
    return NoHistory() if database is None else StoredHistory(database, component)


@cache
def scheduler_of(slots: int, memory_mb: int | None) -> Scheduler:
    """Return the scheduler that all runs of this process with so many CPU slots and so much memory (MiB) share.

    None is what is available when the first of them begins, and 1 at least: processes that each need more than there is then run one
    after another.
    """
    memory = max(1.0, available_mb() if memory_mb is None else memory_mb)
    return Scheduler({CPU: Slots(count=slots), MEMORY: Slots(count=memory)}, lambda: time.monotonic() * 1000)


def slots_of(place: Place) -> int:
    """Return how many processes of a project's runs may run at a time."""
    return cpu_slots(os.cpu_count(), place.settings.cpu_slots)


def scheduled(host: Host, place: Place, history: History, plan: Plan | None) -> ScheduledHost:
    """Return the host with a CPU slot and memory for each process; the tests of a run with generation have the agent's work behind them."""
    modules, promises = len(place.component.modules), len(plan.specification.requirements) if plan else 0
    after = {}
    if plan is not None and plan.generate:
        seen = history.expected_ms(_AGENT)
        after = {_TESTS: first_agent_ms(promises, modules) if seen is None else seen}
    return ScheduledHost(
        host,
        scheduler_of(slots_of(place), place.settings.memory_mb),
        history,
        named=lambda command: command.tool,
        after_ms=after,
        priority=place.priority,
        guess_ms=lambda command: first_tool_ms(promises, modules, runs_tests=command.tool == _TESTS),
    )


def teach(history: History, run: Run) -> None:
    """Note what the gates of a run said, and write down everything that it has taught."""
    for gate in (gate for result in run.stages for gate in result.gates):
        if gate.verdict in _TOLD_BY_TOOLS and gate.evidence and isinstance(gate.evidence.answer, Measurement):
            history.learn_verdict(gate.gate, red=gate.verdict is Verdict.FAILED)
    for span in run.spans:
        if span.name.startswith("agent:"):
            history.learn(_AGENT, span.worked_ms)
    for span in () if run.interrupted else run.stage_spans:
        history.learn(f"stage {span.name}", span.duration_ms)
    history.keep()
