"""Where ports meet adapters for one run."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.adapters import programs
from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.host.ahead import HeadStart
from spec2prod.adapters.journal import InMemoryJournal
from spec2prod.adapters.store.defects import PassingDefects
from spec2prod.application.delivery import STAGES
from spec2prod.application.ports import Defects, Delivery, Gate, History, Host, Journal, Memory, Ports, TestWriter
from spec2prod.bootstrap.agent import Nobody
from spec2prod.bootstrap.folders import cache_folder, found_in_files
from spec2prod.bootstrap.generators import OPENHANDS, generators_of
from spec2prod.bootstrap.judging_run import RunJudge
from spec2prod.bootstrap.listening import told_to
from spec2prod.bootstrap.place import Place
from spec2prod.bootstrap.reporting import make_ready
from spec2prod.bootstrap.scheduled import NoHistory, scheduled, slots_of
from spec2prod.domain.plan import Plan
from spec2prod.gates.complexity import ComplexityGate
from spec2prod.gates.documentation import DocumentationGate
from spec2prod.gates.linting import LintingGate
from spec2prod.gates.security import SecurityGate
from spec2prod.gates.tests import TestsGate
from spec2prod.gates.type_checking import TypeCheckingGate, named_checker
from spec2prod.gates.vulnerabilities import VulnerabilitiesGate

if TYPE_CHECKING:
    from spec2prod.adapters.environments.seen import Seen

_STARTED_S = 0.05


def ports_of(  # noqa: PLR0913 - what a run brings
    place: Place,
    clock: SystemClock,
    writer: TestWriter,
    *,
    journal: Journal | None = None,
    secret: str = "",
    history: History | None = None,
    plan: Plan | None = None,
    memory: Memory | None = None,
    defects: Defects | None = None,
    ahead: HeadStart | None = None,
) -> Ports:
    """Return what a run there turns outward to; `secret` is what its tests' answers must repeat, `ahead` what runs already."""
    suite = TestsGate(
        nonce=secret or uuid.uuid4().hex,
        performance=place.performance,
        asks_agent=OPENHANDS in generators_of(place.settings),
        timeout_s=place.settings.test_timeout_seconds,
    )
    interpreter, ours = place.component.interpreter, Path(sys.executable)
    kept = found_in_files() if place.settings.cache and not place.settings.force else None
    selection = programs.ruff_selection(place.component.root, place.component.source)
    linter = LintingGate(program=programs.own_or_ours("ruff", interpreter), selection=selection)
    gates: tuple[Gate, ...] = (
        suite,
        linter,
        type_checking_of(place),
        SecurityGate(interpreter=ours, kept=kept),
        VulnerabilitiesGate(interpreter=ours, site_packages=programs.site_packages(interpreter), env=_proxies()),
        DocumentationGate(interpreter=ours),
        ComplexityGate(interpreter=ours, kept=kept),
        *place.own_gates,
    )
    history = history or NoHistory()
    host = scheduled(ProcessHost(begun=_make_ready_soon, ahead=ahead), place, history, plan)
    return Ports(
        journal=journal or InMemoryJournal(),
        clock=clock,
        host=host,
        tree=place.tree,
        gates={gate.name: gate for gate in gates},
        suite=suite,
        linter=linter,
        writer=writer,
        listener=told_to(),
        delivery=_delivery(place, host, clock, memory) if plan is None or set(plan.stages) & set(STAGES) else None,
        cpu_slots=slots_of(place),
        history=history,
        memory=memory,
        defects=defects or PassingDefects(),
        judge=RunJudge(place, host),
    )


def _make_ready_soon() -> None:
    """Have made ready what is needed at a run's end, in a thread of its own, once the tools that start together have started."""
    loop = asyncio.get_running_loop()
    loop.call_later(_STARTED_S, loop.run_in_executor, None, make_ready)


def _delivery(place: Place, host: Host, clock: SystemClock, memory: Memory | None) -> Delivery:
    """Return what releasing turns outward to: imported where a climb goes that far."""
    from spec2prod.bootstrap.releases import delivery

    return delivery(place.tree, place.settings, host, clock, _seen(place, clock, memory))


def _seen(place: Place, clock: SystemClock, memory: Memory | None) -> Seen | None:
    """Return what earlier runs have seen of releases; nothing where the release is to be looked at again."""
    from spec2prod.adapters.environments.seen import Seen

    if memory is None or memory.forced & {*map(str, STAGES)}:
        return None
    return Seen(memory.cache, place.tree, clock, place.run_id)


def ports_to_look_at(place: Place) -> Ports:
    """Return what a run there would turn outward to, without an agent; nothing is started for it."""
    return ports_of(place, SystemClock(), Nobody())


def type_checking_of(place: Place) -> TypeCheckingGate:
    """Ask the checker that the settings name, or the project configures, else basedpyright."""
    root, chosen = place.component.root, place.settings.type_checker
    named = named_checker(programs.pyproject(root), [each.name for each in root.iterdir()])
    checker = (named or "basedpyright") if chosen == "auto" else chosen
    interpreter, table = place.component.interpreter, programs.checker_table(root, checker)
    if checker != "basedpyright":
        program = programs.own_or_ours(checker, interpreter)
        return TypeCheckingGate(checker=checker, program=program, obey_project=named == checker, configuration=table)
    return TypeCheckingGate(
        checker=checker,
        program=programs.basedpyright(),
        obey_project=named == checker,
        configuration=table,
        version=programs.our_version(interpreter),
        compiled=programs.compiled(cache_folder() / "node"),
    )


def _proxies() -> dict[str, str]:
    """Return what a question to a public service needs of our environment, and nothing else."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    return {name: os.environ[name] for name in names if name in os.environ}
