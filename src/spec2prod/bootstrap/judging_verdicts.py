"""The judge put to work on a copy: what is measured there, in which ways it is repeated, and the verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.judge.client import Mutation
from spec2prod.adapters.judge.place import JudgeError
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.bootstrap.judging_measured import (
    CLOCK,
    DATE,
    ELSEWHERE,
    HOW_ELSEWHERE,
    HOW_ORDERED,
    HOW_PLAIN,
    ORDERS,
    SURROUNDINGS,
    Run,
    measured_in,
    plain_in,
)
from spec2prod.bootstrap.judging_place import Workplace, with_examples
from spec2prod.bootstrap.judging_told import NOTHING, ScreenedFiles, rows, suite_kills, survivors, uncovered
from spec2prod.domain.example import examples_of
from spec2prod.domain.judged import Judged
from spec2prod.domain.judging import Beforehand, Filter, JudgedVerdict, Judgement, Measured, judged, last_line
from spec2prod.domain.judging_canaries import planted, void_reason
from spec2prod.domain.judging_comparing import Repeats, confirmed, grounded, harmless, has_own_times, ordered, swaying, unstable
from spec2prod.domain.judging_oracle import claims_of, heard
from spec2prod.domain.judging_witness import Witness, witness
from spec2prod.domain.screening import Screened, screen
from spec2prod.domain.screening_doubts import doubts
from spec2prod.domain.specification import Specification


async def verdicts_in(
    work: Workplace, specification: Specification | None, listen: Callable[[str], None], run: Run | None = None
) -> Judged:
    """Judge the candidates there. `run` starts pytest itself, where the caller keeps a record of processes.

    Raises:
        JudgeError: where the judge could not do its work, or the copy changed meanwhile.
    """
    screened = {path: screen(each.text) for path, each in work.files.items()}
    told = Judged(component=work.component.name, specification=specification.path if specification else "", tests=())
    left = [path for path, found in screened.items() if isinstance(found, str) or any(not each.objection for each in found)]
    if not left:
        verdicts = judged(NOTHING, _names(screened), Beforehand(objections=_objections(screened)))
        return replace(told, tests=rows(work, screened, verdicts))
    examples = witness(claims_of(examples_of(specification)) if specification else (), _sources(work))
    work = with_examples(work, examples.text)
    before = work.tree.digest(work.tree.list_files())
    measured, found, known = await _found(work, left, screened, specification, examples, listen, run or ProcessHost().run)
    if work.tree.digest(work.tree.list_files()) != before:
        raise JudgeError("the copy of the project changed while it was judged", next_step="judge in a sandbox: spec2prod doctor")
    canaries = planted(work.canaries)
    void = _cannot_import(work, measured) or void_reason(found, canaries)
    verdicts = _voided([each for each in found if each.test not in canaries], void)
    kept = known.existing | {each.test for each in verdicts if each.verdict is JudgedVerdict.ACCEPTED}
    return replace(
        told,
        tests=rows(work, screened, verdicts, measured, known.requirements),
        suite=len(known.existing),
        suite_kills={} if void else suite_kills(measured, known.existing),
        survivors={} if void else survivors(measured, kept),
        uncovered={} if void else uncovered(work, measured, kept),
        statements={module: len(lines) for module, lines in measured.statements.items()},
        absent=tuple(f"{path}: {last_line(measured.refused[path])}" for path in work.suite if path in measured.refused),
        mutants=len(measured.matrix.mutants),
        void=void,
        unsandboxed=find_sandbox().reason,
    )


async def _found(  # noqa: PLR0913, PLR0917 - what it goes by
    work: Workplace,
    left: Sequence[str],
    screened: ScreenedFiles,
    specification: Specification | None,
    examples: Witness,
    listen: Callable[[str], None],
    run: Run,
) -> tuple[Measured, tuple[Judgement, ...], Beforehand]:
    """Measure, compare with other ways to run, judge; return also what was known of the tests when they were judged."""
    measured, together = await asyncio.gather(
        measured_in(work, work.suite, [*left, *filter(None, (work.canaries, work.examples))], listen=listen, mutation=Mutation.MATRIX),
        measured_in(work, (), left, ELSEWHERE),
    )
    functions = frozenset(case.function for case in measured.cases)
    ours = _names(screened) | {name for name in functions if name.partition("::")[0] in work.files}
    existing = frozenset(name for name in functions if name.partition("::")[0] in work.suite)
    listen("running the tests twice with pytest itself")
    able = harmless(measured, ours & functions)
    after, before = await asyncio.gather(*(plain_in(work, able, order, run) for order in ORDERS)) if able else ((), ())
    unsteady = {**await _swaying(work, measured, together), **ordered(after, before, able, HOW_ORDERED)}
    known = replace(
        grounded(after, specification, existing),
        objections=_objections(screened),
        suspicions=_suspicions(work),
        unstable=unsteady,
        stating=_those(screened, lambda each: each.states_value),
        comparing=_those(screened, lambda each: each.compares),
        may_skip=_those(screened, lambda each: each.may_skip),
    )
    known = _with_witness(work, examples, known)
    sure = confirmed(measured, after, set(able) - unsteady.keys(), HOW_PLAIN)
    return measured, judged(sure, {*ours, *planted(work.canaries)}, known), known


async def _swaying(work: Workplace, measured: Measured, together: Measured) -> dict[str, str]:
    """Say which tests do not end the same each time; each way that differed is tried by itself where any test ended otherwise."""
    candidates = _of(measured, work.files)
    odd = sorted({name.partition("::")[0] for name in unstable(candidates, together, "")})
    if not odd:
        return {}
    surroundings, date, clock = [await measured_in(work, (), odd, way) for way in (SURROUNDINGS, DATE, CLOCK)]
    repeats = Repeats(surroundings=surroundings, date=date, clock=clock, ways=HOW_ELSEWHERE)
    dated = any(has_own_times(work.tree.read(path) or "") for path in work.component.modules)
    own_times = {path for path in odd if dated or has_own_times(work.files[path].text)}
    return swaying(_of(measured, odd), together, repeats, own_times)


def _of(measured: Measured, files: Collection[str]) -> Measured:
    """Return the cases of these files alone."""
    return replace(measured, cases=tuple(case for case in measured.cases if case.id.partition("::")[0] in files))


def _names(screened: ScreenedFiles) -> frozenset[str]:
    return frozenset(f"{path}::{each.name}" for path, found in screened.items() if not isinstance(found, str) for each in found)


def _suspicions(work: Workplace) -> dict[str, str]:
    """Return what the texts alone give a person to look at."""
    sources = _sources(work)
    return {f"{path}::{name}": told for path, each in work.files.items() for name, told in doubts(each.text, sources).items()}


def _sources(work: Workplace) -> dict[str, str]:
    return {work.component.dotted(path): work.tree.read(path) or "" for path in work.component.modules}


def _with_witness(work: Workplace, examples: Witness, known: Beforehand) -> Beforehand:
    """Add what the specification's examples say of the tests, and where the planted ones stand."""
    told = {path: heard(each.text, examples.heard) for path, each in work.files.items()} if examples.heard else {}
    opposite = {f"{path}::{name}": words for path, each in told.items() for name, words in each.opposite.items()}
    agreeing = frozenset(f"{path}::{name}" for path, each in told.items() for name in each.agreeing)
    planted_at = {f"{work.examples}::{name}": each.where for name, each in examples.claims.items()}
    return replace(known, doubts={**known.doubts, **opposite}, opposite=opposite, agreeing=agreeing, examples=planted_at)


def _those(screened: ScreenedFiles, wanted: Callable[[Screened], bool]) -> frozenset[str]:
    tests = ((path, each) for path, found in screened.items() if not isinstance(found, str) for each in found)
    return frozenset(f"{path}::{each.name}" for path, each in tests if wanted(each))


def _objections(screened: ScreenedFiles) -> dict[str, str]:
    tests = ((path, each) for path, found in screened.items() if not isinstance(found, str) for each in found)
    return {f"{path}::{each.name}": each.objection for path, each in tests if each.objection}


def _cannot_import(work: Workplace, measured: Measured) -> str:
    """Say that the component cannot even be imported, where not even the canaries' file could be collected."""
    reason = measured.refused.get(work.canaries, "")
    return f"{work.component.name} cannot be imported: {last_line(reason)}" if reason else ""


def _voided(judgements: Iterable[Judgement], void: str) -> tuple[Judgement, ...]:
    """Take back every verdict of a judgement that does not count."""
    if not void:
        return tuple(judgements)
    sentence = f"the judgement is void: {void}"
    return tuple(replace(each, verdict=JudgedVerdict.ERRORED, filter=Filter.CONFIRMATION, sentence=sentence) for each in judgements)
