"""The stage in which an agent writes missing tests. It helps a run; it never judges one.

A task goes on in rounds: what the judge says of one round is what the agent is told to begin the next, in the same conversation. In
sync mode one task is asked and judged before the next one; in async mode all are asked at once, and wait for nobody but their own
judgement.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from spec2prod.application.asking import SPEC, requests_for
from spec2prod.application.outcomes import result_of, sentence, sentence_of_round
from spec2prod.application.session import Arrived, digest_of
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.marking import CONFIGURATIONS, makes_known
from spec2prod.domain.plan import Mode, Stage
from spec2prod.domain.question import Kept, Question
from spec2prod.domain.rounds import Round, is_new, round_of, whole
from spec2prod.domain.verdict import Verdict
from spec2prod.errors import AgentUnavailableError, Spec2prodError, StepClashError, TakenOverError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from spec2prod.application.session import Outcomes, Session
    from spec2prod.domain.feedback import Feedback
    from spec2prod.domain.run import StageResult

_WORKER = {"openhands": "agent"}
_ASKED = {SPEC: "took the specification's examples as tests of"}  # nobody is asked: they follow from the files
_IN_CONVERSATION = frozenset({"openhands"})  # the others answer to nobody


class Generation:
    """One run's generation: what was asked, what came, why not.

    `arrived` hands every round on as it comes, and None when no more will; times are milliseconds. `outcomes` holds each task once,
    as its last round left it; `rounds` tells what each round brought, and what it alone has used.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.requests: tuple[TestRequest, ...] = ()
        self.outcomes: list[TaskOutcome] = []
        self.rounds: list[Round] = []
        self.arrived: Outcomes = asyncio.Queue()
        self.submission_ms = 0.0
        self.collection_ms = 0.0
        self.errors: dict[str, Spec2prodError] = {}  # by the generator that could not be asked
        self._tasks: dict[str, str] = {}
        self._live: set[str] = set()
        self._questions: dict[str, Question | None] = {}
        self._replaced: dict[tuple[str, int], TaskOutcome] = {}
        self._at_work = 0
        self._span = AsyncExitStack()

    async def run(self) -> None:
        """Submit one task a module, then hand on the results as each comes."""
        self.requests = requests_for(self.session)
        try:
            for together in [(each,) for each in self.requests] if self._in_turn else [self.requests]:
                await self._ask(together)
        except (StepClashError, TakenOverError):
            raise
        except Spec2prodError as error:
            self._note(error)
        finally:
            await self._span.aclose()
            self.arrived.put_nowait(None)

    def result(self) -> StageResult:
        """Tell what was asked and what came."""
        known = makes_known(self.session.ports.tree.read(path) or "" for path in CONFIGURATIONS)
        errors = tuple(self.errors.values())
        return result_of(self.session.plan, self.requests, self.outcomes, self.rounds, errors, marker_known=known)

    @property
    def _in_turn(self) -> bool:
        return self.session.plan.mode is Mode.SYNC

    async def _ask(self, asked: Sequence[TestRequest]) -> None:
        """Submit tasks, to all generators at once, and take what comes: a module may be asked of each of them."""
        left = [each for each in asked if each.generator not in self.errors and not await self._is_recalled(each)]
        if not left:
            return
        clock = self.session.ports.clock
        start = clock.elapsed_ms()
        async with self._working():
            generators = dict.fromkeys(each.generator for each in left)
            await self.session.beside(*(partial(self._hand_over, [each for each in left if each.generator == name]) for name in generators))
            submitted = clock.elapsed_ms()
            self.submission_ms += submitted - start
            collecting = [self._collect(request, self._tasks[request.test_file]) for request in self._in_order_of_arrival(left)]
            # Held for each of them: between submission and the first round the stage does not end.
            self._at_work += len(collecting)
        try:
            async with asyncio.TaskGroup() as group:
                for each in collecting:
                    group.create_task(each)
        finally:
            self.collection_ms += clock.elapsed_ms() - submitted

    async def _hand_over(self, own: list[TestRequest]) -> None:
        """Hand tasks over to their one generator; where it cannot be asked, the others still are."""
        generator = own[0].generator
        step = self.session.ports.journal.step(f"{Stage.GENERATION}:submit:{digest_of(tuple(own))}", self._submit, own)
        try:
            tasks = await self.session.timed(Stage.GENERATION, f"{generator}_submission", step)
        except (StepClashError, TakenOverError):
            raise
        except Spec2prodError as error:
            self._note(error, generator)
            return
        self._tasks |= {each.test_file: tasks[each.module] for each in own if each.module in tasks}
        self.session.tell("agent", Stage.GENERATION, f"{_ASKED.get(generator, f'asked {generator} for tests of')} {', '.join(tasks)}")

    def _note(self, error: Spec2prodError, generator: str = "") -> None:
        self.errors[generator] = error
        self.session.tell("agent", Stage.GENERATION, f"{generator or 'generation'} not asked: {error}", Verdict.ERRORED)

    @asynccontextmanager
    async def _working(self, *, held: bool = False, told: str = "") -> AsyncIterator[None]:
        """Count as work of this stage: it is measured while any task is at work, and not while all wait for the judge."""
        self._at_work += 0 if held else 1
        if self._at_work == 1 and not held:
            await self._span.enter_async_context(self.session.stage(Stage.GENERATION, told))
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work:
                await self._span.aclose()

    async def _is_recalled(self, request: TestRequest) -> bool:
        """Take what an earlier run's agent brought for the same task: it is not paid again. Another attempt's is the journal's to tell."""
        session = self.session
        if request.generator == SPEC:  # it follows from the files alone, and costs nothing
            return False
        question = session.recall.agent_question(request, session.component, session.ports.tree)
        kept = session.recall.look_up(question, session.ports.tree, str(Stage.GENERATION))
        if kept is None or kept.outcome is None:
            self._questions[request.test_file] = question
            return False
        told = f"from the cache: asked in the run {kept.run_id}"
        free = replace(kept.outcome, llm_calls=0, input_tokens=0, output_tokens=0, cost_usd=0.0, wall_ms=0.0, is_priced=True)
        # What an earlier run's last round delivered: its conversation belongs to that run, and is not gone on with.
        await self._arrive(replace(free, reason=told), is_last=True)
        return True

    def _remember(self, outcome: TaskOutcome) -> None:
        """Keep what was delivered, for the next run with the same task."""
        if outcome.status is not TaskStatus.DELIVERED or outcome.text is None:
            return
        session = self.session
        kept = Kept(run_id=session.plan.run_id, measured_at=session.ports.clock.now(), tool=outcome.model, outcome=outcome)
        session.recall.keep(self._questions.get(outcome.test_file), kept, session.ports.tree)

    def remember_best(self, best: Mapping[str, int]) -> None:
        """Keep for later runs the round of each test file that counts, where a later one was worse."""
        for each in best.items():
            if each in self._replaced:
                self._remember(self._replaced[each])

    async def _arrive(self, outcome: TaskOutcome, *, is_last: bool) -> Feedback | None:
        """Take a task's first round, and hand it on; return what the judge gives to mend."""
        self.outcomes.append(outcome)
        self.rounds.append(round_of(outcome))
        self.session.tell("agent", Stage.GENERATION, sentence(outcome))
        return await self._judged(outcome, 1, is_last=is_last)

    async def _judged(self, outcome: TaskOutcome, number: int, *, is_last: bool) -> Feedback | None:
        """Hand a round on; return what the judge says of it. Nobody waits for what is not needed: only sync mode waits for its turn."""
        judged: asyncio.Future[Feedback | None] = asyncio.get_running_loop().create_future()
        self.arrived.put_nowait(Arrived(outcome=outcome, judged=judged, round=number))
        if is_last and not self._in_turn:
            return None
        await asyncio.wait([judged])  # a judgement that somebody cancels is no cancellation of ours
        return None if is_last or judged.cancelled() else judged.result()

    async def _submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        tasks = dict(await self.session.ports.writer.submit(requests))
        self._live.update(tasks.values())
        return tasks

    def _in_order_of_arrival(self, asked: Sequence[TestRequest]) -> list[TestRequest]:
        """Return the tasks, those first that an earlier attempt saw answered, as they came: judging depends on the order."""
        ended_at = self.session.ports.journal.ended_at
        known = [each for each in asked if each.test_file in self._tasks]
        ended = {each.test_file: ended_at(_step_of(each, self._tasks[each.test_file])) for each in known}
        return sorted(known, key=lambda each: (ended[each.test_file] is None, ended[each.test_file] or 0.0))

    async def _outcome(self, request: TestRequest, task_id: str) -> TaskOutcome:
        """Wait for one task; where an earlier attempt submitted it, it is handed over again, and found again under its ID."""
        if task_id not in self._live:
            await self._submit([request])
        return await self.session.ports.writer.outcome(task_id)

    async def _collect(self, request: TestRequest, task_id: str) -> None:
        step = self.session.ports.journal.step(_step_of(request, task_id), self._outcome, request, task_id)
        async with self._working(held=True):
            try:
                outcome = await self.session.timed(Stage.GENERATION, _span_of(request), step)
                if outcome.resumable:
                    # A pause is no end: `spec2prod extend` may have gone on with it since it was recorded. Asking costs nothing.
                    outcome = await self._outcome(request, task_id)
            except AgentUnavailableError as error:  # a resumed run may find no agent any more
                self._note(error, request.generator)
                return
            if request.generator != SPEC:
                self._remember(outcome)
        feedback = await self._arrive(outcome, is_last=not self._may_go_on(request, outcome, 1))
        number = 1
        while feedback is not None and self._has_time_for_another(outcome):
            number += 1
            outcome, feedback = await self._round(request, outcome, feedback, number)

    async def _round(
        self, request: TestRequest, before: TaskOutcome, feedback: Feedback, number: int
    ) -> tuple[TaskOutcome, Feedback | None]:
        """Tell the agent what its judgement was; return what the task has come to, and what there is to mend after it."""
        step = f"{Stage.GENERATION}:round {number}:{before.task_id}:{digest_of(feedback)}"
        follow_up = self.session.ports.journal.step(step, self._follow_up, request, before.task_id, feedback, number)
        async with self._working(told=f"round {number} for {request.module}: the agent is told what was not taken, and why"):
            try:
                after = await self.session.timed(Stage.GENERATION, f"{_span_of(request)} round {number}", follow_up)
            except AgentUnavailableError as error:  # a resumed run may find no agent any more: what it had brought counts all the same
                after = replace(before, status=TaskStatus.ERRORED, text=None, reason=str(error), wall_ms=0.0)
            done = round_of(after, number, before, feedback)
            outcome = whole(after, before)
            self.rounds.append(done)
            self.outcomes[:] = [outcome if each is before else each for each in self.outcomes]
            self.session.tell("agent", Stage.GENERATION, sentence_of_round(done))
        if not is_new(after, before):
            return outcome, None
        self._replaced[before.test_file, number - 1] = before
        self._remember(outcome)
        is_last = after.status is not TaskStatus.DELIVERED or not self._may_go_on(request, outcome, number)
        return outcome, await self._judged(outcome, number, is_last=is_last)

    async def _follow_up(self, request: TestRequest, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Go on with one task; where an earlier attempt submitted it, it is handed over again first, and found again under its ID."""
        if task_id not in self._live:
            await self._submit([request])
        return await self.session.ports.writer.follow_up(task_id, feedback, number)

    def _may_go_on(self, request: TestRequest, outcome: TaskOutcome, number: int) -> bool:
        return request.generator in _IN_CONVERSATION and outcome.status is TaskStatus.DELIVERED and number < self.session.plan.rounds

    def _has_time_for_another(self, outcome: TaskOutcome) -> bool:
        """Whether the run has as much time left as the task has taken so far: a round that would be cut off is not paid for."""
        limit_s = self.session.plan.time_limit_s
        if limit_s is None or limit_s * 1000 - self.session.ports.clock.elapsed_ms() >= outcome.wall_ms:
            return True
        self.session.tell("agent", Stage.GENERATION, f"{outcome.module}: no further round: too little is left of the run's time limit")
        return False


def _span_of(request: TestRequest) -> str:
    return f"{_WORKER.get(request.generator, request.generator)}:{request.module}"


def _step_of(request: TestRequest, task_id: str) -> str:
    """Return the name of the step that waits for a task."""
    return f"{Stage.GENERATION}:outcome:{task_id}:{digest_of(request)}"
