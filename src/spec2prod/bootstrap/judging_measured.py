"""What a judgement is made of, measured in the copy: by the warm judge in several ways, and by pytest itself in two orders."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spec2prod.adapters.host.watch import belongings
from spec2prod.adapters.judge import place as judge_place
from spec2prod.adapters.judge.client import Judge, Mutation
from spec2prod.adapters.judge.place import Bounds, JudgeError, interpreter_folders, sealed
from spec2prod.adapters.judge.reading import Progress
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.bootstrap.judging_place import Workplace
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.judging import Measured
from spec2prod.domain.suite import CaseResult
from spec2prod.domain.verdict import Unanswered
from spec2prod.gates.reading import WORKERS
from spec2prod.gates.tests import TestsGate

type Run = Callable[[Command], Awaitable[Completed]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the judged code finds its surroundings: environment variables, and a date that is off by so many seconds."""

    environment: tuple[tuple[str, str], ...] = (("PYTHONHASHSEED", "0"),)
    clock_s: float | None = None


_OTHERS = (("PYTHONHASHSEED", "4242"), ("TZ", "Pacific/Chatham"), ("LC_ALL", "C"), ("HOME", "/"))
_LATER_S = (500 * 24 + 7) * 3600.0  # another year, month, weekday and hour; summer time where it is winter now
_AT_LEAST_S, _SHARE = 900.0, 1.5  # of a judgement, and how much longer it may take than a run of the tests may
USUAL, SURROUNDINGS = Way(), Way(environment=_OTHERS)
DATE, CLOCK = Way(clock_s=_LATER_S), Way(clock_s=0.0)
ELSEWHERE = Way(environment=_OTHERS, clock_s=_LATER_S)
HOW_ELSEWHERE = ("with another hash seed, time zone, locale and home folder", "500 days later")
ORDERS = ("as-is", "reversed")
HOW_ORDERED = ("after the suite", "before it, backwards")
HOW_PLAIN = "in a plain pytest run of it after the suite"


async def measured_in(  # noqa: PLR0913 - what a measurement is made of
    work: Workplace,
    suite: Sequence[str],
    files: Sequence[str],
    way: Way = USUAL,
    *,
    listen: Callable[[str], None] = lambda _: None,
    mutation: Mutation = Mutation.NONE,
) -> Measured:
    """Have the warm judge measure in the sandbox, that way.

    Raises:
        JudgeError: where it could not.
    """
    component = work.component
    where = judge_place.Place(
        root=component.root,
        import_root=component.import_root,
        interpreter=component.interpreter,
        box=find_sandbox(),
        bounds=bounds_of(work.timeout_s, mutation),
        environment=way.environment,
        clock_s=way.clock_s,
        readable=work.readable,
        ours=belongings(),
    )
    async with Judge(where, _news(listen)) as judge:
        return await judge.measure(suite, files, component.modules, mutation=mutation, witnesses=[work.examples], planted=[work.canaries])


def bounds_of(timeout_s: float, mutation: Mutation) -> Bounds:
    """Return the bounds of a measurement where a run of the tests may take so many seconds: who allows that more, allows the judge more."""
    lanes = max(2, os.cpu_count() or 2) if mutation is not Mutation.NONE else 1
    return Bounds(lanes=lanes, total_s=max(_AT_LEAST_S, _SHARE * timeout_s))


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


async def plain_in(work: Workplace, functions: Sequence[str], order: str, run: Run) -> tuple[CaseResult, ...]:
    """Run these tests and the suite once with pytest itself, in the sandbox too.

    Raises:
        JudgeError: where that could not be done.
    """
    gate = TestsGate(order=order, nonce=uuid.uuid4().hex, timeout_s=work.timeout_s)
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="plain-", dir=belongings().folder)))  # noqa: ASYNC240 - once, of a moment
    command = gate.again(work.component, (*work.suite, *functions))
    try:
        completed = replace(await run(_boxed(work, command, folder)), command=command)  # its reader knows no sandbox
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
    wrapped = sealed(box, box.wrap(argv, readable=readable, writable=(folder,), cwd=command.cwd))
    return replace(
        command,
        argv=wrapped,
        env={**{name: value.replace("{scratch}", str(folder)) for name, value in command.env.items()}, "TMPDIR": str(folder), **_lenient()},
        answer=str(folder / command.answer),
    )


def _lenient() -> dict[str, str]:
    """Let pytest start where the project makes warnings errors, and a plugin of the environment warns at its start."""
    return {"PYTEST_ADDOPTS": " ".join([os.environ.get("PYTEST_ADDOPTS", ""), "-W ignore::pytest.PytestDeprecationWarning"]).strip()}
