"""The stage in which an agent writes missing tests. It helps a run; it never judges one."""

from __future__ import annotations

import ast
import asyncio
from typing import TYPE_CHECKING

from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.locate import new_test_file
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import StageResult
from spec2prod.domain.specification import render_spec
from spec2prod.domain.verdict import Verdict
from spec2prod.errors import Spec2prodError

if TYPE_CHECKING:
    from spec2prod.application.session import Outcomes, Session


class Generation:
    """One run's generation: what was asked, what came, why not.

    `arrived` hands every outcome on as it comes, and None when no more will; times are milliseconds.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.requests: tuple[TestRequest, ...] = ()
        self.outcomes: list[TaskOutcome] = []
        self.arrived: Outcomes = asyncio.Queue()
        self.submission_ms = 0.0
        self.collection_ms = 0.0
        self.error: Spec2prodError | None = None

    async def run(self) -> None:
        """Submit one task a module, then hand on the results as each comes."""
        self.requests = requests_for(self.session)
        try:
            if self.requests:
                async with self.session.stage(Stage.GENERATION):
                    await self._submit_and_collect()
        except Spec2prodError as error:
            self.error = error
            self.session.tell("agent", Stage.GENERATION, f"not asked: {error}", Verdict.ERRORED)
        finally:
            self.arrived.put_nowait(None)

    def result(self) -> StageResult:
        """Tell what was asked and what came. No file is no success, whatever the agent said."""
        errors = [f"{each.module}: {each.reason}" for each in self.outcomes if each.status is not TaskStatus.DELIVERED]
        if self.error:
            errors = [f"{self.error}" + (f" Next: {self.error.next_step}" if self.error.next_step else "")]
        return StageResult(
            stage=Stage.GENERATION,
            verdict=self._verdict(),
            errors=tuple(errors),
            outputs={
                "asked": [request.module for request in self.requests],
                "delivered": [each.test_file for each in self.outcomes if each.text is not None],
                "llm_calls": sum(each.llm_calls for each in self.outcomes),
                "cost_usd": sum(each.cost_usd for each in self.outcomes),
                "model": self.session.plan.model,
                "scripted_model": self.session.plan.scripted_model,
            },
        )

    async def _submit_and_collect(self) -> None:
        clock, journal, writer = self.session.ports.clock, self.session.ports.journal, self.session.ports.writer
        start = clock.elapsed_ms()
        tasks = await self.session.timed(
            Stage.GENERATION, "openhands_submission", journal.step("generation:submit", writer.submit, self.requests)
        )
        submitted = clock.elapsed_ms()
        self.submission_ms = submitted - start
        self.session.tell("agent", Stage.GENERATION, f"asked for tests of {', '.join(tasks)}")
        try:
            async with asyncio.TaskGroup() as group:
                for module, task_id in tasks.items():
                    group.create_task(self._collect(module, task_id))
        finally:
            self.collection_ms = clock.elapsed_ms() - submitted

    async def _collect(self, module: str, task_id: str) -> None:
        journal, writer = self.session.ports.journal, self.session.ports.writer
        outcome = await self.session.timed(
            Stage.GENERATION, f"agent:{module}", journal.step(f"generation:outcome:{task_id}", writer.outcome, task_id)
        )
        self.outcomes.append(outcome)
        self.arrived.put_nowait(outcome)
        self.session.tell("agent", Stage.GENERATION, _sentence(outcome))

    def _verdict(self) -> Verdict:
        if self.error:
            return Verdict.ERRORED
        statuses = {each.status for each in self.outcomes}
        if statuses <= {TaskStatus.DELIVERED} and len(self.outcomes) == len(self.requests):
            return Verdict.PASSED
        if any(each.text is not None for each in self.outcomes):
            return Verdict.WARNED
        return Verdict.ERRORED if TaskStatus.ERRORED in statuses else Verdict.FAILED


def requests_for(session: Session) -> tuple[TestRequest, ...]:
    """Ask for tests of each module below the goal; with no tests at all, of each module that has something to test."""
    component, suite, tree = session.component, session.suite, session.ports.tree
    files = set(tree.list_files())
    requests: list[TestRequest] = []
    for module in component.modules:
        measured = module in suite.statements
        wanted = suite.percent(module) < session.plan.coverage_goal if measured else _has_code(tree.read(module) or "")
        if not wanted:
            continue
        test_file = new_test_file(component, module, files)
        files.add(test_file)
        requests.append(
            TestRequest(
                module=module,
                dotted=component.dotted(module),
                test_file=test_file,
                specification=render_spec(session.plan.specification),
                uncovered=suite.missing(module),
                existing_tests=component.tests,
                coverage_goal=session.plan.coverage_goal,
            )
        )
    return tuple(requests)


def _has_code(text: str) -> bool:
    try:
        return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return False


def _sentence(outcome: TaskOutcome) -> str:
    if outcome.status is TaskStatus.DELIVERED:
        return f"{outcome.module}: proposed {outcome.test_file} after {outcome.llm_calls} calls of the model"
    return f"{outcome.module}: {outcome.status}: {outcome.reason}"
