"""`spec2prod queue`: what waits, runs and has ended, why, and in which order."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from spec2prod.cli.output import console, emit
from spec2prod.cli.telling import Teller, document
from spec2prod.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from spec2prod.bootstrap.fleet import Overview
    from spec2prod.domain.fleet import Crew, Job

_EPILOG = """\
JOB is the beginning of a job's ID, or a component's name: that is its job that waits or runs, else its newest one. For report and
changes it is the newest one that ended; where a newer one is open, or was not run, standard error says so.

examples:
  spec2prod queue
  spec2prod queue move api --priority high
  spec2prod queue move api --before storage
  spec2prod queue remove api
  spec2prod queue report 3f2a
  spec2prod queue drain build-7-03fa1c
"""
_ENDED = 20


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "queue",
        parents=[common],
        help="show what waits, runs and has ended in the queue; put it in another order",
        description="Show what waits, runs and has ended, with the reason why something waits; or put it in another order.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--ended", type=int, default=_ENDED, metavar="N", help="how many that are over (default: the last %(default)s)")
    parser.set_defaults(command=show)
    inner = parser.add_subparsers(title="commands", metavar="COMMAND")
    moving = inner.add_parser("move", parents=[common], help="put a waiting job elsewhere", description="Put a waiting job elsewhere.")
    moving.add_argument("job", metavar="JOB", help="which")
    where = moving.add_mutually_exclusive_group(required=True)
    where.add_argument("--before", metavar="JOB", help="right before this one")
    where.add_argument("--priority", metavar="WORD", help="critical, high, normal or low")
    moving.set_defaults(command=move)
    _add_one(inner, common, "remove", "take a waiting job out; what needs it is not run")
    _add_one(inner, common, "report", "print the report of a job that ended")
    _add_one(inner, common, "changes", "print what a job's run changed in its checkout, for git apply")
    draining = inner.add_parser(
        "drain", parents=[common], help="have a worker end", description="Have a worker finish what it runs, and end."
    )
    draining.add_argument("worker", metavar="WORKER", help="its name, as spec2prod queue shows it")
    draining.set_defaults(command=drain)


def _add_one(inner: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser, name: str, sentence: str) -> None:
    parser = inner.add_parser(name, parents=[common], help=sentence, description=f"{sentence[0].upper()}{sentence[1:]}.")
    parser.add_argument("job", metavar="JOB", help="which")
    parser.set_defaults(command={"remove": remove, "report": report, "changes": changes}[name])


def show(args: argparse.Namespace) -> int:
    """Show."""
    from spec2prod.bootstrap.fleet import fleet, overview

    with fleet(looking=True) as opened:
        seen = overview(opened.queue, ended=args.ended)
        if args.json:
            document(_document(seen))
            return ExitCode.PROMOTED
        teller = Teller()
        if not seen.jobs:
            teller.line(f"nothing is in the queue of {opened.database.name}")
        else:
            _table(seen)
        for crew in seen.workers:
            teller.line(_worker(crew, seen.busy.get(crew.id, 0)))
        if not seen.workers:
            teller.line("no worker is there")
    return ExitCode.PROMOTED


def move(args: argparse.Namespace) -> int:
    """Put a job elsewhere."""
    from spec2prod.bootstrap.fleet import fleet
    from spec2prod.domain.fleet import priority_of

    with fleet(looking=True) as opened:
        job = opened.queue.find(args.job)
        if args.before:
            opened.queue.put_before(job, opened.queue.find(args.before))
        else:
            opened.queue.prefer(job, priority_of(args.priority))
        Teller().line(f"{job.component} goes {'right before ' + args.before if args.before else 'by priority ' + args.priority}")
    return ExitCode.PROMOTED


def remove(args: argparse.Namespace) -> int:
    """Take a job out."""
    from spec2prod.bootstrap.fleet import fleet

    with fleet(looking=True) as opened:
        job = opened.queue.find(args.job)
        opened.queue.withdraw(job)
        Teller().line(f"{job.component} ({job.id}) is taken out")
    return ExitCode.PROMOTED


def report(args: argparse.Namespace) -> int:
    """Print a job's report."""
    return _print(args.job, 0, "report")


def changes(args: argparse.Namespace) -> int:
    """Print what a job's run changed."""
    return _print(args.job, 1, "changes")


def drain(args: argparse.Namespace) -> int:
    """Have a worker end."""
    from spec2prod.bootstrap.fleet import fleet

    with fleet(looking=True) as opened:
        opened.queue.drain(args.worker)
    Teller().line(f"{args.worker} finishes what it runs, and ends")
    return ExitCode.PROMOTED


def _print(name: str, which: int, word: str) -> int:
    from spec2prod.bootstrap.fleet import fleet

    with fleet(looking=True) as opened:
        job, since = opened.queue.find_ended(name)
        text = opened.queue.outcome(job.id)[which]
    if not text:
        why = f"{_state(job)}{f' ({job.conclusion})' if job.conclusion else ''}"
        raise UsageError(f"{job.component} ({job.id}) has no {word}: it is {why}", next_step="spec2prod queue shows what has ended")
    if since:
        newer = ", ".join(f"{each.id} ({each.target}, {_state(each)})" for each in since)
        told = f"the {word} of {job.id} ({job.target}), the last job of {job.component} that ended; newer: {newer}"
        console(stderr=True).print(told, markup=False, soft_wrap=True)
    emit(text)
    return ExitCode.PROMOTED


def _worker(crew: Crew, busy: int) -> str:
    state = "draining" if crew.draining else "working" if crew.alive else "dead: its jobs go on where another worker lives"
    labels = f", labels {', '.join(sorted(crew.labels))}" if crew.labels else ""
    return f"worker {crew.id}: {state}, {busy} of {crew.slots} slots taken{labels}"


def _table(seen: Overview) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("job", "component", "target", "state", "priority", "what"):
        table.add_column(name, overflow="fold")
    for job in seen.jobs:
        table.add_row(*map(Text, (job.id, job.component, job.target, _state(job), job.priority.name.lower(), _what(job, seen))))
    console(stderr=False).print(table)


def _state(job: Job) -> str:
    return job.state.replace("_", " ")


def _what(job: Job, seen: Overview) -> str:
    return seen.why.get(job.id) or job.conclusion or (f"by {job.worker}" if job.worker else "")


def _document(seen: Overview) -> dict[str, object]:
    return {
        "jobs": [
            {
                "id": job.id,
                "batch": job.batch,
                "component": job.component,
                "target": job.target,
                "state": job.state.value,
                "priority": job.priority.name,
                "labels": sorted(job.labels),
                "why": seen.why.get(job.id, ""),
                "worker": job.worker,
                "run_id": job.run_id,
                "attempts": job.attempts,
                "expected_ms": job.expected_ms,
                "submitted_at": job.submitted_at,
                "exit_code": job.exit_code,
                "conclusion": job.conclusion,
            }
            for job in seen.jobs
        ],
        "workers": [
            {"id": crew.id, "slots": crew.slots, "busy": seen.busy.get(crew.id, 0), "labels": sorted(crew.labels)}
            | {"alive": crew.alive, "draining": crew.draining}
            for crew in seen.workers
        ],
    }
