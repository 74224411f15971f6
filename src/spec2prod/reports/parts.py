"""How a part of the report is filled: from a domain's value with the same names, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, cast, get_args, get_origin, is_typeddict

from spec2prod.reports.document import DECIMALS

type Teller = Callable[[Any], object]
"""Returns a value as its annotation wants it."""


def told[T](part: type[T], value: object, **beside: object) -> T:
    """Return a value, or a part that is filled already, as JSON values; `beside` are fields that it has not, or not like that."""
    read = value.__getitem__ if isinstance(value, Mapping) else partial(getattr, value)
    fields = part.__annotations__.items()
    return cast("T", {name: _teller(kind)(beside[name] if name in beside else read(name)) for name, kind in fields})


@cache
def _teller(kind: Any) -> Teller:  # noqa: ANN401 - whatever an annotation may be
    if is_typeddict(kind):
        return partial(told, kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _one_of({each: _teller(each) for each in inner})
    if origin is Annotated:
        return lambda value: _plain(round(float(value), DECIMALS))
    if origin is tuple and inner[-1] is Ellipsis:
        each = _teller(inner[0])
        return lambda values: [each(value) for value in values]
    if origin is dict:
        each = _teller(inner[1])
        return lambda table: {_plain(key): each(value) for key, value in table.items()}
    return (lambda value: _plain(float(value))) if kind is float else _plain


def _one_of(tellers: Mapping[Any, Teller]) -> Teller:
    """Return what tells a value that may be one of several kinds: of parts, it is the one whose fields the value has."""
    parts = {kind: tell for kind, tell in tellers.items() if is_typeddict(kind)}
    first = next(iter(tellers.values()))

    def tell(value: object) -> object:
        if value is None:
            return None
        names = value.keys() if isinstance(value, Mapping) else dir(value)
        return next((tell for kind, tell in parts.items() if kind.__annotations__.keys() <= set(names)), first)(value)

    return tell


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a stage has to tell
    """Return a value that JSON knows: no number that is none, and what it does not know as text."""
    match value:
        case Enum():
            return value.value
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case Mapping():
            return {str(_plain(key)): _plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in value]
        case _:
            return str(value)
