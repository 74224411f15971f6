"""`spec2prod doctor`: is this machine ready? Each row is measured; a row that is not well has its next step."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec2prod.adapters.examination import Row

_EPILOG = """\
Every tool is started and asked for its version. Rows marked optional are needed by some runs only: the agent server and the model
by --enable-openhands (by every run where enable_openhands_test_generation is set), git and the sandbox by none.
The database is looked at as it is: the project's own file, or the server that SPEC2PROD_DATABASE_URL names, and what the login there may;
nothing is made or migrated. The model's key and a password are never shown, and nothing is spent unless you give --call.

exit codes: 0 nothing that is required is missing or broken, 4 something is, 2 usage

examples:
  spec2prod doctor
  spec2prod doctor --component api --json
  spec2prod doctor --call
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "doctor",
        parents=[common],
        help="look whether tools, interpreter, disk, database, agent server and model are ready",
        description="Look at everything that runs need on this machine; each row is ok, missing or broken.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--component", metavar="NAME", help="look for this component too, and at its interpreter")
    parser.add_argument("--component-path", metavar="PATH", help="where the component lies, if its name does not tell")
    parser.add_argument("--call", action="store_true", help="make one call to the model, for one token of answer: it may cost as much")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(command=doctor)


def doctor(args: argparse.Namespace) -> int:
    """Look, tell, and return the exit code."""
    import asyncio

    from spec2prod.bootstrap import readiness

    path = Path(args.component_path) if args.component_path else None
    rows = asyncio.run(readiness.examine(args.component, path, call=args.call))
    stopping = [row for row in rows if row.stops]
    if args.json:
        _document(rows)
    else:
        _lines(rows, stopping)
    return ExitCode.COULD_NOT_ASK if stopping else ExitCode.PROMOTED


def _document(rows: Sequence[Row]) -> None:
    from spec2prod.cli.telling import document

    told = [{"name": row.name, "state": row.state, "told": row.told, "next_step": row.next_step, "required": row.required} for row in rows]
    document({"ready": not any(row.stops for row in rows), "rows": told})


def _lines(rows: Sequence[Row], stopping: Sequence[Row]) -> None:
    from spec2prod.adapters.examination import State
    from spec2prod.cli.telling import Teller

    styles = {State.OK: "green", State.MISSING: "yellow", State.BROKEN: "red"}
    teller = Teller()
    for row in rows:
        optional = "" if row.required or row.state is State.OK else " (optional)"
        style = "red" if row.stops else styles[row.state]
        teller.line(f"{row.name}{optional}: {row.told}", sign=f"{row.state:<7}", style=style)
        if row.next_step and row.state is not State.OK:
            teller.line(f"        next: {row.next_step}")
    teller.line()
    if stopping:
        teller.line(f"Not ready: {', '.join(row.name for row in stopping)}.", style="bold red")
    else:
        rest = [row.name for row in rows if row.state is not State.OK]
        teller.line("Ready" + (f"; optional and not there: {', '.join(rest)}." if rest else "."), style="bold green")
