"""`spec2prod worker`: take jobs from the queue until told to end."""

from __future__ import annotations

import argparse
from pathlib import Path

from spec2prod.cli.output import console

_EPILOG = """\
A worker takes what waits in the queue of SPEC2PROD_DATABASE_URL (else of the project here): the most urgent first, and
only what asks for no label that it lacks. Each job gets a checkout of its own, of the commit that was submitted; git must
reach the repository from here. The tests of what is submitted run on this machine: let nobody submit whom you would not
let run code here.

When a worker dies, another one goes on with its runs within two seconds, as the same runs. Ctrl-C (or SIGTERM) once:
finish what runs and take nothing new. Twice: stop at once, and give it back: the next worker goes on with the same run.

examples:
  spec2prod worker --slots 4
  spec2prod worker --labels gpu,linux
  spec2prod worker --until-empty
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "worker",
        parents=[common],
        help="run what waits in the queue, several components at once",
        description="Run what waits in the queue, several components at once, until told to end.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slots", type=int, metavar="N", help="how many run at once (default: one for each processor)")
    parser.add_argument("--labels", default="", metavar="A,B", help="what this machine has: jobs that ask for it come here")
    parser.add_argument("--folder", metavar="DIR", help="where checkouts go (default: the user's cache folder)")
    ending = parser.add_mutually_exclusive_group()
    ending.add_argument("--until-empty", action="store_true", help="end when nothing is left that this worker could do")
    ending.add_argument("--once", action="store_true", help="end after one job")
    parser.set_defaults(command=worker)


def worker(args: argparse.Namespace) -> int:
    """Work."""
    from spec2prod.application.working import Until
    from spec2prod.bootstrap.fleet import fleet, new_crew, refuse_unfit, work
    from spec2prod.domain.fleet import labels_of

    out = console(stderr=False)

    def say(text: str) -> None:
        out.print(text, soft_wrap=True, markup=False)

    crew = new_crew(args.slots, labels_of(args.labels))
    with fleet(Path(args.folder) if args.folder else None) as opened:
        refuse_unfit(opened)
        labels = f", labels {', '.join(sorted(crew.labels))}" if crew.labels else ""
        say(f"worker {crew.id} works for {opened.database.name}: {crew.slots} at once{labels}")
        return work(opened, crew, say=say, until=Until(empty=args.until_empty, most=1 if args.once else None))
