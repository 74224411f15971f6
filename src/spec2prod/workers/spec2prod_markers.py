"""A pytest plugin that is installed with spec2prod, and makes its markers known to every pytest beside it: nothing else.

It must run on any Python, and imports nothing: every pytest in the environment pays for it.
"""

from __future__ import annotations

MARKERS = ("requirement", "req", "verifies_requirement")


def pytest_configure(config):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - pytest's types would have to be imported
    """Make the markers known, so that none is warned of, or refused by --strict-markers."""
    for name in MARKERS:
        config.addinivalue_line("markers", name + "(id, ..., text=''): the requirement that this test shows (spec2prod)")
