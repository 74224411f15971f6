"""The stage that runs the component's tests: one run answers the pass rate and the coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec2prod.domain.plan import Stage
from spec2prod.domain.run import StageResult
from spec2prod.domain.verdict import Judgement, stage_verdict

if TYPE_CHECKING:
    from spec2prod.application.session import Session

GATES = ("test_pass_rate", "test_coverage")


async def measure(session: Session) -> tuple[Judgement, ...]:
    """Run the suite once; return what the gates say before anything changes the tree."""
    async with session.stage(Stage.TESTING):
        for gate in session.asked(GATES):
            await session.ask(Stage.TESTING, gate)
    return session.judged(GATES)


def result(session: Session, first: tuple[Judgement, ...]) -> StageResult:
    """Judge the stage on the final tree, keeping what it said first where that was something else."""
    gates = session.judged(GATES)
    return StageResult(
        stage=Stage.TESTING,
        verdict=stage_verdict(gates),
        gates=gates,
        first_gates=first if _differs(first, gates) else (),
        outputs={"tests": len(session.suite.cases), "test_files": list(session.component.tests)},
    )


def _differs(first: tuple[Judgement, ...], last: tuple[Judgement, ...]) -> bool:
    return [(each.verdict, each.measured) for each in first] != [(each.verdict, each.measured) for each in last]
