"""Starts Pynguin on a component: in Pynguin's own environment, beside what the component's environment can import.

`python pynguin_worker.py <Pynguin's arguments>`. SPEC2PROD_PYNGUIN holds JSON: `paths`, the component's import path, and `file_mb`, what
one file may hold at most, in MiB. It must run on Python 3.10 and imports nothing of spec2prod. Pynguin starts processes of its own
that import this file again, so that the path is set up in them, too.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import site
import sys

VARIABLE = "SPEC2PROD_PYNGUIN"


def set_up(told: str) -> None:
    """Put the component's folders behind Pynguin's own, and bound what a file may hold; a core is never dumped."""
    given = json.loads(told)
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is one more import in every process
    sys.path[:] = [path for path in sys.path if path != here]
    for path in given["paths"]:
        if path.endswith(("site-packages", "dist-packages")):
            site.addsitedir(path)  # its .pth files count as they do for the component: editable installations
        elif path not in sys.path:
            sys.path.append(path)
    most = int(given["file_mb"]) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if VARIABLE in os.environ:
    set_up(os.environ[VARIABLE])


if __name__ == "__main__":
    importlib.import_module("multiprocess").set_start_method("spawn")
    sys.exit(importlib.import_module("pynguin.cli").main(sys.argv))
