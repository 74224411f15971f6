"""What a person can do next, the same thing told once."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from spec2prod.adapters.terminal.words import first_line, limits, say
from spec2prod.domain.defect import SUSPECTED_DEFECTS
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Run
from spec2prod.domain.verdict import Finding, Judgement, Measurement, Verdict

_SHOWN = 5  # findings a gate

_RUN_AGAIN = "run again: what was not measured is not judged"

_UNHEALTHY = "mend what the installed wheel lacks (it was checked with the source tree out of sight), then run again"


def next_steps(run: Run, console: Console) -> None:
    """Tell what to do about each gate that is not settled, and each stage that could not be asked."""
    alike: dict[str, list[str]] = {}  # what several gates ask for is told once
    for result in run.stages:
        for step in result.next_steps:
            alike.setdefault(step, []).append(str(result.stage))
        for gate in (gate for gate in result.gates if not _settled(gate)):
            for step in _steps(gate, run):
                alike.setdefault(step, []).append(gate.title)
    steps = [f"{', '.join(dict.fromkeys(gates))}: {step}" for step, gates in alike.items()]
    steps += [f"{result.stage}: {_UNHEALTHY}" for result in run.stages if result.rolled_back and result.verdict is Verdict.FAILED]
    if run.interrupted:
        steps = [f"{run.way_on} goes on with it: what was not measured is not judged" if run.way_on else _RUN_AGAIN]
    if not steps:
        return
    say(console, Text("Next:"))
    for step in steps:
        say(console, Text(f"  {step}"))
    measured = (result for result in run.stages if result.stage in {Stage.TESTING, Stage.REFACTORING} and not run.interrupted)
    if blocking := [gate.gate for result in measured for gate in result.gates if gate.required and not gate.verdict.lets_pass]:
        say(console, Text(f"  what is asked, and how to mend a no: spec2prod gates {blocking[0]}"))


def _settled(gate: Judgement) -> bool:
    return gate.verdict in {Verdict.PASSED, Verdict.WAIVED}


def _steps(gate: Judgement, run: Run) -> tuple[str, ...]:
    """Return what the reader can do about a gate: its own next step, else the first places to look at."""
    if gate.next_step:
        return (gate.next_step,)
    if gate.gate == SUSPECTED_DEFECTS and run.defects:  # what each one is stands above
        return tuple(each.next_step for each in run.defects)
    answer = gate.evidence.answer if gate.evidence else None
    found = _weighty(gate, answer.findings) if isinstance(answer, Measurement) else ()
    places = tuple(f"{each.address}: {each.code} {first_line(each.message)}".replace(":  ", ": ") for each in found[:_SHOWN])
    more = (f"and {len(found) - _SHOWN} more, in the report",) if len(found) > _SHOWN else ()
    if places:
        return (*places, *more)
    return (limits(gate.reason),)


def _weighty(gate: Judgement, findings: Sequence[Finding]) -> Sequence[Finding]:
    """Return the findings of the severities that break a limit, so that what is allowed does not hide them; else all."""
    return [each for each in findings if f"{each.severity} is " in gate.reason] or findings
