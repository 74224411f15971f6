"""One run in progress: what is asked, how long it takes, who is told. The stages share it and nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from spec2prod.application.known import Known
from spec2prod.application.ports import Comparing, Event, Gate, Host, Ports, Subject, Suite, Tree, command_of
from spec2prod.application.recall import forced_by
from spec2prod.application.scheduling import waiting_noted
from spec2prod.domain.candidate import TaskOutcome
from spec2prod.domain.command import Command, Completed, Mended
from spec2prod.domain.component import Component
from spec2prod.domain.failing_fast import Risk, ends_the_run, riskiest_first
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.flaky import OPEN, Standing
from spec2prod.domain.plan import Mode, Plan, Stage
from spec2prod.domain.question import Kept, Question
from spec2prod.domain.suite import SuiteReport
from spec2prod.domain.timeline import Span
from spec2prod.domain.verdict import Answer, Evidence, Measurement, Unanswered, Verdict


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
_UNKNOWN_MS = 1000.0  # of a tool that was never seen


class ChangedMeanwhileError(Exception):
    """The files changed while a tool looked at them. `completed` is its answer all the same."""

    def __init__(self, completed: Completed) -> None:
        super().__init__("the files changed while they were being measured")
        self.completed = completed


class SupersededError(Exception):
    """The run itself changed what a tool was looking at: it was stopped, since nobody waits for an answer about files that are gone."""


class FailedFastError(Exception):
    """Required gates said no, and the run is one that fails fast. `red` names them."""

    def __init__(self, red: Sequence[str]) -> None:
        super().__init__(", ".join(red))
        self.red = tuple(red)


class Measured:
    """Some files as they are when a question begins: `digest` is the name of that state."""

    def __init__(self, tree: Tree, paths: Collection[str]) -> None:
        self._tree, self.paths = tree, tuple(paths)
        self.digest = tree.digest(self.paths)

    def guarding(self, run: Callable[[Command], Awaitable[Completed]]) -> Callable[[Command], Awaitable[Completed]]:
        """Return a call that raises `ChangedMeanwhileError` where the files are others at its end."""

        async def guarded(command: Command) -> Completed:
            completed = await run(command)
            if self._tree.digest(self.paths) != self.digest:
                raise ChangedMeanwhileError(completed)
            return completed

        return guarded


class Session(Known):
    """What the stages of one run know together, and how they ask, are measured and are told of."""

    def __init__(self, plan: Plan, ports: Ports, spans: Sequence[Span] = ()) -> None:
        super().__init__(plan, ports)
        self.spans: list[Span] = list(spans)
        self.diffs: dict[str, str] = {}
        self.running: dict[Stage, float] = {}
        self._unsettled_suite: Callable[[], None] | None = None
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
                self._remember(gate, missed[gate.name], component, completed)
        for gate in self._stale(stale):
            self._unsettled(gate)
        for name in (name for gate in stale for name in gate.measures):
            self.tell_measured(stage, name)

    def fail_fast(self, stage: Stage, mendable: Collection[str] = ()) -> None:
        """End a run that fails fast if a required gate of the stage says no, and nothing later could mend that.

        Raises:
            FailedFastError: where it does.
        """
        if not self.plan.fail_fast:
            return
        judged = self.judged(self.names(stage))
        red = [each.gate for each in judged if each.verdict is Verdict.FAILED]
        if final := ends_the_run(red, required=[each.gate for each in judged if each.required], mendable=mendable):
            raise FailedFastError(final)

    def riskiest_first(self, groups: Sequence[tuple[Gate, ...]]) -> tuple[tuple[Gate, ...], ...]:
        """Return the groups in the order in which a run that fails fast comes to a no soonest; any other keeps theirs."""
        history = self.ports.history
        if not self.plan.fail_fast or history is None:
            return tuple(groups)
        required = {rule.gate for rule in self.plan.rules if rule.required}
        asked = []
        for number, group in enumerate(groups):
            names = [name for gate in group for name in gate.measures if name in required]
            green = math.prod(1 - history.failure_rate(name) for name in names)
            expected = history.expected_ms(command_of(group, self.component).tool)
            asked.append(Risk(name=f"{number:03}", expected_ms=expected or _UNKNOWN_MS, failure_rate=1 - green, required=bool(names)))
        return tuple(groups[int(risk.name)] for risk in riskiest_first(asked))

    def leave_out(self, reason: str) -> None:
        """Note of every gate without an answer why it was not asked: it counts as not asked, never as passed."""
        for gate in self.asked(tuple(name for each in self.ports.gates.values() for name in each.measures)):
            if not self.is_fresh(gate):
                digest = self.ports.tree.digest(self.scope(gate, self.component))
                for name in gate.measures:
                    self.bind(Unanswered(gate=name, reason=reason, next_step="--keep-going asks every gate"), digest, gate.name)

    def _stale(self, gates: Sequence[Gate]) -> tuple[Gate, ...]:
        return tuple(gate for gate in gates if not self.is_fresh(gate))

    def _missed(self, stage: Stage, gates: Sequence[Gate]) -> dict[str, Question | None]:
        """Bind what earlier runs have answered to the same questions; return the questions that must be asked, by their names."""
        missed: dict[str, Question | None] = {}
        if gates and self.ports.journal.ended_at(self._together(stage, gates)[1]) is not None:
            return {gate.name: None for gate in gates}  # this run's own record comes first, and is remembered already
        for gate in gates:
            question = self.recall.question(gate, self.component, self.ports.tree)
            kept = self.recall.look_up(question, self.ports.tree, *forced_by(stage, gate))
            if kept is None:
                missed[gate.name] = question
            else:
                self._take_kept(gate, kept)
        return missed

    def _take_kept(self, gate: Gate, kept: Kept) -> None:
        digest = self.ports.tree.digest(self.scope(gate, self.component))
        for answer in kept.answers:
            told = gate.compared(answer) if isinstance(gate, Comparing) else answer
            self.evidence[answer.gate] = Evidence(
                answer=told, digest=digest, measured_at=kept.measured_at, tool=kept.tool, from_cache=kept.run_id
            )
        if kept.suite is not None:
            self.suite, self.standings = kept.suite, dict(kept.standings)

    def _remember(self, gate: Gate, question: Question | None, component: Component, completed: Completed) -> None:
        """Keep a measured answer, unless its inputs changed meanwhile; that of a suite with red tests when they are settled."""
        tree = self.ports.tree
        if question is None or not self._is_of_now(completed) or question != self.recall.question(gate, component, tree):
            return
        trace = self.recall.trace(gate, component, completed, tree)
        keep = partial(self.keep, gate, question, trace)
        if isinstance(gate, Suite) and any(self.evidence[name].answer == OPEN for name in gate.measures):
            self._unsettled_suite = keep
        else:
            keep()

    def settled(self) -> None:
        """Keep the suite's answer, now that its red tests were run again."""
        keep, self._unsettled_suite = self._unsettled_suite, None
        if keep is not None:
            keep()

    def keep_as_it_is(self, gate: Gate) -> None:
        """Keep what is known of a question that was not asked as a whole: its parts were, and the tree is what they add up to."""
        question = self.recall.question(gate, self.component, self.ports.tree)
        if question is not None and self.is_fresh(gate):
            self.keep(gate, question, {})

    async def answers(self, stage: Stage, gate: Gate, tree: Tree, component: Component, only: Sequence[str] = ()) -> tuple[Answer, ...]:
        """Return the answers about some files of any tree: those of an earlier run, else ask."""
        question = self.recall.question(gate, component, tree, only)
        kept = self.recall.find(question, tree, *forced_by(stage, gate))
        if kept is not None:
            return kept.answers
        completed = await self.run(stage, gate, tree, component, only)
        answers = gate.read(component, completed)
        measured = tuple(each for each in answers if isinstance(each, Measurement))
        if len(measured) == len(answers) and self._is_of_now(completed) and question == self.recall.question(gate, component, tree, only):
            self.recall.keep(question, self._kept(gate.name, answers=measured), tree)
        return answers

    async def mended(self, stage: Stage, subject: Subject, mend: Callable[[], Awaitable[Mended]]) -> Mapping[str, str]:
        """Return what the linter makes of some files: what it made of the same in an earlier run, else let it."""
        question = self.recall.question_of(subject)
        kept = self.recall.find(question, subject.tree, *forced_by(stage, subject.gate))
        if kept is not None and kept.texts is not None:
            return kept.texts
        mended = await mend()
        if mended.completed.exit_code in {0, 1} and question == self.recall.question_of(subject):
            self.recall.keep(question, self._kept(subject.name, texts=dict(mended.texts)), subject.tree)
        return mended.texts

    def _kept(
        self,
        tool: str,
        *,
        answers: tuple[Measurement, ...] = (),
        suite: SuiteReport | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> Kept:
        now = self.ports.clock.now()
        return Kept(run_id=self.plan.run_id, measured_at=now, tool=tool, answers=answers, suite=suite, texts=texts)

    def keep(self, gate: Gate, question: Question, trace: Mapping[str, str] | str) -> None:
        """Keep the present evidence of a gate; a text instead of a trace says why it may never be used again."""
        evidence = [self.evidence[name] for name in gate.measures]
        answers = tuple(each.answer for each in evidence if isinstance(each.answer, Measurement))
        if len(answers) < len(evidence):
            return  # what could not be asked is asked again
        kept = Kept(
            run_id=self.plan.run_id,
            measured_at=evidence[0].measured_at,
            tool=gate.name,
            answers=answers,
            suite=self.suite if isinstance(gate, Suite) else None,
            standings=dict(self.standings) if isinstance(gate, Suite) else {},
            flaky=isinstance(gate, Suite) and Standing.FLAKY in self.standings.values(),
            never=trace if isinstance(trace, str) else "",
        )
        self.recall.keep(question, kept, self.ports.tree, {} if isinstance(trace, str) else trace)

    def _is_of_now(self, completed: Completed) -> bool:
        """Whether this very process measured it: what a journal tells of an earlier attempt was read from an earlier tree."""
        return any(each is completed for each in self.ports.host.processes)

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


def red_of(failed: BaseExceptionGroup[FailedFastError]) -> tuple[str, ...]:
    """Return the gates that ended a run, however deep in groups their errors lie."""
    told: set[str] = set()
    for each in failed.exceptions:
        told |= set(red_of(each) if isinstance(each, BaseExceptionGroup) else each.red)
    return tuple(sorted(told))


async def _as_coroutine[T](call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def with_tests(component: Component, tests: Sequence[str]) -> Component:
    """Return the component with these test files added."""
    return dataclasses.replace(component, tests=tuple(sorted({*component.tests, *tests})))
