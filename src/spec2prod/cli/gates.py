"""`spec2prod gates`: the questions that are put to a component, explained from the catalogue and the rules."""

from __future__ import annotations

import argparse
import difflib
from typing import TYPE_CHECKING

from spec2prod.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from spec2prod.cli.telling import Teller
    from spec2prod.config.settings import Settings
    from spec2prod.domain.plan import Target
    from spec2prod.domain.verdict import Rule
    from spec2prod.gates.catalogue import Question

_EPILOG = """\
A gate is a question put to the component. One question may answer several gates, and is asked once. A required gate that says
no stops the promotion, an optional one warns; one that could not be asked is errored, and never passed.

examples:
  spec2prod gates
  spec2prod gates test_coverage
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "gates",
        parents=[common],
        help="list the gates, or explain one: what is asked, by which tool, what each target needs, how to mend a no",
        description="List the gates with what each target asks of them here, or explain one.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one gate or question, explained")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(command=gates)


def gates(args: argparse.Namespace) -> int:
    """List or explain."""
    from spec2prod.bootstrap import preparations
    from spec2prod.cli.telling import Teller, document

    settings = preparations.settings_of({})
    chosen = preparations.questions(settings, args.name)
    if not chosen:
        names = sorted({name for each in preparations.questions(settings) for name in (each.name, *each.measures)})
        near = difflib.get_close_matches(args.name, names, n=1, cutoff=0.4)
        raise UsageError(
            f"no gate is called {args.name}", next_step=f"Did you mean {near[0]}?" if near else f"There are {', '.join(names)}."
        )
    if args.json:
        document({"questions": [_values(each, settings) for each in chosen]})
        return ExitCode.PROMOTED
    teller = Teller()
    for question in chosen:
        _tell(teller, question, settings, full=args.name is not None)
    if args.name is None:
        teller.line()
        teller.line("Explain one: spec2prod gates NAME. All rules with their origins: spec2prod config show --origin")
    return ExitCode.PROMOTED


def _tell(teller: Teller, question: Question, settings: Settings, *, full: bool) -> None:
    teller.heading(question.name)
    teller.line(question.sentence)
    told = [("asked of", question.tool), ("needs", question.service), ("to mend a no", question.fix)]
    for name, text in told if full else ():
        if text:
            teller.line(f"{name}: {text}")
    for gate in question.measures:
        for target, rule in _rules(gate, settings):
            teller.line(f"  {gate}, {target}: {_asked(rule)}")
        if full:
            teller.line(f"  to change it: [tool.spec2prod.rules.<target>.{gate}] {', '.join(_figures(gate, question, settings))}")


def _asked(rule: Rule | None) -> str:
    if rule is None:
        return "not asked"
    from spec2prod.reports.words import limits

    waivable = ", waivable" if rule.waivable else ""
    return f"{limits(', '.join(map(str, rule.limits)))} ({'required' if rule.required else 'optional'}{waivable})"


def _figures(gate: str, question: Question, settings: Settings) -> tuple[str, ...]:
    """Return what may be set about a gate: the figures that its rules speak about, and the two switches of every gate."""
    ruled = (limit.value for _, rule in _rules(gate, settings) if rule for limit in rule.limits)
    values = dict.fromkeys(ruled) if len(question.measures) > 1 else dict.fromkeys((*question.values, *ruled))
    return (*values, "required", "waivable")


def _rules(gate: str, settings: Settings) -> tuple[tuple[Target, Rule | None], ...]:
    from spec2prod.config.rules import rules_for
    from spec2prod.domain.plan import Target
    from spec2prod.domain.specification import Specification

    nothing = Specification(path="", title="")
    return tuple((target, next((rule for rule in rules_for(target, settings, nothing) if rule.gate == gate), None)) for target in Target)


def _values(question: Question, settings: Settings) -> dict[str, object]:
    return {
        "name": question.name,
        "question": question.sentence,
        "tool": question.tool,
        "service": question.service or None,
        "fix": question.fix,
        "gates": {gate: _rule_values(gate, settings) for gate in question.measures},
    }


def _rule_values(gate: str, settings: Settings) -> dict[str, object]:
    return {
        str(target): rule
        and {
            "limits": [
                {"value": limit.value, "comparison": limit.comparison, "threshold": limit.threshold, "origin": limit.origin}
                for limit in rule.limits
            ],
            "required": rule.required,
            "waivable": rule.waivable,
        }
        for target, rule in _rules(gate, settings)
    }
