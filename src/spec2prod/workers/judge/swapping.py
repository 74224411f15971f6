"""Puts a mutant into a running process: new code for the functions that live there, or changed source for those to be imported."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Iterable
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType
from typing import Any

from .mutating import Module
from .mutation import Mutant, Unit, nested, part, whole

Key = tuple[str, int]
GENERATING = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR


def living(files: Iterable[str]) -> dict[str, list[FunctionType]]:
    """Return the functions of each file that live in this process: closures, methods, wrapped ones and all."""
    wanted = set(files)
    found: dict[str, list[FunctionType]] = {}
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename in wanted:
            found.setdefault(each.__code__.co_filename, []).append(each)
    return found


def swap(
    module: Module, mutant: Mutant | None, functions: list[FunctionType], unit: Unit, *, anew: bool = False
) -> list[tuple[FunctionType, CodeType]]:
    """Give the functions of one statement of the module their changed code; return those that were changed, with the code they had.

    Code is matched by its place among its fellows, so that two lambdas of one line are told apart.

    Raises:
        ValueError: where the changed code no longer fits the living function.
    """
    old = list(nested(part(module.tree, unit, module.path, None) if anew else module.part(unit)))
    new = list(nested(part(module.tree, unit, module.path, mutant) if anew or mutant is None else module.part(unit, mutant)))
    living = [(function, place) for function in functions if (place := place_of(function.__code__, old)) is not None]
    changed = [(function, counterpart(old, place, new)) for function, place in living]
    for function, code in changed:
        if (function.__code__.co_flags ^ code.co_flags) & GENERATING:
            raise ValueError("the change makes a generator of a function, or the reverse")
        if len(function.__code__.co_freevars) != len(code.co_freevars):
            raise ValueError("the change makes a function know other names of those around it")
    replaced = [(function, function.__code__) for function, _ in changed]
    for function, code in changed:
        function.__code__ = code
    return replaced


def counterpart(old: list[CodeType], place: int, new: list[CodeType]) -> CodeType:
    """Return the changed code of a function: the one at its place, or the only one of its name and line where some are gone.

    Raises:
        ValueError: where the change adds or removes functions, and it cannot be told which is which.
    """
    if len(old) == len(new):
        return new[place]
    wanted = named(old[place])
    alike = [each for each in new if named(each) == wanted]
    if len(alike) != 1 or sum(named(each) == wanted for each in old) != 1:
        raise ValueError("the change adds or removes a function")
    return alike[0]


def named(code: CodeType) -> tuple[str, int]:
    """Return what tells most functions of a module apart."""
    return code.co_name, code.co_firstlineno


def place_of(code: CodeType, among: list[CodeType]) -> int | None:
    """Return the index of the code that is this one, None where it is not there."""
    alike = [index for index, each in enumerate(among) if named(each) == named(code)]
    if len(alike) > 1:
        alike = [index for index in alike if among[index] == code] or alike
    return alike[0] if alike else None


def caches(files: Iterable[str]) -> list[Any]:
    """Return the `lru_cache` wrappers of functions of these files: what they computed before a change would hide it."""
    wanted = set(files)
    found = (each for each in gc.get_objects() if isinstance(each, functools._lru_cache_wrapper))  # noqa: SLF001 - there is no public name
    return [each for each in found if getattr(getattr(each.__wrapped__, "__code__", None), "co_filename", "") in wanted]


def change_source(module: Module, mutant: Mutant | None) -> None:
    """Have the module's file compile to its changed self, whoever imports it and by whatever name."""
    code = whole(module.tree, module.path, mutant)
    original = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        if os.path.realpath(self.path) == module.path:
            return code
        answer: Any = original(self, fullname)
        return answer if isinstance(answer, CodeType) else None

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]
