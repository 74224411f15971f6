"""What every command shares: where people read, where documents go, and how an error ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO, cast

from spec2prod.cli.streams import Patient, silence
from spec2prod.errors import ExitCode, OutputError, Spec2prodError

if TYPE_CHECKING:
    from rich.console import Console


_PIPED_WIDTH = 140  # columns where nobody says how many there are, as in a log or a pipe: an address stays in one piece


def guarded(command: Callable[[], int], *, debug: bool) -> int:
    """Turn every error into its message, its next step and its exit code; a traceback only with `--debug`."""
    try:
        return command()
    except KeyboardInterrupt:
        return fail("interrupted", "", ExitCode.INTERRUPTED)
    except Spec2prodError as error:
        if debug:
            raise
        return fail(str(error), error.next_step, error.exit_code)
    except Exception as error:
        if debug:
            raise
        what = f"this is a bug in spec2prod: {type(error).__name__}: {error}"
        return fail(what, "run again with --debug and report what it shows", ExitCode.COULD_NOT_ASK)


def console(*, stderr: bool) -> Console:
    """Return where people read: standard output, or standard error while that belongs to a document."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = _PIPED_WIDTH if not stream.isatty() and "COLUMNS" not in os.environ else None
    return Console(file=cast("TextIO", Patient(stream)), highlight=False, emoji=False, width=width)  # `:bug:` is told as it is written


def emit(text: str) -> None:
    """Write a document to standard output, if anybody still reads there."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        step = "Look at the free space, or use --output."
        raise OutputError(f"cannot be written: {error}", where="standard output", next_step=step) from None


def fail(message: str, next_step: str, code: ExitCode) -> int:
    """Tell an error and its next step on standard error; return the exit code."""
    lines = [f"spec2prod: {message}"] + ([f"next: {next_step}"] if next_step else [])
    stream = Patient(sys.stderr)
    stream.write("\n".join(lines) + "\n")
    stream.flush()
    return code
