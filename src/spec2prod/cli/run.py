"""`spec2prod run`: the flags of a run are declared here once, and the guide's script shares them."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.cli import batch
from spec2prod.cli.output import console, emit
from spec2prod.cli.streams import Patient
from spec2prod.errors import UsageError

if TYPE_CHECKING:
    from spec2prod.adapters.standing import Standing
    from spec2prod.bootstrap.ahead import Ahead
    from spec2prod.bootstrap.request import Request
    from spec2prod.bootstrap.standing import Asked

_PAINT = re.compile(r"\x1b\[[0-9;]*m")

EPILOG = """\
The report is written to workflow_report_<component>.json (or --output) whatever happens: verdicts, timings of every
stage, what the agent was asked and what came, each process that was started. --async lets the agent write tests while
linter, type checker and security scanner run; without it the same steps run one after another.

A run that was interrupted, or whose machine died, is gone on with where it was: the same command does it, and spec2prod resume
does it from its ID. Ctrl-C once stops cleanly, twice at once. What is done is kept in .spec2prod/spec2prod.sqlite, or where
SPEC2PROD_DATABASE_URL says (none: nowhere).

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
        epilog=EPILOG + batch.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    batch.add_batch_arguments(parser)
    add_run_arguments(parser, required=False)
    parser.add_argument("--new", action="store_true", help="start afresh, also where an interrupted run could be gone on with")
    parser.add_argument("--no-wait", action="store_true", help="refuse where another run of it is going on; else it is waited for")
    parser.set_defaults(command=run)


def add_run_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Declare the flags of a run once: `spec2prod run` and the guide's script share them; `required` where there is but one component."""
    parser.add_argument("--spec", required=required, metavar="FILE", help="the component's markdown specification")
    parser.add_argument("--component", required=required, metavar="NAME", help="the component's name")
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
    parser.add_argument(
        "--generator",
        action="append",
        default=[],
        choices=("spec", "openhands", "pynguin"),
        help="who writes missing tests; may be given several times. spec turns the specification's examples into tests, without a model "
        "or a key, and takes part wherever anybody is asked; openhands is the agent, as --enable-openhands; pynguin calls the code and "
        "asserts what it does, without a model: characterisation, never evidence for a requirement (once: spec2prod pynguin install)",
    )
    parser.add_argument("--coverage-threshold", type=float, metavar="PERCENT", help="override the coverage rule of this run")
    parser.add_argument("--timeout-seconds", type=float, metavar="S", help="time limit of one module's agent task (default: 300)")
    ending = parser.add_mutually_exclusive_group()
    ending.add_argument("--fail-fast", action="store_true", help='end the run at the first "no" of a required gate, and ask no more')
    ending.add_argument("--keep-going", action="store_true", help="ask everything whatever is red: the default, and it overrides a setting")
    parser.add_argument("--time-limit", type=float, metavar="S", help="time limit of the whole run; it can be resumed with another")
    parser.add_argument("--no-fix", action="store_true", help="do not let the linter mend the component's files")
    parser.add_argument("--no-cache", action="store_true", help="ask every question, whatever earlier runs have answered")
    parser.add_argument(
        "--force",
        action="append",
        default=[],
        metavar="STAGE",
        help="ask the questions of a stage, or a gate, again although their answers are kept; may be given several times",
    )


def overrides(args: argparse.Namespace) -> dict[str, object]:
    """Return what the command line sets, under the guide's configuration keys."""
    given: dict[str, object] = {}
    if args.enable_openhands:
        given["enable_openhands_test_generation"] = True
    if args.generator:
        given["generators"] = args.generator
    if args.coverage_threshold is not None:
        given["coverage_threshold"] = args.coverage_threshold
    if args.timeout_seconds is not None:
        given["timeout_seconds"] = args.timeout_seconds
    if args.time_limit is not None:
        given["time_limit_seconds"] = args.time_limit
    if args.no_fix:
        given["auto_fix_linting"] = False
    if args.no_cache:
        given["cache"] = False
    if args.force:
        given["force"] = args.force
    if args.fail_fast or args.keep_going:
        given["fail_fast"] = bool(args.fail_fast)
    return given


def request_of(args: argparse.Namespace) -> Request:
    """Return what the flags of a run ask for."""
    from spec2prod.bootstrap.request import Request

    return Request(
        spec=Path(args.spec),
        component=args.component,
        target=args.target,
        async_mode=args.async_mode,
        component_path=Path(args.component_path) if args.component_path else None,
        overrides=overrides(args),
        overrides_from="command line",
    )


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
    """Run, report, and return the exit code; a run of which nothing has changed is answered from what it left."""
    from spec2prod.bootstrap import standing
    from spec2prod.bootstrap.ahead import head_start

    if batch.is_batch(args):
        return batch.run_batch(args, overrides(args))
    refuse_unreadable(args)
    component_path = Path(args.component_path) if args.component_path else None
    question = None if asks_anew(args) else standing.asked(words_of(args), component_path, report_path(args).absolute())
    if question is not None and (answer := standing.find(question)) is not None:
        return tell_again(answer, report_path(args), json=args.json)

    with head_start(question, at_once=args.async_mode) as ahead:
        return _run_anew(args, question, ahead)


def _run_anew(args: argparse.Namespace, question: Asked | None, ahead: Ahead | None) -> int:
    """Run and report: only here is what a run needs imported."""
    from dataclasses import replace

    from spec2prod.bootstrap.whole_run import run_and_report

    request = replace(request_of(args), new=args.new, wait=not args.no_wait)
    out = console(stderr=args.json)
    return run_and_report(request, output=report_path(args), console=out, emit=emit if args.json else None, question=question, ahead=ahead)


def asks_anew(args: argparse.Namespace) -> bool:
    """Whether the caller wants no earlier answer."""
    return any(getattr(args, name, None) for name in ("no_cache", "force", "new"))


def words_of(args: argparse.Namespace) -> dict[str, object]:
    """Return everything that the command line asks, but for how it is told."""
    return {name: value for name, value in vars(args).items() if name not in {"command", "json", "debug", "output", "no_wait"}}


def tell_again(answer: Standing, output: Path, *, json: bool) -> int:
    """Write an earlier run's report again, and tell its summary; return its exit code."""
    import time

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(answer.made_at))
    told = f"Nothing has changed since the run of {when} ({answer.run_id[:8]}): its verdicts stand. --no-cache asks again.\n"
    stream = Patient(sys.stderr if json else sys.stdout)
    stream.write(told + (answer.summary if stream.isatty() else _PAINT.sub("", answer.summary)))
    stream.flush()
    if not output.exists() or output.read_text(encoding="utf-8", errors="replace") != answer.document:
        _write(output, answer.document)
    if json:
        emit(answer.document)
    return answer.exit_code


def _write(output: Path, text: str) -> None:
    from spec2prod.bootstrap.reporting import refuse_unwritable, save_text

    refuse_unwritable(output)
    save_text(output, text)
