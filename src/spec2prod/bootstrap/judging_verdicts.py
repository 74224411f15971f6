"""The judge put to work on a copy: the measurement, its repetition elsewhere, the plain pytest run, and the verdicts."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.judge import place as judge_place
from spec2prod.adapters.judge.client import Judge, Mutation
from spec2prod.adapters.judge.place import Bounds, JudgeError, interpreter_folders
from spec2prod.adapters.judge.reading import Progress
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.bootstrap.judging_place import Workplace
from spec2prod.bootstrap.judging_told import NOTHING, Judged, ScreenedFiles, rows
from spec2prod.domain.command import Command
from spec2prod.domain.judging import Beforehand, Filter, JudgedVerdict, Judgement, Measured, judged, last_line
from spec2prod.domain.judging_canaries import planted, void_reason
from spec2prod.domain.judging_comparing import confirmed, grounded, harmless, unstable
from spec2prod.domain.screening import screen
from spec2prod.domain.specification import Specification
from spec2prod.domain.suite import CaseResult
from spec2prod.domain.verdict import Unanswered
from spec2prod.gates.reading import WORKERS
from spec2prod.gates.tests import TestsGate

_USUAL = (("PYTHONHASHSEED", "0"),)
_ELSEWHERE = (("PYTHONHASHSEED", "4242"), ("TZ", "Pacific/Chatham"), ("LC_ALL", "C"), ("HOME", "/"))
_HOW_ELSEWHERE = "with another hash seed, time zone, locale and home folder"
_ORDER = "random:1"
_HOW_PLAIN = "in a plain pytest run of it with the suite, in random order"


async def verdicts_in(work: Workplace, specification: Specification | None, listen: Callable[[str], None]) -> Judged:
    """Judge the candidates there.

    Raises:
        JudgeError: where the judge could not do its work, or the copy changed meanwhile.
    """
    screened = {path: screen(each.text) for path, each in work.files.items()}
    told = Judged(component=work.component.name, specification=specification.path if specification else "", tests=())
    left = [path for path, found in screened.items() if isinstance(found, str) or any(not each.objection for each in found)]
    if not left:
        verdicts = judged(NOTHING, _names(screened), Beforehand(objections=_objections(screened)))
        return replace(told, tests=rows(work, screened, verdicts))
    before = work.tree.digest(work.tree.list_files())
    measured, found, existing = await _found(work, left, screened, specification, listen)
    if work.tree.digest(work.tree.list_files()) != before:
        raise JudgeError("the copy of the project changed while it was judged", next_step="judge in a sandbox: spec2prod doctor")
    canaries = planted(work.canaries)
    void = _cannot_import(work, measured) or void_reason(found, canaries)
    verdicts = _voided([each for each in found if each.test not in canaries], void)
    return replace(
        told,
        tests=rows(work, screened, verdicts, measured),
        suite=len(existing),
        absent=tuple(f"{path}: {last_line(measured.refused[path])}" for path in work.suite if path in measured.refused),
        mutants=len(measured.matrix.mutants),
        void=void,
        unsandboxed=find_sandbox().reason,
    )


async def _found(
    work: Workplace, left: Sequence[str], screened: ScreenedFiles, specification: Specification | None, listen: Callable[[str], None]
) -> tuple[Measured, tuple[Judgement, ...], frozenset[str]]:
    """Measure, compare with other ways to run, judge; return also the test functions of the existing suite."""
    measured, elsewhere = await asyncio.gather(
        _measured(work, work.suite, [*left, work.canaries], _USUAL, listen),
        _measured(work, (), left, _ELSEWHERE, lambda _: None, mutation=Mutation.NONE),
    )
    functions = frozenset(case.function for case in measured.cases)
    ours = _names(screened) | {name for name in functions if name.partition("::")[0] in work.files}
    existing = frozenset(name for name in functions if name.partition("::")[0] in work.suite)
    listen("running the tests once with pytest itself")
    able = harmless(measured, ours & functions)
    plain = await _plain(work, able) if able else ()
    swaying = unstable(measured, elsewhere, _HOW_ELSEWHERE)
    known = replace(grounded(plain, specification, existing), objections=_objections(screened), unstable=swaying)
    sure = confirmed(measured, plain, set(able) - swaying.keys(), _HOW_PLAIN)
    return measured, judged(sure, {*ours, *planted(work.canaries)}, known), existing


async def _measured(  # noqa: PLR0913 - what a measurement is made of
    work: Workplace,
    suite: Sequence[str],
    files: Sequence[str],
    environment: tuple[tuple[str, str], ...],
    listen: Callable[[str], None],
    *,
    mutation: Mutation = Mutation.MATRIX,
) -> Measured:
    """Have the warm judge measure in the sandbox."""
    component = work.component
    where = judge_place.Place(
        root=component.root,
        import_root=component.import_root,
        interpreter=component.interpreter,
        box=find_sandbox(),
        bounds=Bounds(lanes=max(2, os.cpu_count() or 2) if mutation is not Mutation.NONE else 1),
        environment=environment,
        readable=work.readable,
    )
    async with Judge(where, _news(listen)) as judge:
        return await judge.measure(suite, files, component.modules, mutation=mutation)


def _news(listen: Callable[[str], None]) -> Callable[[Progress], None]:
    """Tell progress in words, each words once: the judge says many things that change nothing for a reader."""
    told = ""

    def take(progress: Progress) -> None:
        nonlocal told
        if (words := _progress(progress)) != told:
            told = words
            listen(words)

    return take


def _progress(progress: Progress) -> str:
    if not progress.tests:
        return "collecting the tests"
    if not progress.tried:
        return f"measured {progress.measured} of {progress.tests} tests"
    return f"tried {progress.tried} of {progress.mutants} mutants"


async def _plain(work: Workplace, functions: Sequence[str]) -> tuple[CaseResult, ...]:
    """Run these tests and the suite once with pytest itself, in the sandbox too.

    Raises:
        JudgeError: where that could not be done.
    """
    gate = TestsGate(order=_ORDER, nonce=uuid.uuid4().hex, timeout_s=work.timeout_s)
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="spec2prod-plain-")))  # noqa: ASYNC240 - once, of a moment
    command = gate.again(work.component, (*work.suite, *functions))
    try:
        completed = replace(await ProcessHost().run(_boxed(work, command, folder)), command=command)  # its reader knows no sandbox
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    answers = gate.read(work.component, completed)
    if isinstance(answers[0], Unanswered):
        step = "run the suite and these files with pytest by hand: what stops it there stops it here"
        raise JudgeError(f"pytest itself could not be asked: {answers[0].reason}", next_step=step)
    return gate.report(work.component, completed).cases


def _boxed(work: Workplace, command: Command, folder: Path) -> Command:
    """Put a command into the sandbox, without network; it may write into `folder` alone."""
    argv = [word.replace("{scratch}", str(folder)) for word in command.argv]
    box = find_sandbox()
    readable = (work.component.root, Path(WORKERS), *interpreter_folders(work.component.interpreter), *work.readable)
    wrapped = box.wrap(argv, readable=readable, writable=(folder,), cwd=command.cwd)
    return replace(
        command,
        argv=(wrapped[0], "--unshare-net", *wrapped[1:]) if box.bwrap is not None else wrapped,
        env={**{name: value.replace("{scratch}", str(folder)) for name, value in command.env.items()}, "TMPDIR": str(folder)},
        answer=str(folder / command.answer),
    )


def _names(screened: ScreenedFiles) -> frozenset[str]:
    return frozenset(f"{path}::{each.name}" for path, found in screened.items() if not isinstance(found, str) for each in found)


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
