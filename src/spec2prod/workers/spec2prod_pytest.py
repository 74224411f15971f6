"""A small pytest plugin: which test is running (as coverage's context), and in which order tests run.

It is loaded by name, so that pytest-xdist's workers load it too. It must run on Python 3.9 and imports nothing of
spec2prod: it lives in the judged component's environment.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER = "SPEC2PROD_TEST_ORDER"


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
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.switch_context(context)
