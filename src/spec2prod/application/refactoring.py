"""The stage that asks linter, type checker, security scanner and a project's own gates, all at once, and mends what may be mended."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from spec2prod.application.failing_fast import fail_fast, in_order_of_risk
from spec2prod.application.ports import Subject, in_one_process
from spec2prod.application.session import digest_of, mending
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import StageResult
from spec2prod.domain.verdict import Evidence, Measurement, remeasured, stage_verdict

if TYPE_CHECKING:
    from spec2prod.application.ports import Gate
    from spec2prod.application.session import Session
    from spec2prod.domain.command import Mended
    from spec2prod.domain.component import Component


async def measure(session: Session) -> None:
    """Ask every question of the stage; an auto-fix changes the digest, so that what it touched is asked again."""
    async with session.stage(Stage.REFACTORING):
        groups = in_order_of_risk(session, in_one_process(session.asked(session.names(Stage.REFACTORING))))
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
    fail_fast(session, Stage.REFACTORING)


async def _mend(session: Session) -> None:
    """Let the linter fix what it safely can, show the change, and ask it again about the touched files alone."""
    linter, tree = session.ports.linter, session.ports.tree
    evidence = session.evidence[linter.name]
    if not isinstance(evidence.answer, Measurement) or not evidence.answer.findings:
        return
    faulty = sorted({finding.path for finding in evidence.answer.findings})
    before = {path: tree.read(path) or "" for path in faulty}
    fix = session.ports.journal.step(
        f"{Stage.REFACTORING}:fix {digest_of(before)}:{evidence.digest[:12]}",
        partial(_mended_texts, session, faulty),
        session.component,
        faulty,
    )
    subject = Subject(
        gate=linter,
        component=session.component,
        tree=tree,
        command=linter.fix(session.component, faulty),
        name="linting, mended",
        only=tuple(faulty),
    )
    texts = await session.mended(Stage.REFACTORING, subject, partial(session.timed, Stage.REFACTORING, "auto_fix", fix))
    touched = await _written(session, before, texts)
    for path in touched:
        session.diffs[path] = _diff(path, before[path], texts[path])
        session.tell("fixed", Stage.REFACTORING, f"linting mended {path}")
    if touched:
        await _ask_about(session, evidence.answer, touched)


async def _mended_texts(session: Session, faulty: Sequence[str], component: Component, only: Sequence[str]) -> Mended:
    """Let the linter mend a copy: a crash in mid-fix leaves the project as it was."""
    ports = session.ports
    there = await ports.tree.copy("fix")
    command = ports.linter.fix(dataclasses.replace(component, root=there.root), only)
    return await mending(ports.host, there, faulty)(command)


async def _written(session: Session, before: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Write the mended texts, each whole or not at all; leave a file alone that somebody else has changed meanwhile."""
    tree, touched = session.ports.tree, []
    for path, text in sorted(texts.items()):
        await session.ports.journal.intend(path, before[path], text)
        if (tree.read(path) or "") != before[path]:
            continue
        tree.replace(path, text)
        touched.append(path)
    session.supersede(touched)
    return touched


async def _ask_about(session: Session, old: Measurement, touched: list[str]) -> None:
    linter, component = session.ports.linter, session.component
    digest = session.ports.tree.digest(session.scope(linter, component))
    (answer,) = await session.answers(Stage.REFACTORING, linter, session.ports.tree, component, touched)
    merged = remeasured(old, answer, touched) if isinstance(answer, Measurement) else answer
    session.evidence[linter.name] = Evidence(answer=merged, digest=digest, measured_at=session.ports.clock.now(), tool=linter.name)
    session.keep_as_it_is(linter)


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}")
    return "".join(lines)
