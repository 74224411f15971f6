"""Write the pages of docs/reference/ that are made from the code: `make docs`. The tests compare them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from spec2prod import errors

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MEANINGS = {
    errors.ExitCode.PROMOTED: "promoted: every required gate said yes",
    errors.ExitCode.GATE_FAILED: "a gate failed",
    errors.ExitCode.USAGE: "usage, specification or settings",
    errors.ExitCode.PENDING: "pending: an approval or a soak is still to come",
    errors.ExitCode.COULD_NOT_ASK: "a tool or service could not be asked",
    errors.ExitCode.ROLLED_BACK: "released, then rolled back",
    errors.ExitCode.TIME_LIMIT: "time limit",
    errors.ExitCode.INTERRUPTED: "interrupted",
}


def kinds(base: type[errors.Spec2prodError]) -> Iterator[type[errors.Spec2prodError]]:
    """Give every kind of error below `base`, depth first, in the order of the source."""
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def first_line(kind: type) -> str:
    """Return the first sentence of a class's docstring, on one line."""
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


def exit_codes() -> str:
    """Return the page of exit codes and errors."""
    codes = "".join(f"| {code.value} | {MEANINGS[code]} |\n" for code in errors.ExitCode)
    named = [kind for kind in kinds(errors.Spec2prodError) if kind.__module__ == errors.__name__]
    rows = "".join(f"| `{kind.slug}` | {kind.exit_code.value} | {first_line(kind)} |\n" for kind in named)
    return (
        "# Exit codes and errors\n\nMade from `src/spec2prod/errors.py` by `make docs`.\n\n"
        f"| code | meaning |\n|---|---|\n{codes}\n"
        "## Errors\nEach names its address and the next step.\n\n"
        f"| error | exit code | meaning |\n|---|---|---|\n{rows}"
    )


def help_of(*words: str) -> str:
    """Return what a command's `--help` prints, 100 columns wide."""
    argv = [sys.executable, "-m", "spec2prod", *words, "--help"]
    env = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout


def commands(*words: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give each command that does something, with its help."""
    text = help_of(*words)
    section = re.search(r"^commands:\n(.*?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    names = re.findall(r"^    ([a-z][a-z-]*)(?=\s|$)", section.group(1), re.MULTILINE) if section else []
    if not names:
        yield words, text
    for name in names:
        yield from commands(*words, name)


def command_line() -> str:
    """Return the page of the command line."""
    parts = [f"## spec2prod {' '.join(words)}\n```text\n{text.rstrip()}\n```\n" for words, text in commands()]
    return "# Command line\n\nMade from `spec2prod … --help` by `make docs`.\n\n" + "\n".join(parts)


PAGES = {"exit-codes.md": exit_codes, "command-line.md": command_line}


def main() -> None:
    """Write every page."""
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render())


if __name__ == "__main__":
    main()
