"""A run, read top to bottom: the list of its stages, each fed by the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from spec2prod.application import refactoring, testing
from spec2prod.application.acceptance import Acceptance
from spec2prod.application.asking import nothing_to_ask
from spec2prod.application.delivery import STAGES, Releasing
from spec2prod.application.failing_fast import FailedFastError, red_of
from spec2prod.application.generation import Generation
from spec2prod.application.ports import Ports, in_one_process
from spec2prod.application.session import Session
from spec2prod.application.specification import specification_result
from spec2prod.domain.plan import Mode, Plan, Stage
from spec2prod.domain.run import Run, StageResult
from spec2prod.domain.timeline import Span
from spec2prod.domain.verdict import Judgement, Verdict


async def run_plan(plan: Plan, ports: Ports, *, prelude: Sequence[Span] = ()) -> Run:
    """Run a plan to its end and return what happened; `prelude` is the measured reading of the specification.

    Cancelling the call interrupts the run: nothing is left running, and what was measured until then is returned.
    """
    climb = Climb(plan, ports, prelude)
    limit = asyncio.timeout(plan.time_limit_s)
    try:
        async with limit:
            try:
                await climb.up()
            except* FailedFastError as failed:
                climb.failed_fast(red_of(failed))
    except TimeoutError:
        if not limit.expired():
            raise
        climb.interrupted = climb.out_of_time = True
    except asyncio.CancelledError:
        climb.interrupted = True
        _take_back_cancellation()
    finally:
        await ports.writer.stop()
    return climb.told()


class Climb:
    """One run on its way up. What it has learnt so far can be told at any moment, also after an interruption."""

    def __init__(self, plan: Plan, ports: Ports, prelude: Sequence[Span]) -> None:
        self.plan, self.ports = plan, ports
        self.started_at = ports.clock.now()
        self.session = Session(plan, ports, prelude)
        self.generation = Generation(self.session)
        self.acceptance = Acceptance(self.session)
        self.releasing = Releasing(self.session, self._gates())
        self.first: tuple[Judgement, ...] = ()
        self.results: dict[Stage, StageResult] = {Stage.SPECIFICATION: specification_result(plan.specification)}
        self.not_run: dict[Stage, str] = {}
        self.idle: frozenset[Stage] = frozenset()
        self.interrupted = self.out_of_time = False

    async def up(self) -> None:
        """Climb stage by stage. In async mode tests and agent work while linter, type checker and scanner do."""
        session = self.session
        if self.plan.generate and self.plan.mode is Mode.ASYNC and self.ports.journal.attempt == 1:
            await self.ports.writer.start()  # its start-up overlaps the tests; a run that is gone on with may not need it at all
        await session.beside(self.test_and_generate, partial(refactoring.measure, session))
        await self.acceptance.adopt()
        await self._ask_again_what_changed()
        self.session.look_for_defects()
        await self._deliver()

    def failed_fast(self, red: Sequence[str]) -> None:
        """Tell that the run ends here, and note what is not asked or done because of it."""
        reason = f"{', '.join(red)} said no, and this run ends at the first no (--fail-fast)"
        self.session.leave_out(f"not asked: {reason}", "--keep-going asks every gate")
        self.not_run |= dict.fromkeys(self.plan.stages, reason)
        self.session.tell("failed_fast", None, f"ending early: {reason}", Verdict.FAILED)

    async def test_and_generate(self) -> None:
        """Run the tests, then have missing ones written: the agent is told what the tests do not cover."""
        self.first = await testing.measure(self.session)
        await self.generate()

    async def generate(self) -> None:
        """Have missing tests written, unless the suite is red: proposals are judged against a green one."""
        if self.plan.generate and self.session.may_generate and self._fits(Stage.GENERATION):
            async with asyncio.TaskGroup() as group:  # in both modes: the judge's word on one round is what begins the next
                group.create_task(self.acceptance.judge_as_they_come(self.generation.arrived))
                await self.generation.run()
                self._conclude_generation()
                await self.ports.writer.stop()  # its shutdown overlaps the judging of its last round
            self.generation.remember_best({each.test_file: each.round for each in self.acceptance.candidates})
        elif self.plan.generate:
            self.not_run.setdefault(Stage.GENERATION, "the existing tests do not pass: mend them first, then generate")

    def _conclude_generation(self) -> None:
        """Tell what came of generation; where nothing had to be asked it did not run, and holds nobody back."""
        if self.generation.requests:
            self.results[Stage.GENERATION] = self.generation.result()
            return
        reason = nothing_to_ask(self.plan)
        self.idle = frozenset({Stage.GENERATION, Stage.ACCEPTANCE})
        self.not_run[Stage.GENERATION] = reason
        self.session.tell("agent", Stage.GENERATION, reason)

    def told(self) -> Run:
        """Judge every gate on the final tree, and tell the whole run."""
        if self.interrupted:
            self.session.leave_out(f"no answer: {self._interruption}", "")
        self._conclude()
        self.session.kills.keep(self.session.component, self.session.suite.cases)
        session, generation, acceptance = self.session, self.generation, self.acceptance
        return Run(
            plan=self.plan,
            started_at=self.started_at,
            stages=tuple(self.results[stage] for stage in self.plan.stages if stage in self.results),
            not_run={stage: self.not_run[stage] for stage in self.plan.stages if stage in self.not_run and stage not in self.results},
            idle=self.idle,
            spans=tuple(session.spans),
            total_ms=self.ports.clock.elapsed_ms(),
            submission_ms=generation.submission_ms,
            collection_ms=generation.collection_ms,
            requests=generation.requests,
            outcomes=tuple(generation.outcomes),
            rounds=tuple(generation.rounds),
            rounds_judged=acceptance.rounds_judged,
            candidates=tuple(acceptance.candidates),
            adopted=tuple(acceptance.adopted),
            diffs=session.diffs,
            processes=tuple(self.ports.host.processes),
            digest=self.ports.tree.digest(session.component.files),
            interrupted=self.interrupted,
            out_of_time=self.out_of_time,
            attempt=self.ports.journal.attempt,
            resumed_from=self.ports.journal.resumed_from,
            replayed=tuple(self.ports.journal.replayed),
            cache_hits=session.recall.hits,
            cache_misses=session.recall.misses,
            cache_kept=session.recall.kept,
            cpu_slots=self.ports.cpu_slots,
            matrix=session.matrix,
            examples=session.examples,
            defects=session.defects,
        )

    async def _ask_again_what_changed(self) -> None:
        """Whatever changed the tree re-asks what it touched, once; nothing else is asked again (law 2)."""
        session, stage = self.session, Stage.ACCEPTANCE if self.plan.generate else Stage.REFACTORING
        stale = [gate for gate in session.asked(self._gates()) if not session.is_fresh(gate)]
        if stale:
            async with session.stage(stage, "files changed: asking again what that touches"):
                await session.beside(*(partial(session.ask, stage, *group) for group in in_one_process(stale)))
                await testing.settle(session, stage)

    def _gates(self) -> tuple[str, ...]:
        return (*self.session.names(Stage.TESTING), *self.session.names(Stage.REFACTORING))

    async def _deliver(self) -> None:
        """Release, environment by environment, if every required gate lets it; what stopped it once stops the rest."""
        for stage in (each for each in self.plan.stages if each in STAGES):
            if blocked := self._blocking(stage):
                self.not_run[stage] = f"required gates did not pass: {', '.join(blocked)}"
            elif any(not self.results[each].verdict.lets_pass for each in STAGES if each in self.results):
                self.not_run[stage] = "it was not released to staging"
            elif self._fits(stage):
                self.results[stage] = await self.releasing.run(stage)

    def _fits(self, stage: Stage) -> bool:
        """Whether there is time for a stage, as far as earlier runs tell: one that would be cut off is not begun."""
        history, limit_s = self.ports.history, self.plan.time_limit_s
        expected = history.expected_ms(f"stage {stage}") if history else None
        if limit_s is None or expected is None:
            return True
        left_s = limit_s - self.ports.clock.elapsed_ms() / 1000
        if expected / 1000 <= left_s:
            return True
        self.not_run[stage] = f"it takes about {expected / 1000:.0f} s, and {max(0.0, left_s):.0f} s are left of the run's time limit"
        self.interrupted = self.out_of_time = True
        return False

    def _why_not(self, stage: Stage) -> str:
        if not self.interrupted:
            return "no test was proposed" if stage in {Stage.GENERATION, Stage.ACCEPTANCE} else "a stage before it did not let it begin"
        return self._interruption

    @property
    def _interruption(self) -> str:
        return "the run reached its time limit" if self.out_of_time else "the run was interrupted"

    def _blocking(self, stage: Stage) -> list[str]:
        """Name the required gates that keep a release out of an environment: each environment asks its own rules."""
        rules = self.plan.staging_rules if stage is Stage.STAGING_DEPLOYMENT else self.plan.rules
        judged = self.session.judged(self._gates(), rules or self.plan.rules)
        return [each.gate for each in judged if each.required and not each.verdict.lets_pass]

    def _conclude(self) -> None:
        ran = {span.name for span in self.session.spans}
        if Stage.TESTING in ran:
            self.session.look_for_defects()  # also what was found before an interruption
            self.results[Stage.TESTING] = testing.result(self.session, self.first)
        if Stage.REFACTORING in ran:
            self.results[Stage.REFACTORING] = refactoring.result(self.session)
        if self.acceptance.judged_files:
            self.results[Stage.ACCEPTANCE] = self.acceptance.result()
        for stage in self.plan.stages:
            if stage not in self.results:
                self.not_run.setdefault(stage, self._why_not(stage))
        for result in (self.results[stage] for stage in self.plan.stages if stage in self.results):
            self.session.tell("stage_ended", result.stage, f"{result.stage}: {result.verdict}", result.verdict)


def _take_back_cancellation() -> None:
    """Go on after a cancellation that was meant for the run and not for its report."""
    task = asyncio.current_task()
    if task is not None:
        while task.cancelling():
            task.uncancel()
