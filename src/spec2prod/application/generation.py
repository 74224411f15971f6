"""The stage in which an agent writes missing tests. It helps a run; it never judges one."""

from __future__ import annotations

import ast
import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from spec2prod.application.session import digest_of
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest, is_scripted
from spec2prod.domain.locate import new_test_file
from spec2prod.domain.plan import Stage
from spec2prod.domain.question import Kept, Question
from spec2prod.domain.run import StageResult
from spec2prod.domain.specification import render_spec
from spec2prod.domain.verdict import Verdict
from spec2prod.errors import Spec2prodError, StepClashError, TakenOverError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec2prod.application.session import Outcomes, Session

SPEC = "spec"
_WORKER = {"openhands": "agent"}


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
        self._live: set[str] = set()
        self._questions: dict[str, Question | None] = {}

    async def run(self) -> None:
        """Submit one task a module, then hand on the results as each comes."""
        self.requests = requests_for(self.session)
        try:
            if self.requests:
                async with self.session.stage(Stage.GENERATION):
                    await self._submit_and_collect()
        except (StepClashError, TakenOverError):
            raise
        except Spec2prodError as error:
            self.error = error
            self.session.tell("agent", Stage.GENERATION, f"not asked: {error}", Verdict.ERRORED)
        finally:
            self.arrived.put_nowait(None)

    def result(self) -> StageResult:
        """Tell what was asked and what came. No file is no success, whatever the agent said."""
        errors = [_trouble(each) for each in self.outcomes if each.status is not TaskStatus.DELIVERED]
        if self.error:
            errors = [f"{self.error}" + (f" Next: {self.error.next_step}" if self.error.next_step else "")]
        answered = sorted({each.model for each in self.outcomes if each.model})
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
                "scripted_model": any(map(is_scripted, answered)) if answered else self.session.plan.scripted_model,
                "answered_by": answered,
                "given_up": [f"{each.module}: {why}" for each in self.outcomes for why in each.tried],
                "paused": [
                    {"task": each.task_id, "module": each.module, "go_on": each.next_step} for each in self.outcomes if each.resumable
                ],
            },
        )

    async def _submit_and_collect(self) -> None:
        for generator in dict.fromkeys(request.generator for request in self.requests):
            own = [request for request in self.requests if request.generator == generator]
            await self._ask(generator, [request for request in own if not self._is_recalled(request)])

    async def _ask(self, generator: str, asked: Sequence[TestRequest]) -> None:
        """Submit tasks to one generator, and take what comes: a module may be asked of each of them."""
        clock, journal = self.session.ports.clock, self.session.ports.journal
        start = clock.elapsed_ms()
        if not asked:
            return
        step = f"{Stage.GENERATION}:submit:{digest_of(tuple(asked))}"
        tasks = await self.session.timed(Stage.GENERATION, f"{generator}_submission", journal.step(step, self._submit, list(asked)))
        submitted = clock.elapsed_ms()
        self.submission_ms += submitted - start
        self.session.tell("agent", Stage.GENERATION, f"asked for tests of {', '.join(tasks)}")
        try:
            async with asyncio.TaskGroup() as group:
                for request in self._in_order_of_arrival(asked, tasks):
                    group.create_task(self._collect(request, tasks[request.module]))
        finally:
            self.collection_ms += clock.elapsed_ms() - submitted

    def _is_recalled(self, request: TestRequest) -> bool:
        """Take what an earlier run's agent brought for the same task: it is not paid again. Another attempt's is the journal's to tell."""
        session = self.session
        if request.generator == SPEC:  # it follows from the files alone, and costs nothing
            return False
        question = session.recall.agent_question(request, session.component, session.ports.tree)
        kept = session.recall.look_up(question, session.ports.tree, str(Stage.GENERATION))
        if kept is None or kept.outcome is None:
            self._questions[request.module] = question
            return False
        told = f"from the cache: asked in the run {kept.run_id}"
        self._arrive(replace(kept.outcome, reason=told, llm_calls=0, input_tokens=0, output_tokens=0, cost_usd=0.0, wall_ms=0.0))
        return True

    def _remember(self, outcome: TaskOutcome) -> None:
        """Keep what was delivered, for the next run with the same task."""
        if outcome.status is not TaskStatus.DELIVERED or outcome.text is None:
            return
        session = self.session
        kept = Kept(run_id=session.plan.run_id, measured_at=session.ports.clock.now(), tool=outcome.model, outcome=outcome)
        session.recall.keep(self._questions.get(outcome.module), kept, session.ports.tree)

    def _arrive(self, outcome: TaskOutcome) -> None:
        self.outcomes.append(outcome)
        self.arrived.put_nowait(outcome)
        self.session.tell("agent", Stage.GENERATION, _sentence(outcome))

    async def _submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        tasks = dict(await self.session.ports.writer.submit(requests))
        self._live.update(tasks.values())
        return tasks

    def _in_order_of_arrival(self, asked: Sequence[TestRequest], tasks: Mapping[str, str]) -> list[TestRequest]:
        """Return the requests, those first that an earlier attempt saw answered, as they came: judging depends on the order."""
        ended_at = self.session.ports.journal.ended_at
        ended = {each.module: ended_at(_step_of(each, tasks[each.module])) for each in asked if each.module in tasks}
        return sorted(
            (each for each in asked if each.module in tasks),
            key=lambda each: (ended[each.module] is None, ended[each.module] or 0.0),
        )

    async def _outcome(self, request: TestRequest, task_id: str) -> TaskOutcome:
        """Wait for one task; where an earlier attempt submitted it, it is handed over again, and found again under its ID."""
        if task_id not in self._live:
            await self._submit([request])
        return await self.session.ports.writer.outcome(task_id)

    async def _collect(self, request: TestRequest, task_id: str) -> None:
        step = self.session.ports.journal.step(_step_of(request, task_id), self._outcome, request, task_id)
        outcome = await self.session.timed(Stage.GENERATION, f"{_WORKER.get(request.generator, request.generator)}:{request.module}", step)
        if outcome.resumable:
            # A pause is no end: `spec2prod extend` may have gone on with it since it was recorded. Asking costs nothing.
            outcome = await self._outcome(request, task_id)
        if request.generator != SPEC:
            self._remember(outcome)
        self._arrive(outcome)

    def _verdict(self) -> Verdict:
        if self.error:
            return Verdict.ERRORED
        statuses = {each.status for each in self.outcomes}
        if statuses <= {TaskStatus.DELIVERED} and len(self.outcomes) == len(self.requests):
            return Verdict.PASSED
        if any(each.text is not None for each in self.outcomes):
            return Verdict.WARNED
        return Verdict.ERRORED if TaskStatus.ERRORED in statuses else Verdict.FAILED


