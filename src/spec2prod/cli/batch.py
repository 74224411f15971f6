"""`spec2prod run --all | COMPONENT …`: several components through the queue; beside a lone `--spec --component` run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.cli.output import console, fail
from spec2prod.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spec2prod.bootstrap.batches import Batch, Order
    from spec2prod.bootstrap.fleet import Fleet
    from spec2prod.domain.fleet import Job

EPILOG = """
Several components: name them, or say --all, instead of --spec and --component. They go into the queue of the project's
database. Where no worker lives, this command works it off by itself, --slots at a time, in the project as it lies. On a
shared database (SPEC2PROD_DATABASE_URL) it returns as soon as they are in; --wait follows them to the end. Workers check
out the commit you stand on. A component waits for those it needs:

  [tool.spec2prod.components.api]
  path = "src/api"
  needs = ["storage"]

examples:
  spec2prod run --all --target development
  spec2prod run storage api --slots 2
  spec2prod run --all --target staging --wait --repository https://git.example.org/team/project.git
"""


_OF_ONE_RUN = {
    "new": "in the queue what is not over is gone on with, and what is over begins anew",
    "no_wait": "in the queue a component waits for its turn",
}


def add_batch_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what only several components need."""
    parser.add_argument("components", nargs="*", metavar="COMPONENT", help="several components, found by name or in the settings")
    parser.add_argument("--all", action="store_true", help="every component of the project")
    parser.add_argument("--slots", type=int, metavar="N", help="how many run at once here (default: one for each processor)")
    parser.add_argument("--wait", action="store_true", help="follow what workers do, and write the reports here")
    parser.add_argument("--priority", default="normal", metavar="WORD", help="critical, high, normal or low (default: %(default)s)")
    parser.add_argument("--labels", default="", metavar="A,B", help="labels that a worker must have to take them")
    parser.add_argument("--at", default="", metavar="COMMIT", help="check this commit out (default on a shared database: HEAD)")
    parser.add_argument("--repository", default="", metavar="URL", help="where workers get the commit from (default: this folder's path)")
    parser.add_argument("--committed", action="store_true", help="run what is committed, though files here differ from it")


def is_batch(args: argparse.Namespace) -> bool:
    """Whether several components are asked for.

    Raises:
        UsageError: where the words of both ways are mixed, or those of neither are whole.
    """
    several = bool(args.all or args.components)
    if several and (args.spec or args.component):
        raise UsageError("one component or several", next_step="give --spec and --component, or --all, or names")
    if args.all and args.components:
        raise UsageError(f"--all, and {', '.join(args.components)} besides", next_step="say --all, or name them")
    for flag, why in _OF_ONE_RUN.items():
        if several and getattr(args, flag):
            told = f"--{flag.replace('_', '-')} is for one component's run: {why}"
            raise UsageError(told, next_step="leave it out; spec2prod queue shows what is open")
    if not several and (args.spec is None or args.component is None):
        raise UsageError("--spec and --component are needed", next_step="or say --all, or name components: spec2prod run --help")
    return several


def run_batch(args: argparse.Namespace, overrides: dict[str, object]) -> int:
    """Put them in; work them off, follow them or leave them; return the exit code."""
    from spec2prod.bootstrap.batches import follow, submit, work_off
    from spec2prod.bootstrap.fleet import fleet

    say = _sayer()
    with fleet() as opened:
        alone = opened.works_alone
        batch = submit(opened, _order(args, overrides))
        _tell_submitted(batch, opened, say)
        folder = Path.cwd()
        if alone:
            work_off(opened, batch, slots=args.slots, say=say, folder=folder)
        elif args.wait:
            follow(opened, batch, say=say, folder=folder)
        else:
            say("workers take it from here: spec2prod queue shows how far they are")
            return ExitCode.PROMOTED
        return _summary(opened.queue.jobs(batch.jobs), folder)


def _order(args: argparse.Namespace, overrides: dict[str, object]) -> Order:
    from spec2prod.bootstrap.batches import Order
    from spec2prod.domain.fleet import labels_of, priority_of

    return Order(
        components=tuple(args.components),
        target=args.target,
        async_mode=args.async_mode,
        overrides=overrides,
        priority=priority_of(args.priority),
        labels=labels_of(args.labels),
        commit=args.at,
        repository=args.repository,
        committed=args.committed,
    )


def _tell_submitted(batch: Batch, opened: Fleet, say: Callable[[str], None]) -> None:
    added = f", {', '.join(batch.added)} because others need them" if batch.added else ""
    say(f"{len(batch.jobs)} in the queue of {opened.database.name}{added}")


def _sayer() -> Callable[[str], None]:
    out = console(stderr=False)
    return lambda text: out.print(text, soft_wrap=True, markup=False)


def _summary(jobs: Sequence[Job], folder: Path) -> int:
    """Tell how each ended; return the worst exit code."""
    from spec2prod.bootstrap.batches import report_of
    from spec2prod.domain.fleet import worst_of

    open_jobs = [job.component for job in jobs if not job.is_over]
    _table(jobs, folder)
    if open_jobs:
        return fail(f"not through: {', '.join(open_jobs)}", "the same command goes on", ExitCode.INTERRUPTED)
    promoted = sum(job.promoted for job in jobs)
    _sayer()(f"{promoted} of {len(jobs)} promoted; reports: {report_of(folder, '<component>').name}")
    return worst_of(jobs)


def _table(jobs: Sequence[Job], folder: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from spec2prod.bootstrap.batches import report_of

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("component", "exit", "what happened", "report"):
        table.add_column(name, overflow="fold")
    for job in jobs:
        code = "" if job.exit_code is None else str(job.exit_code)
        report = report_of(folder, job.component)
        kept = report.name if job.state == "ended" and report.exists() else ""
        table.add_row(*map(Text, (job.component, code, job.conclusion or str(job.state), kept)))
    console(stderr=False).print(table)
