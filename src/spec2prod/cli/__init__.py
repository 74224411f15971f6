"""The command line: read, plan, run, report, exit. One file per command; heavy parts are imported when a command needs them."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from spec2prod import __version__
from spec2prod.cli import parsing, streams
from spec2prod.cli.output import guarded

_FILES = (
    *("init", "doctor", "plan", "run", "trace", "judge", "defects", "runs", "extend", "worker", "queue", "releases"),
    *("gates", "config", "explain", "cache", "openhands", "pynguin", "docs"),
)
"""The files that declare commands, in the order of `--help`; one has the command of its own name, unless told below."""
_COMMANDS = {"runs": ("runs", "resume", "retry", "cancel"), "releases": ("releases", "rollback", "attest")}

_EPILOG = """\
examples:
  spec2prod init
  spec2prod doctor
  spec2prod run --spec specs/calculator_operations.md --component calculator_operations --target development
  spec2prod run --spec specs/api.md --component api --target staging --async --enable-openhands
  spec2prod runs
  spec2prod resume 1f0c9a2b
  spec2prod openhands install

exit codes:
  0 promoted, 1 a gate failed, 2 usage, specification or settings, 3 pending, 4 a tool or service could not be
  asked, 5 released, then rolled back, 124 time limit, 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    gc.set_threshold(100_000)  # what is imported stays: looking through it again and again takes a tenth of a quick command's time
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # nor is it looked through at the end, where all of it goes anyway: an eighth of a run's own CPU time
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # ours has none, and looking for them reads all that is installed
    streams.prepare()
    words = sys.argv[1:] if argv is None else argv
    args = parser(words[0] if words else "").parse_args(words)
    command: Callable[[argparse.Namespace], int] = args.command
    return guarded(lambda: command(args), debug=args.debug)


def parser(asked: str = "") -> argparse.ArgumentParser:
    """Return the command line: every command with its flags, and `command`, the function that does it.

    Where a command is `asked`, only the file that declares it is imported: its first tool starts the sooner for it.
    """
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    whole: argparse.ArgumentParser = parsing.Parser(
        prog="spec2prod",
        description="Take a Python component from its markdown specification to production, with one truthful verdict per step.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"spec2prod {__version__}")
    whole.set_defaults(command=parsing.refuse_nothing, debug=False)
    commands = whole.add_subparsers(title="commands", metavar="COMMAND")
    for file in [file for file in _FILES if asked in _COMMANDS.get(file, (file,))] or _FILES:
        import_module(f"{__name__}.{file}").add(commands, common)
    return whole
