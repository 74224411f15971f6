"""`python <this folder>`: read one request from standard input, answer with lines of JSON on standard output, end.

The folder becomes a package of a name of its own, so that none of its files can be taken for a module of the judged project.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

NAME = "_spec2prod_judge"


def load() -> None:
    """Make this folder importable as a package, without putting it on the path."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != here]
    spec = importlib.util.spec_from_file_location(NAME, here / "__init__.py", submodule_search_locations=[str(here)])
    if spec is None or spec.loader is None:
        raise ImportError(str(here))
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load()
    code = importlib.import_module(NAME + ".serving").main()
    sys.stderr.flush()
    os._exit(code)  # all that was started has ended, all is said: what is left to take down is memory
