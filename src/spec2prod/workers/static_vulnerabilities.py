"""Does the component's environment hold packages with known vulnerabilities? pip-audit, in this process, by its own command line."""

from __future__ import annotations

import logging
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

NOTHING: dict[str, Any] = {"trouble": "", "answer": ""}
_SETTLED = ("--format", "json", "--progress-spinner", "off", "--timeout", "5")


class Errors(logging.Handler):
    """Remembers what pip-audit says went wrong."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an error."""
        self.told.append(record.getMessage())


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """Audit the environment's packages: the answer is pip-audit's own JSON, or what it said instead."""
    scratch = Path(options.answer).parent
    output = scratch / "audit.json"
    paths = [part for folder in options.site_packages for part in ("--path", folder)]
    errors = Errors()
    logging.getLogger("pip_audit").addHandler(errors)
    sys.argv = ["pip-audit", *_SETTLED, "--output", str(output), "--cache-dir", str(scratch / "cache"), *paths]
    try:
        runpy.run_module("pip_audit", run_name="__main__")
        code: object = 0
    except SystemExit as ending:  # 1: vulnerabilities found, or trouble; the answer tells which
        code = ending.code
    except _unreachable() as error:  # its text names a library's classes and not what is wrong
        return {"trouble": f"the vulnerability service cannot be reached ({type(error).__name__})"}
    if not output.is_file():
        return {"trouble": f"pip-audit ended with exit {code or 0}" + (f": {errors.told[0]}" if errors.told else "")}
    return {"answer": output.read_text(encoding="utf-8")}


def _unreachable() -> tuple[type[Exception], ...]:
    """Return the errors of the HTTP client that pip-audit uses."""
    try:
        from requests.exceptions import ConnectionError as NoConnection  # noqa: PLC0415 - pip-audit brings it
        from requests.exceptions import Timeout  # noqa: PLC0415 - as above
    except ImportError:
        return ()
    return (NoConnection, Timeout)
