"""What a person sees in the terminal: progress while the run goes on, and a summary at its end (rich).

On a terminal, a line at the bottom tells what is going on right now. Piped or in a log there is one plain line an event:
time, stage, sentence, verdict. Everything is written to the console that the caller hands in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from spec2prod.application.ports import Event
from spec2prod.domain.candidate import PAID, Candidate, CandidateVerdict, TaskStatus, by_urgency, counted
from spec2prod.domain.defect import SUSPECTED_DEFECTS
from spec2prod.domain.plan import Mode, Stage
from spec2prod.domain.rounds import told_cost
from spec2prod.domain.run import Refusal, Run, StageResult
from spec2prod.domain.schedule_simulation import NOTHING
from spec2prod.domain.verdict import Finding, Judgement, Measurement, Verdict

if TYPE_CHECKING:
    from rich.status import Status

STYLES = {
    "passed": "green",
    "warned": "yellow",
    "failed": "bold red",
    "errored": "bold magenta",
    "waived": "blue",
    "pending": "bold yellow",
    "accepted": "green",
    "rejected": "red",
    "redundant": "dim",
    "review": "yellow",
    "suspected_defect": "bold red",
}
SIGNS = {
    "passed": "✓",
    "warned": "!",
    "failed": "✗",
    "errored": "?",
    "waived": "~",
    "pending": "…",
    "accepted": "✓",
    "rejected": "✗",
    "redundant": "=",
    "review": "!",
    "suspected_defect": "✗",
}
_SOUND = {CandidateVerdict.ACCEPTED, CandidateVerdict.REDUNDANT}
_EARNED = (
    "A test is accepted if it notices a change that no other kept test notices, or is the first to show a requirement. "
    "What the filters are: spec2prod judge --help"
)
_UNKNOWN_MARKER = (
    "These tests carry the marker `requirement`, which your own pytest does not know: it warns of it, or refuses it if it is strict. "
    'Add to [tool.pytest.ini_options]: markers = ["requirement: the requirement that a test shows"]'
)
_NARROW = 72  # columns; below, a table would be all folds
_SHOWN = 5  # findings a gate
_SECOND, _MINUTE = 1000.0, 60_000.0
_RUN_AGAIN = "run again: what was not measured is not judged"
_UNHEALTHY = "mend what the installed wheel lacks (it was checked with the source tree out of sight), then run again"


class Progress:
    """Tells each event as it comes. As a context manager it also keeps a line with what runs now, on a terminal only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[Stage, None] = {}
        self._status: Status | None = None

    def __enter__(self) -> Self:
        """Begin to show what runs now."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Take the line away, whatever happened."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def tell(self, event: Event) -> None:
        """Write one line."""
        self._note(event)
        if event.kind == "stopped" and self._status is not None:
            self._status.stop()  # nothing follows, and the cursor must come back
        at, told = f"{event.at_ms / _SECOND:7.1f} s", _limits(event.text)
        if self._console.is_terminal:
            line = Text.assemble((at, "dim"), "  ", _sign(event.verdict), " ", told)
        else:
            stage = str(event.stage or "")
            said = told.removeprefix(stage).lstrip(": ") if stage else told  # the stage has a column of its own
            line = Text("  ".join(part for part in (at, stage, said) if part) + _plain_verdict(event))
        self._console.print(line, soft_wrap=True)

    def _note(self, event: Event) -> None:
        if event.stage is not None and event.kind == "stage_started":
            self._running[event.stage] = None
        elif event.stage is not None and event.kind == "stage_ended":
            self._running.pop(event.stage, None)
        if self._status is not None:
            self._status.update(escape(", ".join(self._running) or "working"))


def _plain_verdict(event: Event) -> str:
    """Say the verdict, unless it is the sentence: `5 of 5 tests passed` is what was measured."""
    return "" if event.verdict is None or event.kind == "stage_ended" else f"  [{event.verdict}]"


def _sign(verdict: Verdict | CandidateVerdict | None) -> tuple[str, str]:
    return (SIGNS[verdict], STYLES[verdict]) if verdict is not None else ("·", "dim")


def summary(told: Run | Refusal, console: Console, *, report: str = "", page: str | None = None) -> None:
    """Tell a finished run: gates, proposals, savings, what to do next, and the verdict last, where the eye is.

    `report` and `page` are where the JSON report and the page about the run lie.
    """
    console.print()
    if isinstance(told, Run):
        _run(told, console)
    elif told.error.next_step:
        console.print(Text(f"Next: {told.error.next_step}"), soft_wrap=True)
    for name, place in (("Report", report), ("Page", page)):
        if place:
            console.print(Text(f"{name}: {place}"), soft_wrap=True)
    good, conclusion = _concluded(told)
    _say(console, Text(_limits(conclusion), style="bold green" if good else "bold red"))


def _say(console: Console, text: Text) -> None:
    """Write a line: folded between words on a terminal, whole in a log."""
    console.print(text, soft_wrap=not console.is_terminal)


def _run(run: Run, console: Console) -> None:
    for tell in (_defects, _gates, _waivers, _stages_without_gates, _generation, _candidates, _changed, _timing, _next_steps):
        tell(run, console)


def _concluded(told: Run | Refusal) -> tuple[bool, str]:
    if isinstance(told, Run):
        return told.success, told.conclusion + (f" Go on with it: {told.way_on}" if told.way_on else "")
    return False, f"Not promoted to {told.target}: {told.error}"


def _defects(run: Run, console: Console) -> None:
    """Tell what may be wrong with the code before anything else."""
    if not run.defects:
        return
    _say(console, Text("Suspected defects, until somebody says what they are:", style=STYLES["failed"]))
    for each in run.defects:
        _say(console, Text.assemble("  ", _sign(Verdict.FAILED), f" {each.id} {each.module} ({each.named}): {each.sentence}"))
        _say(console, Text(f"    {each.next_step}"))


def _gates(run: Run, console: Console) -> None:
    judged = [(result.stage, gate) for result in run.stages for gate in result.gates]
    if not judged:
        return
    if console.width < _NARROW:
        for _, gate in judged:
            _say(console, Text.assemble(_worded(gate.verdict), f" {gate.title}: {_found(gate)}; needed {_needed(gate)}"))
        return
    from rich.table import Table  # noqa: PLC0415 - the first tool starts sooner without it

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("stage", "gate", "verdict", "measured", "needed"):
        table.add_column(name, overflow="fold")
    for stage, gate in judged:
        optional = "" if gate.required else " (optional)"
        table.add_row(str(stage), gate.title + optional, Text.assemble(_worded(gate.verdict)), Text(_found(gate)), Text(_needed(gate)))
    console.print(table)


def _waivers(run: Run, console: Console) -> None:
    """Tell every waiver that was given for a gate that says no: whose, until when, why, or why it does not count."""
    for gate in (gate for result in run.stages for gate in result.gates if gate.waiver):
        _say(
            console,
            Text.assemble(_sign(gate.verdict), f" {gate.title}: {gate.waiver}" + (f" ({_limits(gate.reason)})" if gate.reason else "")),
        )


def _found(gate: Judgement) -> str:
    """Return what was measured, or why nothing was."""
    return gate.measured if gate.answered or not gate.reason else gate.reason


def _needed(gate: Judgement) -> str:
    """Return the limits, with their origins where somebody set them."""
    return _limits(gate.needed).replace(" (default)", "")


def _worded(verdict: Verdict | CandidateVerdict) -> tuple[str, str]:
    word = verdict.told if isinstance(verdict, CandidateVerdict) else str(verdict)
    return f"{SIGNS[verdict]} {word}", STYLES[verdict]


def _stages_without_gates(run: Run, console: Console) -> None:
    for result in run.stages:
        if not result.gates:
            _say(console, Text.assemble(_worded(result.verdict), f" {result.stage}"))
            for error in (*result.errors, *_delivered(result)):
                _say(console, Text(f"  {error}"))
    for clause in run.plan.left_out:
        _say(console, Text.assemble(("·", "dim"), f" {clause}"))
    for stage, reason in run.not_run.items():
        _say(console, Text.assemble(("· not run", "dim"), f" {stage}: {reason}"))


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


def _generation(run: Run, console: Console) -> None:
    if not run.plan.generate:
        return
    label = " (scripted: it answers from a script and is no language model)" if run.scripted_model else ""
    if run.model or PAID in run.plan.generators:
        _say(console, Text(f"Model: {run.model or 'none'}{label}", style="yellow" if run.scripted_model else ""))
    for each in run.outcomes:
        came = f"proposed {each.test_file}" if each.text is not None else f"{each.status.replace('_', ' ')}: {each.reason}"
        verdict = Verdict.PASSED if each.status is TaskStatus.DELIVERED else Verdict.ERRORED
        _say(console, Text.assemble(_sign(verdict), f" {each.module}: {came}"))
    paid = {each.test_file for each in run.requests if each.generator == PAID}
    accepted = sum(each.verdict is CandidateVerdict.ACCEPTED and each.test_file in paid for each in run.candidates)
    if spent := told_cost([each for each in run.rounds if each.test_file in paid], accepted, run.model):
        _say(console, Text(f"  {spent}"))


def _candidates(run: Run, console: Console) -> None:
    """Tell of each proposed test what became of it, and why: first what somebody must look at."""
    if not run.candidates:
        return
    tried = sum(count for count in _mutants(run).values())
    on = f"; tried on {tried} small changes of the code (mutants)" if tried else ""
    _say(console, Text(f"Proposed tests: {counted(run.candidates)}{on}"))
    for each in by_urgency(run.candidates):
        decided = "" if each.verdict in _SOUND else f" ({each.decided_by})"
        _say(console, Text.assemble("  ", _worded(each.verdict), f" {_named(each)}{decided}: {each.reason}"))
    if tried:
        _say(console, Text(f"  {_EARNED}", style="dim"))
    if any(each.verdict is CandidateVerdict.REVIEW for each in run.candidates):
        _say(console, Text(f"  for review: what was proposed is kept in .spec2prod/runs/{run.plan.run_id}/proposed"))
    for path in run.adopted:
        label = " (characterisation: what the code does, not what it should do)" if run.is_characterisation(path) else ""
        _say(console, Text(f"  written: {path}{label}"))
    if run.adopted and _is_marker_unknown(run):
        _say(console, Text(f"  {_UNKNOWN_MARKER}", style=STYLES["warned"]))


def _changed(run: Run, console: Console) -> None:
    """Tell which of the reader's files are not as they were: nobody should find that out from their own diff."""
    if run.diffs:
        count = f"{len(run.diffs)} file{'' if len(run.diffs) == 1 else 's'}"
        _say(console, Text(f"The linter changed {count} (what it calls safe; each diff is in the report; --no-fix leaves them alone):"))
        for path in sorted(run.diffs):
            _say(console, Text(f"  changed: {path}"))


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


