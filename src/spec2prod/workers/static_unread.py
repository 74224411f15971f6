"""Modules that a question's libraries import, and that it does not need, are read when they are first used."""

from __future__ import annotations

import importlib.util
import sys
import threading
from contextlib import suppress


def leave_unread(*names: str) -> None:
    """Let these modules be read when they are first used: `importlib`'s own lazy loader.

    Whoever touches such a module has the real one. What cannot be found is left to whoever imports it; where another thread imports
    at the same moment, it might be read by both at once, and nothing is changed.
    """
    if threading.active_count() > 1:
        return
    for dotted in names:
        with suppress(ImportError):
            spec = None if dotted in sys.modules else importlib.util.find_spec(dotted)
            if spec is not None and spec.loader is not None:
                spec.loader = importlib.util.LazyLoader(spec.loader)
                module = sys.modules[dotted] = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                above, _, own = dotted.rpartition(".")
                setattr(sys.modules[above], own, module)  # as any import does: `from above import own` looks there, and touches nothing
