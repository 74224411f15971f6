"""`spec2prod openhands`: the agent server's own environment."""

from __future__ import annotations

import argparse

from spec2prod.cli.output import console, fail
from spec2prod.errors import ExitCode


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    openhands = commands.add_parser("openhands", help="install and look after the agent server").add_subparsers(
        title="commands", required=True, metavar="COMMAND"
    )
    install_parser = openhands.add_parser(
        "install",
        parents=[common],
        help="build the agent server's own environment (about 200 packages, 750 MB)",
        description="Build the agent server's own locked environment in your cache directory; nothing else is touched.",
    )
    install_parser.set_defaults(command=install)
    status_parser = openhands.add_parser("status", parents=[common], help="tell whether the agent server is installed, and where")
    status_parser.set_defaults(command=status)


def install(args: argparse.Namespace) -> int:
    """Build the environment."""
    del args
    from spec2prod.bootstrap.agent import install_openhands

    out = console(stderr=False)
    environment = install_openhands(out.print)
    out.print(f"OpenHands {environment.version} is installed in {environment.folder}", soft_wrap=True)
    return ExitCode.PROMOTED


def status(args: argparse.Namespace) -> int:
    """Tell whether it is there."""
    del args
    from spec2prod.bootstrap.agent import find_openhands

    environment = find_openhands()
    if environment is None:
        return fail("the agent server is not installed", "spec2prod openhands install", ExitCode.COULD_NOT_ASK)
    console(stderr=False).print(f"OpenHands {environment.version} is installed in {environment.folder}", soft_wrap=True)
    return ExitCode.PROMOTED
