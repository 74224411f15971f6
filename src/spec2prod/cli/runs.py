"""`spec2prod runs`, `resume`, `retry` and `cancel`: what was begun, and how it goes on."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.cli.output import console, emit
from spec2prod.cli.telling import counted, document
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.bootstrap.request import Request
    from spec2prod.bootstrap.runs import Shown

STAGES = (
    *("testing", "openhands_test_generation", "refactoring", "test_acceptance"),
    *("staging_deployment", "production_deployment"),
)
_SHORT = 8
_MINUTE_S = 60
_GOING_ON = ("running", "cancelling")
_STYLES = {"running": "green", "died": "red", "interrupted": "yellow", "failed-to-finish": "red"}

_RESUME = """\
The run goes on with the files it began with: what it has written itself is taken back first, and written again when it is
due. Steps that are done are answered from their records, the agent's tests among them; nothing is paid twice. Where the
specification, a setting or a file has changed since, it is refused, and spec2prod run begins a new one. A cancelled run can be
gone on with, too. A run that a worker did goes on in the worker's checkout; where that is gone it is refused, with what goes on instead.

spec2prod run does the same where the last run of the same question was interrupted.
"""
_RETRY = """\
A "no" is an answer, and is kept as one: resume does not ask it again. retry forgets the answers from one stage on, if the
run can be gone on with; else it forgets nothing.

examples:
  spec2prod retry 1f0c9a2b --from testing
  spec2prod retry 1f0c9a2b --from openhands_test_generation      asks the agent again, and pays again
"""
_CANCEL = """\
The run ends cleanly, within seconds; on this machine it is killed if it does not. Who submits to a fleet can stop the runs of jobs in the
queue: their worker does it. What waits in the queue is taken out with spec2prod queue remove.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    parser = commands.add_parser(
        "runs", parents=[common], help="list the runs: state, verdict, when, how long", description="List the runs, the newest first."
    )
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    parser.set_defaults(command=runs)
    parser = _on_a_run(commands, common, "resume", "go on with an interrupted run", _RESUME)
    _add_report(parser)
    parser.set_defaults(command=resume)
    parser = _on_a_run(commands, common, "retry", "go on with a run, asking again from one stage on", _RETRY)
    parser.add_argument("--from", dest="stage", required=True, choices=STAGES, help="the first stage that is asked again")
    _add_report(parser)
    parser.set_defaults(command=retry)
    parser = _on_a_run(commands, common, "cancel", "stop a run, also one on another machine that shares the database", _CANCEL)
    parser.set_defaults(command=cancel)


def _on_a_run(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser, name: str, told: str, epilog: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        parents=[common],
        help=told,
        description=f"{told[:1].upper()}{told[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="the run's ID, or the beginning of it (spec2prod runs)")
    return parser


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", metavar="FILE", help="the report (default: where the run's report was to go)")
    parser.add_argument("--json", action="store_true", help="print the report on stdout, and everything else on stderr")


def runs(args: argparse.Namespace) -> int:
    """List."""
    import dataclasses

    from spec2prod.bootstrap.runs import known

    found = known(max(1, args.limit))
    if args.json:
        document({"runs": [dataclasses.asdict(each) for each in found]})
    elif found:
        _show(found)
    else:
        console(stderr=False).print("no run was begun here")
    return ExitCode.PROMOTED


def resume(args: argparse.Namespace) -> int:
    """Go on."""
    from spec2prod.bootstrap.runs import to_resume

    output = _absolute(args.output)
    return _go_on(to_resume(args.run), output, json=args.json)


def retry(args: argparse.Namespace) -> int:
    """Forget, and go on."""
    from spec2prod.bootstrap.runs import to_retry
    from spec2prod.domain.plan import Stage

    output = _absolute(args.output)
    return _go_on(to_retry(args.run, Stage(args.stage)), output, json=args.json)


def cancel(args: argparse.Namespace) -> int:
    """Stop."""
    from spec2prod.bootstrap.runs import cancel as stop

    run, done = stop(args.run)
    console(stderr=False).print(f"run {run.id[:_SHORT]} of {run.component} {done}", soft_wrap=True, markup=False)
    return ExitCode.PROMOTED


def _absolute(output: str | None) -> Path | None:
    """Return where the report goes; going on may change the folder."""
    return Path(output).absolute() if output else None


def _go_on(request: Request, output: Path | None, *, json: bool) -> int:
    from spec2prod.bootstrap.whole_run import run_and_report

    place = output or request.output or Path(f"workflow_report_{request.component}.json")
    return run_and_report(request, output=place, console=console(stderr=json), emit=emit if json else None)


def _show(found: list[Shown]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("run", "component", "target", "state", "attempt", "began", "took", "verdict"):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(
            each.id[:_SHORT],
            each.component,
            each.target,
            Text(each.state, style=_STYLES.get(each.state, "")),
            str(each.attempt),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(each.began_at)),
            _took(each),
            Text(each.conclusion or f"{counted(each.steps, 'step')} done"),
        )
    console(stderr=False).print(table)


def _took(each: Shown) -> str:
    """Say how long a run took; of one that was killed only what it surely took is known."""
    if each.took_s is None:
        return "not known"
    return _long(each.took_s) if each.end_noted or each.state in _GOING_ON else f"over {_long(each.took_s)}"


def _long(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < _MINUTE_S else f"{int(seconds // _MINUTE_S)} min {int(seconds % _MINUTE_S)} s"
