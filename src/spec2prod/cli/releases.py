"""`spec2prod releases`, `rollback` and `attest`: look at what was released, go back, and say a word for production."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from spec2prod.cli.output import console, fail
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.bootstrap.releases import Shelf
    from spec2prod.domain.plan import Target
    from spec2prod.domain.release import Deployment, Kind, Listed

ENVIRONMENTS = ("staging", "production")
_SHORT = 12  # characters of a digest


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    _releases(commands, common)
    _rollback(commands, common)
    _attest(commands, common)


def _releases(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "releases",
        parents=[common],
        help="list an environment's releases: digest, version, time, run, verdict, and which is current",
        description=(
            "List an environment's releases, the newest last: when each was released, by which run, and with which verdict. A rollback "
            "is told beside it, with its own time."
        ),
    )
    _add_environment(parser)
    parser.add_argument("--component", metavar="NAME", help="this component's alone")
    parser.set_defaults(command=releases)


def _rollback(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "rollback",
        parents=[common],
        help="go back to the release before the current one",
        description=(
            "Go back to the release before the current one, after looking at its health. What was left is on hold: no run promotes "
            "the same digest again, until --release-hold says so. A rollback is not rolled back."
        ),
    )
    _add_environment(parser)
    parser.add_argument("--component", metavar="NAME", help="the component (default: the only one)")
    parser.add_argument("--release-hold", action="store_true", help="let runs promote again what a rollback put on hold")
    parser.set_defaults(command=rollback)


def _attest(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "attest",
        parents=[common],
        help="say that something was looked at, for the release that staging serves",
        description="Say that something was looked at: production asks for it, and takes it for this one digest.",
    )
    parser.add_argument("name", metavar="NAME", help="what production asks for, such as security_review")
    parser.add_argument("--component", required=True, metavar="NAME", help="the component")
    parser.add_argument("--by", required=True, metavar="WHO", help="who says so")
    parser.add_argument("--message", required=True, metavar="TEXT", help="what was looked at")
    parser.set_defaults(command=attest)


def _add_environment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--environment", default="staging", choices=ENVIRONMENTS, help="the environment (default: %(default)s)")


def releases(args: argparse.Namespace) -> int:
    """List."""
    from spec2prod.bootstrap.releases import environment_of

    shelf, environment = _shelf(), environment_of(args.environment)
    names = (shelf.one(environment, args.component),) if args.component else shelf.components(environment)
    rows = [row for name in names for row in shelf.releases(environment, name)]
    if rows:
        _show(rows)
    else:
        console(stderr=False).print(f"nothing was ever released to {environment}")
    return ExitCode.PROMOTED


def rollback(args: argparse.Namespace) -> int:
    """Go back, or lift the hold."""
    from spec2prod.bootstrap.releases import environment_of
    from spec2prod.bootstrap.running import run_to_the_end

    shelf, environment = _shelf(), environment_of(args.environment)
    component = shelf.one(environment, args.component)
    if args.release_hold:
        return _lift(shelf, environment, component)
    told = run_to_the_end(shelf.roll_back(environment, component))
    for check in told.checks:
        console(stderr=False).print(f"{check.verdict}  {check.name}: {check.detail}", soft_wrap=True, markup=False)
    if not told.verdict.lets_pass:
        what = f"{component} was not rolled back in {environment}: {told.digest[:_SHORT]} is not healthy: {'; '.join(told.errors)}"
        return fail(what, f"{told.came_from[:_SHORT]} is still current", ExitCode.COULD_NOT_ASK)
    _tell_back(component, told)
    return ExitCode.PROMOTED


def attest(args: argparse.Namespace) -> int:
    """Keep an attestation."""
    said, file = _shelf().attest(args.name, args.component, args.by, args.message)
    out = console(stderr=False)
    out.print(f"{said.name}: {said.by} for {said.component} {said.digest[:_SHORT]}", soft_wrap=True, markup=False)
    out.print(f"kept in {file}", soft_wrap=True, markup=False)
    return ExitCode.PROMOTED


def _shelf() -> Shelf:
    from spec2prod.bootstrap.project import project_root
    from spec2prod.bootstrap.releases import shelf

    return shelf(project_root())


def _lift(shelf: Shelf, environment: Target, component: str) -> int:
    from spec2prod.bootstrap.running import run_to_the_end

    lifted = run_to_the_end(shelf.lift_hold(environment, component))
    said = f"may be promoted again: {', '.join(digest[:_SHORT] for digest in lifted)}" if lifted else "nothing was on hold"
    console(stderr=False).print(f"{component} in {environment}: {said}", soft_wrap=True, markup=False)
    return ExitCode.PROMOTED


def _tell_back(component: str, told: Deployment) -> None:
    out = console(stderr=False)
    out.print(f"{told.environment} serves {component} {told.version} ({told.current[:_SHORT]}) again", soft_wrap=True, markup=False)
    out.print(f"on hold: {told.came_from[:_SHORT]}; --release-hold lets runs promote it again", soft_wrap=True, markup=False)


def _show(rows: list[Listed]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("", "digest", "component", "version", "time", "run", "verdict", "what happened"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            "*" if row.is_current else "",
            row.digest[:_SHORT],
            row.component,
            row.version,
            _moment(row.at),
            row.run_id[:8],
            str(row.verdict),
            _what(row),
        )
    console(stderr=False).print(table)


def _what(row: Listed) -> str:
    """Say what became of a release: how it ended, what was done with it since and when, and where it stands."""
    later = [f"{_worded(each.kind)} {_moment(each.at)}" for each in row.later]
    now = "current" if row.since == row.at else f"current since {_moment(row.since)}"
    return "; ".join([_worded(row.kind), *row.reasons, *later, *([now] if row.is_current else []), *(["on hold"] if row.is_held else [])])


def _worded(kind: Kind) -> str:
    return kind.replace("_", " ")


def _moment(at: str) -> str:
    return at[:19]
