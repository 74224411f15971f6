"""Answers what can be asked of files without running them, in spec2prod's own interpreter and one process, as one JSON file.

    python -I static_worker.py --answer FILE --root DIR --ask NAME… [--folder DIR] [--module FILE]… [--test FILE]…
        [--site-packages DIR]… [--patience SECONDS]

Each question is one file beside this one, and says for itself why it could not be answered. What asks a service far away begins
first, beside the others, and is waited for no longer than `--patience` after them. No answer contains a secret. Where
`SPEC2PROD_FOUND_IN_FILES` names a file, what is found in the component's files is kept there (static_kept.py).
"""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FORMAT = 1
QUESTIONS = ("secrets", "weaknesses", "documentation", "complexity", "vulnerabilities")
FAR_AWAY = frozenset({"vulnerabilities"})
KEPT = "SPEC2PROD_FOUND_IN_FILES"


def main(arguments: list[str]) -> int:
    """Ask every question and write the answer; the exit code says only that an answer was written."""
    gc.set_threshold(100_000)  # what is imported stays: looking through it again and again finds nothing
    atexit.register(gc.freeze)  # nor does it at the end
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    logging.getLogger().addHandler(logging.NullHandler())  # so that no library chooses standard error
    options = parse(arguments)
    options.kept = importlib.import_module("static_kept").Kept(os.environ.get(KEPT, ""))
    started = {name: begun(name, options) for name in options.ask if name in FAR_AWAY}
    answer = {name: asked(name, options) for name in options.ask if name not in FAR_AWAY}
    answer |= {name: end() for name, end in started.items()}
    path = Path(options.answer)
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps({"format": FORMAT, **answer}), encoding="utf-8")
    beside.replace(path)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--answer", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--ask", action="append", required=True, choices=QUESTIONS)
    parser.add_argument("--folder", default="")
    parser.add_argument("--module", action="append", default=[])
    parser.add_argument("--test", action="append", default=[])
    parser.add_argument("--site-packages", action="append", default=[])
    parser.add_argument("--patience", type=float, default=30.0)
    return parser.parse_args(arguments)


def asked(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Ask one question; whatever breaks it is its answer, and leaves the others their own."""
    question = importlib.import_module(f"static_{name}")
    try:
        return {**question.NOTHING, **question.answer(options)}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a library that crashes is told, never hidden
        return {**question.NOTHING, "trouble": f"{type(error).__name__}: {error}"[:500]}


def begun(name: str, options: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """Begin one question in a thread; return what waits for its end."""
    told: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: told.update(asked(name, options)), daemon=True)
    thread.start()
    earliest = time.monotonic()

    def end() -> dict[str, Any]:
        """Wait, counted from the beginning: what the others took is part of the patience."""
        thread.join(max(0.0, earliest + options.patience - time.monotonic()))
        if thread.is_alive():
            return {**importlib.import_module(f"static_{name}").NOTHING, "trouble": f"no answer within {options.patience:g} s"}
        return dict(told)

    return end


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
