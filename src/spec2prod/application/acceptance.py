"""The stage that takes the proposed tests which the judge accepts, and no others, and tells of each why.

What the judge accepts joins the existing suite in a copy; only where both agree is anything written to the project.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import cached_property, partial
from typing import TYPE_CHECKING

from spec2prod.application.session import with_tests
from spec2prod.domain.candidate import Candidate, CandidateVerdict
from spec2prod.domain.judged import Filter
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import StageResult
from spec2prod.domain.verdict import Measurement, Verdict, remeasured
from spec2prod.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec2prod.application.judging import Judging, Tried
    from spec2prod.application.ports import Gate, Tree
    from spec2prod.application.session import Arrived, Outcomes, Session
    from spec2prod.domain.feedback import Feedback
    from spec2prod.domain.suite import SuiteReport

_LOOK = {CandidateVerdict.SUSPECTED_DEFECT, CandidateVerdict.REVIEW}


class Acceptance:
    """One run's acceptance. A file may be brought several times; the best round of it stays."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.adopted: list[str] = []
        self.judged_files = 0
        self._tried: dict[tuple[str, int], Tried] = {}
        self._kept: dict[str, int] = {}

    @cached_property
    def _judging(self) -> Judging:
        from spec2prod.application.judging import Judging  # noqa: PLC0415 - most runs have nothing to judge

        return Judging(self.session)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return every proposed test with its verdict and reason, file by file, each as its best round brought it."""
        return tuple(candidate for tried in self._best for candidate in tried.candidates)

    @property
    def rounds_judged(self) -> dict[tuple[str, int], tuple[Candidate, ...]]:
        """Return the same of every round, by test file and number."""
        return {key: tried.candidates for key, tried in self._tried.items()}

    async def judge_as_they_come(self, arrived: Outcomes) -> None:
        """Judge each proposal as soon as it is there, until no more will come; whoever waits for the judgement is always answered."""
        while (brought := await arrived.get()) is not None:
            feedback: Feedback | None = None
            try:
                feedback = await self._judge(brought)
            finally:
                if not brought.judged.done():
                    brought.judged.set_result(feedback)

    async def adopt(self) -> None:
        """Put what was accepted beside the existing suite; write it to the project only if both agree."""
        if self._proposals:
            async with self.session.stage(Stage.ACCEPTANCE, f"{Stage.ACCEPTANCE}: running the whole suite with what was accepted"):
                while self._proposals and not await self._confirmed():
                    pass
        for tried in self._best:
            if tried.modules:
                self.session.kills.note(tried.kills, tried.modules)

    def result(self) -> StageResult:
        """Tell what was taken. Proposals of which none was taken are a failure of this stage, not of the component."""
        counts = Counter(each.verdict for each in self.candidates)
        judged = [tried for tried in self._best if tried.judged is not None]
        return StageResult(
            stage=Stage.ACCEPTANCE,
            verdict=self._verdict(counts),
            errors=self._errors(counts),
            next_steps=tuple(dict.fromkeys(tried.next_step for tried in self._best if tried.next_step)),
            outputs={
                **{str(verdict): counts[verdict] for verdict in CandidateVerdict},
                "adopted": self.adopted,
                "mutants": {tried.test_file: tried.judged.mutants for tried in judged if tried.judged},
                "from_cache": [tried.test_file for tried in judged if tried.judged and tried.judged.from_cache],
                "unsandboxed": next((tried.judged.unsandboxed for tried in judged if tried.judged and tried.judged.unsandboxed), ""),
                "without": [each for tried in judged if tried.judged for each in tried.judged.absent],
            },
        )

    @property
    def _best(self) -> tuple[Tried, ...]:
        return tuple(self._tried[key] for key in self._kept.items())

    @property
    def _proposals(self) -> tuple[Tried, ...]:
        return tuple(tried for tried in self._best if tried.text is not None)

    def _verdict(self, counts: Counter[CandidateVerdict]) -> Verdict:
        if any(tried.trouble for tried in self._best):
            return Verdict.ERRORED
        if counts[CandidateVerdict.ACCEPTED]:
            return Verdict.PASSED
        if any(counts[each] for each in _LOOK):
            return Verdict.WARNED
        return Verdict.ERRORED if set(counts) == {CandidateVerdict.ERRORED} else Verdict.FAILED

    def _errors(self, counts: Counter[CandidateVerdict]) -> tuple[str, ...]:
        troubles = tuple(f"{tried.test_file}: {tried.trouble}" for tried in self._best if tried.trouble)
        if troubles or counts[CandidateVerdict.ACCEPTED]:
            return troubles
        looked = [f"{counts[each]} {each.told}" for each in CandidateVerdict if each in _LOOK and counts[each]]
        return ("no proposed test earned its place" + (f", and a person has to look: {', '.join(looked)}" if looked else ""),)

    async def _judge(self, brought: Arrived) -> Feedback | None:
        """Judge one round of a file; return what the agent is told."""
        outcome, text = brought.outcome, brought.outcome.text
        if text is None:
            return None
        self.judged_files += 1
        async with self.session.stage(Stage.ACCEPTANCE):
            beside = {tried.test_file: tried.text or "" for tried in self._proposals if tried.test_file != outcome.test_file}
            tried = await self._judging.tried(outcome, text, brought.round, beside)
            for candidate in tried.candidates:
                self._tell(candidate)
            self._take(tried)
        return tried.feedback

    def _take(self, tried: Tried) -> None:
        """Keep a round if it is the best of its file."""
        self._tried[tried.test_file, tried.number] = tried
        earlier = self._kept.get(tried.test_file)
        if earlier is None or tried.is_better_than(self._tried[tried.test_file, earlier]):
            self._kept[tried.test_file] = tried.number
        else:
            told = f"round {tried.number} of {tried.test_file} notices less than round {earlier}, which stays"
            self.session.tell("candidate", Stage.ACCEPTANCE, told)

    async def _confirmed(self) -> bool:
        """Run the whole suite with the accepted files in a copy; adopt them if it is green, else drop the culprits."""
        session, ports, proposals = self.session, self.session.ports, self._proposals
        there = await ports.tree.copy(f"confirm-{len(proposals)}-{len(self.candidates)}")
        for tried in proposals:
            there.write_new(tried.test_file, tried.text or "")
        files = [tried.test_file for tried in proposals]
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
            # the judge has seen it pass beside the suite: two ways to run it disagree, which is no verdict on the test
            reason = "the judge saw it pass, but together with the existing suite " + (_objection(report) or completed.ending())
            self._withdraw(file, CandidateVerdict.ERRORED, Filter.CONFIRMATION, reason)
        return not self._proposals

    async def _write(self, there: Tree, digest: str, take: Callable[[], None], keep: Callable[[], None] | None) -> bool:
        """Write the confirmed files; the confirmation is the suite's evidence if the tree became what was confirmed."""
        session, tree = self.session, self.session.ports.tree
        for tried in self._proposals:
            text = there.read(tried.test_file) or ""
            if not tree.exists(tried.test_file):
                await session.ports.journal.intend(tried.test_file, None, text)
            try:
                tree.write_new(tried.test_file, text)
            except OutputError as error:
                self._withdraw(tried.test_file, CandidateVerdict.REJECTED, Filter.PROVENANCE, error.message)
        self.adopted = [tried.test_file for tried in self._proposals]
        still_known = [gate for gate in session.gates_on_tests if session.is_fresh(gate)]
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
        session, proposals = self.session, self._proposals
        digest = session.ports.tree.digest(session.scope(gate, session.component))
        for name in gate.measures:
            answer = session.evidence[name].answer
            if isinstance(answer, Measurement) and all(name in tried.measured for tried in proposals):
                for tried in proposals:
                    answer = remeasured(answer, tried.measured[name], [tried.test_file], added=1)
                session.bind(answer, digest, gate.name)

    def _withdraw(self, test_file: str, verdict: CandidateVerdict, decided_by: Filter, reason: str) -> None:
        """Take back what was accepted of one file."""
        key = (test_file, self._kept[test_file])
        self._tried[key] = self._tried[key].without_accepted(verdict, decided_by, reason)
        self.session.tell("candidate", Stage.ACCEPTANCE, f"{verdict.told} {test_file}: {reason}")

    def _tell(self, candidate: Candidate) -> None:
        told = f"{candidate.verdict.told} {candidate.name or candidate.test_file}: {candidate.reason}"
        self.session.tell("candidate", Stage.ACCEPTANCE, told)


def _objection(report: SuiteReport) -> str:
    """Say how a test went that is not green; empty where there is none."""
    bad = next((case for case in report.cases if case.outcome in _RED), None)
    return f"{bad.name or bad.file} {_RED[bad.outcome]}" + (f": {bad.message.splitlines()[0]}" if bad.message else "") if bad else ""


_RED = {"failed": "failed", "error": "could not be set up", "xpassed": "passed unexpectedly"}
