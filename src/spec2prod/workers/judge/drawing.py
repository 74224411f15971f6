"""What hypothesis works out anew in every process, worked out once in the base: tables of characters, and what is nobody's constant.

Its tables are kept in a folder that each job finds empty, and take two seconds where a text is drawn; its search for constants in
local modules reads the judge's own, which a plain run does not have. Where another version knows nothing of this, nothing is done.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import warnings
from typing import Any

LAZY = ("regex", "strings", "datetime", "ipaddress", "random")  # its strategies that are imported when they are first used
UTF_8 = [[0, 0xD7FF], [0xE000, 0x10FFFF]]  # what it encodes: all but the surrogates (Unicode, D92), and all of that comes back
TABLES = {"codec-utf-8": UTF_8, "codec-v2-utf-8": [UTF_8, []]}


def learn(root: str, scratch: str) -> None:
    """Import hypothesis with what its tests mostly use; `root` is the judged project, whose modules are left to the lanes."""
    importlib.import_module("hypothesis")
    import tempfile  # noqa: PLC0415 - only where hypothesis is used

    with tempfile.TemporaryDirectory(prefix="hypothesis-", dir=scratch) as folder, kept_in(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this takes time while plugins are loaded is the very point
        for name in LAZY:
            with contextlib.suppress(ImportError):  # another version's module
                importlib.import_module("hypothesis.strategies._internal." + name)
        learn_characters()
    forget_constants(root)


@contextlib.contextmanager
def kept_in(folder: str) -> Any:  # noqa: ANN401 - a context
    """Have hypothesis keep its files in a folder for the time of the block; afterwards each lane chooses its own."""
    choose: Any = getattr(importlib.import_module("hypothesis.configuration"), "set_hypothesis_home_dir", lambda _: None)
    choose(folder)
    try:
        yield
    finally:
        choose(None)


def learn_characters() -> None:
    """Have it know the categories of all characters, and what UTF-8 encodes: given as it would have kept it, read as it reads it."""
    import gzip  # noqa: PLC0415 - only where hypothesis is used

    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        characters = importlib.import_module("hypothesis.internal.charmap")
        characters.charmap()
        for name, intervals in TABLES.items():
            file = characters.charmap_file(name)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with gzip.open(file, "wb") as opened:
                opened.write(json.dumps(intervals).encode())
        characters.intervals_from_codec("utf-8")


def forget_constants(root: str) -> None:
    """Have it take none of what is imported by now for a local module: nothing of the project is, and ours are no part of it."""
    providers = sys.modules.get("hypothesis.internal.conjecture.providers")
    seen = getattr(providers, "_seen_modules", None)
    if isinstance(seen, set):
        below = os.path.join(root, "")
        seen.update(id(each) for each in list(sys.modules.values()) if not str(getattr(each, "__file__", None) or "").startswith(below))
