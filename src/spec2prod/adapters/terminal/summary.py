"""What a person sees at a run's end."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from spec2prod.adapters.terminal.gates import gates, stages_without_gates, waivers
from spec2prod.adapters.terminal.generation import candidates, defects, generation
from spec2prod.adapters.terminal.next_steps import next_steps
from spec2prod.adapters.terminal.words import duration, limits, say
from spec2prod.domain.plan import Mode
from spec2prod.domain.run import Refusal, Run
from spec2prod.domain.schedule_simulation import NOTHING


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
    say(console, Text(limits(conclusion), style="bold green" if good else "bold red"))


def _run(run: Run, console: Console) -> None:
    for tell in (defects, gates, waivers, stages_without_gates, generation, candidates, _changed, _timing, next_steps):
        tell(run, console)


def _concluded(told: Run | Refusal) -> tuple[bool, str]:
    if isinstance(told, Run):
        return told.success, told.conclusion + (f" Go on with it: {told.way_on}" if told.way_on else "")
    return False, f"Not promoted to {told.target}: {told.error}"


def _changed(run: Run, console: Console) -> None:
    """Tell which of the reader's files are not as they were: nobody should find that out from their own diff."""
    if run.diffs:
        count = f"{len(run.diffs)} file{'' if len(run.diffs) == 1 else 's'}"
        say(console, Text(f"The linter changed {count} (what it calls safe; each diff is in the report; --no-fix leaves them alone):"))
        for path in sorted(run.diffs):
            say(console, Text(f"  changed: {path}"))


def _timing(run: Run, console: Console) -> None:
    told = f"Took {duration(run.total_ms)} ({run.plan.mode})"
    if run.savings_ms >= 1:
        told += f"; {duration(run.savings_ms)} saved by running stages beside one another"
    say(console, Text(told + "."))
    if run.cache_hits:
        say(console, Text(f"{run.cache_hits} of {run.cache_hits + run.cache_misses} answers from the cache (--no-cache asks everything)."))
    schedule = run.schedule
    if schedule.path and run.plan.mode is Mode.ASYNC:  # one after another, there is no other order
        path = " → ".join(_short(each.name) for each in schedule.path)
        waited = "".join(
            f"; free {each.resource} slots waited most for {_short(each.waited_for)}"
            for each in [idle for idle in schedule.idle if idle.waited_for != NOTHING][:1]
        )
        soonest = f"no order of these steps could end before {duration(schedule.lower_bound_ms)}"
        say(console, Text(f"Longest chain: {path}; {soonest}{waited}."))


def _short(name: str) -> str:
    """Shorten `agent:src/a/b.py` to `agent: b.py`."""
    what, colon, path = str(name).partition(":")
    return f"{what}: {path.rpartition('/')[2]}" if colon else what
