"""A suspected defect told whole: at a glance what contradicts what, then the test, and the three things that it may be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spec2prod.domain.defect_told import contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec2prod.cli.telling import Teller
    from spec2prod.domain.defect import Defect, Disposition
    from spec2prod.domain.defect_told import Stated

INDENT = "    "
KINDS = ("fixed", "wrong-test", "wrong-requirement")
_MEANT = ("the code was wrong, and is right by now", "the test asks for what nobody promised", "the promise itself is wrong")
_RUNS_TOLD = 5


def tell_whole(teller: Teller, defect: Defect, promised: Sequence[Stated], said: Sequence[Disposition]) -> None:
    """Tell what contradicts what, what the test is and how it failed, who saw it, what people said, and what to say next."""
    teller.line(f"{defect.id}, {'open' if defect.is_open else 'disposed of'}: {defect.sentence}", style="bold")
    for each in promised:
        teller.line(f"requirement: {each.id}" + (f" ({each.where}): {each.text}" if each.text else ""))
        if each.since:
            teller.line(f"{INDENT}{each.since}", style="yellow")
    seen = contrast(defect.message)
    for name, text in (
        ("expected", seen.expected),
        ("the code answered", seen.answered),
        ("code", f"{defect.module} (component {defect.component})"),
        ("test", f"{defect.test}, proposed as {defect.test_file}"),
        ("seen", _seen(defect)),
    ):
        if text:
            teller.line(f"{name}: {text}")
    for each_said in said:
        teller.line(f"said: {each_said}")
    for heading, text in (("the test", _squeezed(defect.source)), ("how it failed", defect.message)):
        teller.heading(heading)
        for line in text.rstrip().splitlines():
            teller.line(f"{INDENT}{line}" if line else "")
    if defect.is_open:
        _tell_ways(teller, defect)


def _tell_ways(teller: Teller, defect: Defect) -> None:
    """Tell the commands by which one of the three is said, and the one that measures before."""
    teller.heading(f"next: say what it is (spec2prod defects check {defect.id} runs its test on the present code)")
    width = max(map(len, KINDS))
    for kind, told in zip(KINDS, _MEANT, strict=True):
        command = f'spec2prod defects dispose {defect.id} --as {kind} --reason "…"'
        teller.line(f"  {command}{' ' * (width - len(kind))}  # {told}")


def _seen(defect: Defect) -> str:
    """Say how often it was seen to fail, and in which runs, the newest first."""
    newest = [f"{run_id[:8]} ({at[:19].replace('T', ' ')})" for run_id, at in reversed(defect.seen)][:_RUNS_TOLD]
    times = "once" if defect.times == 1 else f"{defect.times} times"
    more = defect.times - len(newest)
    return f"{times}, in the run{'s' if defect.times > 1 else ''} {', '.join(newest)}" + (f" and {more} before" if more > 0 else "")


def _squeezed(source: str) -> str:
    """Return a test's text with at most two empty lines in a row: what was cut out around it leaves more."""
    return re.sub(r"\n(?:[ \t]*\n){3,}", "\n\n\n", source)
