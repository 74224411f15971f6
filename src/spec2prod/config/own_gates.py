"""What a project's own gates and the rules on them must agree about, beyond the type of each value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import InitErrorDetails, PydanticCustomError

from spec2prod.config.schema import GateTable, Table, TargetRules

ENTRY_POINTS = "spec2prod.gates"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def installed_gates() -> frozenset[str]:
    """Return the gates that installed packages bring by entry point."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and few projects have such gates

    return frozenset(each.name for each in entry_points(group=ENTRY_POINTS))


def problems(table: Table) -> list[InitErrorDetails]:
    """Return all that is wrong with gates and the rules on them, each with its address; names that no gate has are told by `unknown`."""
    return [*_of_rules(table), *(problem for name, gate in table.gates.items() for problem in _of_gate(name, gate, table))]


def unknown(values: Mapping[str, Any]) -> list[InitErrorDetails]:
    """Return the names in rules and waivers that no gate has. It reads what was written, so that no other mistake hides them."""
    own = tuple(_table(values.get("gates")))
    ruled = {(target, name) for target, rules in _table(values.get("rules")).items() for name in _table(rules)}
    asked = sorted({name for _, name in ruled} - {*TargetRules.model_fields, *own})
    installed = installed_gates().intersection(asked) if asked else frozenset()
    names = (*TargetRules.model_fields, *own, *sorted(installed))
    rules = [_wrong(f"no such setting{near(name, names)}", ("rules", *place, name)) for *place, name in sorted(ruled) if name not in names]
    waivers = values.get("waivers")
    given = enumerate(waivers if isinstance(waivers, list | tuple) else ())
    waived = ((number, str(gate)) for number, each in given if (gate := _table(each).get("gate")) and isinstance(gate, str))
    listed = f"; there are {', '.join(names)}"
    return rules + [
        _wrong(f"no gate is called {gate}{near(gate, names) or listed}", ("waivers", number, "gate"))
        for number, gate in waived
        if gate not in names
    ]


def near(name: str, names: Iterable[str]) -> str:
    """Return the question whether a near name was meant, empty where none is near."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.4)
    return f"; did you mean {found[0]}?" if found else ""


def _table(value: object) -> Mapping[str, Any]:
    """Return what is a table; of anything else, which the schema refuses, nothing."""
    return value if isinstance(value, Mapping) else {}


def _of_rules(table: Table) -> Iterator[InitErrorDetails]:
    for target, rules in _targets(table):
        for name, rule in rules.own.items():
            where = ("rules", target, name)
            figures = rule.__pydantic_extra__ or {}
            gate = table.gates.get(name)
            if gate is None and not figures and name in installed_gates():
                yield _wrong("name a figure of the gate, and its threshold: nothing would be asked", where)
            elif gate is not None:
                yield from (
                    _wrong(f"the gate has no such figure; it has {gate.figure_name}", (*where, each))
                    for each in figures
                    if each != gate.figure_name
                )
                if gate.format == "json" and gate.figure_name not in figures:
                    yield _wrong(f"say how much {gate.figure_name} is needed: nothing would be asked", where)


def _of_gate(name: str, gate: GateTable, table: Table) -> Iterator[InitErrorDetails]:
    where = ("gates", name)
    if not _NAME.fullmatch(name):
        yield _wrong("a gate's name is lower-case letters, digits, _ and -", where)
    if name in {*TargetRules.model_fields, "tests"}:
        yield _wrong("a gate of that name comes with spec2prod", where)
    if gate.format == "json" and not (gate.path and gate.figure):
        yield _wrong("a JSON answer needs `path` and `figure`", where)
    if gate.format != "json" and (gate.path or gate.checked):
        yield _wrong("`path` and `checked` are for JSON answers alone", where)
    if gate.format != "json" and gate.better == "higher":
        yield _wrong("its figure counts failures: lower is better", (*where, "better"))
    if gate.figure in {"required", "waivable"}:
        yield _wrong("that name has a meaning in rules", (*where, "figure"))
    if not any(name in rules.own for _, rules in _targets(table)):
        yield _wrong(f"no rule asks it: add [tool.spec2prod.rules.development.{name}], or a later target's, with `required`", where)


def _targets(table: Table) -> Iterator[tuple[str, TargetRules]]:
    yield from (("development", table.rules.development), ("staging", table.rules.staging), ("production", table.rules.production))


def _wrong(message: str, where: tuple[int | str, ...]) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("own_gate", "{message}", {"message": message}), loc=where, input=None)
