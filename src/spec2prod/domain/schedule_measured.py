"""A finished run as a schedule: its critical path, how soon it could have been done at best, and what idle slots waited for.

It is computed from the measured spans. What needs what is known from the way the stages are built, and only what surely holds is
taken, so that the bound stays one; a need counts only where the measured times agree with it. Time that a step waited for a
slot is not its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spec2prod.domain.plan import Mode, Stage
from spec2prod.domain.schedule import CPU, MEMORY, Graph, Slots, Task, critical_path
from spec2prod.domain.schedule_bound import bounds_ms
from spec2prod.domain.schedule_simulation import Idle, idle_of
from spec2prod.domain.timeline import Span

AGENT = "agent"
OWN_WORK, IN_TURN = "spec2prod itself", "its turn (sync mode runs one step after another)"
_SUBMISSION, _COLLECTED, _TRIALS = "openhands_submission", "agent:", "judge:"
_ROUND = " round "
_CLOSE_MS = 1.0
_DELIVERY = (Stage.STAGING_DEPLOYMENT, Stage.PRODUCTION_DEPLOYMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """So many slot-milliseconds of a resource were idle, and what for."""

    resource: str
    slot_ms: float
    waited_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSchedule:
    """What a run's order came to. `bounds_ms` has an entry for the critical path and one for each resource of `slots`.

    `path` holds the steps of the critical path in their order; `idle` is told by cause, the longest first.
    """

    makespan_ms: float
    bounds_ms: Mapping[str, float]
    slots: Mapping[str, int]
    path: tuple[Span, ...]
    idle: tuple[Waited, ...]

    @property
    def lower_bound_ms(self) -> float:
        """Return a time before which no order of these steps could have ended."""
        return max(self.bounds_ms.values(), default=0.0)


def measured_schedule(spans: Iterable[Span], *, mode: Mode, written: Mapping[str, str], cpu_slots: int = 0) -> MeasuredSchedule:
    """Tell a run's spans as a schedule. `written` maps each proposed test file to the module that it is for.

    Where more ran at once than there are slots (`cpu_slots` 0: not known), so many slots there were.
    """
    leaves = _leaves(spans)
    names = {id(span): f"{number}" for number, span in enumerate(leaves)}
    named = {names[id(span)]: span for span in leaves}
    slots = {CPU: max(cpu_slots, _at_once(leaves, CPU)), AGENT: _at_once(leaves, AGENT)}
    slots = {name: count for name, count in slots.items() if any(name in _uses(span) for span in leaves)}
    tasks = tuple(
        Task(
            name=name,
            duration_ms=span.worked_ms,
            uses=_uses(span),
            needs=tuple(names[id(need)] for need in _needs(span, leaves, written)),
        )
        for name, span in named.items()
    )
    graph = Graph(tasks=tasks, resources={name: Slots(count=count) for name, count in slots.items()})
    makespan = max((span.end_ms for span in leaves), default=0.0)
    begins = {name: span.start_ms + span.waited_ms for name, span in named.items()}
    ends = {name: max(begins[name], span.end_ms) for name, span in named.items()}
    own = IN_TURN if mode is Mode.SYNC else OWN_WORK
    lacking = {name: span.start_ms for name, span in named.items() if span.waited_ms > 0 and span.waited_for == MEMORY}
    idle = idle_of(graph, begins, ends, lambda task, now: MEMORY if lacking.get(task.name, math.inf) <= now else own, lacking.values())
    return MeasuredSchedule(
        makespan_ms=makespan,
        bounds_ms={name: min(ms, makespan) for name, ms in bounds_ms(graph)},
        slots=slots,
        path=tuple(named[name] for name in critical_path(graph)),
        idle=_by_cause(idle, named),
    )


def _leaves(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the steps, and the stages that have none, in the order of their begin; what took no time is left out."""
    spans = tuple(spans)
    with_steps = {span.stage for span in spans if span.stage}
    leaves = [span for span in spans if (span.stage or span.name not in with_steps) and span.duration_ms > 0]
    return tuple(sorted(leaves, key=lambda span: (span.start_ms, span.end_ms)))


