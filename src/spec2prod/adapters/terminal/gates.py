"""What each gate measured, as a table; what was waived; what became of stages that have no gates."""

from __future__ import annotations

from pathlib import PurePath

from rich.console import Console
from rich.text import Text

from spec2prod.adapters.terminal.words import limits, say, sign, worded
from spec2prod.domain.run import Run, StageResult
from spec2prod.domain.verdict import Judgement, Verdict

_NARROW = 72  # columns; below, a table would be all folds


def gates(run: Run, console: Console) -> None:
    """Tell what each gate measured, needed and says; below a certain width a line each."""
    judged = [(result.stage, gate) for result in run.stages for gate in result.gates]
    if not judged:
        return
    if console.width < _NARROW:
        for _, gate in judged:
            say(console, Text.assemble(worded(gate.verdict), f" {gate.title}: {_found(gate)}; needed {_needed(gate)}"))
        return
    from rich.table import Table  # noqa: PLC0415 - the first tool starts sooner without it

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("stage", "gate", "verdict", "measured", "needed"):
        table.add_column(name, overflow="fold")
    for stage, gate in judged:
        optional = "" if gate.required else " (optional)"
        table.add_row(str(stage), gate.title + optional, Text.assemble(worded(gate.verdict)), Text(_found(gate)), Text(_needed(gate)))
    console.print(table)


def waivers(run: Run, console: Console) -> None:
    """Tell every waiver that was given for a gate that says no: whose, until when, why, or why it does not count."""
    for gate in (gate for result in run.stages for gate in result.gates if gate.waiver):
        say(
            console,
            Text.assemble(sign(gate.verdict), f" {gate.title}: {gate.waiver}" + (f" ({limits(gate.reason)})" if gate.reason else "")),
        )


def stages_without_gates(run: Run, console: Console) -> None:
    """Tell how stages ended that judge nothing, and which were left out or did not run, and why."""
    for result in run.stages:
        if not result.gates:
            say(console, Text.assemble(worded(result.verdict), f" {result.stage}"))
            for error in (*result.errors, *_delivered(result)):
                say(console, Text(f"  {error}"))
    for clause in run.plan.left_out:
        say(console, Text.assemble(("·", "dim"), f" {clause}"))
    for stage, reason in run.not_run.items():
        say(console, Text.assemble(("· not run", "dim"), f" {stage}: {reason}"))


def _found(gate: Judgement) -> str:
    """Return what was measured, or why nothing was."""
    return gate.measured if gate.answered or not gate.reason else gate.reason


def _needed(gate: Judgement) -> str:
    """Return the limits, with their origins where somebody set them."""
    return limits(gate.needed).replace(" (default)", "")


def _delivered(result: StageResult) -> tuple[str, ...]:
    """Say what an environment serves now, and where, after a release that passed."""
    told = {name: str(result.outputs.get(name, "")) for name in ("environment", "wheel", "current")}
    if result.rolled_back:
        return (f"rolled back: {_served_after(result, told['environment'] or result.stage)}",)
    if result.verdict is not Verdict.PASSED or not all(told.values()):
        return ()
    return (f"{told['environment']} serves {PurePath(told['wheel']).name} in {told['current']}",)


def _served_after(result: StageResult, environment: str) -> str:
    """Say what an environment serves after a release was taken back: what it served before, or nothing at all."""
    switched = result.outputs.get("switched")
    if not isinstance(switched, dict) or switched.get("to"):
        return f"{environment} goes on with what it served before"
    why = "the release before is not there any more" if switched.get("from") else "there was no release before"
    return f"{environment} serves nothing, since {why}"
