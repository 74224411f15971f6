"""What a run would do, and why: it is put together as a run is, and then starts no tool and writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from spec2prod.adapters.clock import SystemClock
from spec2prod.application.ports import command_of, in_one_process
from spec2prod.application.session import Session
from spec2prod.bootstrap.assembly import ports_to_look_at
from spec2prod.bootstrap.place import Place, interpreter_by
from spec2prod.bootstrap.planning import prepare
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.request import Request
from spec2prod.config.rules import not_waivable_at
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.plan import Mode, Plan, Stage
from spec2prod.domain.waiver import Waiver, objection
from spec2prod.gates.catalogue import CATALOGUE, Question

_PLANNED = "plan"  # the name of a run that never is
_AT_ONCE = frozenset({Stage.GENERATION, Stage.REFACTORING, Stage.ACCEPTANCE})  # in async mode: see application/pipeline.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One process that a run would start: its stage, the questions it answers, the gates that they serve, and its command."""

    stage: Stage
    questions: tuple[str, ...]
    gates: tuple[str, ...]
    tool: str
    command: tuple[str, ...]
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a run would do, and why.

    `beside` are the stages that run at once; empty where all run one after another. `refused` maps a waiver that does
    not count to the reason.
    """

    plan: Plan
    place: Place
    asked: tuple[Asked, ...]
    beside: tuple[Stage, ...]
    refused: Mapping[Waiver, str]
    interpreter_by: str


def explain(request: Request) -> Explanation:
    """Lay out a run without beginning it.

    Raises:
        Spec2prodError: whatever a run would refuse.
    """
    plan, place = prepare(request, _PLANNED)
    today = date.fromisoformat(SystemClock().now()[: len("2026-01-01")])
    refused = {waiver: _why_not(waiver, today, plan, place.settings) for waiver in plan.waivers}
    at_once = tuple(stage for stage in plan.stages if stage in _AT_ONCE) if plan.mode is Mode.ASYNC else ()
    return Explanation(
        plan=plan,
        place=place,
        asked=tuple(_asked(plan, place)),
        beside=at_once if len(at_once) > 1 else (),
        refused={waiver: why for waiver, why in refused.items() if why},
        interpreter_by=interpreter_by(place),
    )


def _asked(plan: Plan, place: Place) -> Iterator[Asked]:
    """Yield the processes of the stages that measure, grouped as a run groups them."""
    session = Session(plan, ports_to_look_at(place))
    ruled = {rule.gate for rule in plan.first_rules}
    for stage in (Stage.TESTING, Stage.REFACTORING):
        for group in in_one_process(session.asked(session.names(stage))):
            command = command_of(group, plan.component)
            names = {gate.name for gate in group}
            yield Asked(
                stage=stage,
                questions=tuple(gate.name for gate in group),
                gates=tuple(name for gate in group for name in gate.measures if name in ruled),
                tool=command.tool,
                command=command.argv,
                services=tuple(question.service for question in CATALOGUE if question.service and question.name in names),
            )


def _why_not(waiver: Waiver, today: date, plan: Plan, settings: Settings) -> str:
    """Return why a waiver would not count, empty where it would."""
    rule = next((rule for rule in plan.first_rules if rule.gate == waiver.gate), None)
    if rule is None:
        return f"{plan.target} asks nothing of {waiver.gate}"
    why = objection(waiver, today, waivable=rule.waivable)
    steps = not_waivable_at(waiver.gate, plan.target, settings, plan.specification)
    return why + (f" (rules.<target>.{waiver.gate}.waivable is not true for {' and '.join(steps)})" if why and steps else "")


def questions(settings: Settings, name: str | None = None) -> tuple[Question, ...]:
    """Return the questions of the catalogue and of the project's own, or the one of this name, or that answers this gate."""
    known = {gate for question in CATALOGUE for gate in question.measures}
    own = (_own_question(gate, settings) for gate in settings.gate_names() if gate not in known)
    return tuple(each for each in (*CATALOGUE, *own) if name is None or name in {each.name, *each.measures})


def _own_question(gate: str, settings: Settings) -> Question:
    table = settings.gates.get(gate)
    tool = " ".join(table.command) if table else "an installed package, by entry point"
    values = (table.figure_name,) if table else ()
    fix = "Read what its tool found, in the report."
    return Question(name=gate, measures=(gate,), values=values, sentence="A gate of this project's own.", tool=tool, fix=fix)


def settings_of(overrides: Mapping[str, object], component_path: Path | None = None) -> Settings:
    """Return the settings in force here, with what the command line gives.

    Raises:
        SettingsError: lists all that is wrong.
    """
    return read_settings(project_root(component_path), overrides, os.environ, overrides_from="command line")
