"""The turns outward: what the application needs, as protocols. Adapters meet them in `bootstrap` alone.

Each call on a port that costs something goes through one `journal.step`, so that a replay is free and a crash
repeats at most the step in flight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spec2prod.application.ports.agents import Breaker, Quota, TestWriter
from spec2prod.application.ports.delivery import Attestations, Builder, Delivery, ReleaseTarget
from spec2prod.application.ports.gates import Comparing, Gate, Linter, Placed, Sharing, Suite, Tracing, command_of, in_one_process
from spec2prod.application.ports.journal import Journal
from spec2prod.application.ports.judging import Defects, Judge, ToJudge
from spec2prod.application.ports.machine import Clock, Host, Tree
from spec2prod.application.ports.memory import Cache, Fingerprints, History, Memory, Subject
from spec2prod.application.ports.telling import Event, Listener

__all__ = [
    "Attestations",
    "Breaker",
    "Builder",
    "Cache",
    "Clock",
    "Comparing",
    "Defects",
    "Delivery",
    "Event",
    "Fingerprints",
    "Gate",
    "History",
    "Host",
    "Journal",
    "Judge",
    "Linter",
    "Listener",
    "Memory",
    "Placed",
    "Ports",
    "Quota",
    "ReleaseTarget",
    "Sharing",
    "Subject",
    "Suite",
    "TestWriter",
    "ToJudge",
    "Tracing",
    "Tree",
    "command_of",
    "in_one_process",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a run turns outward to. `gates` maps a question's name to it, `tests` and `linting` among them.

    Without `delivery` nothing can be released, and a climb that wants to is `errored`. `cpu_slots` is how many processes `host` runs
    at a time, 0 where it does not limit them.
    """

    journal: Journal
    clock: Clock
    host: Host
    tree: Tree
    gates: Mapping[str, Gate]
    suite: Suite
    linter: Linter
    writer: TestWriter
    listener: Listener
    delivery: Delivery | None = None
    cpu_slots: int = 0
    history: History | None = None
    memory: Memory | None = None
    defects: Defects | None = None
    judge: Judge | None = None
