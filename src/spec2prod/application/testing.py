"""The stage that runs the component's tests: one run answers pass rate, coverage and flakiness; what is red is run again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from spec2prod.application.failing_fast import fail_fast
from spec2prod.application.measured import Measured
from spec2prod.application.ports import in_one_process
from spec2prod.application.session import digest_of
from spec2prod.domain import flaky
from spec2prod.domain.flaky import FLAKY, MOST_RUN_AGAIN, OPEN, PASS_RATE, Standing
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import StageResult
from spec2prod.domain.suite import EMPTY_SUITE, SuiteReport
from spec2prod.domain.verdict import Evidence, Judgement, Measurement, stage_verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec2prod.application.session import Session


async def measure(session: Session) -> tuple[Judgement, ...]:
    """Run the suite once; return what the gates say before anything changes the tree."""
    async with session.stage(Stage.TESTING):
        groups = in_one_process(session.asked(session.names(Stage.TESTING)))
        await session.beside(*(partial(session.ask, Stage.TESTING, *group) for group in groups))
        await settle(session, Stage.TESTING)
        session.look_for_defects()
    names = session.names(Stage.TESTING)
    fail_fast(session, Stage.TESTING, mendable=names if session.plan.generate and session.may_generate else ())
    return session.judged(session.names(Stage.TESTING), as_measured=True)


async def settle(session: Session, stage: Stage) -> None:
    """Run the red tests again, once, to tell failing from flaky; a green suite starts no process."""
    rate, open_question = session.evidence.get(PASS_RATE), session.evidence.get(FLAKY)
    if rate is None or open_question is None or open_question.answer != OPEN or not isinstance(rate.answer, Measurement):
        return
    await _settle(session, stage, rate, open_question)
    session.settled()
    session.tell_measured(stage, PASS_RATE, FLAKY)


async def _settle(session: Session, stage: Stage, rate: Evidence, open_question: Evidence) -> None:
    red = flaky.red(session.suite)
    if len(red) > MOST_RUN_AGAIN:
        reason = f"{len(red)} tests are red, more than the {MOST_RUN_AGAIN} that are run again"
        session.bind(flaky.not_run_again(reason), open_question.digest, open_question.tool)
        return
    session.tell("rerun", stage, f"running {len(red)} red test{'s' if len(red) > 1 else ''} again, alone")
    alone = await _again(session, stage, "alone", red)
    if not alone.cases:
        session.bind(flaky.not_run_again("the red tests could not be run again"), open_question.digest, open_question.tool)
        return
    passed_alone = flaky.green_alone(red, alone)
    in_order = await _in_order(session, stage, passed_alone) if passed_alone else EMPTY_SUITE
    session.standings = flaky.standings(session.suite, passed_alone, in_order)
    if isinstance(rate.answer, Measurement):
        for answer in flaky.settled(rate.answer, session.suite, session.standings):
            session.bind(answer, rate.digest, rate.tool)


def result(session: Session, first: tuple[Judgement, ...]) -> StageResult:
    """Judge the stage on the final tree, keeping what it said first where that was something else."""
    gates = session.judged(session.names(Stage.TESTING))
    return StageResult(
        stage=Stage.TESTING,
        verdict=stage_verdict(gates),
        gates=gates,
        first_gates=first if _differs(first, gates) else (),
        outputs={"tests": len(session.suite.cases), "test_files": list(session.component.tests), **_told(session)},
    )


async def _in_order(session: Session, stage: Stage, node_ids: Sequence[str]) -> SuiteReport:
    """Run the suite once more in its order, up to the last file in question: is a test red there again?"""
    return await _again(session, stage, "in order", flaky.files_up_to(session.suite, node_ids))


async def _again(session: Session, stage: Stage, how: str, what: Sequence[str]) -> SuiteReport:
    ports, component = session.ports, session.component
    command = ports.suite.again(component, what)
    measured = Measured(ports.tree, session.scope(ports.suite, component))
    name = f"{stage}:{ports.suite.name} {how} of {digest_of(tuple(what))}:{measured.digest[:12]}"
    completed, _ = await session.timed(stage, f"{ports.suite.name} again, {how}", session.tool(name, command, measured))
    return ports.suite.report(component, completed)


def _told(session: Session) -> dict[str, object]:
    """Return the red tests by what running them again has shown; nothing where none was run again."""
    if not session.standings:
        return {}
    found = {kind: [node_id for node_id, each in session.standings.items() if each is kind] for kind in Standing}
    return {"run_again": {kind.value: node_ids for kind, node_ids in found.items()}}


def _differs(first: tuple[Judgement, ...], last: tuple[Judgement, ...]) -> bool:
    return [(each.verdict, each.measured) for each in first] != [(each.verdict, each.measured) for each in last]
