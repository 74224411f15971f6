"""`spec2prod trace`: which requirement is shown by which test."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.cli.run import TARGETS
from spec2prod.cli.telling import Teller, document
from spec2prod.errors import ExitCode

if TYPE_CHECKING:
    from spec2prod.bootstrap.tracing import Traced

_EPILOG = """\
A test says which requirement it shows:

  @pytest.mark.requirement("REQ-1")        also: @pytest.mark.req, @pytest.mark.verifies_requirement, id="REQ-1", several IDs
  @pytest.mark.requirement("REQ-1", text="1f0c.9a2b.3d4e")     the text's hash (--json prints it): another text makes the test stale

An ID that the author gave (REQ-1: …) is kept. Any other requirement has one derived from its words, printed here: reordering keeps
it, rewording changes it. Spec2prod makes the markers known in its own runs; for yours, list them under markers in pyproject.toml.

statuses:
  verified          a passing test of it fails if the code is changed (the judge has looked)
  covered           a passing test names it
  failing           a test that names it does not pass
  suspected_defect  a test that names it says that the code may be wrong
  stale             its text has changed since its tests were written
  uncovered         no test that ran to a result names it
  measured          a gate answers it, such as test_coverage

Below each test stand the changes of the code that it notices, and who has measured that: the run that judged it, or `spec2prod
judge`. It counts while the component's modules, the test's file and what that imports are the same. Of a test that no judge has
measured, the command that does is told.

The tests are run once, unless what an earlier run measured of the same files still counts. Exit 0: the target's rule holds.
1: it does not. Rules: staging all of P0; production all of P0, 90 % of P1, 80 % of all; development reports.

examples:
  spec2prod trace --spec specs/api.md --component api
  spec2prod trace --spec specs/api.md --component api --target production --json
  spec2prod trace --spec specs/api.md --component api --junit build/requirements.xml
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "trace",
        parents=[common],
        help="print which requirement is shown by which test, and whether the target's rule holds",
        description="Print the matrix of requirements, tests and results, and judge it by the target's rule.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", required=True, metavar="FILE", help="the component's markdown specification")
    parser.add_argument("--component", required=True, metavar="NAME", help="the component's name")
    parser.add_argument("--component-path", metavar="PATH", help="where the component lies, if its name does not tell")
    parser.add_argument("--target", default="staging", choices=TARGETS, help="whose rule to judge by (default: %(default)s)")
    parser.add_argument("--no-cache", action="store_true", help="run the tests, whatever earlier runs have measured")
    parser.add_argument("--changes", action="store_true", help="tell every change of the code that each test notices, not the first three")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    parser.add_argument("--junit", metavar="FILE", help="write the tests as JUnit XML, with their requirements as properties")
    parser.set_defaults(command=trace)


def trace(args: argparse.Namespace) -> int:
    """Print the matrix; return 0 where the target's rule holds."""
    from spec2prod.bootstrap.reporting import save_text
    from spec2prod.bootstrap.request import Request
    from spec2prod.bootstrap.running import run_to_the_end
    from spec2prod.bootstrap.tracing import trace_component
    from spec2prod.domain.plan import Stage
    from spec2prod.reports.trace import junit

    request = Request(
        spec=Path(args.spec),
        component=args.component,
        target=args.target,
        async_mode=False,
        component_path=Path(args.component_path) if args.component_path else None,
        overrides={"force": (str(Stage.TESTING),)} if args.no_cache else {},
        overrides_from="command line",
    )
    traced = run_to_the_end(trace_component(request))
    if args.junit:
        save_text(Path(args.junit), junit(traced.plan.component, traced.suite, traced.matrix))
    if args.json:
        document(_values(traced))
    else:
        _tell(Teller(), traced, all_changes=args.changes)
    return _exit_code(traced)


def _exit_code(traced: Traced) -> int:
    from spec2prod.domain.verdict import Verdict

    if traced.judgement is None or traced.judgement.verdict.lets_pass or not traced.judgement.required:
        return ExitCode.PROMOTED
    return ExitCode.COULD_NOT_ASK if traced.judgement.verdict is Verdict.ERRORED else ExitCode.GATE_FAILED


def _tell(teller: Teller, traced: Traced, *, all_changes: bool) -> None:
    from spec2prod.domain.trace import REQUIREMENTS
    from spec2prod.reports.trace import lines, why
    from spec2prod.reports.words import limits

    plan, judgement = traced.plan, traced.judgement
    measured = f"measured by the run {traced.from_run[:8]}" if traced.from_run else "measured now"
    teller.line(f"{plan.component.name}: {plan.specification.path}, {measured}", style="bold")
    for line in lines(plan.component, traced.matrix, traced.examples, all_changes=all_changes):
        teller.line(line)
    for defect in traced.defects:
        teller.line(f"suspected defect of {defect.named}: {defect.next_step}")
    teller.line()
    if judgement is None:
        teller.line(f"requirements at {plan.target}: {why(plan, traced.matrix, asked=traced.is_asked)}")
        return
    reason = f": {judgement.reason}" if judgement.reason else ""
    teller.line(limits(f"requirements at {plan.target}: {judgement.verdict} ({judgement.measured}; needed {judgement.needed}){reason}"))
    for clause in (each for each in plan.left_out if each.startswith(REQUIREMENTS)):
        teller.line(limits(clause))
    teller.line(f"in a run it is {why(plan, traced.matrix, asked=traced.is_asked)}")


def _values(traced: Traced) -> dict[str, object]:
    from spec2prod.reports.document import GivenExamples, Judgement, Matrix
    from spec2prod.reports.parts import told
    from spec2prod.reports.trace import examples, judge_command, why

    return {
        "component": traced.plan.component.name,
        "target": traced.plan.target,
        "from_run": traced.from_run or None,
        "asked": traced.is_asked and traced.judgement is not None,
        "why": why(traced.plan, traced.matrix, asked=traced.is_asked),
        "next_step": judge_command(traced.plan.component, traced.matrix),
        "matrix": told(Matrix, traced.matrix),
        "examples": told(GivenExamples, examples(traced.examples)),
        "judgement": told(Judgement, traced.judgement) if traced.judgement else None,
    }
