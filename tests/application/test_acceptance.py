"""Acceptance on fakes: the run takes exactly what the judge accepts, and tells of everything else why it is not taken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.store.codec import decode, encode
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.defects import PassingDefects
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.runs import Runs
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Memory, ToJudge
from spec2prod.domain.candidate import CandidateVerdict, TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.component import Component
from spec2prod.domain.defect import Defect, Disposition, DispositionKind
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.judged import Judged
from spec2prod.domain.judging import JudgedVerdict
from spec2prod.domain.plan import Mode, Stage
from spec2prod.domain.run import Run
from spec2prod.domain.specification import Requirement
from spec2prod.domain.suite import SuiteReport
from spec2prod.domain.trace import Status
from spec2prod.domain.verdict import Answer, Verdict
from spec2prod.errors import Spec2prodError
from tests.adapters.store.conftest import a_run
from tests.application.test_pipeline import MODULE, PROPOSED, SOURCE, a_plan, linter, proposes, result_of, suite_gate
from tests.application.test_recall import ByFiles, Remembered
from tests.fakes import FakeHost, FakeJudge, FakeLinter, FakeSuite, FakeTree, FakeWriter, measured, ports_on

OLD, NEW = "tests/test_old.py", "tests/test_calc.py"
REQUIREMENT = Requirement(id="REQ-1", text="adds", line=3)
REJECTED, REDUNDANT, SUSPECTED = JudgedVerdict.REJECTED, JudgedVerdict.REDUNDANT, JudgedVerdict.SUSPECTED_DEFECT


def verdicts(run: Run) -> dict[str, CandidateVerdict]:
    return {each.name: each.verdict for each in run.candidates}


async def accepted_by(judge: FakeJudge, *, tree: FakeTree | None = None, writer: FakeWriter | None = None) -> Run:
    ports = ports_on(tree or FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter(), writer=writer or proposes(), judge=judge)
    return await run_plan(a_plan(generate=True), replace(ports, defects=PassingDefects()))


@pytest.mark.asyncio
async def test_each_verdict_of_the_judge_is_the_runs_and_only_what_is_accepted_is_written() -> None:
    tree = FakeTree({MODULE: SOURCE})
    run = await accepted_by(FakeJudge(verdicts={"test_sub": (REDUNDANT, "others notice all that it would")}), tree=tree)
    assert verdicts(run) == {
        "test_add": CandidateVerdict.ACCEPTED,
        "test_sub": CandidateVerdict.REDUNDANT,
        "test_idle": CandidateVerdict.REJECTED,
    }
    assert "test_add" in tree.files[NEW]
    assert "test_sub" not in tree.files[NEW]
    accepted = next(each for each in run.candidates if each.name == "test_add")
    assert accepted.only == (f"{MODULE}: the change that test_add notices",)
    assert (accepted.decided_by, accepted.line) == ("filter 5, mutation", 3)
    assert result_of(run, Stage.ACCEPTANCE).outputs["redundant"] == 1


@pytest.mark.asyncio
async def test_no_pytest_starts_for_a_proposal_but_the_confirmation_of_all() -> None:
    tree = FakeTree({MODULE: SOURCE})
    host, judge = FakeHost(tree), FakeJudge()
    await run_plan(a_plan(generate=True), ports_on(tree, suite=suite_gate(), linter=linter(), writer=proposes(), host=host, judge=judge))
    assert [command.tool for command in host.started].count("tests") == 2, "before, and with what was accepted"
    assert judge.asked == [((NEW,), ())]


@pytest.mark.asyncio
async def test_a_void_judgement_is_errored_with_its_reason_and_nothing_is_taken() -> None:
    tree = FakeTree({MODULE: SOURCE})
    run = await accepted_by(FakeJudge(void="the canary test_canary_vanishes was accepted"), tree=tree)
    result = result_of(run, Stage.ACCEPTANCE)
    assert result.verdict is Verdict.ERRORED
    assert "the judgement is void: the canary test_canary_vanishes was accepted" in result.errors[0]
    assert set(verdicts(run).values()) == {CandidateVerdict.ERRORED}
    assert (run.adopted, set(tree.files)) == ((), {MODULE})


@pytest.mark.asyncio
async def test_where_the_judge_cannot_work_no_weaker_one_stands_in() -> None:
    tree = FakeTree({MODULE: SOURCE})
    run = await accepted_by(FakeJudge(broken=Spec2prodError("it ended early", next_step="run spec2prod doctor")), tree=tree)
    result = result_of(run, Stage.ACCEPTANCE)
    assert result.verdict is Verdict.ERRORED
    assert (result.errors, result.next_steps) == ((f"{NEW}: the judge could not work: it ended early",), ("run spec2prod doctor",))
    assert verdicts(run) == {"": CandidateVerdict.ERRORED}
    assert set(tree.files) == {MODULE}


@pytest.mark.asyncio
async def test_a_run_without_a_judge_takes_nothing() -> None:
    ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter(), writer=proposes())
    run = await run_plan(a_plan(generate=True), replace(ports, judge=None))
    assert result_of(run, Stage.ACCEPTANCE).verdict is Verdict.ERRORED
    assert run.adopted == ()


@pytest.mark.asyncio
async def test_a_file_that_stands_there_already_is_refused_by_provenance() -> None:
    def brings(request: TestRequest) -> TaskOutcome:
        tree.files[request.test_file] = "somebody else's\n"
        return TaskOutcome(
            task_id="t", module=request.module, test_file=request.test_file, status=TaskStatus.DELIVERED, text=PROPOSED, llm_calls=1
        )

    tree, judge = FakeTree({MODULE: SOURCE}), FakeJudge()
    run = await accepted_by(judge, tree=tree, writer=FakeWriter(brings))
    (refused,) = run.candidates
    assert (refused.verdict, refused.decided_by) == (CandidateVerdict.REJECTED, "filter 0, provenance")
    assert tree.files[NEW] == "somebody else's\n"
    assert judge.asked == []


@pytest.mark.asyncio
async def test_what_cannot_be_cut_out_of_its_file_keeps_the_file_out() -> None:
    judge = FakeJudge(strangers=("test_from_elsewhere",), verdicts={"test_from_elsewhere": (REJECTED, "it fails")})
    run = await accepted_by(judge)
    assert run.adopted == ()
    assert set(verdicts(run).values()) == {CandidateVerdict.REJECTED}
    assert "also brings test_from_elsewhere" in run.candidates[0].reason


@pytest.mark.asyncio
async def test_what_would_break_a_gate_is_not_taken_and_the_gate_is_named() -> None:
    def answers(component: Component) -> tuple[Answer, ...]:
        bad = [path for path in component.tests if path == NEW]
        return (measured("linting", bad, issues=len(bad)),)

    ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=FakeLinter(name="linting", answers=answers), writer=proposes())
    run = await run_plan(a_plan(generate=True), ports)
    refused = [each for each in run.candidates if each.decided_by == "gates"]
    assert [each.name for each in refused] == ["test_add", "test_sub"]
    assert "it would break linting" in refused[0].reason


@pytest.mark.asyncio
async def test_where_pytest_sees_it_otherwise_beside_the_suite_nothing_true_can_be_said() -> None:
    ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate({"test_add": "failed"}), linter=linter(), writer=proposes())
    run = await run_plan(a_plan(generate=True), ports)
    assert verdicts(run)["test_add"] is CandidateVerdict.ERRORED
    assert run.candidates[0].decided_by == "filter 8, confirmation"
    assert run.adopted == ()


@pytest.mark.asyncio
async def test_a_second_file_is_judged_beside_what_was_accepted_before_it() -> None:
    other = "src/other.py"
    plan = a_plan(generate=True, mode=Mode.SYNC)
    plan = replace(plan, component=replace(plan.component, modules=(MODULE, other)))
    judge = FakeJudge()
    await run_plan(
        plan, ports_on(FakeTree({MODULE: SOURCE, other: SOURCE}), suite=suite_gate(), linter=linter(), writer=proposes(), judge=judge)
    )
    assert judge.asked == [((NEW,), ()), (("tests/test_other.py",), (NEW,))]


@pytest.mark.asyncio
async def test_an_unchanged_judgement_is_answered_from_the_cache_and_one_with_an_error_is_not_kept() -> None:
    cache = Remembered()

    async def climb(run_id: str, judge: FakeJudge) -> Run:
        ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter(), writer=proposes(), judge=judge)
        return await run_plan(a_plan(generate=True, run_id=run_id), replace(ports, memory=Memory(fingerprints=ByFiles(), cache=cache)))

    broken, first, second = FakeJudge(void="a canary was accepted"), FakeJudge(), FakeJudge()
    await climb("r1", broken)
    told = await climb("r2", first)
    again = await climb("r3", second)
    assert (len(broken.asked), len(first.asked), len(second.asked)) == (1, 1, 0)
    assert again.candidates == told.candidates
    assert result_of(again, Stage.ACCEPTANCE).outputs["from_cache"] == [NEW]


@pytest.mark.asyncio
async def test_a_resumed_run_replays_its_judgements(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "j.sqlite")) as database:
        runs = Runs(database)
        row = runs.begin(a_run())
        first, second = FakeJudge(), FakeJudge()
        told = []
        for judge in (first, second):
            ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter(), writer=proposes(), judge=judge)
            told.append(await run_plan(a_plan(generate=True), replace(ports, journal=DurableJournal(database, row, pytest.fail))))
            row = runs.take_up(row)
    assert (len(first.asked), second.asked) == (1, [])
    assert told[0].candidates == told[1].candidates


@pytest.mark.asyncio
async def test_a_judgement_with_an_error_in_it_is_made_again_when_the_run_is_resumed(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "j.sqlite")) as database:
        runs = Runs(database)
        row = runs.begin(a_run())
        judges, adopted = (FakeJudge(void="a canary was accepted"), FakeJudge()), []
        for judge in judges:
            ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter(), writer=proposes(), judge=judge)
            run = await run_plan(a_plan(generate=True), replace(ports, journal=DurableJournal(database, row, pytest.fail)))
            adopted.append(run.adopted)
            row = runs.take_up(row)
    assert [len(judge.asked) for judge in judges] == [1, 1]
    assert adopted == [(), (NEW,)]


@pytest.mark.asyncio
async def test_a_judgement_can_be_recorded_and_read_again_whole() -> None:
    judge, kept = FakeJudge(suite_kills={"t.py::test_a": ("x",)}, survivors={MODULE: ("line 2",)}), []

    class Recording(FakeJudge):
        async def judge(self, asked: ToJudge, tell: Callable[[str], None]) -> Judged:
            kept.append(await judge.judge(asked, tell))
            return kept[-1]

    await accepted_by(Recording())
    assert decode(encode(kept[0])) == kept[0]
    assert Judged.from_text(kept[0].as_text()) == kept[0]


def suspecting() -> FakeJudge:
    found = (SUSPECTED, "the code may be wrong (REQ-1): assert 3 == 4")
    return FakeJudge(verdicts={"test_add": found, "test_sub": (REJECTED, "it fails")}, requirements={"test_add": ("REQ-1",)})


@pytest.mark.asyncio
async def test_a_suspected_defect_is_noted_with_its_test_alone_and_shown_for_its_requirement() -> None:
    record = PassingDefects()
    ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter(), writer=proposes(), judge=suspecting())
    run = await run_plan(a_plan(generate=True), replace(ports, defects=record))
    (defect,) = record.open_of("calc")
    assert (defect.test, defect.requirements) == ("test_add", (("REQ-1", REQUIREMENT.text_hash),))
    assert "test_add" in defect.source
    assert "test_sub" not in defect.source
    assert "assert 3 == 4" in defect.message
    assert run.matrix is not None
    assert [row.status for row in run.matrix.rows] == [Status.SUSPECTED_DEFECT]
    acceptance = result_of(run, Stage.ACCEPTANCE)
    assert (acceptance.verdict, run.adopted) == (Verdict.WARNED, ())
    assert "a person has to look: 1 suspected defect" in acceptance.errors[0]


@pytest.mark.asyncio
async def test_what_a_person_has_called_a_wrong_test_is_a_rejected_one() -> None:
    class Disposed(PassingDefects):
        def note(self, defect: Defect) -> Defect:
            said = Disposition(kind=DispositionKind.WRONG_TEST, reason="it mixes up units", by="ann", at="2026-01-01T00:00:00+00:00")
            return replace(defect, disposition=said)

    ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter(), writer=proposes(), judge=suspecting())
    run = await run_plan(a_plan(generate=True), replace(ports, defects=Disposed()))
    refused = next(each for each in run.candidates if each.name == "test_add")
    assert refused.verdict is CandidateVerdict.REJECTED
    assert "wrong-test, says ann" in refused.reason
    assert "it mixes up units" in refused.reason


def tagged_suite() -> FakeSuite:
    plain = suite_gate()
    reports = plain.reports

    def tagged(component: Component) -> SuiteReport:
        report = reports(component)
        files = {each.name: OLD if each.name == "test_old" else NEW for each in report.cases}
        named = (replace(each, node_id=f"{files[each.name]}::{each.name}", requirements={"REQ-1": ""}) for each in report.cases)
        return replace(report, cases=tuple(named))

    plain.reports = tagged
    return plain


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("judge", "status"),
    [
        (FakeJudge(), Status.VERIFIED),
        (
            FakeJudge(verdicts=dict.fromkeys(["test_add", "test_sub"], (REDUNDANT, "x")), suite_kills={f"{OLD}::test_old": ("x",)}),
            Status.VERIFIED,
        ),
        (
            FakeJudge(verdicts=dict.fromkeys(["test_add", "test_sub"], (REDUNDANT, "x")), suite_kills={f"{OLD}::test_old": ()}),
            Status.COVERED,
        ),
    ],
    ids=["by what was adopted", "by the suite", "by nothing that notices a change"],
)
async def test_a_requirement_is_verified_where_a_judged_test_of_it_notices_a_change(judge: FakeJudge, status: Status) -> None:
    ports = ports_on(FakeTree({MODULE: SOURCE, OLD: "old"}), suite=tagged_suite(), linter=linter(), writer=proposes(), judge=judge)
    run = await run_plan(a_plan(generate=True, tests=(OLD,)), ports)
    assert run.matrix is not None
    assert (run.matrix.is_judged, [row.status for row in run.matrix.rows]) == (True, [status])


@pytest.mark.asyncio
async def test_without_a_judgement_a_requirement_stays_covered() -> None:
    ports = ports_on(FakeTree({MODULE: SOURCE, OLD: "old"}), suite=tagged_suite(), linter=linter())
    run = await run_plan(a_plan(tests=(OLD,)), ports)
    assert run.matrix is not None
    assert (run.matrix.is_judged, run.matrix.rows[0].status) == (False, Status.COVERED)
    assert "not judged: `spec2prod judge` tells" in run.matrix.rows[0].reason


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("mended", "kept_round"),
    [
        (PROPOSED.replace("    add(1, 1)", "    assert add(1, 1) == 2"), 2),
        ("def test_add():\n    assert add(1, 2) == 3\n", 1),
    ],
    ids=["better", "worse"],
)
async def test_of_each_file_the_best_round_counts(mended: str, kept_round: int) -> None:
    first = proposes()

    def mends(request: TestRequest, feedback: Feedback, number: int) -> TaskOutcome:
        assert "- `test_idle`: it asserts nothing" in feedback.text
        assert number == 2
        return TaskOutcome(
            task_id=f"task-{MODULE}", module=MODULE, test_file=request.test_file, status=TaskStatus.DELIVERED, text=mended, llm_calls=4
        )

    tree = FakeTree({MODULE: SOURCE})
    ports = ports_on(tree, suite=suite_gate(), linter=linter(), writer=FakeWriter(first.brings, mends=mends))
    run = await run_plan(replace(a_plan(generate=True), rounds=2), ports)
    assert {each.round for each in run.candidates} == {kept_round}
    assert "def test_sub" in tree.files[NEW]
    assert ("def test_idle" in tree.files[NEW]) is (kept_round == 2)
    assert sorted(number for _, number in run.rounds_judged) == [1, 2]
    assert tree.kept["proposed/round-2/" + NEW] == mended
