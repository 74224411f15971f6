"""Whether anything was left behind in this process that a later test could notice: only where nothing was may it serve a next one.

A fork is exact and costs ten times what a small test does. What a test can leave is known where the project's modules hold
nothing but functions, classes, plain values and containers of them, and use nothing but the standard library: those are
compared, and so is the interpreter's own state. Where anything else lives, or anything differs, the next test gets a process of its own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import enum
import fractions
import functools
import logging
import operator
import os
import pathlib
import re
import signal
import sys
import threading
import types
import typing
import uuid
from typing import Any

import pytest

from .holding import Holding, filled, identity

STANDARD: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())  # Python 3.10; before, nothing is shared
JUDGING = {"pytest", "_pytest", "pluggy"}
PLAIN = (str, bytes, int, float, complex, bool, type(None), type(...), range, slice)
UNCHANGING = (
    *(re.Pattern, pathlib.PurePath, dt.date, dt.time, dt.timedelta, dt.tzinfo, decimal.Decimal, fractions.Fraction),
    *(
        uuid.UUID,
        enum.Enum,
        logging.Logger,
        typing.TypeVar,
        types.BuiltinFunctionType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
    ),
)
TYPING = {"__future__", "typing", "types", "collections.abc", "_pytest.mark.structures", "_pytest.fixtures"}
SKIPPED = {
    "pytestmark",
    "__builtins__",
    "__loader__",
    "__spec__",
    "__cached__",
    "__file__",
    "__doc__",
    "__weakref__",
    "__dict__",
    "__abstractmethods__",
    "_abc_impl",
}
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGCHLD", "SIGPIPE") if hasattr(signal, name)]
MOST = 5000  # values looked at


class Unknown(Exception):  # noqa: N818 - an answer, not an error
    """Something lives here whose state cannot be compared."""


class Stillness:
    """What the project's modules and the interpreter look like before the first test."""

    def __init__(self, root: str, caches: list[Any]) -> None:
        """Look around; `unknown` says what cannot be compared, empty where everything can."""
        self._root, self._caches = os.path.join(root, ""), caches
        self.unknown = "" if STANDARD else "this Python does not tell its own modules"
        self._all = dict(sys.modules)
        self._modules = [module for module in list(sys.modules.values()) if self._is_the_projects(module)]
        self._sizes = [each.cache_info().currsize for each in caches]
        self._holding = Holding()
        try:
            self._before = self._shapes(self._holding) if STANDARD else []
        except Unknown as error:
            self.unknown = str(error)
        self._around = around()

    def holds(self) -> bool:
        """Whether everything is as it was; caches that were empty are emptied."""
        for size, cache in zip(self._sizes, self._caches):  # noqa: B905 - Python 3.9
            if not size:
                cache.cache_clear()
            elif cache.cache_info().currsize != size:
                return False
        try:
            if around() != self._around or self._count() != len(self._modules):
                return False
            return self._holding.holds() or self._shapes(Holding()) == self._before
        except Unknown:
            return False

    def shares(self, item: Any) -> bool:  # noqa: ANN401 - pytest's items
        """Whether an item may be run again in the same process: a plain function, its parameters plain values."""
        if self.unknown or type(item) is not pytest.Function:
            return False
        try:
            Look(self._is_ours, Holding()).shape(getattr(getattr(item, "callspec", None), "params", {}))
        except Unknown:
            return False
        return True

    def _count(self) -> int:
        if sys.modules.keys() == self._all.keys() and all(map(operator.is_, sys.modules.values(), self._all.values())):
            return len(self._modules)  # the same modules under the same names in the same order: no need to ask each for its file
        count = sum(self._is_the_projects(module) for module in list(sys.modules.values()))
        if count == len(self._modules):
            self._all = dict(sys.modules)  # something of the standard library was imported: known from now on
        return count

    def _is_the_projects(self, module: Any) -> bool:  # noqa: ANN401 - anything may stand in `sys.modules`
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and file.startswith(self._root) and "site-packages" not in file

    def _is_ours(self, name: object) -> bool:
        module = sys.modules.get(name) if isinstance(name, str) else None
        return module is not None and self._is_the_projects(module)

    def _shapes(self, holding: Holding) -> list[Any]:
        look = Look(self._is_ours, holding)
        return [look.named(vars(module)) for module in self._modules]


