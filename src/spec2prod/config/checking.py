"""All that is wrong with the settings in one round: what the schema refuses, and what the rest of them does not agree about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from spec2prod.config.own_gates import problems, unknown
from spec2prod.config.schema import Table, TargetRules

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

type _Location = tuple[int | str, ...]


def checked(values: Mapping[str, Any]) -> tuple[Table, list[ErrorDetails]]:
    """Return the settings, and all that is wrong with them: where anything is, only the second counts."""
    refused: list[ErrorDetails] = []
    try:
        table = Table.model_validate(values)
    except ValidationError as error:
        refused = error.errors(include_url=False)
        table = _rest(values, [each["loc"] for each in refused])
    own = [*unknown(values), *problems(table)]
    return table, refused + (ValidationError.from_exception_data("settings", own).errors(include_url=False) if own else [])


def _rest(values: Mapping[str, Any], refused: Iterable[_Location]) -> Table:
    """Return the settings without what the schema refuses, so that the rest is checked in the same round; without any, if none is left."""
    left = deepcopy(dict(values))
    for location in refused:
        for path in _in_doubt(location):
            _remove(left, path)
    try:
        return Table.model_validate(left)
    except ValidationError:  # what was refused is told; of the rest nothing can be said
        return Table()


def _in_doubt(location: _Location) -> tuple[_Location, ...]:
    """Return what cannot be judged where a value is refused: a rule or a gate with what is said of it elsewhere, else the whole setting."""
    match location:
        case ("gates", name, *_):
            return (("gates", name),)
        case ("rules", target, gate, *_) if gate in TargetRules.model_fields:
            return (("rules", target, gate),)
        case ("rules", target, gate, *_):
            return (("rules", target, gate), ("gates", gate))
        case ("rules", *_):
            return (("rules",), ("gates",))
        case _:
            return (location[:1],)


def _remove(table: dict[Any, Any], path: _Location) -> None:
    """Take a value out; what an earlier mistake has taken out already is not there any more."""
    for name in path[:-1]:
        inner = table.get(name)
        if not isinstance(inner, dict):
            return
        table = inner
    for name in path[-1:]:
        table.pop(name, None)
