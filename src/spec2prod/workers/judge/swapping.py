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
from .mutation import Mutant, nested, part, whole

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
    module: Module, mutant: Mutant | None, functions: list[FunctionType], top: int, *, anew: bool = False
) -> list[tuple[FunctionType, CodeType]]:
    """Give the functions of one statement of the module their changed code; return those that were changed, with the code they had.

    Code is matched by its place among its fellows, so that two lambdas of one line are told apart.

    Raises:
        ValueError: where the changed code no longer fits the living function.
    """
    old = list(nested(part(module.tree, top, module.path, None) if anew else module.part(top)))
    new = list(nested(part(module.tree, top, module.path, mutant) if anew or mutant is None else module.part(top, mutant)))
    if len(old) != len(new):
        raise ValueError("the change adds or removes a function")
    replaced: list[tuple[FunctionType, CodeType]] = []
    for function in functions:
        place = place_of(function.__code__, old)
        if place is not None:
            if (old[place].co_flags ^ new[place].co_flags) & GENERATING:
                raise ValueError("the change makes a generator of a function, or the reverse")
            replaced.append((function, function.__code__))
            function.__code__ = new[place]
    return replaced


def place_of(code: CodeType, among: list[CodeType]) -> int | None:
    """Return the index of the code that is this one, None where it is not there."""
    alike = [index for index, each in enumerate(among) if (each.co_name, each.co_firstlineno) == (code.co_name, code.co_firstlineno)]
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