def _step_of(request: TestRequest, task_id: str) -> str:
    """Return the name of the step that waits for a task."""
    return f"{Stage.GENERATION}:outcome:{task_id}:{digest_of(request)}"


def requests_for(session: Session) -> tuple[TestRequest, ...]:
    """Ask each generator for what it can write; every task has a test file of its own."""
    files, asked = set(session.ports.tree.list_files()), session.plan.generators
    examples = _of_examples(session, files) if SPEC in asked else []
    others = [each for generator in asked if generator != SPEC for each in _below_the_goal(session, generator, files)]
    return (*examples, *others)


def _of_examples(session: Session, files: set[str]) -> list[TestRequest]:
    """Ask for a test of each module of which the specification gives examples that no test uses, whatever is covered."""
    component = session.component
    unused = {each.module for each in session.examples.unused}
    return [_request(session, module, SPEC, files) for module in component.modules if component.dotted(module) in unused]


def _below_the_goal(session: Session, generator: str, files: set[str]) -> list[TestRequest]:
    """Ask for tests of each module below the goal; with no tests at all, of each module that has something to test."""
    component, suite, tree = session.component, session.suite, session.ports.tree
    requests: list[TestRequest] = []
    for module in component.modules:
        measured = module in suite.statements
        wanted = suite.percent(module) < session.plan.coverage_goal if measured else _has_code(tree.read(module) or "")
        if not wanted:
            continue
        requests.append(_request(session, module, generator, files))
    return requests


def _request(session: Session, module: str, generator: str, files: set[str]) -> TestRequest:
    """Return a module's task; its test file's name is taken from then on."""
    component, suite = session.component, session.suite
    test_file = new_test_file(component, module, files)
    files.add(test_file)
    return TestRequest(
        module=module,
        dotted=component.dotted(module),
        test_file=test_file,
        specification=render_spec(session.plan.specification),
        uncovered=suite.missing(module),
        existing_tests=component.tests,
        coverage_goal=session.plan.coverage_goal,
        generator=generator,
    )


def _has_code(text: str) -> bool:
    try:
        return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return False


def _trouble(outcome: TaskOutcome) -> str:
    """Say why there is no file; of a paused task also how to go on."""
    return f"{outcome.module}: {outcome.reason}" + (f" Next: {outcome.next_step}" if outcome.resumable else "")


def _sentence(outcome: TaskOutcome) -> str:
    if outcome.status is TaskStatus.DELIVERED:
        if not outcome.llm_calls and outcome.reason:
            return f"{outcome.module}: proposed {outcome.test_file}, {outcome.reason}"
        return f"{outcome.module}: proposed {outcome.test_file} after {outcome.llm_calls} calls of the model"
    return f"{outcome.module}: {outcome.status}: {outcome.reason}"
