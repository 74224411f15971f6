"""Whether containers still hold the very same objects.

Where every list, dictionary, set, function and class that can be reached holds what it held, nothing that can be reached has changed:
a glance at each says so at a tenth of what it costs to describe them all again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import is_
from types import CellType, FunctionType
from typing import Any

identity = object.__hash__  # of a living object as unlike any other's as `id`, which tells each call to every audit hook: ours costs more
OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__", "__dict__")


class Holding:
    """What each container held when it was first seen."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._mappings: list[tuple[Mapping[Any, Any], list[Any], list[Any]]] = []
        self._sequences: list[tuple[list[Any], list[Any]]] = []
        self._sets: list[tuple[Collection[Any], set[int]]] = []
        self._attributes: list[tuple[Any, str, Any]] = []
        self._cells: list[tuple[CellType, Any]] = []

    def mapping(self, value: Mapping[Any, Any]) -> None:
        """Remember what a dictionary holds, in its order."""
        self._mappings.append((value, list(value), list(value.values())))

    def sequence(self, value: list[Any]) -> None:
        """Remember what a list holds."""
        self._sequences.append((value, list(value)))

    def members(self, value: Collection[Any]) -> None:
        """Remember what a set holds."""
        self._sets.append((value, set(map(identity, value))))

    def attribute(self, value: Any, *names: str) -> None:  # noqa: ANN401 - a class or an object
        """Remember these attributes."""
        self._attributes += [(value, name, getattr(value, name)) for name in names]

    def function(self, value: FunctionType) -> None:
        """Remember a function's code, its defaults, and what it closes over."""
        self.attribute(value, *OF_FUNCTIONS)
        self._cells += [(cell, cell.cell_contents) for cell in value.__closure__ or () if filled(cell)]

    def holds(self) -> bool:
        """Whether everything holds what it held; False also where only the objects are others, and equal."""
        try:
            return (
                all(getattr(value, name) is known for value, name, known in self._attributes)
                and all(len(value) == len(keys) and all(map(is_, value, keys)) for value, keys, _ in self._mappings)
                and all(all(map(is_, value.values(), known)) for value, _, known in self._mappings)
                and all(len(value) == len(known) and all(map(is_, value, known)) for value, known in self._sequences)
                and all(set(map(identity, value)) == known for value, known in self._sets)
                and all(cell.cell_contents is known for cell, known in self._cells)
            )
        except (AttributeError, ValueError):  # gone, or a cell that was emptied
            return False


def filled(cell: CellType) -> bool:
    """Whether a closure's cell has a value yet."""
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
