"""The stage that decides which proposed tests earn their place, and takes only those.

First acceptance: a test must live in its own new file, parse, assert something, be collected, pass in two orders, keep
the gates clean, add coverage, and agree with the suite it joins. Nothing is written to the project before that.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from spec2prod.application.ports import Subject
from spec2prod.application.session import digest_of, mending, with_tests
from spec2prod.domain.candidate import Candidate, CandidateVerdict, TaskOutcome
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import StageResult
from spec2prod.domain.screening import Screened, screen, without
from spec2prod.domain.verdict import Measurement, Verdict, remeasured
from spec2prod.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from spec2prod.application.ports import Gate, Tree
    from spec2prod.application.session import Outcomes, Session
    from spec2prod.domain.component import Component
    from spec2prod.domain.suite import CaseResult, SuiteReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A file on its way into the project: what is left of it, and what each gate said about it."""

    outcome: TaskOutcome
    text: str
    measured: Mapping[str, Measurement]


class Acceptance:
    """One run's acceptance. `candidates` holds every proposed test with its verdict and reason."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.candidates: list[Candidate] = []
        self.adopted: list[str] = []
        self.proposals: list[Proposal] = []
        self.judged_files = 0
        self._covered: dict[str, set[int]] = {}

    async def judge_as_they_come(self, arrived: Outcomes) -> None:
        """Judge each proposal as soon as it is there, until no more will come."""
        while (outcome := await arrived.get()) is not None:
            if outcome.text is not None:
                async with self.session.stage(Stage.ACCEPTANCE):
                    self.judged_files += 1
                    await self._judge(outcome, outcome.text)

    async def adopt(self) -> None:
        """Put what was accepted beside the existing suite; write it to the project only if both agree."""
        if not self.proposals:
            return
        async with self.session.stage(Stage.ACCEPTANCE):
            while self.proposals and not await self._confirmed():
                pass

    def result(self) -> StageResult:
        """Tell what was taken. Proposals of which none was taken are a failure of this stage, not of the component."""
        accepted = sum(each.verdict is CandidateVerdict.ACCEPTED for each in self.candidates)
        return StageResult(
            stage=Stage.ACCEPTANCE,
            verdict=Verdict.PASSED if accepted else Verdict.FAILED,
            errors=() if accepted else ("no proposed test earned its place",),
            outputs={"accepted": accepted, "rejected": len(self.candidates) - accepted, "adopted": self.adopted},
        )

    async def _judge(self, outcome: TaskOutcome, text: str) -> None:
        self.session.ports.tree.keep(f"proposed/{outcome.test_file}", text)
        screened = screen(text)
        if isinstance(screened, str):
            self._reject(outcome, [""], "static", screened)
            return
        forward, backward = await self.session.beside(
            partial(self._tried, outcome, text, backwards=False), partial(self._tried, outcome, text, backwards=True)
        )
        kept = [each for each in screened if self._earns_its_place(outcome, each, forward, backward)]
        if kept:
            await self._through_the_gates(outcome, text, {each.name for each in screened} - {each.name for each in kept})

    async def _tried(self, outcome: TaskOutcome, text: str, *, backwards: bool) -> SuiteReport:
        """Run the proposed file alone, in a copy of the project."""
        ports, order = self.session.ports, "backwards" if backwards else "forwards"
        there = await ports.tree.copy(f"judge-{outcome.test_file}-{order}")
        there.write_new(outcome.test_file, text)
        component = dataclasses.replace(self.session.component, root=there.root, tests=(outcome.test_file,))
        command = ports.suite.candidate(component, outcome.test_file, backwards=backwards)
        subject = Subject(gate=ports.suite, component=component, tree=there, command=command, name=f"tests of a proposal, {order}")
        step = f"{Stage.ACCEPTANCE}:{order} {outcome.task_id}"
        return await self.session.report(Stage.ACCEPTANCE, step, f"{order}:{outcome.test_file}", subject)

    def _earns_its_place(self, outcome: TaskOutcome, test: Screened, forward: SuiteReport, backward: SuiteReport) -> bool:
        if test.objection:
            self._reject(outcome, [test.name], "static", test.objection)
            return False
        if objection := _objection(_cases(forward, test.name)):
            self._reject(outcome, [test.name], "run", objection)
            return False
        if objection := _objection(_cases(backward, test.name)):
            self._reject(outcome, [test.name], "order", f"run in the opposite order, {objection}")
            return False
        gained = self._gained(_cases(forward, test.name))
        if not gained:
            self._reject(outcome, [test.name], "coverage", "it adds no coverage to the suite and the tests accepted before it")
            return False
        self._accept(outcome, test.name, gained)
        return True

    def _gained(self, cases: Iterable[CaseResult]) -> dict[str, set[int]]:
        """Return the component's lines that these cases add, module by module."""
        suite = self.session.suite
        gained: dict[str, set[int]] = {}
        for case in cases:
            for module, lines in case.covered.items():
                known = suite.executed.get(module, frozenset()) | self._covered.get(module, set())
                if module in self.session.component.modules and (new := set(lines) - known):
                    gained.setdefault(module, set()).update(new)
        return gained

    async def _through_the_gates(self, outcome: TaskOutcome, text: str, rejected: set[str]) -> None:
        """Ask linter and security scanner about what is left; a file that would break a gate is not taken."""
        there = await self.session.ports.tree.copy(f"gates-{outcome.test_file}")
        there.write_new(outcome.test_file, without(text, rejected) if rejected else text)
        component = dataclasses.replace(with_tests(self.session.component, [outcome.test_file]), root=there.root)
        await self._mended(outcome, there, component)
        measured: dict[str, Measurement] = {}
        for gate in self._gates_on_tests():
            for answer in await self.session.answers(Stage.ACCEPTANCE, gate, there, component, [outcome.test_file]):
                if isinstance(answer, Measurement):
                    measured[answer.gate] = answer
        if objection := self._broken_rule(measured):
            self._withdraw(outcome.test_file, "gates", objection)
            return
        self.proposals.append(Proposal(outcome=outcome, text=there.read(outcome.test_file) or "", measured=measured))

    async def _mended(self, outcome: TaskOutcome, there: Tree, component: Component) -> None:
        """Have the linter mend the file in its copy. The step's value is the mended text: a replay starts no linter."""
        file, linter = outcome.test_file, self.session.ports.linter
        step = f"{Stage.ACCEPTANCE}:fix {outcome.task_id}:{digest_of(there.read(file))}"
        fix, command = mending(self.session.ports.host, there, [file]), linter.fix(component, [file])
        subject = Subject(gate=linter, component=component, tree=there, command=command, name="linting, mended", only=(file,))
        mend = partial(self.session.ports.journal.step, step, fix, command)
        for path, text in (await self.session.mended(Stage.ACCEPTANCE, subject, mend)).items():
            if there.read(path) != text:
                there.replace(path, text)

    def _gates_on_tests(self) -> tuple[Gate, ...]:
        ruled = {rule.gate for rule in self.session.plan.rules}
        gates = self.session.ports.gates.values()
        others = (gate for gate in gates if gate.name != self.session.ports.suite.name)
        return tuple(gate for gate in others if gate.reads_tests and ruled & set(gate.measures))

    def _broken_rule(self, measured: Mapping[str, Measurement]) -> str:
        for rule in self.session.plan.rules:
            answer = measured.get(rule.gate)
            if answer and any(not limit.holds(answer.values.get(limit.value, 0.0)) for limit in rule.limits):
                found = "; ".join(f"line {each.line}: {each.code} {each.message}" for each in answer.findings[:3])
                return f"it would break {rule.gate}: {found}"
        return ""

    async def _confirmed(self) -> bool:
        """Run the whole suite with the accepted files in a copy; adopt them if it is green, else drop the culprits."""
        session, ports = self.session, self.session.ports
        there = await ports.tree.copy(f"confirm-{len(self.proposals)}-{len(self.candidates)}")
        for proposal in self.proposals:
            there.write_new(proposal.outcome.test_file, proposal.text)
        files = [proposal.outcome.test_file for proposal in self.proposals]
        component = dataclasses.replace(with_tests(session.component, files), root=there.root)
        digest = there.digest(session.scope(ports.suite, component))
        completed = await session.run(Stage.ACCEPTANCE, ports.suite, there, component)
        report = ports.suite.report(component, completed)
        if report.green:
            question = session.recall.question(ports.suite, component, there)
            trace = session.recall.trace(ports.suite, component, completed, there)
            take = partial(session.take, ports.suite, component, digest, completed)
            return await self._write(there, digest, take, partial(session.keep, ports.suite, question, trace) if question else None)
        culprits = sorted({case.file for case in report.cases if case.outcome in {"failed", "error"}} & set(files)) or files
        for file in culprits:
            self._withdraw(file, "suite", "together with the existing suite, " + (_objection(_failing(report)) or completed.ending()))
        self.proposals = [each for each in self.proposals if each.outcome.test_file not in culprits]
        return not self.proposals

    async def _write(self, there: Tree, digest: str, take: Callable[[], None], keep: Callable[[], None] | None) -> bool:
        """Write the confirmed files; the confirmation is the suite's evidence if the tree became what was confirmed."""
        session, tree = self.session, self.session.ports.tree
        for proposal in list(self.proposals):
            text = there.read(proposal.outcome.test_file) or ""
            if not tree.exists(proposal.outcome.test_file):
                await session.ports.journal.intend(proposal.outcome.test_file, None, text)
            try:
                tree.write_new(proposal.outcome.test_file, text)
            except OutputError as error:
                self._withdraw(proposal.outcome.test_file, "provenance", error.message)
                self.proposals.remove(proposal)
        self.adopted = [proposal.outcome.test_file for proposal in self.proposals]
        still_known = [gate for gate in self._gates_on_tests() if session.is_fresh(gate)]
        session.component = with_tests(session.component, self.adopted)
        if tree.digest(session.scope(session.ports.suite, session.component)) == digest:
            take()
            if keep is not None:
                keep()
        for gate in still_known:
            self._extend_evidence(gate)
            session.keep_as_it_is(gate)
        return True

    def _extend_evidence(self, gate: Gate) -> None:
        """Add what a gate said about the adopted files alone to what it said about the rest: nothing is asked twice."""
        session = self.session
        digest = session.ports.tree.digest(session.scope(gate, session.component))
        for name in gate.measures:
            answer = session.evidence[name].answer
            if isinstance(answer, Measurement) and all(name in proposal.measured for proposal in self.proposals):
                for proposal in self.proposals:
                    answer = remeasured(answer, proposal.measured[name], [proposal.outcome.test_file], added=1)
                session.bind(answer, digest, gate.name)

    def _accept(self, outcome: TaskOutcome, name: str, gained: Mapping[str, set[int]]) -> None:
        for module, lines in gained.items():
            self._covered.setdefault(module, set()).update(lines)
        words = "; ".join(f"{module} line{'s' if len(lines) > 1 else ''} {_ranges(lines)}" for module, lines in sorted(gained.items()))
        self._record(
            Candidate(
                module=outcome.module,
                test_file=outcome.test_file,
                name=name,
                verdict=CandidateVerdict.ACCEPTED,
                filter="coverage",
                reason=f"it is the first to run {words}",
                gained=tuple(sorted(gained.get(outcome.module, set()))),
            )
        )

    def _reject(self, outcome: TaskOutcome, names: Iterable[str], decided_by: str, reason: str) -> None:
        for name in names:
            self._record(
                Candidate(
                    module=outcome.module,
                    test_file=outcome.test_file,
                    name=name,
                    verdict=CandidateVerdict.REJECTED,
                    filter=decided_by,
                    reason=reason,
                )
            )

    def _record(self, candidate: Candidate) -> None:
        self.candidates.append(candidate)
        told = f"{candidate.verdict} {candidate.name or candidate.test_file}: {candidate.reason}"
        self.session.tell("candidate", Stage.ACCEPTANCE, told)

    def _withdraw(self, test_file: str, decided_by: str, reason: str) -> None:
        """Turn what was accepted of one file into rejections."""
        for index, each in enumerate(self.candidates):
            if each.test_file == test_file and each.verdict is CandidateVerdict.ACCEPTED:
                self.candidates[index] = dataclasses.replace(
                    each, verdict=CandidateVerdict.REJECTED, filter=decided_by, reason=reason, gained=()
                )
        self.session.tell("candidate", Stage.ACCEPTANCE, f"rejected {test_file}: {reason}")


def _cases(report: SuiteReport, name: str) -> tuple[CaseResult, ...]:
    return tuple(case for case in report.cases if case.name == name)


def _failing(report: SuiteReport) -> tuple[CaseResult, ...]:
    return tuple(case for case in report.cases if case.outcome in {"failed", "error", "xpassed"})


def _objection(cases: tuple[CaseResult, ...]) -> str:
    """Say why these cases are no passed test; empty where they all passed."""
    if not cases:
        return "it was not collected, or the run ended before it"
    bad = next((case for case in cases if case.outcome != "passed"), None)
    return f"it {_PAST[bad.outcome]}" + (f": {bad.message.splitlines()[0]}" if bad.message else "") if bad else ""


_PAST = {
    "failed": "failed",
    "error": "could not be set up",
    "skipped": "skipped itself",
    "xfailed": "failed as expected",
    "xpassed": "passed unexpectedly",
}


def _ranges(lines: Iterable[int]) -> str:
    """Write line numbers as people do: 3-5, 9."""
    runs: list[list[int]] = []
    for line in sorted(lines):
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)
