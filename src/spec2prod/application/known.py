"""What a run knows of its component: the evidence, bound to what it was measured on, and what follows from it without a question."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

from spec2prod.application.kills import Kills
from spec2prod.application.ports import Gate, Placed, Ports
from spec2prod.application.recall import Recall
from spec2prod.domain.component import Component
from spec2prod.domain.defect import SUSPECTED_DEFECTS, Defect
from spec2prod.domain.defect import answer as suspected
from spec2prod.domain.defect import unknown as defects_unknown
from spec2prod.domain.example_places import Given, calling, given
from spec2prod.domain.flaky import PASS_RATE, Standing
from spec2prod.domain.plan import Plan, Stage
from spec2prod.domain.suite import EMPTY_SUITE, CaseResult, SuiteReport
from spec2prod.domain.trace import REQUIREMENTS, Matrix, hinted, trace
from spec2prod.domain.trace import answer as traced
from spec2prod.domain.verdict import Answer, Evidence, Judgement, Measurement, Rule, judge
from spec2prod.errors import StoreError


class Known:
    """What is known, and of which state of the files.

    `component` changes when a generated test is adopted; `evidence` maps a gate to its newest evidence, whose digest
    decides whether it still counts (law 1). `standings` tells of each red test what running it again has shown.
    """

    def __init__(self, plan: Plan, ports: Ports) -> None:
        self.plan = plan
        self.ports = ports
        self.component: Component = plan.component
        self.evidence: dict[str, Evidence] = {}
        self.suite: SuiteReport = EMPTY_SUITE
        self.standings: dict[str, Standing] = {}
        self.defects: tuple[Defect, ...] = ()
        self.recall = Recall(plan.run_id, ports)
        self.kills = Kills(plan.run_id, ports, self.recall)
        self._calling: tuple[str, dict[str, str]] = ("", {})  # which test calls a requirement's example, of one state of the files

    def scope(self, gate: Gate, component: Component) -> tuple[str, ...]:
        """Return the files that a question reads, or whose change may change its answer: a module may read its package's data."""
        return component.files if gate.reads_tests else (*component.modules, *component.data)

    def bind(self, answer: Answer, digest: str, tool: str, at: str = "") -> None:
        """Make an answer evidence for one digest; `at` says when it was measured (default: now)."""
        self.evidence[answer.gate] = Evidence(answer=answer, digest=digest, measured_at=at or self.ports.clock.now(), tool=tool)

    def is_fresh(self, gate: Gate) -> bool:
        """Whether all of a question's gates have evidence for the tree as it is now."""
        digest = self.ports.tree.digest(self.scope(gate, self.component))
        return all(name in self.evidence and self.evidence[name].digest == digest for name in gate.measures)

    def asked(self, stage_gates: Sequence[str]) -> tuple[Gate, ...]:
        """Return the questions that this plan's rules need among the named gates."""
        ruled = {rule.gate for rule in self.plan.rules} & set(stage_gates)
        return tuple(gate for gate in self.ports.gates.values() if ruled & set(gate.measures))

    @property
    def gates_on_tests(self) -> tuple[Gate, ...]:
        """Return the gates, beside the suite's own, that look at test files and that a rule asks."""
        ruled = {rule.gate for rule in self.plan.rules}
        others = (gate for gate in self.ports.gates.values() if gate.name != self.ports.suite.name)
        return tuple(gate for gate in others if gate.reads_tests and ruled & set(gate.measures))

    def names(self, stage: Stage) -> tuple[str, ...]:
        """Return the gates that a stage answers: testing those of the suite and those placed there, refactoring all others."""
        gates = self.ports.gates.values()
        traced = (REQUIREMENTS, SUSPECTED_DEFECTS) if stage is Stage.TESTING else ()
        return (*(name for gate in gates if (stage is Stage.TESTING) == self._in_testing(gate) for name in gate.measures), *traced)

    def _in_testing(self, gate: Gate) -> bool:
        return gate.name == self.ports.suite.name or (isinstance(gate, Placed) and gate.stage is Stage.TESTING)

    def judged(
        self, stage_gates: Sequence[str], rules: Sequence[Rule] | None = None, *, as_measured: bool = False
    ) -> tuple[Judgement, ...]:
        """Judge the named gates on the tree as it is, under the plan's rules or others; evidence for another tree counts for nothing.

        `as_measured` tells what each gate said of the tree that it was asked about, also where that has changed since.
        """
        named = {*stage_gates, PASS_RATE} if REQUIREMENTS in stage_gates else set(stage_gates)
        gates = [gate for gate in self.ports.gates.values() if named & set(gate.measures)]
        fresh = {name for gate in gates if as_measured or self.is_fresh(gate) for name in gate.measures}
        evidence = self.evidence
        if SUSPECTED_DEFECTS in named and (as_measured or self._knows_defects):
            fresh.add(SUSPECTED_DEFECTS)
        if REQUIREMENTS in named and PASS_RATE in fresh:
            told = self.traced()
            fresh, evidence = {*fresh, REQUIREMENTS}, self.evidence | ({REQUIREMENTS: told} if told else {})
        today = date.fromisoformat(self.ports.clock.now()[: len("2026-01-01")])
        return tuple(
            judge(rule, evidence.get(rule.gate) if rule.gate in fresh else None, waivers=self.plan.waivers, today=today)
            for rule in (self.plan.rules if rules is None else rules)
            if rule.gate in stage_gates and (rule.gate != REQUIREMENTS or self.traces_requirements)
        )

    @property
    def traces_requirements(self) -> bool:
        """Whether the rule on requirements is in force: from the start, or since a test carries a requirement's ID."""
        return self.plan.traces_requirements or any(case.requirements for case in self.suite.cases)

    @property
    def may_generate(self) -> bool:
        """Whether proposals could be judged: against a green suite, or where there is none yet."""
        return self.suite.green or not self.component.tests

    def look_for_defects(self) -> None:
        """Bind what is known of the component's suspected defects now to the tree as it is; the record needs no process."""
        record = self.ports.defects
        try:
            self.defects = record.open_of(self.component.name) if record else ()
            told = suspected(self.defects, is_kept=record.is_kept) if record else defects_unknown("nobody keeps a record of them", "")
        except StoreError as error:
            told = defects_unknown(f"the record of them cannot be read: {error}", error.next_step)
        self.bind(told, self.ports.tree.digest(self.component.files), SUSPECTED_DEFECTS)

    @property
    def _knows_defects(self) -> bool:
        """Whether the record was read for the tree as it is."""
        known = self.evidence.get(SUSPECTED_DEFECTS)
        return known is not None and known.digest == self.ports.tree.digest(self.component.files)

    @property
    def matrix(self) -> Matrix:
        """Return which requirement is shown by which test of the newest run of the suite."""
        flaky = [node_id for node_id, standing in self.standings.items() if standing is Standing.FLAKY]
        own = {case.node_id for case in self.suite.cases}
        suspected = {case.node_id: case for case in map(_case_of, self.defects)}
        others = (case for name, case in suspected.items() if name not in own)
        suite = dataclasses.replace(self.suite, cases=(*self.suite.cases, *others))
        noticed = self.kills.of(self.component, self.suite.cases)
        matrix = trace(self.plan.specification, suite, noticed=noticed, defects=suspected, flaky=flaky)
        return hinted(matrix, self._calls()) if matrix.unnamed else matrix

    def _calls(self) -> dict[str, str]:
        """Return which test makes the call of a requirement's example; read once of each state of the files."""
        digest = self.ports.tree.digest(self.component.files)
        if self._calling[0] != digest:
            texts = {path: self.ports.tree.read(path) or "" for path in self.component.tests}
            self._calling = (digest, calling(self.examples.found, texts))
        return self._calling[1]

    def traced(self) -> Evidence | None:
        """Return the requirements' evidence: it follows from the suite's own and the specification, and needs no question."""
        suite = self.evidence.get(PASS_RATE)
        if suite is None:
            return None
        told = suite.answer
        shown = traced(self.matrix) if isinstance(told, Measurement) else dataclasses.replace(told, gate=REQUIREMENTS)
        return dataclasses.replace(suite, answer=shown)

    @property
    def examples(self) -> Given:
        """Return what the specification gives as examples, beside the component and its tests as they are."""
        component, read = self.component, self.ports.tree.read
        return given(
            self.plan.specification,
            lambda: {component.dotted(module): read(module) or "" for module in component.modules},
            lambda: [read(path) or "" for path in component.tests],
        )


def _case_of(defect: Defect) -> CaseResult:
    """Return a suspected defect's test as it went: it stands in no suite, and shows something of its requirements all the same."""
    return CaseResult(
        node_id=f"{defect.test_file}::{defect.test}",
        name=defect.test,
        file=defect.test_file,
        line=0,
        outcome="failed",
        message=defect.message,
        requirements=dict(defect.requirements),
    )
