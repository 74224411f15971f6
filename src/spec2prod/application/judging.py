"""One proposed test file on its way: mended and judged in a copy of the project, what is not accepted cut out, the rest past the gates.

Nothing is written to the project here, and no weaker judge stands in where the judge cannot work: then nothing of the file is taken.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from spec2prod.application.ports import Subject, ToJudge
from spec2prod.application.session import digest_of, mending, with_tests
from spec2prod.domain import proposal
from spec2prod.domain.candidate import Candidate, CandidateVerdict, TaskOutcome
from spec2prod.domain.defect import Promised, suspect
from spec2prod.domain.judged import Filter, Judged
from spec2prod.domain.marking import stamped
from spec2prod.domain.plan import Stage
from spec2prod.domain.question import Kept, is_report
from spec2prod.domain.screening import screen, without
from spec2prod.domain.specification import numbered, render_spec
from spec2prod.domain.verdict import Measurement
from spec2prod.errors import Spec2prodError, StepClashError, StoreError, TakenOverError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec2prod.application.ports import Tree
    from spec2prod.application.session import Session
    from spec2prod.domain.component import Component
    from spec2prod.domain.feedback import Feedback
    from spec2prod.domain.specification import Requirement

JUDGEMENT = "judgement"
"""Under this name a judgement lies in the cache."""

_NO_JUDGE = "this run has no judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One round of a proposed file, tried. `text` is what is left of it, None where nothing is taken; `measured` is what each gate said
    about that. `trouble` says why the judgement counts for nothing, `next_step` what to do about it. `modules` is the digest of what was
    judged.
    """  # noqa: D205 - one thought

    outcome: TaskOutcome
    number: int
    candidates: tuple[Candidate, ...]
    judged: Judged | None = None
    text: str | None = None
    measured: Mapping[str, Measurement] = field(default_factory=dict)
    trouble: str = ""
    next_step: str = ""
    modules: str = ""
    feedback: Feedback | None = None

    @property
    def test_file(self) -> str:
        """Return the file's path in the project."""
        return self.outcome.test_file

    @property
    def kills(self) -> dict[str, tuple[str, ...]]:
        """Return which changes each kept test function notices, by node ID."""
        return proposal.kills_of(self.judged, self.candidates) if self.judged and not self.trouble else {}

    def is_better_than(self, other: Tried) -> bool:
        """Whether this round takes the place of an earlier one: unless it could not be judged, or what it notices is less."""
        if self.trouble and not other.trouble:
            return False
        return proposal.worth(self.candidates) >= proposal.worth(other.candidates)

    def without_accepted(self, verdict: CandidateVerdict, decided_by: Filter | str, reason: str) -> Tried:
        """Return it with all that was accepted taken back."""
        left = proposal.withdrawn(self.candidates, verdict, decided_by, reason)
        return dataclasses.replace(self, candidates=left, text=None, measured={})


