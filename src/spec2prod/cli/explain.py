"""`spec2prod explain --cache`: would a question be asked again, and which change of what is the reason?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from spec2prod.cli.run import add_run_arguments, refuse_unreadable, request_of
from spec2prod.cli.telling import Teller, document
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.application.ports import Gate
    from spec2prod.domain.question import Change, Explained

_EPILOG = """\
STAGE is testing or refactoring, or one question or gate of theirs (`spec2prod gates` lists them). Of each question it tells whether a run
would take the answer of an earlier one, measured when and by which; else what is not as it was: the input's name, its old and its new
digest, and of a text the lines. No tool is started.

  file:PATH            a file; a test's are those that it was seen to open
  config:FILE[TABLE]   the part of a configuration that the tool obeys
  tool:NAME            the program, or the environment that it comes from
  listing:, importables:  the names in a folder that was listed, or searched for modules
  interpreter, environment, variables, command, component, spec2prod

examples:
  spec2prod explain --cache testing --spec specs/api.md --component api
  spec2prod explain --cache type_checking --spec specs/api.md --component api --json
"""
_SHOWN_DIGITS = 12


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "explain",
        parents=[common],
        help="tell why a question would be asked again, or which earlier answer counts",
        description="Tell what a run with the same flags would find in the cache, and what has changed where it would ask again.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cache", required=True, metavar="STAGE", help="the stage, question or gate to explain")
    add_run_arguments(parser)
    parser.set_defaults(command=explain)


def explain(args: argparse.Namespace) -> int:
    """Explain."""
    from spec2prod.bootstrap import cached

    refuse_unreadable(args)
    told = cached.explain(request_of(args), args.cache)
    if args.json:
        document({"questions": [_values(gate, each) for gate, each in told]})
        return ExitCode.PROMOTED
    teller = Teller()
    for gate, each in told:
        teller.line(f"{gate.name}: {_sentence(each)}", style="bold")
        for change in each.changes if each else ():
            teller.line(f"  {_where(change, each)}: {_change(change)}")
    return ExitCode.PROMOTED


def _sentence(told: Explained | None) -> str:
    if told is None:
        return "asked in every run: its settings say cache = false"
    by = f"measured {told.kept.measured_at} by run {told.kept.run_id}" if told.kept else "by an answer that cannot be read any more"
    never = told.kept.never if told.kept else ""
    return {
        "hit": f"the earlier answer counts, {by}",
        "changed": f"asked again; since the answer {by}, this has changed",
        "flaky": f"asked again: the answer was flaky, {by}",
        "too old": f"asked again: the answer is too old, {by}",
        "never kept": f"asked again: {never}",
        "unknown": "asked: no earlier answer is known",
    }[told.found]


def _where(change: Change, told: Explained | None) -> str:
    lines = told.lines.get(change.name, "") if told else ""
    return change.name + (f" ({lines})" if lines else "")


def _change(change: Change) -> str:
    old, new = change.old[:_SHOWN_DIGITS], change.new[:_SHOWN_DIGITS]
    if change.old == "absent":
        return f"is new ({new})"
    return f"is gone (was {old})" if change.new == "absent" else f"{old} → {new}"


def _values(gate: Gate, told: Explained | None) -> dict[str, object]:
    values: dict[str, object] = {"question": gate.name, "gates": gate.measures}
    if told is None:
        return {**values, "found": "never kept", "key": None, "measured_at": None, "run": None, "changes": [], "reason": _sentence(None)}
    kept = told.kept
    changes = [{"input": each.name, "old": each.old, "new": each.new, "lines": told.lines.get(each.name)} for each in told.changes]
    return {
        **values,
        "found": str(told.found),
        "key": told.question.key,
        "measured_at": kept.measured_at if kept else None,
        "run": kept.run_id if kept else None,
        "changes": changes,
        "reason": _sentence(told),
    }
