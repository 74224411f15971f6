"""A small pytest plugin: which test is running (as coverage's context), in which order tests run, and a clean source tree.

It is loaded by name, so that pytest-xdist's workers load it too. It must run on Python 3.9 and imports nothing of
spec2prod: it lives in the judged component's environment.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["spec2prod_requirements"]
ORDER = "SPEC2PROD_TEST_ORDER"
_FOLDERS: dict[pytest.Collector, pytest.CollectReport] = {}
_DONT_WRITE = sys.dont_write_bytecode  # what the environment asked for


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Write no bytecode from here on: what follows is the project's own code, and its tree stays untouched.

    What came before, pytest and its plugins, may be cached: compiling them anew costs seconds in every run.
    """
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep pytest-benchmark's folder out of the source tree, unless the project compares with what lies there; hand folders over."""
    importlib.import_module("spec2prod_folders").hand_over(config)
    if getattr(config.option, "benchmark_storage", "") and not getattr(config.option, "benchmark_compare", None):
        config.option.benchmark_storage = "file://" + tempfile.gettempdir()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Let plugins that import their larger half only to sum up cache it (hypothesis does); the project's code has run."""
    sys.dont_write_bytecode = _DONT_WRITE


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> pytest.CollectReport | None:
    """List a folder once: pytest (8 and later) lists it anew for every file that is named in it, so that 1,000 files took minutes."""
    return _FOLDERS.get(collector)


@pytest.hookimpl(specname="pytest_make_collect_report", hookwrapper=True)
def pytest_remember_folder(collector: pytest.Collector) -> Iterator[None]:
    """Keep a folder's listing; a file is still collected as often as pytest wants."""
    outcome: Any = yield
    if isinstance(collector, getattr(pytest, "Directory", ())) and outcome.excinfo is None:
        _FOLDERS[collector] = outcome.get_result()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests into the order that was asked for: as-is, reversed, or random:SEED."""
    order = os.environ.get(ORDER, "as-is")
    if order == "reversed":
        items.reverse()
    elif order.startswith("random:"):
        random.Random(order.partition(":")[2]).shuffle(items)  # noqa: S311 - an order, not a secret


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Name the test to coverage from its set-up to its tear-down."""
    _name(item.nodeid)
    yield
    _name("")


def _name(context: str) -> None:
    monitored, measuring = importlib.import_module("spec2prod_monitored").running(), coverage.Coverage.current()
    if monitored is not None:
        monitored.switch(context)
    elif measuring is not None:
        measuring.switch_context(context)