class Look:
    """One look at values: each is described once, by what can be compared later."""

    def __init__(self, is_ours: Any, holding: Holding) -> None:  # noqa: ANN401 - a function
        """`is_ours` knows the project's modules by name; `holding` remembers what can be changed, and is seen on the way."""
        self._is_ours, self._holding = is_ours, holding
        self._seen: set[int] = set()

    def shape(self, value: Any) -> Any:  # noqa: ANN401, C901, PLR0911, PLR0912 - every kind of value has its own way
        """Describe a value.

        Raises:
            Unknown: where its state cannot be seen.
        """
        kind = type(value)
        if kind is not types.FunctionType and (kind in PLAIN or isinstance(value, UNCHANGING) or kind.__module__ in TYPING):
            return value if kind in PLAIN[:7] else identity(value)
        if identity(value) in self._seen:
            return identity(value)
        self._seen.add(identity(value))
        if len(self._seen) > MOST:
            raise Unknown("too many values")
        if isinstance(value, types.ModuleType):
            return self._known(value.__name__, value)
        if kind is dict or kind is types.MappingProxyType:
            self._holding.mapping(value)
            return [(self.shape(key), self.shape(each)) for key, each in value.items()]
        if kind in (list, tuple):
            if kind is list:
                self._holding.sequence(value)
            return (identity(value), [self.shape(each) for each in value])
        if kind in (set, frozenset):
            self._holding.members(value)
            return (identity(value), sorted(map(repr, map(self.shape, value))))
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return (self._class(value), identity(value)) if self._is_ours(value.__module__) else self._known(value.__module__, value)
        if kind in (staticmethod, classmethod, types.MethodType):
            return (identity(value), self.shape(value.__func__))
        if kind is property:
            return (identity(value), [self.shape(each) for each in (value.fget, value.fset, value.fdel)])
        if kind is functools.partial:
            return (identity(value), self.shape(value.func), self.shape(value.args), self.shape(value.keywords))
        if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001 - there is no public name
            return (identity(value), self.shape(value.__wrapped__))
        if self._is_ours(kind.__module__) and isinstance(getattr(value, "__dict__", None), dict) and not slotted(kind):
            self._holding.attribute(value, "__dict__")
            return (identity(value), self.shape(vars(value)))
        raise Unknown(f"a {kind.__module__}.{kind.__qualname__}")

    def _function(self, value: Any) -> Any:  # noqa: ANN401 - a function
        if not self._is_ours(value.__module__):
            return self._known(value.__module__, value)
        self._holding.function(value)
        cells = [cell.cell_contents for cell in value.__closure__ or () if filled(cell)]
        parts = (value.__defaults__, value.__kwdefaults__, *cells)
        return (identity(value), identity(value.__code__), [self.shape(each) for each in parts], self.named(vars(value)))

    def named(self, names: Any) -> list[Any]:  # noqa: ANN401 - a mapping
        """Describe what a module, a class or a function holds by name; nothing that is made for the look is looked at."""
        self._holding.mapping(names)
        return [(name, self.shape(each)) for name, each in list(names.items()) if name not in SKIPPED]

    def _class(self, value: type) -> Any:  # noqa: ANN401 - its description
        self._holding.attribute(value, "__bases__")
        for base in value.__mro__[1:]:
            self._known(base.__module__, base)
        return self.named(vars(value))

    def _known(self, name: str | None, value: Any) -> int:  # noqa: ANN401 - whatever comes from there
        top = (name or "").partition(".")[0]
        if top in STANDARD or top in JUDGING or self._is_ours(name):
            return identity(value)
        raise Unknown(f"something of {top or 'nowhere'}")


def slotted(kind: type) -> bool:
    """Whether instances hold state outside of their dictionary, in slots or in what a built-in class keeps."""
    return any(each.__module__ == "builtins" and each is not object for each in kind.__mro__) or any(
        "__slots__" in vars(each) for each in kind.__mro__
    )


def around() -> list[Any]:
    """Return the interpreter's own state, as far as a test usually changes it."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    with contextlib.suppress(OSError):
        folder = os.getcwd()
        standard = [identity(getattr(sys, name)) for name in ("stdin", "stdout", "stderr", "excepthook", "displayhook")]
        numbers = [threading.active_count(), len(os.listdir("/proc/self/task")), sys.getrecursionlimit(), has_children()]
        handlers = [signal.getsignal(each) for each in SIGNALS]
        root = logging.getLogger()
        log = [root.level, list(map(identity, root.handlers)), logging.root.manager.disable]
        builtin = [list(vars(sys.modules["builtins"])), list(map(identity, vars(sys.modules["builtins"]).values()))]
        return [environment, folder, standard, numbers, handlers, log, builtin, list(sys.path), repr(decimal.getcontext()), sys.gettrace()]
    return [object()]  # what cannot be told is never as it was


def has_children() -> bool:
    """Whether a process that was started from here is still there."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
