"""What a run takes from earlier runs, and what it leaves for later ones: never what was not asked, nor what is about no tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from spec2prod.application.known import Known
from spec2prod.application.ports import Comparing, Gate, Ports, Suite
from spec2prod.application.recall import forced_by
from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component
from spec2prod.domain.flaky import OPEN, Standing
from spec2prod.domain.plan import Plan, Stage
from spec2prod.domain.question import Kept, Question
from spec2prod.domain.verdict import Evidence, Measurement


class Remembering(Known):
    """What is known, with the memory that it is looked up in and added to. What must be asked all the same, its heirs ask."""

    def __init__(self, plan: Plan, ports: Ports) -> None:
        super().__init__(plan, ports)
        self._unsettled_suite: Callable[[], None] | None = None

    def looked_up(self, stage: Stage, gates: Sequence[Gate]) -> dict[str, Question | None]:
        """Bind what earlier runs have answered to the same questions; return by name what must be asked.

        None is a question whose answer is never kept.
        """
        missed: dict[str, Question | None] = {}
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

    def remember(self, gate: Gate, question: Question | None, component: Component, completed: Completed) -> None:
        """Keep a measured answer, unless its inputs changed meanwhile; that of a suite with red tests when they are settled."""
        tree = self.ports.tree
        if question is None or not self.is_of_now(completed) or question != self.recall.question(gate, component, tree):
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

    def measured_now(self, tool: str, *, answers: tuple[Measurement, ...] = (), texts: Mapping[str, str] | None = None) -> Kept:
        """Return what this run has just measured as it is kept."""
        return Kept(run_id=self.plan.run_id, measured_at=self.ports.clock.now(), tool=tool, answers=answers, texts=texts)

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

    def is_of_now(self, completed: Completed) -> bool:
        """Whether this very process measured it: what a journal tells of an earlier attempt was read from an earlier tree."""
        return any(each is completed for each in self.ports.host.processes)
