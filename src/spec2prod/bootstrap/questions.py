"""Which questions a run asks beside the built-in ones: the project's own gates, and the benchmarks that it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.adapters import plugins, programs
from spec2prod.adapters.tree import ProjectTree, write_atomic
from spec2prod.application.ports import Gate
from spec2prod.config.own_gates import ENTRY_POINTS
from spec2prod.config.schema import GateTable
from spec2prod.config.settings import Settings
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Run
from spec2prod.domain.specification import Specification
from spec2prod.domain.trace import REQUIREMENTS, carries_marker
from spec2prod.domain.verdict import Measurement, Rule, Verdict
from spec2prod.errors import OutputError, ToolMissingError
from spec2prod.gates import performance
from spec2prod.gates.performance import PERFORMANCE, Performance

if TYPE_CHECKING:
    from spec2prod.gates.custom import CustomGate, GuardedGate


def own_gates(settings: Settings, interpreter: Path, rules: Iterable[Rule]) -> tuple[Gate, ...]:
    """Return the project's own gates that a rule asks: those that the settings describe, and those of installed packages.

    Raises:
        ToolMissingError: where a package's gate cannot be loaded.
    """
    brought = [rule.gate for rule in rules if rule.gate in _brought(settings)]
    described = (_described(name, table, interpreter) for name, table in settings.gates.items())
    return (*described, *(_loaded(name) for name in brought))


def performance_of(tree: ProjectTree, component: Component, settings: Settings) -> Performance | None:
    """Return what this run's benchmarks are compared with; None where nobody asks: no benchmark, and no rule of the settings."""
    stated = any(name.startswith(_stated_names(PERFORMANCE)) for name in settings.origins)
    texts = (tree.read(path) or "" for path in component.tests)
    if not stated and not performance.has_benchmarks(texts):
        return None
    return Performance(earlier=performance.earlier(_read(_kept(component))))


def asks_requirements(tree: ProjectTree, component: Component, settings: Settings, specification: Specification) -> bool:
    """Whether requirements are to be traced: the specification states IDs or priorities, a test carries a marker, or a setting says so."""
    stated = any(name.startswith(_stated_names(REQUIREMENTS)) for name in settings.origins)
    return stated or specification.states_ids or any(carries_marker(tree.read(path) or "") for path in component.tests)


def applicable(rules: Sequence[Rule], *, asks_performance: bool) -> tuple[Rule, ...]:
    """Return the rules without that on performance where it has nothing to go by: no benchmark."""
    return tuple(rule for rule in rules if asks_performance or rule.gate != PERFORMANCE)


def keep_figures(run: Run) -> str:
    """Keep a promoted run's benchmarks for the next run to be compared with; return why that was not possible."""
    judged = (gate for stage in run.stages for gate in stage.gates if gate.gate == PERFORMANCE and gate.verdict is Verdict.PASSED)
    answer = next((gate.evidence.answer for gate in judged if gate.evidence), None)
    if not run.success or not isinstance(answer, Measurement):
        return ""
    try:
        write_atomic(_kept(run.plan.component), performance.as_text(answer))
    except OutputError as error:
        return str(error)
    return ""


def _brought(settings: Settings) -> set[str]:
    rules = (settings.rules.development, settings.rules.staging, settings.rules.production)
    return {name for each in rules for name in each.own} - settings.gates.keys()


def _described(name: str, table: GateTable, interpreter: Path) -> CustomGate:
    from spec2prod.gates.custom import CustomGate

    program = table.command[0]
    found = programs.own_or_ours(program, interpreter) if "/" not in program and "{" not in program else (program,)
    return CustomGate(
        name=name,
        words=(*found, *table.command[1:]),
        format=table.format,
        figure=table.figure_name,
        path=table.path or "",
        checked=table.checked or "",
        exit_codes=table.exit_codes,
        stage=Stage(table.stage),
        reads_tests=table.reads_tests,
        timeout_s=table.timeout_seconds,
    )


def _loaded(name: str) -> GuardedGate:
    from spec2prod.gates.custom import GuardedGate

    made = plugins.load(ENTRY_POINTS, name)
    lacking = [each for each in ("command", "read") if not callable(getattr(made, each, None))]
    if lacking:
        raise ToolMissingError(f"the gate {name} is none: it has no {' and no '.join(lacking)}", next_step="spec2prod docs add-a-gate")
    return GuardedGate(inner=made, name=name)  # type: ignore[arg-type]  # the guard tells whatever else it lacks


def _stated_names(gate: str) -> tuple[str, ...]:
    return tuple(f"rules.{target}.{gate}" for target in ("development", "staging", "production"))


def _kept(component: Component) -> Path:
    return component.root / ".spec2prod" / "performance" / f"{component.name}.json"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
