"""What a test must leave as it found it: the interpreter's own state, the component's and pytest's, compared before and after."""

from __future__ import annotations

import collections
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

MOST = 40  # pieces of evidence a test; more say nothing new
PLAIN = (str, bytes, int, float, complex, bool, type(None))
CONTAINERS = {
    dict,
    list,
    set,
    tuple,
    frozenset,
    bytearray,
    collections.OrderedDict,
    collections.defaultdict,
    collections.deque,
    collections.Counter,
}
CACHES = ("cache", "memo", "seen", "lock")
MOST_ITEMS = 2000
identity = object.__hash__  # of a living object as unlike any other's as `id`, which tells each call to every audit hook: ours costs more
Evidence = dict[str, str]


class State:
    """What a test must leave as it found it."""

    def __init__(self, component: list[ModuleType], judging: list[ModuleType]) -> None:
        """`component` are its modules, `judging` pytest's and what it stands on."""
        self._component, self._judging = component, judging
        self._takers: dict[str, Callable[[], dict[str, Any]]] = {
            "environment": lambda: {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"},
            "cwd": lambda: {"cwd": working_folder()},
            "sys.path": lambda: {"sys.path": list(sys.path)},
            "sys.modules": self._imported,
            "threads": lambda: {f"{each.name} {identity(each)}": "" for each in threading.enumerate() if each.is_alive()},
            "signals": lambda: {each.name: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)},
            "component_changed": lambda: {key: value for module in component for key, value in surface(module)},
            "component_state": lambda: {f"{module.__name__}.{name}": told for module in component for name, told in values(module)},
            "pytest_changed": lambda: {key: value for module in judging for key, value in surface(module)},
        }
        self._before = self._now()

    def differences(self) -> list[Evidence]:
        """Return what is not as it was."""
        return [each for kind, was in self._before.items() for each in differing(kind, was, self._now_of(kind))]

    def _now(self) -> dict[str, dict[str, Any]]:
        return {kind: self._now_of(kind) for kind in self._takers}

    def _now_of(self, kind: str) -> dict[str, Any]:
        return self._takers[kind]()

    def _imported(self) -> dict[str, Any]:
        return {module.__name__: identity(sys.modules.get(module.__name__)) for module in (*self._component, *self._judging)}


def working_folder() -> str:
    """Return the working folder, or that it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return "gone"


def surface(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the functions and classes that a module defines, with what the classes hold; identities, no values."""
    for name, value in list(vars(module).items()):
        is_class = isinstance(value, type) and value.__module__ == module.__name__ and module.__name__ != "builtins"
        if is_class or callable(value):
            yield f"{module.__name__}.{name}", identity(value)
        if is_class:
            yield from (
                (f"{module.__name__}.{name}.{key}", identity(each))
                for key, each in list(vars(value).items())
                if callable(each) or key == "__code__"
            )


def values(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the plain values and containers that a module holds, as what can be compared later; caches are made to change."""
    for name, value in list(vars(module).items()):
        if not name.startswith("__") and not any(word in name.lower() for word in CACHES):
            told = shape(value)
            if told is not None:
                yield name, told


def shape(value: object, deep: int = 3) -> object:
    """Return what a plain value looks like, None for what is no plain value; what lies too deep is known by its identity."""
    if isinstance(value, PLAIN):
        return value
    if type(value) not in CONTAINERS or len(value) > MOST_ITEMS:  # type: ignore[arg-type]
        return len(value) if type(value) in CONTAINERS else None  # type: ignore[arg-type]
    if not deep:
        return identity(value)
    if isinstance(value, dict):
        return [(shape(key, deep - 1) or identity(key), shape(each, deep - 1) or identity(each)) for key, each in value.items()]
    each_told = [shape(each, deep - 1) or identity(each) for each in value]  # type: ignore[attr-defined]
    return frozenset(map(repr, each_told)) if isinstance(value, (set, frozenset)) else each_told


def differing(kind: str, before: dict[str, Any], after: dict[str, Any]) -> list[Evidence]:
    """Return a piece of evidence for each key that differs; what only appeared counts for what must not appear."""
    appeared = set(after) - set(before) if kind in {"environment", "threads"} else set()
    changed = {key for key in before if before[key] != after.get(key)} if kind != "threads" else set()
    return [{"kind": kind, "detail": key} for key in sorted(appeared | changed)][:MOST]
