"""Rounds: what the judge says of a file goes back to whoever wrote it, and nothing hangs, is lost or is paid twice over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.journal import DurableJournal
from spec2prod.adapters.store.runs import Runs
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Journal, Memory
from spec2prod.config.settings import read_settings
from spec2prod.domain.candidate import CandidateVerdict, TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.judging import JudgedVerdict
from spec2prod.domain.plan import Mode, Plan, Stage
from spec2prod.domain.run import Run
from spec2prod.errors import AgentUnavailableError, ExitCode, SettingsError, Spec2prodError
from tests.adapters.store.conftest import a_run
from tests.application.test_pipeline import MODULE, SOURCE, a_plan, clean, linter, suite_gate
from tests.application.test_recall import ByFiles, Remembered
from tests.fakes import FakeJudge, FakeTree, FakeWriter, ports_on

OTHER = "src/other.py"
FIRST = "from calc import add, sub\n\ndef test_add():\n    assert add(1, 2) == 3\n\ndef test_sub():\n    assert sub(2, 1) == 3\n"
MENDED = FIRST.replace("test_sub", "test_idle").replace("sub(2, 1) == 3", "sub(2, 1) == 1")
WORSE = "from calc import sub\n\ndef test_sub():\n    assert sub(2, 1) == 3\n"
WRONG = {"test_sub": (JudgedVerdict.REJECTED, "it failed: assert 1 == 3")}


def _brings(request: TestRequest) -> TaskOutcome:
    return TaskOutcome(
        task_id=f"task-{request.module}",
        module=request.module,
        test_file=request.test_file,
        status=TaskStatus.DELIVERED,
        text=FIRST,
        llm_calls=3,
        input_tokens=100,
        cost_usd=0.5,
        wall_ms=10.0,
    )


def _mends(text: str | None = MENDED, **changes: object) -> Callable[[TestRequest, Feedback, int], TaskOutcome]:
    def mends(request: TestRequest, feedback: Feedback, number: int) -> TaskOutcome:
        del feedback
        figures = {"text": text, "llm_calls": 3 + number, "input_tokens": 250, "cost_usd": 0.75, "wall_ms": 7.0}
        return replace(_brings(request), **figures | changes)  # type: ignore[arg-type]  # a test's shorthand

    return mends


def _plan(mode: Mode = Mode.ASYNC, rounds: int = 2, **changes: object) -> Plan:
    return replace(a_plan(generate=True, mode=mode), rounds=rounds, **changes)  # type: ignore[arg-type]  # a test's shorthand


async def _climb(
    writer: FakeWriter,
    plan: Plan | None = None,
    judge: FakeJudge | None = None,
    journal: Journal | None = None,
    memory: Memory | None = None,
) -> Run:
    tree = FakeTree({MODULE: SOURCE, OTHER: SOURCE})
    ports = ports_on(
        tree,
        clean("type_checking", errors=0),
        suite=suite_gate(),
        linter=linter(),
        writer=writer,
        judge=judge or FakeJudge(verdicts=WRONG),
    )
    async with asyncio.timeout(20):
        return await run_plan(plan or _plan(), replace(ports, journal=journal or ports.journal, memory=memory))


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_what_was_rejected_goes_back_and_is_accepted_mended(mode: Mode) -> None:
    writer = FakeWriter(_brings, mends=_mends())
    run = await _climb(writer, _plan(mode))
    ((task, feedback, number),) = writer.told
    assert (task, number, feedback.rejected) == (f"task-{MODULE}", 2, 1)
    assert "`test_sub`: it failed: assert 1 == 3" in feedback.text
    assert "Keep these tests exactly as they are: `test_add`." in feedback.text
    assert {each.name: (each.verdict, each.round) for each in run.candidates} == {
        "test_add": (CandidateVerdict.ACCEPTED, 2),
        "test_idle": (CandidateVerdict.ACCEPTED, 2),
    }
    assert [(each.number, each.llm_calls, each.input_tokens, each.cost_usd, each.wall_ms, each.told_rejected) for each in run.rounds] == [
        (1, 3, 100, 0.5, 10.0, 0),
        (2, 2, 150, 0.25, 7.0, 1),
    ]
    (outcome,) = run.outcomes
    assert (outcome.text, outcome.llm_calls, outcome.cost_usd, outcome.wall_ms) == (MENDED, 5, 0.75, 17.0)
    assert set(run.rounds_judged) == {(outcome.test_file, 1), (outcome.test_file, 2)}
    assert writer.calls[-1] == "stop"


@pytest.mark.asyncio
async def test_a_worse_later_round_loses_nothing_that_was_accepted() -> None:
    run = await _climb(FakeWriter(_brings, mends=_mends(WORSE)))
    assert [(each.name, each.verdict, each.round) for each in run.candidates if each.verdict is CandidateVerdict.ACCEPTED] == [
        ("test_add", CandidateVerdict.ACCEPTED, 1)
    ]
    assert len(run.adopted) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "status"), [(FIRST, TaskStatus.DELIVERED), (None, TaskStatus.ERRORED), (None, TaskStatus.LIMIT), (None, TaskStatus.NO_FILE)]
)
async def test_a_round_that_brings_nothing_new_is_the_last_and_the_task_stays_delivered(text: str | None, status: TaskStatus) -> None:
    writer = FakeWriter(_brings, mends=_mends(text, status=status, reason="why"))
    judge = FakeJudge(verdicts=WRONG)
    run = await _climb(writer, _plan(rounds=5), judge)
    assert len(writer.told) == 1
    assert len(judge.asked) == 1
    assert (run.outcomes[0].status, run.outcomes[0].text) == (TaskStatus.DELIVERED, FIRST)
    assert [(each.number, each.is_new, each.status) for each in run.rounds] == [(1, True, TaskStatus.DELIVERED), (2, False, status)]
    assert len(run.adopted) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_rounds_end_at_their_number(mode: Mode) -> None:
    def mends(request: TestRequest, feedback: Feedback, number: int) -> TaskOutcome:
        return _mends(FIRST + "#" * number)(request, feedback, number)

    writer = FakeWriter(_brings, mends=mends)
    run = await _climb(writer, _plan(mode, rounds=4))
    assert [number for _, _, number in writer.told] == [2, 3, 4]
    assert [each.number for each in run.rounds] == [1, 2, 3, 4]


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_one_round_is_none_that_follows(mode: Mode) -> None:
    writer = FakeWriter(_brings)
    run = await _climb(writer, _plan(mode, rounds=1))
    assert not writer.told
    assert len(run.rounds) == 1


@pytest.mark.asyncio
async def test_nothing_is_asked_where_nothing_is_left_to_do() -> None:
    writer = FakeWriter(_brings)
    run = await _climb(writer, judge=FakeJudge())
    assert not writer.told
    assert len(run.adopted) == 1


@pytest.mark.asyncio
async def test_no_round_is_begun_that_the_runs_time_would_cut_off() -> None:
    def brings(request: TestRequest) -> TaskOutcome:
        return replace(_brings(request), wall_ms=30_000.0)

    writer = FakeWriter(brings, mends=_mends())
    run = await _climb(writer, _plan(time_limit_s=20.0))
    assert not writer.told
    assert len(run.adopted) == 1


@pytest.mark.asyncio
async def test_a_judge_that_breaks_hangs_nobody_and_tells_the_agent_nothing() -> None:
    writer = FakeWriter(_brings, mends=_mends())
    run = await _climb(writer, judge=FakeJudge(broken=Spec2prodError("no sandbox")))
    assert not writer.told
    assert not run.adopted
    assert writer.calls[-1] == "stop"


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_several_modules_each_have_their_rounds_and_in_sync_mode_one_is_judged_before_the_next_is_asked(mode: Mode) -> None:
    order: list[str] = []

    class Watched(FakeWriter):
        async def outcome(self, task_id: str) -> TaskOutcome:
            order.append(f"asked {task_id}")
            return await super().outcome(task_id)

        async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
            order.append(f"told {task_id}")
            return await super().follow_up(task_id, feedback, number)

    plain = _plan(mode)
    plan = replace(plain, component=replace(plain.component, modules=(MODULE, OTHER)))
    run = await _climb(Watched(_brings, mends=_mends()), plan)
    assert sorted((each.module, each.number) for each in run.rounds) == [(MODULE, 1), (MODULE, 2), (OTHER, 1), (OTHER, 2)]
    asked = [f"asked task-{MODULE}", f"told task-{MODULE}", f"asked task-{OTHER}", f"told task-{OTHER}"]
    assert sorted(order) == sorted(asked)
    if mode is Mode.SYNC:
        assert order == asked
        assert run.savings_ms == 0
        generating = [span for span in run.stage_spans if span.name == Stage.GENERATION]
        assert len(generating) == 4, "the stage is not at work while it waits for the judge"


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("moment", ["follow_up", "judge"])
async def test_an_interrupted_round_ends_at_once_and_keeps_what_was_there(mode: Mode, moment: str) -> None:
    reached = asyncio.Event()

    class Hanging(FakeWriter):
        async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
            del task_id, feedback, number
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError

    class HangingJudge(FakeJudge):
        async def judge(self, asked: object, tell: object) -> object:  # type: ignore[override]  # it never answers
            del asked, tell
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError

    writer = Hanging(_brings)
    judge = HangingJudge() if moment == "judge" else FakeJudge(verdicts=WRONG)
    task = asyncio.create_task(_climb(writer, _plan(mode), judge))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    run = await task
    assert run.exit_code is ExitCode.INTERRUPTED
    assert writer.calls[-1] == "stop"
    assert [each.number for each in run.rounds] == [1]


class DiedError(BaseException):
    """The process dies here."""


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_a_run_that_died_in_its_second_round_asks_for_that_round_again_and_for_nothing_else(mode: Mode, tmp_path: Path) -> None:
    def dies(request: TestRequest, feedback: Feedback, number: int) -> TaskOutcome:
        del request, feedback, number
        raise DiedError

    with closing(open_database(tmp_path / "j.sqlite")) as database:
        runs = Runs(database)
        row = runs.begin(a_run())
        with pytest.raises(BaseExceptionGroup):
            await _climb(FakeWriter(_brings, mends=dies), _plan(mode), journal=DurableJournal(database, row, pytest.fail))
        row = runs.take_up(row)
        second = FakeWriter(_brings, mends=_mends())
        run = await _climb(second, _plan(mode), journal=DurableJournal(database, row, pytest.fail))
        assert second.calls == ["submit", "follow_up", "stop", "stop"], "the first round is told from the record"
        row = runs.take_up(row)
        third = FakeWriter()
        again = await _climb(third, _plan(mode), journal=DurableJournal(database, row, pytest.fail))
        assert "follow_up" not in third.calls
    assert again.rounds == run.rounds
    assert again.outcomes == run.outcomes
    assert again.candidates == run.candidates


@pytest.mark.asyncio
async def test_a_resumed_run_that_finds_no_agent_any_more_keeps_what_the_first_round_brought(tmp_path: Path) -> None:
    def dies(request: TestRequest, feedback: Feedback, number: int) -> TaskOutcome:
        del request, feedback, number
        raise DiedError

    with closing(open_database(tmp_path / "j.sqlite")) as database:
        runs = Runs(database)
        row = runs.begin(a_run())
        with pytest.raises(BaseExceptionGroup):
            await _climb(FakeWriter(_brings, mends=dies), journal=DurableJournal(database, row, pytest.fail))
        row = runs.take_up(row)
        nobody = FakeWriter(error=AgentUnavailableError("no key is set"))
        run = await _climb(nobody, journal=DurableJournal(database, row, pytest.fail))
    assert [(each.number, each.status) for each in run.rounds] == [(1, TaskStatus.DELIVERED), (2, TaskStatus.ERRORED)]
    assert run.outcomes[0].reason == "a later round ended errored: no key is set"
    assert len(run.adopted) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_a_later_run_takes_what_the_last_round_delivered_and_pays_for_no_round(mode: Mode) -> None:
    memory = Memory(fingerprints=ByFiles(), cache=Remembered())
    await _climb(FakeWriter(_brings, mends=_mends()), _plan(mode), memory=memory)
    nobody = FakeWriter()
    again = await _climb(nobody, replace(_plan(mode), run_id="r2"), memory=memory)
    assert not {"submit", "follow_up"} & set(nobody.calls)
    assert [(each.text, each.llm_calls, each.cost_usd) for each in again.outcomes] == [(MENDED, 0, 0.0)]
    assert [(each.number, each.cost_usd) for each in again.rounds] == [(1, 0.0)]
    assert {each.name for each in again.candidates if each.verdict is CandidateVerdict.ACCEPTED} == {"test_add", "test_idle"}


@pytest.mark.asyncio
async def test_a_later_run_takes_the_round_that_counted_where_the_last_one_was_worse() -> None:
    memory = Memory(fingerprints=ByFiles(), cache=Remembered())
    await _climb(FakeWriter(_brings, mends=_mends(WORSE)), memory=memory)
    again = await _climb(FakeWriter(), replace(_plan(), run_id="r2"), memory=memory)
    assert [each.text for each in again.outcomes] == [FIRST]
    assert len(again.adopted) == 1


def test_the_setting_reaches_the_plan(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {}).openhands.rounds == 2
    assert read_settings(tmp_path, {"openhands": {"rounds": 3}}).openhands.rounds == 3
    with pytest.raises(SettingsError, match="rounds"):
        read_settings(tmp_path, {"openhands": {"rounds": 0}})
    assert a_plan(generate=True, rounds=3).rounds == 3
