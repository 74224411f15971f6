"""One run in progress: what is asked, how long it takes, who is told. The stages share it and nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from spec2prod.application.measured import ChangedMeanwhileError, Measured, SupersededError
from spec2prod.application.ports import Event, Gate, Host, Ports, Subject, Suite, Tree, command_of
from spec2prod.application.recall import forced_by
from spec2prod.application.remembering import Remembering
from spec2prod.application.scheduling import waiting_noted
from spec2prod.domain.candidate import TaskOutcome
from spec2prod.domain.command import Command, Completed, Mended
from spec2prod.domain.component import Component
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.flaky import OPEN
from spec2prod.domain.plan import Mode, Plan, Stage
from spec2prod.domain.question import Question
from spec2prod.domain.timeline import Span
from spec2prod.domain.verdict import Answer, Measurement, Unanswered, Verdict


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One round of a task on its way to the judge, who always resolves `judged`: with what the agent is told, or None for nothing.

    `round` is 1 for what a task brought first; a later round brings the same test file again, mended.
    """

    outcome: TaskOutcome
    judged: asyncio.Future[Feedback | None]
    round: int = 1


type Outcomes = asyncio.Queue[Arrived | None]
"""What an agent brings, in the order in which it comes; None when no more will."""

_ASK_AGAIN = 2


