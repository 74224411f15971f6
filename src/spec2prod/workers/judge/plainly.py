"""Runs a plain test function on a mutant by calling it: pytest's protocol around it costs fifty times as much, and does nothing there.

What the protocol would do is known where a test has no fixtures, no class and no markers but parameters and requirements, and only
plugins that are known leave their hooks around it. All that may make a difference goes through the protocol after all, as everything does
when the component is as it is; and what is called here on a chain of mutants must pass at its end on the component without them.
"""

from __future__ import annotations

import inspect
import os
import unittest
import warnings
from typing import Any

import pytest

from .harness import Harness

MARKERS = {"parametrize", "requirement", "req", "verifies_requirement"}
KNOWN = {
    "_pytest",
    "pytest_asyncio",
    "anyio",
    "_hypothesis_pytestplugin",
    "xdist",
    "pytest_cov",
    "pytest_benchmark",
    __name__.partition(".")[0],
}
HOOKS = (
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_makereport",
    "pytest_pyfunc_call",
    "pytest_fixture_setup",
)
GIVEN = "get_direct_param_fixture_func"  # pytest's own stand-in for a parameter that is no fixture
OTHERS = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, unittest.SkipTest, KeyboardInterrupt)
CURRENT = "PYTEST_CURRENT_TEST"
LONGEST = 300  # characters of a failure's message: nobody reads more of it
IDLE = {"event_loop_policy": "pytest_asyncio", "_session_faker": "faker"}  # fixtures of plugins, for every test, that only others use
Answer = dict[str, Any]


class Plainly:
    """Knows which items can be called, and calls them."""

    def __init__(self, harness: Harness) -> None:
        """`harness` says of a failure what kind it is."""
        self._harness = harness
        self._arguments: dict[str, dict[str, Any] | None] = {}

    def can(self, item: Any) -> bool:  # noqa: ANN401 - pytest's items
        """Whether calling the function is all that its protocol would do."""
        if item is None:
            return False
        if item.nodeid not in self._arguments:
            self._arguments[item.nodeid] = arguments_of(item) if is_plain(item) and is_unhooked(item) else None
        return self._arguments[item.nodeid] is not None

    def run(self, item: Any) -> Answer | None:  # noqa: ANN401 - as above
        """Call the function; None where only the protocol can say what became of it."""
        self._harness.begin()
        os.environ[CURRENT] = item.nodeid + " (call)"
        error: BaseException | None = None
        try:
            with warnings.catch_warnings(record=True):
                warnings.simplefilter("always")
                if item.obj(**(self._arguments[item.nodeid] or {})) is not None:
                    return None
        except OTHERS:
            return None
        except BaseException as raised:  # noqa: BLE001 - as pytest does
            error = raised
        finally:
            os.environ.pop(CURRENT, None)
        return self._harness.told(error, LONGEST)


def is_plain(item: Any) -> bool:  # noqa: ANN401 - pytest's items
    """Whether an item is a function of a module that is called and returns, with no markers that change what follows from it."""
    if type(item) is not pytest.Function or item.cls is not None or any(each.name not in MARKERS for each in item.iter_markers()):
        return False
    function = item.obj
    return inspect.isfunction(function) and not any(
        asked(function) for asked in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    )


def is_unhooked(item: Any) -> bool:  # noqa: ANN401 - as above
    """Whether nobody but pytest, well-known plugins and we ourselves take part in its protocol."""
    implementations = (each for name in HOOKS for each in getattr(item.ihook, name).get_hookimpls())
    return all((getattr(each.function, "__module__", None) or "").partition(".")[0] in KNOWN for each in implementations)


def arguments_of(item: Any) -> dict[str, Any] | None:  # noqa: ANN401 - as above
    """Return the parameters that an item's function is called with, None where a fixture has a part in it."""
    info, given = getattr(item, "_fixtureinfo", None), getattr(getattr(item, "callspec", None), "params", {})
    if info is None or not set(info.argnames) <= set(given):
        return None
    if not all(does_nothing(name, info.name2fixturedefs.get(name) or (), name in given) for name in item.fixturenames):
        return None
    return {name: given[name] for name in info.argnames}


def does_nothing(name: str, definitions: Any, is_given: bool) -> bool:  # noqa: ANN401, FBT001 - pytest's; what was asked of the name
    """Whether a fixture only hands a parameter on, or is a known one of which the test makes no use."""
    if not definitions:
        return False
    function = definitions[-1].func
    if is_given:
        return bool(getattr(function, "__name__", "") == GIVEN)
    return len(definitions) == 1 and IDLE.get(name) == (getattr(function, "__module__", None) or "").partition(".")[0]
