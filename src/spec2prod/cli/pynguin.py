"""`spec2prod pynguin`: the own environment of the generator that needs no model."""

from __future__ import annotations

import argparse

from spec2prod.cli.output import console, fail
from spec2prod.errors import ExitCode


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    pynguin = commands.add_parser("pynguin", help="install the generator of characterisation tests").add_subparsers(
        title="commands", required=True, metavar="COMMAND"
    )
    install_parser = pynguin.add_parser(
        "install",
        parents=[common],
        help="build pynguin's own environment for the component's Python (about 60 MB)",
        description="Build pynguin's own locked environment in your cache directory, for the Python that runs of this project use: pynguin "
        "imports the component, so it must be of the same Python (CPython 3.10 to 3.15). Nothing else is touched. "
        "Then: spec2prod run … --generator pynguin",
    )
    install_parser.set_defaults(command=install)
    status_parser = pynguin.add_parser(
        "status", parents=[common], help="tell whether pynguin is installed for the component's Python, and where"
    )
    status_parser.set_defaults(command=status)
    for each in (install_parser, status_parser):
        each.add_argument("--python", metavar="PYTHON", help="another Python: its path, its environment's folder, or a name on the PATH")


def install(args: argparse.Namespace) -> int:
    """Build the environment."""
    from spec2prod.bootstrap.characterising import install_pynguin

    out = console(stderr=False)
    environment = install_pynguin(out.print, args.python)
    out.print(f"pynguin {environment.version} is installed in {environment.folder}", soft_wrap=True)
    return ExitCode.PROMOTED


def status(args: argparse.Namespace) -> int:
    """Tell whether it is there."""
    from spec2prod.bootstrap.characterising import find_pynguin

    python, environment = find_pynguin(args.python)
    if environment is None:
        return fail(f"pynguin is not installed for {python}", "spec2prod pynguin install", ExitCode.COULD_NOT_ASK)
    console(stderr=False).print(f"pynguin {environment.version} is installed for {python} in {environment.folder}", soft_wrap=True)
    return ExitCode.PROMOTED
