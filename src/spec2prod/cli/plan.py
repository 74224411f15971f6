"""`spec2prod plan`: what a run would do, and why. It starts no tool and writes nothing."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from spec2prod.cli.run import add_run_arguments, refuse_unreadable, request_of
from spec2prod.cli.telling import Teller, counted, document
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.bootstrap.preparations import Explanation
    from spec2prod.domain.plan import Plan
    from spec2prod.domain.verdict import Rule

_EPILOG = """\
It takes the flags of `spec2prod run`, so that a run can be looked at before it begins: the component and the rule by which it was
found, the stages in their order, each tool's command, the rules in force and where each figure comes from, and the waivers.

examples:
  spec2prod plan --spec specs/api.md --component api --target production
  spec2prod plan --spec specs/api.md --component api --target staging --async --enable-openhands --json
"""
_SHOWN_WORDS = 12


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "plan",
        parents=[common],
        help="show what a run would do, and why, without starting anything",
        description="Show what `spec2prod run` with the same flags would do, and why. Nothing is started or written.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run_arguments(parser)
    parser.set_defaults(command=plan)


def plan(args: argparse.Namespace) -> int:
    """Show the plan."""
    from spec2prod.bootstrap import preparations

    refuse_unreadable(args)
    explanation = preparations.explain(request_of(args))
    if args.json:
        document(_values(explanation))
    else:
        _tell(Teller(), explanation)
    return ExitCode.PROMOTED


def _tell(teller: Teller, explanation: Explanation) -> None:
    planned, place = explanation.plan, explanation.place
    component, specification = planned.component, planned.specification
    teller.line(f"{component.name} to {planned.target}, {planned.mode}", style="bold")
    teller.line(f"component: {component.source}, found by {place.found_by}; imports begin in {component.import_root}")
    teller.line(f"modules: {_listed(component.modules)}")
    teller.line(f"tests: {_listed(component.tests)}, found by {place.tests_found_by}; new ones go to {component.tests_folder}")
    teller.line(f"interpreter: {component.interpreter} ({explanation.interpreter_by})")
    promised = counted(len(specification.requirements), "requirement")
    promised += f", {counted(len(specification.testing_requirements), 'testing requirement')}"
    teller.line(f"specification: {specification.path}, {promised}" + (", a draft" if specification.draft_line else ""))
    _stages(teller, explanation)
    _rules(teller, explanation)
    teller.line()
    teller.line("Nothing was started or written. To begin: spec2prod run with the same flags.")


def _stages(teller: Teller, explanation: Explanation) -> None:
    teller.heading("Stages, in their order")
    beside = explanation.beside
    for stage in explanation.plan.stages:
        others = [other for other in beside if other != stage] if stage in beside else []
        teller.line(f"{stage}" + (f", beside {' and '.join(others)}" if others else ""))
        for asked in (each for each in explanation.asked if each.stage is stage):
            teller.line(f"  {asked.tool} answers {', '.join(asked.gates)}: {_short(asked.command)}")
            for service in asked.services:
                teller.line(f"    needs {service}")
    if explanation.plan.generate:
        teller.line(f"tests are asked of: {', '.join(explanation.plan.generators)}; coverage goal {explanation.plan.coverage_goal:g} %")
        if "openhands" in explanation.plan.generators:
            teller.line(f"the agent's model: {explanation.plan.model or 'none is set (LLM_MODEL)'}")
    fixed = "mends what it can mend safely, and shows it" if explanation.plan.auto_fix else "mends nothing (--no-fix, or auto_fix_linting)"
    teller.line(f"the linter {fixed}")
    at_once = "at once" if explanation.plan.mode == "async" else "one after another"
    teller.line(f"tools of one stage run {at_once} ({explanation.plan.mode})")


def _rules(teller: Teller, explanation: Explanation) -> None:
    from spec2prod.reports.words import limits

    teller.heading("Rules in force")
    for rule in explanation.plan.first_rules:
        needed = limits(", ".join(f"{limit} ({limit.origin})" for limit in rule.limits))
        teller.line(f"{rule.gate}, {'required' if rule.required else 'optional'}{', waivable' if rule.waivable else ''}: {needed}")
    for clause in explanation.plan.left_out:
        teller.line(clause)
    for waiver in explanation.plan.waivers:
        refused = explanation.refused.get(waiver)
        teller.line(f"{waiver.gate}: {waiver}" + (f"; it does not count: {refused}" if refused else ""))


def _listed(paths: tuple[str, ...], most: int = 5) -> str:
    if not paths:
        return "none"
    return ", ".join(paths[:most]) + (f" and {len(paths) - most} more" if len(paths) > most else "")


def _short(argv: tuple[str, ...]) -> str:
    """Return a command as a person types it; long lists of files are cut (`--json` has them)."""
    return shlex.join(argv[:_SHOWN_WORDS]) + (f" … ({len(argv) - _SHOWN_WORDS} more words)" if len(argv) > _SHOWN_WORDS else "")


def _values(explanation: Explanation) -> dict[str, object]:
    planned, place = explanation.plan, explanation.place
    component = planned.component
    return {
        "component": {
            "name": component.name,
            "source": component.source,
            "found_by": place.found_by,
            "import_root": component.import_root,
            "modules": component.modules,
            "tests": component.tests,
            "tests_found_by": place.tests_found_by,
            "tests_folder": component.tests_folder,
            "interpreter": str(component.interpreter),
            "interpreter_by": explanation.interpreter_by,
        },
        "specification": {
            "path": planned.specification.path,
            "requirements": len(planned.specification.requirements),
            "testing_requirements": len(planned.specification.testing_requirements),
            "draft": bool(planned.specification.draft_line),
        },
        "target": planned.target,
        "mode": planned.mode,
        "stages": _stage_values(planned, explanation),
        "generation": {"asked": planned.generate, "required": planned.generation_required, "model": planned.model or None},
        "auto_fix": planned.auto_fix,
        "coverage_goal": planned.coverage_goal,
        "rules": [_rule_values(rule) for rule in planned.first_rules],
        "left_out": planned.left_out,
        "waivers": [
            {
                "gate": waiver.gate,
                "reason": waiver.reason,
                "approver": waiver.approver,
                "expires": waiver.expires.isoformat(),
                "component": waiver.component or None,
                "refused": explanation.refused.get(waiver),
            }
            for waiver in planned.waivers
        ],
    }


def _stage_values(planned: Plan, explanation: Explanation) -> list[dict[str, object]]:
    return [
        {
            "stage": stage,
            "beside": [other for other in explanation.beside if other != stage] if stage in explanation.beside else [],
            "asks": [
                {"tool": each.tool, "questions": each.questions, "gates": each.gates, "command": each.command, "services": each.services}
                for each in explanation.asked
                if each.stage is stage
            ],
        }
        for stage in planned.stages
    ]


def _rule_values(rule: Rule) -> dict[str, object]:
    return {
        "gate": rule.gate,
        "required": rule.required,
        "waivable": rule.waivable,
        "limits": [
            {"value": each.value, "comparison": each.comparison, "threshold": each.threshold, "origin": each.origin} for each in rule.limits
        ],
    }
