"""`spec2prod extend`: a paused task of the agent goes on with a larger limit."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from spec2prod.cli.output import console, fail
from spec2prod.cli.telling import counted
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.bootstrap.extending import Extended
    from spec2prod.domain.candidate import TaskOutcome

_EPILOG = """\
A task that reaches a limit is paused, not thrown away: its conversation, its copy of your project and what it has cost
are kept in the run's folder, and the report tells the command that goes on. What was paid is not paid again.

examples:
  spec2prod extend 732ec305 --usd 1            one dollar more
  spec2prod extend 732ec305 --seconds 300      five minutes more
  spec2prod extend 732ec305 --iterations 20 --tokens 500000

When it has delivered, spec2prod resume RUN judges its test as any other. A model, key or endpoint that was changed since
is used from here on.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "extend",
        parents=[common],
        help="let a paused task of the agent go on with a larger limit",
        description="Let a task that is paused at its money, token, iteration or time limit go on in the same conversation.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", metavar="TASK", help="the task's ID, or the beginning of it: the report names it")
    parser.add_argument("--usd", type=_amount, default=0.0, metavar="N", help="US dollars on top")
    parser.add_argument("--tokens", type=_count, default=0, metavar="N", help="tokens on top, in and out together")
    parser.add_argument("--iterations", type=_count, default=0, metavar="N", help="steps on top")
    parser.add_argument("--seconds", type=_amount, default=0.0, metavar="S", help="seconds on top")
    parser.set_defaults(command=extend)


def extend(args: argparse.Namespace) -> int:
    """Go on, and tell what came."""
    from spec2prod.bootstrap import extending
    from spec2prod.bootstrap.listening import telling
    from spec2prod.bootstrap.running import run_to_the_end

    grant = extending.granted(seconds=args.seconds, iterations=args.iterations, tokens=args.tokens, usd=args.usd)
    with telling(console(stderr=True)):
        extended = run_to_the_end(extending.extend(args.task, grant))
    return tell(extended)


def tell(extended: Extended) -> int:
    """Tell how an extended task ended; return the exit code."""
    outcome = extended.outcome
    used = _used(outcome)
    if outcome.resumable:
        return fail(f"{outcome.module}: {outcome.reason} ({used})", outcome.next_step, ExitCode.PENDING)
    if outcome.text is None:
        code = ExitCode.COULD_NOT_ASK if outcome.status == "errored" else ExitCode.GATE_FAILED
        return fail(f"{outcome.module}: {outcome.status}: {outcome.reason} ({used})", outcome.next_step, code)
    out = console(stderr=False)
    out.print(f"{outcome.module}: delivered {outcome.test_file} ({used})", soft_wrap=True, markup=False)
    out.print(f"judge it: spec2prod resume {extended.run_id}", soft_wrap=True, markup=False)
    return ExitCode.PROMOTED


def _used(outcome: TaskOutcome) -> str:
    """Return what a task has used in all; where no price is known, 0 is no sum."""
    model = outcome.model or "the model"
    cost = f"${outcome.cost_usd:.4f} in all" if outcome.is_priced else f"no price is known for {model}"
    return f"{counted(outcome.llm_calls, 'call')} of {model}, {cost}"


def _amount(text: str) -> float:
    return _above_zero(float, text)


def _count(text: str) -> int:
    return _above_zero(int, text)


def _above_zero[T: (int, float)](kind: type[T], text: str) -> T:
    try:
        value = kind(text)
    except ValueError:
        value = kind(0)
    if not 0 < value < 1e12:  # noqa: PLR2004 - more is a slip of the finger
        message = f"{text!r} is no {kind.__name__} above 0"
        raise argparse.ArgumentTypeError(message)
    return value
