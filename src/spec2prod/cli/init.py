"""`spec2prod init`: a commented start for an existing project, and its components."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.cli.telling import Teller, counted
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.bootstrap.starting import Start

_EPILOG = """\
What it writes, and nothing else: [tool.spec2prod] at the end of pyproject.toml (an existing section stays as it is), a draft of
specs/<component>.md for each component that has no specification, and, in .gitignore if there is one, what a run leaves: .spec2prod/
and workflow_report_*.json. A missing pyproject.toml is made only with your consent (--yes, or a y). A second run changes nothing.

A markdown file that promises something (the guide's headings, IDs, Given/When/Then, EARS or OpenSpec) is taken for a component's
specification where it is named like it, or like one of its modules, or where its requirements name what it defines: then nothing is
drafted, and the section states that file.

A draft is made from the code and promises nothing yet: staging and production refuse it until you have said what the component
promises and deleted its first line.

examples:
  spec2prod init
  spec2prod init --yes
"""


_ADDED = {"pyproject.toml": "[tool.spec2prod]", ".gitignore": "what a run leaves"}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "init",
        parents=[common],
        help="write a commented start for this project, and find its components",
        description="Find this project's components, and write a commented start: settings and drafts of specifications.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--yes", action="store_true", help="make a pyproject.toml too where there is none")
    parser.set_defaults(command=init)


def init(args: argparse.Namespace) -> int:
    """Find, write, tell."""
    from spec2prod.bootstrap import starting

    teller = Teller()
    start = starting.look()
    _found(teller, start)
    make = start.has_pyproject or args.yes or _agreed(start.root)
    written = starting.write(start, make_pyproject=make)
    teller.line()
    for path in written:
        grew = path in _ADDED and (start.has_pyproject or path != "pyproject.toml")
        teller.line(f"added {_ADDED[path]} to {path}" if grew else f"wrote {path}")
    if not written and make:
        teller.line("nothing to write: all of it is there")
    for path, why in start.kept.items():
        teller.line(f"kept {path}: {why}")
    if not make:
        teller.line("not made: pyproject.toml; without it every setting has its default (spec2prod init --yes makes one)")
    _next(teller, start)
    return ExitCode.PROMOTED


def _found(teller: Teller, start: Start) -> None:
    teller.line(f"project: {start.root}")
    for each in start.proposals:
        tests = counted(len(each.tests), "test file") if each.tests else "no tests"
        teller.line(f"component {each.name}: {each.source}, {counted(len(each.modules), 'module')}, {tests}")
        if found := start.promised.get(each.name):
            teller.line(f"  its specification is there: {found.path}, {counted(found.requirements, 'requirement')}; {found.why}")
        if found and found.others:
            teller.line(f"  also about it: {', '.join(found.others)}; a component has one specification")
    if not start.proposals:
        teller.line("no component was found: there is no package and no module with code here")


def _agreed(root: Path) -> bool:
    """Ask whoever sits there; nobody is taken for a no."""
    if not (sys.stdin and sys.stdin.isatty()):
        return False
    try:
        return input(f"There is no pyproject.toml. Make one in {root}? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _next(teller: Teller, start: Start) -> None:
    if not start.proposals:
        teller.line("next: start it in the folder that holds the code, or state a component in [tool.spec2prod.components.<name>]")
        return
    first = next((each for each in start.proposals if each.tests), start.proposals[0])
    spec = start.specification_of(first)
    if (start.root / spec).exists() and start.is_draft(spec):
        teller.line(f"next: say in {spec} what {first.name} promises, and delete the line that marks it as a draft; then:")
    else:
        teller.line("next:")
    teller.line(f"  spec2prod run --spec {spec} --component {first.name} --target development")
    if start.settings.auto_fix_linting:
        teller.line("a run lets the linter mend what it safely can, in your files, and lists them; with --no-fix it changes nothing")
