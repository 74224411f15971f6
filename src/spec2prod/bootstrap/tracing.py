"""The matrix requirement → test → result without a whole run: from what is known of the tests, or from one run of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.store.defects import DefectStore
from spec2prod.application import testing
from spec2prod.application.session import Session
from spec2prod.bootstrap.agent import Nobody
from spec2prod.bootstrap.assembly import ports_of
from spec2prod.bootstrap.durable import database_of, project_of
from spec2prod.bootstrap.memory import memory_of, settle
from spec2prod.bootstrap.planning import prepare
from spec2prod.bootstrap.request import Request, new_run_id
from spec2prod.domain.defect import Defect
from spec2prod.domain.example_places import Given
from spec2prod.domain.plan import Plan, Stage
from spec2prod.domain.suite import SuiteReport
from spec2prod.domain.trace import REQUIREMENTS, Matrix
from spec2prod.domain.verdict import Judgement, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What was found. `judgement` is None where no rule asks, as the plan says; `is_asked` is whether a run would look for one.

    `from_run` is the earlier run that measured the tests, empty where they were run now. `defects` are the component's open ones: what an
    earlier run has put in doubt is not shown by the tests that pass.
    """

    plan: Plan
    suite: SuiteReport
    matrix: Matrix
    examples: Given
    judgement: Judgement | None
    is_asked: bool
    defects: tuple[Defect, ...]
    from_run: str = ""


async def trace_component(request: Request) -> Traced:
    """Return the matrix of a component as it is; its tests are run once, unless an answer of an earlier run still counts.

    Raises:
        Spec2prodError: whatever is refused, with its address and the next step.
    """
    plan, place = prepare(request, new_run_id())
    database = database_of(place.tree.root, place.settings.database_url)
    try:
        memory = memory_of(place, database)
        kept = DefectStore(database, project_of(place.tree.root, place.settings.database_url)) if database else None
        session = Session(plan, ports_of(place, SystemClock(), Nobody(), memory=memory, defects=kept))
        await session.ask(Stage.TESTING, session.ports.suite)
        await testing.settle(session, Stage.TESTING)
        session.look_for_defects()
        evidence, matrix = session.traced(), session.matrix  # both ask the memory what each test notices
        settle(memory, place)
    finally:
        if database is not None:
            database.close()
    rule = next((each for each in plan.rules if each.gate == REQUIREMENTS), None)
    today = date.fromisoformat(SystemClock().now()[: len("2026-01-01")])
    return Traced(
        plan=plan,
        suite=session.suite,
        matrix=matrix,
        examples=session.examples,
        judgement=judge(rule, evidence, waivers=plan.waivers, today=today) if rule else None,
        is_asked=session.traces_requirements,
        defects=tuple(session.defects),
        from_run=evidence.from_cache if evidence else "",
    )