class Judging:
    """Tries proposed files, one after another."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def tried(self, outcome: TaskOutcome, text: str, number: int, beside: Mapping[str, str]) -> Tried:
        """Judge a file beside the suite and what was accepted before it (`beside`: path → text); return what is left of it."""
        tree, file = self.session.ports.tree, outcome.test_file
        tree.keep(f"proposed/{file}" if number == 1 else f"proposed/round-{number}/{file}", text)
        text = stamped(text, {each.id: each.text_hash for each in _requirements(self.session)})
        if (objection := self._objection(outcome, text)) is not None:
            found = proposal.whole_file(outcome, number, CandidateVerdict.REJECTED, *objection)
            return self._with_feedback(Tried(outcome=outcome, number=number, candidates=(found,)))
        there = await tree.copy(f"judge-{file}-{number}")
        for path, other in {**beside, file: text}.items():
            there.write_new(path, other)
        component = dataclasses.replace(with_tests(self.session.component, list(beside)), root=there.root)
        await self._mended(outcome, number, there, component)
        tried = self._with_defects_noted(await self._judged(outcome, number, there, component), there.read(file) or "")
        if proposal.accepted(tried.candidates):
            tried = await self._cut_and_checked(tried, there, component)
        return self._with_feedback(tried)

    def _objection(self, outcome: TaskOutcome, text: str) -> tuple[Filter, str] | None:
        """Say why a file is not even tried; None where it is."""
        if self.session.ports.tree.exists(outcome.test_file):
            return Filter.PROVENANCE, "a file of that name stands there already, and is not replaced"
        screened = screen(text)
        return (Filter.SCREEN, screened) if isinstance(screened, str) else None

    async def _judged(self, outcome: TaskOutcome, number: int, there: Tree, component: Component) -> Tried:
        """Ask the judge; where it cannot work nothing of the file is taken, and it is told why."""
        plan, modules = self.session.plan, there.digest(component.modules)
        asked = ToJudge(component=component, tree=there, files=(outcome.test_file,), specification=plan.specification)
        try:
            judged = await self._verdicts(outcome, number, asked)
        except (StepClashError, TakenOverError):
            raise
        except Spec2prodError as error:
            trouble = f"the judge could not work: {error}"
            unjudged = proposal.whole_file(outcome, number, CandidateVerdict.ERRORED, Filter.CONFIRMATION, trouble)
            return Tried(outcome=outcome, number=number, candidates=(unjudged,), trouble=trouble, next_step=error.next_step)
        found = proposal.candidates_of(outcome, judged, number)
        trouble = f"the judgement is void: {judged.void}" if judged.void else ""
        return Tried(outcome=outcome, number=number, candidates=found, judged=judged, trouble=trouble, modules=modules)

    async def _verdicts(self, outcome: TaskOutcome, number: int, asked: ToJudge) -> Judged:
        """Return the judgement: that of an earlier run on the same, else ask. One that could not be made whole is never kept."""
        session, judge = self.session, self.session.ports.judge
        if judge is None:
            raise Spec2prodError(_NO_JUDGE, next_step="please report this")
        question = judge.question(asked) if session.ports.memory else None
        kept = session.recall.look_up(question, asked.tree, str(Stage.ACCEPTANCE)) if question else None
        if kept is not None and kept.texts is not None:
            session.tell("candidate", Stage.ACCEPTANCE, f"{outcome.test_file}: judged before, in the run {kept.run_id[:8]}")
            return dataclasses.replace(Judged.from_text(kept.texts[JUDGEMENT]), from_cache=True)
        files = [path for path in asked.tree.list_files() if not is_report(path)]
        digest = digest_of(asked.tree.digest(files), asked.files, asked.component.tests)
        step = f"{Stage.ACCEPTANCE}:judge {outcome.task_id} {number}:{digest}"
        before = session.ports.journal.ended_at(step)
        session.tell("candidate", Stage.ACCEPTANCE, f"judging {outcome.test_file}{_beside(asked.component)}")
        tell = partial(session.tell, "candidate", Stage.ACCEPTANCE)
        work = session.ports.journal.step(step, partial(judge.judge, asked, lambda words: tell(f"judging {outcome.test_file}: {words}")))
        judged = await session.timed(Stage.ACCEPTANCE, f"judge:{outcome.test_file}", work)
        if judged.is_whole and before is None:
            now, run_id = session.ports.clock.now(), session.plan.run_id
            session.recall.keep(
                question, Kept(run_id=run_id, measured_at=now, tool="judge", texts={JUDGEMENT: judged.as_text()}), asked.tree
            )
        return judged

    def _with_defects_noted(self, tried: Tried, text: str) -> Tried:
        """Note each suspected defect; one that a person has disposed of as no defect is a rejected test from then on."""
        if tried.judged is None or tried.trouble:
            return tried
        messages = {each.name: each.message for each in tried.judged.tests}
        found = tuple(
            self._noted(each, text, messages.get(each.name, "")) if each.verdict is CandidateVerdict.SUSPECTED_DEFECT else each
            for each in tried.candidates
        )
        return dataclasses.replace(tried, candidates=found)

    def _noted(self, candidate: Candidate, text: str, message: str) -> Candidate:
        session, record = self.session, self.session.ports.defects
        stated, path = {each.id: each for each in _requirements(session)}, session.plan.specification.path
        defect = suspect(
            component=session.component.name,
            module=candidate.module,
            test_file=candidate.test_file,
            test=candidate.name,
            source=without(text, _names(text) - {candidate.name}),
            requirements=[(name, stated[name].text_hash if name in stated else "") for name in candidate.requirements],
            sentence=candidate.reason,
            message=message,
            run_id=session.plan.run_id,
            seen_at=session.ports.clock.now(),
            promises=[_promised(stated[name], path) for name in candidate.requirements if name in stated],
        )
        try:
            known = record.note(defect) if record else defect
        except StoreError as error:  # whoever reads the record next finds the same trouble, and lets nothing pass
            session.tell("candidate", Stage.ACCEPTANCE, f"the suspected defect {candidate.name} could not be noted: {error}")
            return candidate
        if known.disposition is None:
            return candidate
        reason = f"{candidate.reason}; but a person has said what it is: {known.disposition}"
        return dataclasses.replace(candidate, verdict=CandidateVerdict.REJECTED, reason=reason)

    async def _cut_and_checked(self, tried: Tried, there: Tree, component: Component) -> Tried:
        """Cut out what is not accepted, then ask linter and scanner about the rest: a file that would break a gate is not taken."""
        text, file = there.read(tried.test_file) or "", tried.test_file
        names = _names(text)
        if tried.judged and (stranger := proposal.uncut(tried.judged, names)):
            reason = f"its file also brings {stranger}, which is not accepted and cannot be cut out of it"
            return tried.without_accepted(CandidateVerdict.REJECTED, Filter.PROVENANCE, reason)
        if rejected := names - {each.name for each in proposal.accepted(tried.candidates)}:
            there.replace(file, without(text, rejected))
            await self._mended(tried.outcome, tried.number, there, component)
        measured = await self._measured(file, there, with_tests(component, [file]))
        if objection := self._broken_rule(measured):
            return tried.without_accepted(CandidateVerdict.REJECTED, proposal.GATES, objection)
        return dataclasses.replace(tried, text=there.read(file) or "", measured=measured)

    async def _measured(self, file: str, there: Tree, component: Component) -> dict[str, Measurement]:
        measured: dict[str, Measurement] = {}
        for gate in self.session.gates_on_tests:
            for answer in await self.session.answers(Stage.ACCEPTANCE, gate, there, component, [file]):
                if isinstance(answer, Measurement):
                    measured[answer.gate] = answer
        return measured

    async def _mended(self, outcome: TaskOutcome, number: int, there: Tree, component: Component) -> None:
        """Have the linter mend the file in its copy. The step's value is the mended text: a replay starts no linter."""
        file, linter, component = outcome.test_file, self.session.ports.linter, with_tests(component, [outcome.test_file])
        step = f"{Stage.ACCEPTANCE}:fix {outcome.task_id} {number}:{digest_of(there.read(file))}"
        fix, command = mending(self.session.ports.host, there, [file]), linter.fix(component, [file])
        subject = Subject(gate=linter, component=component, tree=there, command=command, name="linting, mended", only=(file,))
        mend = partial(self.session.ports.journal.step, step, fix, command)
        for path, text in (await self.session.mended(Stage.ACCEPTANCE, subject, mend)).items():
            if there.read(path) != text:
                there.replace(path, text)

    def _broken_rule(self, measured: Mapping[str, Measurement]) -> str:
        for rule in self.session.plan.rules:
            answer = measured.get(rule.gate)
            if answer and any(not limit.holds(answer.values.get(limit.value, 0.0)) for limit in rule.limits):
                found = "; ".join(f"line {each.line}: {each.code} {each.message}" for each in answer.findings[:3])
                return f"it would break {rule.gate}: {found}"
        return ""

    def _with_feedback(self, tried: Tried) -> Tried:
        plan = self.session.plan
        if tried.trouble:  # no fault of the agent's
            return tried
        promised = render_spec(numbered(plan.specification))
        told = proposal.feedback_on(tried.outcome, tried.judged, tried.candidates, promised, plan.coverage_goal)
        return dataclasses.replace(tried, feedback=told)


def _beside(component: Component) -> str:
    files = len(component.tests)
    return f" beside {files} test file{'' if files == 1 else 's'}" if files else ""


def _names(text: str) -> frozenset[str]:
    screened = screen(text)
    return frozenset() if isinstance(screened, str) else frozenset(each.name for each in screened)


def _promised(requirement: Requirement, path: str) -> Promised:
    return Promised(id=requirement.id, text=requirement.text, path=path, line=requirement.line)


def _requirements(session: Session) -> tuple[Requirement, ...]:
    specification = session.plan.specification
    return (*specification.requirements, *specification.testing_requirements)
