"""What was generated, what became of each proposed test, and which defects it has shown."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from spec2prod.adapters.terminal.words import STYLES, say, sign, worded
from spec2prod.domain.candidate import PAID, Candidate, CandidateVerdict, TaskStatus, by_urgency, counted
from spec2prod.domain.plan import Stage
from spec2prod.domain.rounds import told_cost
from spec2prod.domain.run import Run
from spec2prod.domain.verdict import Verdict

_SOUND = {CandidateVerdict.ACCEPTED, CandidateVerdict.REDUNDANT}

_EARNED = (
    "A test is accepted if it notices a change that no other kept test notices, or is the first to show a requirement. "
    "What the filters are: spec2prod judge --help"
)

_UNKNOWN_MARKER = (
    "These tests carry the marker `requirement`, which your own pytest does not know: it warns of it, or refuses it if it is strict. "
    'Add to [tool.pytest.ini_options]: markers = ["requirement: the requirement that a test shows"]'
)


def defects(run: Run, console: Console) -> None:
    """Tell what may be wrong with the code before anything else."""
    if not run.defects:
        return
    say(console, Text("Suspected defects, until somebody says what they are:", style=STYLES["failed"]))
    for each in run.defects:
        say(console, Text.assemble("  ", sign(Verdict.FAILED), f" {each.id} {each.module} ({each.named}): {each.sentence}"))
        say(console, Text(f"    {each.next_step}"))


def generation(run: Run, console: Console) -> None:
    """Tell which model was asked, what each task brought, and what it cost."""
    if not run.plan.generate:
        return
    label = " (scripted: it answers from a script and is no language model)" if run.scripted_model else ""
    if run.model or PAID in run.plan.generators:
        say(console, Text(f"Model: {run.model or 'none'}{label}", style="yellow" if run.scripted_model else ""))
    for each in run.outcomes:
        came = f"proposed {each.test_file}" if each.text is not None else f"{each.status.replace('_', ' ')}: {each.reason}"
        verdict = Verdict.PASSED if each.status is TaskStatus.DELIVERED else Verdict.ERRORED
        say(console, Text.assemble(sign(verdict), f" {each.module}: {came}"))
    paid = {each.test_file for each in run.requests if each.generator == PAID}
    accepted = sum(each.verdict is CandidateVerdict.ACCEPTED and each.test_file in paid for each in run.candidates)
    if spent := told_cost([each for each in run.rounds if each.test_file in paid], accepted, run.model):
        say(console, Text(f"  {spent}"))


def candidates(run: Run, console: Console) -> None:
    """Tell of each proposed test what became of it, and why: first what somebody must look at."""
    if not run.candidates:
        return
    tried = sum(count for count in _mutants(run).values())
    on = f"; tried on {tried} small changes of the code (mutants)" if tried else ""
    say(console, Text(f"Proposed tests: {counted(run.candidates)}{on}"))
    for each in by_urgency(run.candidates):
        decided = "" if each.verdict in _SOUND else f" ({each.decided_by})"
        say(console, Text.assemble("  ", worded(each.verdict), f" {_named(each)}{decided}: {each.reason}"))
    if tried:
        say(console, Text(f"  {_EARNED}", style="dim"))
    if any(each.verdict is CandidateVerdict.REVIEW for each in run.candidates):
        say(console, Text(f"  for review: what was proposed is kept in .spec2prod/runs/{run.plan.run_id}/proposed"))
    for path in run.adopted:
        label = " (characterisation: what the code does, not what it should do)" if run.is_characterisation(path) else ""
        say(console, Text(f"  written: {path}{label}"))
    if run.adopted and _is_marker_unknown(run):
        say(console, Text(f"  {_UNKNOWN_MARKER}", style=STYLES["warned"]))


def _is_marker_unknown(run: Run) -> bool:
    """Whether tests were taken whose marker the project's own pytest does not know."""
    result = next((each for each in run.stages if each.stage is Stage.GENERATION), None)
    marked = any(each.requirements for each in run.candidates if each.verdict is CandidateVerdict.ACCEPTED)
    return marked and result is not None and result.outputs.get("marker_known") is False


def _mutants(run: Run) -> dict[str, int]:
    """Return on how many changes of the code each proposed file was tried."""
    result = next((each for each in run.stages if each.stage is Stage.ACCEPTANCE), None)
    told = result.outputs.get("mutants") if result else None
    return told if isinstance(told, dict) else {}


def _named(candidate: Candidate) -> str:
    return candidate.name or candidate.test_file
