"""`spec2prod config`: the settings in force with their origins, and the schema of what may be set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.cli.output import emit
from spec2prod.cli.run import add_override_arguments, overrides
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.config.shown import Shown

_EPILOG = """\
Later wins: default, [tool.spec2prod] of pyproject.toml, the variables LLM_MODEL and LLM_BASE_URL, the command line. The rules
shown for a target are those of a climb to it without a specification: a climb keeps what every lower target asks, and
`spec2prod plan` shows what a specification adds. Keys are never settings, and never shown.

examples:
  spec2prod config show --origin
  spec2prod config show --coverage-threshold 90 --json
  spec2prod config schema > spec2prod.schema.json
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    config = commands.add_parser("config", help="show the settings in force, or the schema of what may be set")
    inner = config.add_subparsers(title="commands", required=True, metavar="COMMAND")
    shown = inner.add_parser(
        "show",
        parents=[common],
        help="show every setting in force, and every target's rules",
        description="Show every setting in force, and what each target asks of each gate.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shown.add_argument("--origin", action="store_true", help="show where each value comes from")
    shown.add_argument("--json", action="store_true", help="print one JSON document, origins included")
    shown.add_argument("--component-path", metavar="PATH", help="a component of the project that is meant (default: where you are)")
    add_override_arguments(shown)
    shown.set_defaults(command=show)
    printed = inner.add_parser("schema", parents=[common], help="print the JSON Schema of [tool.spec2prod]")
    printed.set_defaults(command=schema)


def show(args: argparse.Namespace) -> int:
    """Show the settings in force."""
    from spec2prod.bootstrap import preparations
    from spec2prod.config.shown import values_in_force

    settings = preparations.settings_of(overrides(args), Path(args.component_path) if args.component_path else None)
    rows = values_in_force(settings)
    if args.json:
        _document(rows)
    else:
        _lines(rows, origins=args.origin)
    return ExitCode.PROMOTED


def schema(args: argparse.Namespace) -> int:
    """Print the published schema."""
    from spec2prod.config import published

    del args
    emit(published.published())
    return ExitCode.PROMOTED


def _document(rows: tuple[Shown, ...]) -> None:
    from spec2prod.cli.telling import document

    document(
        {"settings": [{"name": row.name, "value": row.value, "limit": row.side.strip() or None, "origin": row.origin} for row in rows]}
    )


def _lines(rows: tuple[Shown, ...], *, origins: bool) -> None:
    from spec2prod.cli.telling import Teller

    teller = Teller()
    for row in rows:
        teller.line(f"{row.name} = {row.text()}" + (f"  # {row.origin}" if origins else ""))
