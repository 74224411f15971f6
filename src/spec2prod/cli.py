"""The command line: read, plan, run, report, exit. Heavy parts are imported when a command needs them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from spec2prod import __version__
from spec2prod.errors import ExitCode, Spec2prodError

if TYPE_CHECKING:
    from rich.console import Console

_EPILOG = """\
examples:
  spec2prod run --spec specs/calculator_operations.md --component calculator_operations --target development
  spec2prod run --spec specs/api.md --component api --target staging --async --enable-openhands
  spec2prod openhands install

exit codes:
  0 promoted, 1 a gate failed, 2 usage, specification or settings, 3 pending, 4 a tool or service could not be
  asked, 5 released, then rolled back, 124 time limit, 130 interrupted
"""
_RUN_EPILOG = """\
The report is written to workflow_report_<component>.json (or --output) whatever happens: verdicts, timings of every
stage, what the agent was asked and what came, each process that was started. --async lets the agent write tests while
linter, type checker and security scanner run; without it the same steps run one after another.

--enable-openhands reads LLM_MODEL, LLM_API_KEY and LLM_BASE_URL as OpenHands does; the agent server must be installed
once: spec2prod openhands install
"""
TARGETS = ("development", "dev", "staging", "production")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 loses a sign, not the report
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    return guarded(lambda: command(args), debug=args.debug)


def guarded(command: Callable[[], int], *, debug: bool) -> int:
    """Turn every error into its message, its next step and its exit code; a traceback only with `--debug`."""
    try:
        return command()
    except KeyboardInterrupt:
        return _fail("interrupted", "", ExitCode.INTERRUPTED)
    except Spec2prodError as error:
        if debug:
            raise
        return _fail(str(error), error.next_step, error.exit_code)
    except Exception as error:
        if debug:
            raise
        what = f"this is a bug in spec2prod: {type(error).__name__}: {error}"
        return _fail(what, "run again with --debug and report what it shows", ExitCode.COULD_NOT_ASK)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of a run once: `spec2prod run` and the guide's script share them."""
    parser.add_argument("--spec", required=True, metavar="FILE", help="the component's markdown specification")
    parser.add_argument("--component", required=True, metavar="NAME", help="the component's name")
    parser.add_argument(
        "--target", default="staging", choices=TARGETS, help="how far to climb; dev means development (default: %(default)s)"
    )
    parser.add_argument(
        "--async", dest="async_mode", action="store_true", help="let the agent write tests while other stages run, and run tools at once"
    )
    parser.add_argument("--enable-openhands", action="store_true", help="have the OpenHands agent write missing tests")
    parser.add_argument("--component-path", metavar="PATH", help="where the component lies, if its name does not tell")
    parser.add_argument("--output", metavar="FILE", help="the report (default: workflow_report_<component>.json)")
    parser.add_argument("--coverage-threshold", type=float, metavar="PERCENT", help="override the coverage rule of this run")
    parser.add_argument("--timeout-seconds", type=float, metavar="S", help="time limit of one module's agent task (default: 300)")
    parser.add_argument("--no-fix", action="store_true", help="do not let the linter mend the component's files")
    parser.add_argument("--json", action="store_true", help="print the report on stdout, and everything else on stderr")


def overrides(args: argparse.Namespace) -> dict[str, object]:
    """Return what the command line sets, under the guide's configuration keys."""
    given: dict[str, object] = {}
    if args.enable_openhands:
        given["enable_openhands_test_generation"] = True
    if args.coverage_threshold is not None:
        given["coverage_threshold"] = args.coverage_threshold
    if args.timeout_seconds is not None:
        given["timeout_seconds"] = args.timeout_seconds
    if args.no_fix:
        given["auto_fix_linting"] = False
    return given


def report_path(args: argparse.Namespace) -> Path:
    """Return where the report goes: the guide's file name in the current folder, unless told otherwise."""
    safe = args.component.replace("/", "_").replace(os.sep, "_")
    return Path(args.output or f"workflow_report_{safe}.json")


def console(*, stderr: bool) -> Console:
    """Return where people read: standard output, or standard error while that belongs to a document."""
    from rich.console import Console

    class Patient(Console):
        """A console whose reader may go away (`| head`) without that changing the verdict or the exit code."""

        def on_broken_pipe(self) -> None:
            self.quiet = True
            silence(sys.stderr if stderr else sys.stdout)

    return Patient(stderr=stderr, highlight=False)


def silence(stream: TextIO) -> None:
    """Point a stream whose reader went away elsewhere, so that the interpreter's last flush stays quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def emit(text: str) -> None:
    """Write a document to standard output, if anybody still reads there."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser = argparse.ArgumentParser(
        prog="spec2prod",
        description="Take a Python component from its markdown specification to production, with one truthful verdict per step.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"spec2prod {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        parents=[common],
        help="run a component's specification, tests, gates and delivery",
        description="Climb from a component's specification to its target, and report every step.",
        epilog=_RUN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run_arguments(run)
    run.set_defaults(command=_run)
    _add_openhands(commands, common)
    return parser


def _add_openhands(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    openhands = commands.add_parser("openhands", help="install and look after the agent server").add_subparsers(
        title="commands", required=True, metavar="COMMAND"
    )
    install = openhands.add_parser(
        "install",
        parents=[common],
        help="build the agent server's own environment (about 200 packages, 750 MB)",
        description="Build the agent server's own locked environment in your cache directory; nothing else is touched.",
    )
    install.set_defaults(command=_install)
    status = openhands.add_parser("status", parents=[common], help="tell whether the agent server is installed, and where")
    status.set_defaults(command=_status)


def _run(args: argparse.Namespace) -> int:
    from spec2prod import bootstrap

    request = bootstrap.Request(
        spec=Path(args.spec),
        component=args.component,
        target=args.target,
        async_mode=args.async_mode,
        component_path=Path(args.component_path) if args.component_path else None,
        overrides=overrides(args),
    )
    return bootstrap.run_and_report(request, output=report_path(args), console=console(stderr=args.json), emit=emit if args.json else None)


def _install(args: argparse.Namespace) -> int:
    del args
    from spec2prod import bootstrap

    out = console(stderr=False)
    environment = bootstrap.install_openhands(out.print)
    out.print(f"OpenHands {environment.version} is installed in {environment.folder}", soft_wrap=True)
    return ExitCode.PROMOTED


def _status(args: argparse.Namespace) -> int:
    del args
    from spec2prod import bootstrap

    environment = bootstrap.find_openhands()
    if environment is None:
        return _fail("the agent server is not installed", "spec2prod openhands install", ExitCode.COULD_NOT_ASK)
    console(stderr=False).print(f"OpenHands {environment.version} is installed in {environment.folder}", soft_wrap=True)
    return ExitCode.PROMOTED


def _fail(message: str, next_step: str, code: ExitCode) -> int:
    lines = [f"spec2prod: {message}"] + ([f"next: {next_step}"] if next_step else [])
    sys.stderr.write("\n".join(lines) + "\n")
    return code