def _timing(run: Run, console: Console) -> None:
    told = f"Took {_duration(run.total_ms)} ({run.plan.mode})"
    if run.savings_ms >= 1:
        told += f"; {_duration(run.savings_ms)} saved by running stages beside one another"
    _say(console, Text(told + "."))
    if run.cache_hits:
        _say(console, Text(f"{run.cache_hits} of {run.cache_hits + run.cache_misses} answers from the cache (--no-cache asks everything)."))
    schedule = run.schedule
    if schedule.path and run.plan.mode is Mode.ASYNC:  # one after another, there is no other order
        path = " → ".join(_short(each.name) for each in schedule.path)
        waited = "".join(
            f"; free {each.resource} slots waited most for {_short(each.waited_for)}"
            for each in [idle for idle in schedule.idle if idle.waited_for != NOTHING][:1]
        )
        soonest = f"no order of these steps could end before {_duration(schedule.lower_bound_ms)}"
        _say(console, Text(f"Longest chain: {path}; {soonest}{waited}."))


def _short(name: str) -> str:
    """Shorten `agent:src/a/b.py` to `agent: b.py`."""
    what, colon, path = str(name).partition(":")
    return f"{what}: {path.rpartition('/')[2]}" if colon else what


def _next_steps(run: Run, console: Console) -> None:
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
    _say(console, Text("Next:"))
    for step in steps:
        _say(console, Text(f"  {step}"))
    measured = (result for result in run.stages if result.stage in {Stage.TESTING, Stage.REFACTORING} and not run.interrupted)
    if blocking := [gate.gate for result in measured for gate in result.gates if gate.required and not gate.verdict.lets_pass]:
        _say(console, Text(f"  what is asked, and how to mend a no: spec2prod gates {blocking[0]}"))


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
    places = tuple(f"{each.address}: {each.code} {_first_line(each.message)}".replace(":  ", ": ") for each in found[:_SHOWN])
    more = (f"and {len(found) - _SHOWN} more, in the report",) if len(found) > _SHOWN else ()
    if places:
        return (*places, *more)
    return (_limits(gate.reason),)


def _weighty(gate: Judgement, findings: Sequence[Finding]) -> Sequence[Finding]:
    """Return the findings of the severities that break a limit, so that what is allowed does not hide them; else all."""
    return [each for each in findings if f"{each.severity} is " in gate.reason] or findings


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")  # the whole is in the report


def _limits(text: str) -> str:
    """Write comparisons as people do, except between backticks: there stands what a file says."""
    parts = text.split("`")
    parts[::2] = [part.replace(">=", "≥").replace("<=", "≤") for part in parts[::2]]
    return "`".join(parts)


def _duration(ms: float) -> str:
    if ms < _SECOND:
        return f"{ms:.0f} ms"
    if ms < _MINUTE:
        return f"{ms / _SECOND:.1f} s"
    minutes, seconds = divmod(round(ms / _SECOND), 60)
    return f"{minutes} min {seconds:02d} s"
