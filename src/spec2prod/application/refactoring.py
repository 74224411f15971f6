"""The stage that asks linter, type checker, security scanner and a project's own gates, all at once, and mends what may be mended."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from spec2prod.application.ports import in_one_process
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import StageResult
from spec2prod.domain.verdict import Evidence, Measurement, remeasured, stage_verdict

if TYPE_CHECKING:
    from spec2prod.application.ports import Gate
    from spec2prod.application.session import Session


async def measure(session: Session) -> None:
    """Ask every question of the stage; an auto-fix changes the digest, so that what it touched is asked again."""
    async with session.stage(Stage.REFACTORING):
        groups = in_one_process(session.asked(session.names(Stage.REFACTORING)))
        await session.beside(*(partial(_ask, session, group) for group in groups))
        for group in groups:
            await session.ask(Stage.REFACTORING, *group)


def result(session: Session) -> StageResult:
    """Judge the stage on the final tree."""
    gates = session.judged(session.names(Stage.REFACTORING))
    return StageResult(stage=Stage.REFACTORING, verdict=stage_verdict(gates), gates=gates, outputs={"auto_fixed": sorted(session.diffs)})


async def _ask(session: Session, gates: Sequence[Gate]) -> None:
    await session.ask(Stage.REFACTORING, *gates)
    if session.ports.linter.name in {gate.name for gate in gates} and session.plan.auto_fix:
        await _mend(session)


async def _mend(session: Session) -> None:
    """Let the linter fix what it safely can, show the change, and ask it again about the touched files alone."""
    linter, tree = session.ports.linter, session.ports.tree
    evidence = session.evidence[linter.name]
    if not isinstance(evidence.answer, Measurement) or not evidence.answer.findings:
        return
    faulty = sorted({finding.path for finding in evidence.answer.findings})
    before = {path: tree.read(path) or "" for path in faulty}
    fix = session.ports.journal.step(
        f"{Stage.REFACTORING}:fix:{evidence.digest[:12]}", session.ports.host.run, linter.fix(session.component, faulty)
    )
    await session.timed(Stage.REFACTORING, "auto_fix", fix)
    touched = [path for path in faulty if (tree.read(path) or "") != before[path]]
    for path in touched:
        session.diffs[path] = _diff(path, before[path], tree.read(path) or "")
        session.tell("fixed", Stage.REFACTORING, f"linting mended {path}")
    if touched:
        await _ask_about(session, evidence.answer, touched)


async def _ask_about(session: Session, old: Measurement, touched: list[str]) -> None:
    linter, component = session.ports.linter, session.component
    digest = session.ports.tree.digest(session.scope(linter, component))
    completed = await session.run(Stage.REFACTORING, linter, session.ports.tree, component, touched)
    (answer,) = linter.read(component, completed)
    merged = remeasured(old, answer, touched) if isinstance(answer, Measurement) else answer
    session.evidence[linter.name] = Evidence(answer=merged, digest=digest, measured_at=session.ports.clock.now(), tool=linter.name)


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}")
    return "".join(lines)
