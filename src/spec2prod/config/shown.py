"""Every value in force, with where it comes from: what `spec2prod config show` tells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from pydantic import BaseModel

from spec2prod.config.rules import rules_for
from spec2prod.config.schema import Table
from spec2prod.config.settings import Settings, escaped, unescaped
from spec2prod.domain.plan import Target
from spec2prod.domain.specification import Specification
from spec2prod.domain.verdict import Comparison, Rule

type Value = str | float | int | bool | tuple[str, ...] | None

_NO_SPECIFICATION = Specification(path="", title="")
_USER_IN_URL = re.compile(r"(?<=://)[^/\s]+(?=@)|(?<=password=)[^&\s]+")
_WRITTEN_IN_FULL = 1e6  # what `:g` does


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One value in force: its dotted name, and where it was set (`default`, `pyproject.toml: …`, `environment: …`, `command line`).

    `side` is "at least " or "at most " for a limit, empty for anything else.
    """

    name: str
    value: Value
    origin: str
    side: str = ""

    def text(self) -> str:
        """Return the value as a reader writes it in TOML; `(none)` where nothing is set."""
        return self.side + written(self.value)


def values_in_force(settings: Settings) -> tuple[Shown, ...]:
    """Return every setting, and then the rules that a climb to each target asks for."""
    plain = {name: getattr(settings, name) for name in Table.model_fields if name != "rules"}
    rules = (shown for target in Target for shown in rules_in_force(target, settings))
    return (*_of_table(plain, "", settings), *rules)


def rules_in_force(target: Target, settings: Settings) -> tuple[Shown, ...]:
    """Return what a climb to a target asks of each gate, without what a specification adds."""
    return tuple(
        shown
        for rule in rules_for(target, settings, _NO_SPECIFICATION)
        for shown in _of_rule(rule, f"rules.{target}.{rule.gate}", settings, target)
    )


def written(value: Value) -> str:
    """Return a value as TOML writes it; `(none)` where there is none."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if value < _WRITTEN_IN_FULL else f"{value:.0f}"
    if isinstance(value, str):
        return f'"{value}"'
    return f"[{', '.join(written(each) for each in value)}]" if isinstance(value, tuple) else str(value)


def safe(value: object) -> Value:
    """Return a value as it may be shown: without the user and password that an address may hold."""
    if isinstance(value, str):
        return _USER_IN_URL.sub("***", value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Sequence):
        return tuple(str(safe(each)) for each in value)
    return cast("Value", value)


def _of_table(values: Mapping[str, object], above: str, settings: Settings) -> Iterator[Shown]:
    for name, value in values.items():
        dotted = f"{above}{name}"
        if isinstance(value, BaseModel):
            yield from _of_table(dict(value), f"{dotted}.", settings)
        elif isinstance(value, Mapping):
            yield from _of_table({escaped(str(each)): inner for each, inner in value.items()}, f"{dotted}.", settings)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            yield from _of_list(value, dotted, settings)
        else:
            yield Shown(name=unescaped(dotted), value=safe(value), origin=settings.origin(dotted))


def _of_list(tables: tuple[BaseModel, ...], dotted: str, settings: Settings) -> Iterator[Shown]:
    """Yield what a list of tables holds; it was written in one place as a whole."""
    for number, table in enumerate(tables):
        for name, value in dict(table).items():
            yield Shown(name=f"{dotted}[{number}].{name}", value=safe(value), origin=settings.origin(dotted))


def _of_rule(rule: Rule, above: str, settings: Settings, target: Target) -> Iterator[Shown]:
    for limit in rule.limits:
        side = "at least " if limit.comparison is Comparison.AT_LEAST else "at most "
        yield Shown(name=f"{above}.{limit.value}", value=limit.threshold, origin=limit.origin, side=side)
    for name, value in (("required", rule.required), ("waivable", rule.waivable)):
        yield Shown(name=f"{above}.{name}", value=value, origin=_first_origin(rule.gate, name, settings, target))


def _first_origin(gate: str, name: str, settings: Settings, target: Target) -> str:
    """Return which of the climb's targets set it, the highest first."""
    climb = tuple(Target)[: tuple(Target).index(target) + 1]
    names = (f"rules.{step}.{gate}.{name}" for step in reversed(climb))
    return next((settings.origin(each) for each in names if settings.origin(each) != "default"), "default")
