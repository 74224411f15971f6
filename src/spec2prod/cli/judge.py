"""`spec2prod judge`: whether test files earn their place, whoever wrote them."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.cli.telling import Teller, counted, document
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.domain.judged import Judged, JudgedTest

_EPILOG = """\
The files may lie anywhere; nothing is adopted, and nothing in the project changes. In a copy of it, without network and without
leave to write, each test runs alone; then the component is changed in small ways (mutants), and who covers a change has to notice.

verdicts:
  accepted          it notices a change of the code that nothing else notices, or is the first evidence for a requirement
  redundant         it is sound, and others (the suite, or tests judged with it) notice all that it would
  rejected          it would not protect you; the filter that decided is named
  review            a person has to look
  suspected_defect  it fails, and a requirement demands what it asserts: the code may be wrong (needs --spec)
  errored           nothing true can be said about it

filters:
  1 screen        no assertion, one that cannot fail, a swallowed one, a skipped test
  2 isolation     it fails, hangs, reaches for the network, writes outside of tmp_path, leaves something behind, patches what it tests
  3 perturbation  another hash seed, time zone, locale or home folder changes its outcome
  4 coverage      it runs no line of the component
  5 mutation      its assertions notice no change of the code
  6 grounding     it names a requirement that the specification does not state
  7 triage        whether a failure is a suspected defect
  8 confirmation  pytest itself, with the suite and in random order, must see what the judge has seen

An exception counts less than an assertion: where nobody's assertion notices a change, a test that stops with one is accepted for
it, provided that its assertions notice another change. A test that only ever stops is for review.

A second judgement of unchanged files, project and environment is answered from the cache. Exit 0: every test is accepted or
redundant. 1: some test is not. 4: some test could not be judged.

examples:
  spec2prod judge --component api tests/test_api.py
  spec2prod judge --component api --spec specs/api.md ../proposed/test_new.py
  spec2prod judge --component api --json tests/test_api.py tests/test_errors.py
"""
_SIGNS = {
    "suspected_defect": ("✗", "bold red"),
    "errored": ("?", "bold magenta"),
    "rejected": ("✗", "red"),
    "review": ("!", "yellow"),
    "accepted": ("✓", "green"),
    "redundant": ("=", "dim"),
}
_GOOD = ("accepted", "redundant")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "judge",
        parents=[common],
        help="judge test files, whoever wrote them: one verdict per test, with its reason",
        description="Judge test files beside the component's own suite, without adopting them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="TESTFILE", help="a test file, inside or outside of the project")
    parser.add_argument("--component", required=True, metavar="NAME", help="the component that they test")
    parser.add_argument("--component-path", metavar="PATH", help="where the component lies, if its name does not tell")
    parser.add_argument("--spec", metavar="FILE", help="its specification: tests may name its requirements")
    parser.add_argument("--no-cache", action="store_true", help="judge anew, whatever was judged before")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(command=judge)


def judge(args: argparse.Namespace) -> int:
    """Judge and tell; return 0 where every test is accepted or redundant."""
    from spec2prod.bootstrap.judging import Asked, judge_files
    from spec2prod.bootstrap.running import run_to_the_end

    asked = Asked(
        files=tuple(map(Path, args.files)),
        component=args.component,
        component_path=Path(args.component_path) if args.component_path else None,
        spec=Path(args.spec) if args.spec else None,
        cache=not args.no_cache,
    )
    with _progress() as listen:
        judged = run_to_the_end(judge_files(asked, listen))
    if args.json:
        document({**asdict(judged), "verdicts": dict(_counts(judged)), "exit_code": int(exit_code(judged))})
    else:
        tell(Teller(), judged)
    return exit_code(judged)


def exit_code(judged: Judged) -> ExitCode:
    """Return how the command ends."""
    if not judged.is_whole:
        return ExitCode.COULD_NOT_ASK
    return ExitCode.PROMOTED if all(each.verdict in _GOOD for each in judged.tests) else ExitCode.GATE_FAILED


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Tell how far it is on standard error: one line that changes on a terminal, a line for each part of the work elsewhere."""
    from spec2prod.bootstrap.judging_run import PHASES
    from spec2prod.cli.output import console

    screen = console(stderr=True)
    if screen.is_terminal:
        with screen.status("judging") as status:
            yield status.update
        return
    told: set[str] = set()

    def line(text: str) -> None:
        part = text.partition(" ")[0]
        if part not in told:
            told.add(part)
            screen.print(PHASES.get(part, text), soft_wrap=True)

    yield line


def tell(teller: Teller, judged: Judged) -> None:
    """Tell a judgement to people."""
    beside = f"beside {counted(judged.suite, 'test')} of the suite" if judged.suite else "there is no suite beside it"
    known = ", as judged before" if judged.from_cache else ""
    teller.line(f"{judged.component}: {counted(len(judged.tests), 'test')} judged, {beside}{known}", style="bold")
    if judged.unsandboxed and judged.suite + judged.mutants:
        teller.line(f"without a sandbox: {judged.unsandboxed}")
    for absent in judged.absent:
        teller.line(f"without a file of the suite: {absent}", style="yellow")
    if judged.void:
        teller.line(f"the judgement is void: {judged.void}", style="magenta")
    for file in dict.fromkeys(each.file for each in judged.tests):
        teller.heading(file)
        for each in sorted((test for test in judged.tests if test.file == file), key=_urgency):
            _tell_one(teller, each, max(len(test.verdict) for test in judged.tests))
    teller.line()
    teller.line(", ".join(f"{count} {_worded(verdict)}" for verdict, count in _counts(judged).items()))
    if exit_code(judged) is not ExitCode.PROMOTED:
        teller.line("what the verdicts and filters mean: spec2prod judge --help")


def _worded(verdict: str) -> str:
    return verdict.replace("_", " ")


def _tell_one(teller: Teller, each: JudgedTest, width: int) -> None:
    sign, style = _SIGNS[each.verdict]
    decided = "" if each.verdict in _GOOD else f" (filter {each.filter_number}, {each.filter})"
    place = f"line {each.line}, " if each.line else ""
    verdict = f"  {sign} {_worded(each.verdict):<{width}}"
    teller.line(f"{place}{each.name or 'the whole file'}{decided}: {each.sentence}", sign=verdict, style=style)


def _urgency(each: JudgedTest) -> int:
    """Return where a test stands in its file's list: what somebody must look at first."""
    return list(_SIGNS).index(each.verdict)


def _counts(judged: Judged) -> Counter[str]:
    counts = Counter(each.verdict for each in judged.tests)
    return Counter({verdict: counts[verdict] for verdict in _SIGNS if counts[verdict]})
