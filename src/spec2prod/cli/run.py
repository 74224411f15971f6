"""`spec2prod run`: the flags of a run are declared here once, and the guide's script shares them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from spec2prod.cli.output import console, emit
from spec2prod.errors import UsageError

EPILOG = """\
The report is written to workflow_report_<component>.json (or --output) whatever happens: verdicts, timings of every
stage, what the agent was asked and what came, each process that was started. --async lets the agent write tests while
linter, type checker and security scanner run; without it the same steps run one after another.

--enable-openhands reads LLM_MODEL, LLM_API_KEY and LLM_BASE_URL as OpenHands does; the agent server must be installed
once: spec2prod openhands install
"""
TARGETS = ("development", "dev", "staging", "production")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        parents=[common],
        help="run a component's specification, tests, gates and delivery",
        description="Climb from a component's specification to its target, and report every step.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run_arguments(parser)
    parser.set_defaults(command=run)


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
    parser.add_argument("--component-path", metavar="PATH", help="where the component lies, if its name does not tell")
    parser.add_argument("--output", metavar="FILE", help="the report (default: workflow_report_<component>.json)")
    add_override_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the report on stdout, and everything else on stderr")


def add_override_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that stand in for settings: `plan` and `config show` take them too."""
    parser.add_argument("--enable-openhands", action="store_true", help="have the OpenHands agent write missing tests")
    parser.add_argument("--coverage-threshold", type=float, metavar="PERCENT", help="override the coverage rule of this run")
    parser.add_argument("--timeout-seconds", type=float, metavar="S", help="time limit of one module's agent task (default: 300)")
    parser.add_argument("--no-fix", action="store_true", help="do not let the linter mend the component's files")


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


def refuse_unreadable(args: argparse.Namespace) -> None:
    """Refuse words that no report could repeat.

    Raises:
        UsageError: where the component has no name, or a word is no UTF-8 text.
    """
    words = {"--component": args.component, "--spec": args.spec, "--output": args.output, "--component-path": args.component_path}
    for flag, word in words.items():
        if word is not None and (not word or not is_text(word)):
            what = f"{word!r} is no UTF-8 text" if word else "is empty"
            raise UsageError(what, where=flag, next_step=f"Give {flag} a name.")


def is_text(word: str) -> bool:
    """Whether a word from the command line was UTF-8."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def run(args: argparse.Namespace) -> int:
    """Run, report, and return the exit code."""
    from spec2prod.bootstrap.whole_run import run_and_report
    from spec2prod.bootstrap.request import Request

    refuse_unreadable(args)
    request = Request(
        spec=Path(args.spec),
        component=args.component,
        target=args.target,
        async_mode=args.async_mode,
        component_path=Path(args.component_path) if args.component_path else None,
        overrides=overrides(args),
        overrides_from="command line",
    )
    return run_and_report(request, output=report_path(args), console=console(stderr=args.json), emit=emit if args.json else None)