def _stage(span: Span) -> str:
    return span.stage or span.name


def _uses(span: Span) -> dict[str, float]:
    """Return what a step holds: an agent, a CPU slot, or nothing but our own time."""
    if span.name.startswith(_COLLECTED):
        return {AGENT: 1.0}
    return {} if _stage(span) == Stage.SPECIFICATION or span.name == _SUBMISSION else {CPU: 1.0}


def _at_once(leaves: Sequence[Span], resource: str) -> int:
    users = [span for span in leaves if resource in _uses(span)]
    return max((1, *(sum(_works_at(other, span.start_ms + span.waited_ms) for other in users) for span in users)))


def _works_at(span: Span, moment_ms: float) -> bool:
    return span.start_ms + span.waited_ms <= moment_ms < span.end_ms


def _needs(span: Span, leaves: Sequence[Span], written: Mapping[str, str]) -> tuple[Span, ...]:
    """Return what surely had to be done before a step could begin, as far as the times agree."""
    before = [each for each in leaves if each.end_ms <= span.start_ms + _CLOSE_MS and each.start_ms < span.start_ms and each is not span]
    same = [each for each in before if _stage(each) == _stage(span)]
    again = [each for each in same if each.name == span.name or span.name.startswith(f"{each.name} again") or span.name == "auto_fix"]
    if again:  # it is asked again because the files were mended
        again += [each for each in before if each.name == "auto_fix"]
    needs = [*_of_stages(span, before, written), *again]
    return tuple({id(need): need for need in needs}.values())


def _of_stages(span: Span, before: Sequence[Span], written: Mapping[str, str]) -> list[Span]:
    stage = _stage(span)
    of = {name: [each for each in before if _stage(each) == name] for name in Stage}
    agents = [each for each in before if each.name.startswith(_COLLECTED)]
    trials = [each for each in before if each.name.startswith(_TRIALS)]
    if stage in _DELIVERY:
        return [each for each in before if _stage(each) != stage]
    if stage == Stage.ACCEPTANCE and span.name.startswith(_TRIALS):
        return [each for each in agents if _module(each) == written.get(span.name.partition(":")[2])][-1:]
    if stage == Stage.ACCEPTANCE and span.name == "tests":  # what was taken joins the suite when everything else is over
        return [*trials, *of[Stage.REFACTORING]]
    if stage == Stage.ACCEPTANCE:
        return agents[:1]  # some file was there: which one, the span does not say
    if stage == Stage.GENERATION:
        submitted = [each for each in before if each.name == _SUBMISSION]
        return _of_round(span, agents, trials, written) or submitted or of[Stage.TESTING]
    return of[Stage.SPECIFICATION]


def _of_round(span: Span, agents: Sequence[Span], trials: Sequence[Span], written: Mapping[str, str]) -> list[Span]:
    """Return what a later round of an agent's answers: the judgement of the one before it."""
    module = _module(span)
    judged = [each for each in trials if written.get(each.name.partition(":")[2]) == module]
    if _ROUND not in span.name:
        return []
    return judged[-1:] if len({each.name for each in judged}) == 1 else [each for each in agents if _module(each) == module]


def _module(span: Span) -> str:
    """Return the module that an agent's step, of whatever round, was about."""
    return span.name.removeprefix(_COLLECTED).partition(_ROUND)[0]


def _by_cause(idle: Iterable[Idle], named: Mapping[str, Span]) -> tuple[Waited, ...]:
    summed: dict[tuple[str, str], float] = {}
    for each in idle:
        span = named.get(each.waited_for)
        key = (each.resource, str(span.name) if span else each.waited_for)
        summed[key] = summed.get(key, 0.0) + each.slot_ms
    told = [Waited(resource=resource, slot_ms=ms, waited_for=why) for (resource, why), ms in summed.items()]
    return tuple(sorted(told, key=lambda waited: (-waited.slot_ms, waited.resource, waited.waited_for)))
