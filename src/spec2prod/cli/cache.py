"""`spec2prod cache`: what earlier runs have answered, and letting it go."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from spec2prod.cli.telling import Teller, counted, document
from spec2prod.errors import ExitCode, UsageError

_EPILOG = """\
A run keeps each answer with exactly what it depends on: files, configuration, tool, interpreter, environment, command. While nothing of
that changes, the next run takes the answer and starts no tool. What could not be asked, or was flaky, is always asked again. The answers
lie in the project's database (.spec2prod/spec2prod.sqlite), or in the one that SPEC2PROD_DATABASE_URL names: then all who share it.

Why was something asked again? spec2prod explain --cache STAGE --spec FILE --component NAME

examples:
  spec2prod cache stats
  spec2prod cache prune --older-than 30
  spec2prod cache prune --max-size 100
  spec2prod cache clear
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "cache",
        parents=[common],
        help="show what earlier runs have answered, or let it go",
        description="Show what the cache of this project holds, or let answers go. They are only measured again.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inner = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    showing = inner.add_parser("stats", parents=[common], help="show what it holds", description="Show what the cache holds.")
    showing.add_argument("--json", action="store_true", help="print one JSON document")
    showing.set_defaults(command=stats)
    pruning = inner.add_parser(
        "prune",
        parents=[common],
        help="let old answers go",
        description="Let answers go that were not used for long, or that are too many; without a flag, what is above cache_max_mb.",
    )
    pruning.add_argument("--max-size", type=float, metavar="MB", help="keep the most recently used answers, up to this size")
    pruning.add_argument("--older-than", type=float, metavar="DAYS", help="let go what was not used for so many days")
    pruning.set_defaults(command=prune)
    told = "Let every answer go, also what this machine knows of single files."
    clearing = inner.add_parser("clear", parents=[common], help="let every answer go", description=told)
    clearing.set_defaults(command=clear)


def stats(args: argparse.Namespace) -> int:
    """Show."""
    from spec2prod.bootstrap import cached

    found, place = cached.stats()
    if args.json:
        told = {"answers": found.answers, "flaky": found.flaky, "components": found.components, "bytes": found.size}
        document({"place": place, **told, "oldest": _time(found.oldest), "last_used": _time(found.last_used)})
        return ExitCode.PROMOTED
    teller = Teller()
    teller.line(f"{counted(found.answers, 'answer')} of {counted(found.components, 'component')}, {found.size / 1e6:.1f} MB, in {place}")
    if found.flaky:
        teller.line(f"{counted(found.flaky, 'answer')} flaky: kept to tell of, never used again")
    if found.oldest is not None:
        teller.line(f"the oldest was measured {_time(found.oldest)}, the last used {_time(found.last_used)}")
    return ExitCode.PROMOTED


def prune(args: argparse.Namespace) -> int:
    """Let some go."""
    from spec2prod.bootstrap import cached

    for flag, value in (("--max-size", args.max_size), ("--older-than", args.older_than)):
        if value is not None and not value >= 0:
            raise UsageError(f"{value} is less than nothing", where=flag, next_step="give a number, 0 or more")
    gone = cached.prune(max_size_mb=args.max_size, older_than_days=args.older_than)
    Teller().line(f"{counted(gone, 'answer')} let go")
    return ExitCode.PROMOTED


def clear(args: argparse.Namespace) -> int:
    """Let all go."""
    from spec2prod.bootstrap import cached

    del args
    Teller().line(f"{counted(cached.clear(), 'answer')} let go")
    return ExitCode.PROMOTED


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")
