"""One run in progress: its evidence, its clock, its listeners. The stages share it and nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date

from spec2prod.application.ports import Event, Gate, Placed, Ports, Suite, Tree, command_of
from spec2prod.domain.candidate import TaskOutcome
from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component
from spec2prod.domain.flaky import OPEN, Standing
from spec2prod.domain.plan import Mode, Plan, Stage
from spec2prod.domain.suite import EMPTY_SUITE, SuiteReport
from spec2prod.domain.timeline import Span
from spec2prod.domain.verdict import Answer, Evidence, Judgement, Rule, Unanswered, Verdict, judge

type Outcomes = asyncio.Queue[TaskOutcome | None]
"""What an agent brings, in the order in which it comes; None when no more will."""

_ASK_AGAIN = 2


class Session:
    """What the stages of one run know together.

    `component` changes when a generated test is adopted; `evidence` maps a gate to its newest evidence, whose digest
    decides whether it still counts (law 1). `standings` tells of each red test what running it again has shown.
    """

    def __init__(self, plan: Plan, ports: Ports, spans: Sequence[Span] = ()) -> None:
        self.plan = plan
        self.ports = ports
        self.component: Component = plan.component
        self.evidence: dict[str, Evidence] = {}
        self.suite: SuiteReport = EMPTY_SUITE
        self.spans: list[Span] = list(spans)
        self.diffs: dict[str, str] = {}
        self.running: dict[Stage, float] = {}
        self.standings: dict[str, Standing] = {}

    def tell(self, kind: str, stage: Stage | None, text: str, verdict: Verdict | None = None) -> None:
        """Tell the listeners one sentence."""
        self.ports.listener.tell(Event(kind=kind, stage=stage, text=text, at_ms=self.ports.clock.elapsed_ms(), verdict=verdict))

    @asynccontextmanager
    async def stage(self, stage: Stage, told: str = "") -> AsyncIterator[None]:
        """Measure a stage from its begin to its end, whatever ends it; `told` says why it begins, if that needs saying."""
        self.running[stage] = start = self.ports.clock.elapsed_ms()
        self.tell("stage_started", stage, told or f"{stage} started")
        try:
            yield
        finally:
            del self.running[stage]
            self.spans.append(Span(name=stage, start_ms=start, end_ms=self.ports.clock.elapsed_ms()))

    async def timed[T](self, stage: Stage, name: str, work: Awaitable[T]) -> T:
        """Measure one step inside a stage."""
        start = self.ports.clock.elapsed_ms()
        try:
            return await work
        finally:
            self.spans.append(Span(name=name, stage=stage, start_ms=start, end_ms=self.ports.clock.elapsed_ms()))

    async def beside[T](self, *calls: Callable[[], Awaitable[T]]) -> list[T]:
        """Run the calls at once in async mode, one after another in sync mode: the only place where modes differ."""
        if self.plan.mode is Mode.SYNC:
            return [await call() for call in calls]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_as_coroutine(call)) for call in calls]
        return [task.result() for task in tasks]

    async def run(self, stage: Stage, suite_or_gate: Gate, tree: Tree, component: Component, only: Sequence[str] = ()) -> Completed:
        """Ask one question of one tree, as one journal step, measured."""
        command = suite_or_gate.command(component, only)
        digest = tree.digest(self.scope(suite_or_gate, component))
        step = f"{stage}:{suite_or_gate.name}:{digest[:12]}"
        return await self.timed(stage, suite_or_gate.name, self.ports.journal.step(step, self.ports.host.run, command))

    async def ask(self, stage: Stage, *gates: Gate) -> None:
        """Make sure that there is evidence for the tree as it is; ask only where there is none. Several gates share one process.

        A tree that changes under the tool gives no evidence: it is asked once more, then `errored`.
        """
        stale = self._stale(gates)
        for _ in range(_ASK_AGAIN):
            if not (asked := self._stale(stale)):
                break
            component, tree = self.component, self.ports.tree
            before = {gate.name: tree.digest(self.scope(gate, component)) for gate in asked}
            completed = await self._run_together(stage, asked)
            for gate in asked:
                self.take(gate, component, before[gate.name], completed)
        for gate in self._stale(stale):
            self._unsettled(gate)
        for name in (name for gate in stale for name in gate.measures):
            self.tell_measured(stage, name)

    def names(self, stage: Stage) -> tuple[str, ...]:
        """Return the gates that a stage answers: testing those of the suite and those placed there, refactoring all others."""
        gates = self.ports.gates.values()
        return tuple(name for gate in gates if (stage is Stage.TESTING) == self._in_testing(gate) for name in gate.measures)

    def _in_testing(self, gate: Gate) -> bool:
        return gate.name == self.ports.suite.name or (isinstance(gate, Placed) and gate.stage is Stage.TESTING)

    def _stale(self, gates: Sequence[Gate]) -> tuple[Gate, ...]:
        return tuple(gate for gate in gates if not self.is_fresh(gate))

    async def _run_together(self, stage: Stage, gates: Sequence[Gate]) -> Completed:
        """Ask several questions in one process, as one journal step, measured."""
        component = self.component
        command = command_of(gates, component)
        digest = self.ports.tree.digest({path for gate in gates for path in self.scope(gate, component)})
        name = "+".join(gate.name for gate in gates)
        return await self.timed(stage, name, self.ports.journal.step(f"{stage}:{name}:{digest[:12]}", self.ports.host.run, command))

    def take(self, gate: Gate, component: Component, digest: str, completed: Completed) -> None:
        """Read a tool's answer and bind it to the digest of what was measured."""
        for answer in gate.read(component, completed):
            self.bind(answer, digest, gate.name)
        if isinstance(gate, Suite):
            self.suite, self.standings = gate.report(component, completed), {}

    def bind(self, answer: Answer, digest: str, tool: str) -> None:
        """Make an answer evidence for one digest."""
        self.evidence[answer.gate] = Evidence(answer=answer, digest=digest, measured_at=self.ports.clock.now(), tool=tool)

    def is_fresh(self, gate: Gate) -> bool:
        """Whether all of a question's gates have evidence for the tree as it is now."""
        digest = self.ports.tree.digest(self.scope(gate, self.component))
        return all(name in self.evidence and self.evidence[name].digest == digest for name in gate.measures)

    def scope(self, gate: Gate, component: Component) -> tuple[str, ...]:
        """Return the files that a question reads, or whose change may change its answer: a module may read its package's data."""
        return component.files if gate.reads_tests else (*component.modules, *component.data)

    def asked(self, stage_gates: Sequence[str]) -> tuple[Gate, ...]:
        """Return the questions that this plan's rules need among the named gates."""
        ruled = {rule.gate for rule in self.plan.rules} & set(stage_gates)
        return tuple(gate for gate in self.ports.gates.values() if ruled & set(gate.measures))

    def judged(self, stage_gates: Sequence[str], rules: Sequence[Rule] | None = None) -> tuple[Judgement, ...]:
        """Judge the named gates on the tree as it is, under the plan's rules or others; evidence for another tree counts for nothing."""
        fresh = {name for gate in self.ports.gates.values() if self.is_fresh(gate) for name in gate.measures}
        today = date.fromisoformat(self.ports.clock.now()[: len("2026-01-01")])
        return tuple(
            judge(rule, self.evidence.get(rule.gate) if rule.gate in fresh else None, waivers=self.plan.waivers, today=today)
            for rule in (self.plan.rules if rules is None else rules)
            if rule.gate in stage_gates
        )

    def _unsettled(self, gate: Gate) -> None:
        digest = self.ports.tree.digest(self.scope(gate, self.component))
        for name in gate.measures:
            reason = "the component's files changed while they were being measured"
            self.bind(Unanswered(gate=name, reason=reason, next_step="run again when nothing else writes to them"), digest, gate.name)

    def tell_measured(self, stage: Stage, *names: str) -> None:
        """Tell what the named gates say now; a question that running red tests again will settle is told when it is."""
        for judgement in self.judged(names):
            if judgement.evidence is not None and judgement.evidence.answer == OPEN:
                continue
            name = judgement.gate
            found = judgement.measured + (f" ({judgement.reason})" if judgement.reason else "")
            self.tell("gate", stage, f"{name}: {found if judgement.answered else judgement.reason}", judgement.verdict)


async def _as_coroutine[T](call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def with_tests(component: Component, tests: Sequence[str]) -> Component:
    """Return the component with these test files added."""
    return dataclasses.replace(component, tests=tuple(sorted({*component.tests, *tests})))