class Session(Remembering):
    """What the stages of one run know together, and how they ask, are measured and are told of."""

    def __init__(self, plan: Plan, ports: Ports, spans: Sequence[Span] = ()) -> None:
        super().__init__(plan, ports)
        self.spans: list[Span] = list(spans)
        self.diffs: dict[str, str] = {}
        self.running: dict[Stage, float] = {}
        self._in_flight: dict[asyncio.Task[tuple[Completed, str]], frozenset[str]] = {}

    def tell(self, kind: str, stage: Stage | None, text: str, verdict: Verdict | None = None) -> None:
        """Tell the listeners one sentence."""
        self.ports.listener.tell(Event(kind=kind, stage=stage, text=text, at_ms=self.ports.clock.elapsed_ms(), verdict=verdict))

    @asynccontextmanager
    async def stage(self, stage: Stage, told: str = "") -> AsyncIterator[None]:
        """Measure a stage from its begin to its end, whatever ends it; `told` says why it begins, if that needs saying."""
        self.running[stage] = start = self.ports.clock.elapsed_ms()
        self.tell("stage_started", stage, told or f"{stage} started")
        known = len(self.spans)
        try:
            yield
        finally:
            del self.running[stage]
            begun = min([start, *(span.start_ms for span in self.spans[known:] if span.stage == stage)])  # a tool may have had a head start
            self.spans.append(Span(name=stage, start_ms=begun, end_ms=self.ports.clock.elapsed_ms(), ahead_ms=start - begun))

    async def timed[T](self, stage: Stage, name: str, work: Awaitable[T]) -> T:
        """Measure one step inside a stage."""
        start = self.ports.clock.elapsed_ms()
        with waiting_noted() as waited:
            try:
                return await work
            finally:
                end = self.ports.clock.elapsed_ms()
                begun = max(0.0, start - waited.ahead_ms)
                span = Span(name=name, stage=stage, start_ms=begun, end_ms=end, waited_ms=waited.ms, waited_for=waited.lacked)
                self.spans.append(span)

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
        measured = Measured(tree, self.scope(suite_or_gate, component))
        name = suite_or_gate.name + (f" of {digest_of(tuple(only))}" if only else "")
        completed, _ = await self.timed(stage, suite_or_gate.name, self.tool(f"{stage}:{name}:{measured.digest[:12]}", command, measured))
        return completed

    async def tool(self, step: str, command: Command, measured: Measured) -> tuple[Completed, str]:
        """Start a tool as one journal step; return its answer, and when it was given (ISO 8601 in UTC).

        What was measured while the files changed is an answer about no tree: it is returned, and not recorded.
        """
        journal = self.ports.journal
        before = journal.ended_at(step)
        try:
            completed = await journal.step(step, measured.guarding(self.ports.host.run), command)
        except ChangedMeanwhileError as changed:
            completed = changed.completed
        if before is None:
            return completed, self.ports.clock.now()
        return completed, datetime.fromtimestamp(before, tz=UTC).isoformat(timespec="milliseconds")

    async def ask(self, stage: Stage, *gates: Gate) -> None:
        """Make sure that there is evidence for the tree as it is; ask only where there is none. Several gates share one process.

        A tree that changes under the tool gives no evidence: it is asked once more, then `errored`.
        """
        stale = self._stale(gates)
        for _ in range(_ASK_AGAIN):
            missed = self._missed(stage, self._stale(stale))
            if not (asked := tuple(gate for gate in stale if gate.name in missed)):
                break
            component, tree = self.component, self.ports.tree
            before = {gate.name: tree.digest(self.scope(gate, component)) for gate in asked}
            try:
                completed, at = await self._run_together(stage, asked)
            except SupersededError:
                continue
            for gate in asked:
                self.take(gate, component, before[gate.name], completed, at)
                self.remember(gate, missed[gate.name], component, completed)
        for gate in self._stale(stale):
            self._unsettled(gate)
        for name in (name for gate in stale for name in gate.measures):
            self.tell_measured(stage, name)

    def leave_out(self, reason: str, next_step: str) -> None:
        """Note of every gate without an answer about the tree as it is why there is none: it counts as not asked, never as passed."""
        for gate in self.asked(tuple(name for each in self.ports.gates.values() for name in each.measures)):
            if not self.is_fresh(gate):
                digest = self.ports.tree.digest(self.scope(gate, self.component))
                for name in gate.measures:
                    self.bind(Unanswered(gate=name, reason=reason, next_step=next_step), digest, gate.name)

    def _stale(self, gates: Sequence[Gate]) -> tuple[Gate, ...]:
        return tuple(gate for gate in gates if not self.is_fresh(gate))

    def _missed(self, stage: Stage, gates: Sequence[Gate]) -> Mapping[str, Question | None]:
        """Return what must be asked: this run's own record comes first, and is remembered already."""
        if gates and self.ports.journal.ended_at(self._together(stage, gates)[1]) is not None:
            return {gate.name: None for gate in gates}
        return self.looked_up(stage, gates)

    async def answers(self, stage: Stage, gate: Gate, tree: Tree, component: Component, only: Sequence[str] = ()) -> tuple[Answer, ...]:
        """Return the answers about some files of any tree: those of an earlier run, else ask."""
        question = self.recall.question(gate, component, tree, only)
        kept = self.recall.find(question, tree, *forced_by(stage, gate))
        if kept is not None:
            return kept.answers
        completed = await self.run(stage, gate, tree, component, only)
        answers = gate.read(component, completed)
        measured = tuple(each for each in answers if isinstance(each, Measurement))
        if len(measured) == len(answers) and self.is_of_now(completed) and question == self.recall.question(gate, component, tree, only):
            self.recall.keep(question, self.measured_now(gate.name, answers=measured), tree)
        return answers

    async def mended(self, stage: Stage, subject: Subject, mend: Callable[[], Awaitable[Mended]]) -> Mapping[str, str]:
        """Return what the linter makes of some files: what it made of the same in an earlier run, else let it."""
        question = self.recall.question_of(subject)
        kept = self.recall.find(question, subject.tree, *forced_by(stage, subject.gate))
        if kept is not None and kept.texts is not None:
            return kept.texts
        mended = await mend()
        if mended.completed.exit_code in {0, 1} and question == self.recall.question_of(subject):
            self.recall.keep(question, self.measured_now(subject.name, texts=dict(mended.texts)), subject.tree)
        return mended.texts

    async def _run_together(self, stage: Stage, gates: Sequence[Gate]) -> tuple[Completed, str]:
        """Ask several questions in one process, as one journal step, measured."""
        component = self.component
        command = command_of(gates, component)
        measured, step = self._together(stage, gates)
        asked = self._unless_superseded(measured, self.tool(step, command, measured))
        return await self.timed(stage, "+".join(gate.name for gate in gates), asked)

    async def _unless_superseded(self, measured: Measured, asked: Coroutine[None, None, tuple[Completed, str]]) -> tuple[Completed, str]:
        """Wait for an answer, as long as `supersede` does not make it one about files that are gone."""
        work = asyncio.create_task(asked)
        self._in_flight[work] = frozenset(measured.paths)
        try:
            return await work
        except asyncio.CancelledError:
            if (asking := asyncio.current_task()) is not None and asking.cancelling():
                raise  # not this tool alone: the run is to end
            raise SupersededError from None
        finally:
            del self._in_flight[work]

    def supersede(self, paths: Collection[str]) -> None:
        """Stop every tool that looks at files which the run has just written: it is asked again, about the files as they are."""
        for work, read in self._in_flight.items():
            if not read.isdisjoint(paths):
                work.cancel()

    def _together(self, stage: Stage, gates: Sequence[Gate]) -> tuple[Measured, str]:
        """Return what a group of questions is about, and the name of the step that asks them."""
        measured = Measured(self.ports.tree, {path for gate in gates for path in self.scope(gate, self.component)})
        return measured, f"{stage}:{'+'.join(gate.name for gate in gates)}:{measured.digest[:12]}"

    def take(self, gate: Gate, component: Component, digest: str, completed: Completed, at: str = "") -> None:
        """Read a tool's answer and bind it to the digest of what was measured, and to the time `at` which it was (default: now)."""
        for answer in gate.read(component, completed):
            self.bind(answer, digest, gate.name, at)
        if isinstance(gate, Suite):
            self.suite, self.standings = gate.report(component, completed), {}

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
            found += ", from the cache" if judgement.evidence and judgement.evidence.from_cache else ""
            self.tell("gate", stage, f"{name}: {found if judgement.answered else judgement.reason}", judgement.verdict)


def mending(host: Host, tree: Tree, paths: Sequence[str]) -> Callable[[Command], Awaitable[Mended]]:
    """Return a call that mends files in a copy, and tells their new texts."""

    async def mend(command: Command) -> Mended:
        before = {path: tree.read(path) for path in paths}
        completed = await host.run(command)
        after = {path: tree.read(path) or "" for path in paths}
        return Mended(completed=completed, texts={path: text for path, text in after.items() if text != before[path]})

    return mend


def digest_of(*values: object) -> str:
    """Return a short name for plain values (12 characters of a SHA-256): what a step depends on is part of its name."""
    return hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()[:12]


async def _as_coroutine[T](call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def with_tests(component: Component, tests: Sequence[str]) -> Component:
    """Return the component with these test files added."""
    return dataclasses.replace(component, tests=tuple(sorted({*component.tests, *tests})))
