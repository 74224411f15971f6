"""The matrix requirement → test → mutant → result: as a document, as lines for people, and as JUnit with its properties."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree as ET

from spec2prod.domain.component import Component
from spec2prod.domain.example_places import Given
from spec2prod.domain.plan import Plan
from spec2prod.domain.run import Run
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.trace import REQUIREMENTS, Matrix, Row, Shown, Status
from spec2prod.reports import document
from spec2prod.reports.parts import told

_NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_MOST_TOLD = 20
_MOST_CHANGES = 3


def requirements(run: Run) -> document.Requirements | None:
    """Return the report's section; None of a run that measured nothing."""
    if run.matrix is None:
        return None
    asked = run.plan.traces_requirements or _is_named(run.matrix)
    return document.Requirements(
        asked=asked and not run.plan.requirements_not_asked,
        why=why(run.plan, run.matrix, asked=asked),
        next_step=judge_command(run.plan.component, run.matrix),
        matrix=told(document.Matrix, run.matrix),
        examples=examples(run.examples or Given()),
    )


def why(plan: Plan, matrix: Matrix, *, asked: bool) -> str:
    """Say why the gate was asked, or was not; `asked` is whether there is anything to ask about."""
    if not asked:
        return "not asked: the specification states no ID and no priority, and no test carries a marker"
    if plan.requirements_not_asked:
        return plan.requirements_not_asked.removeprefix(f"{REQUIREMENTS} is ")
    if plan.specification.states_ids:
        return "asked: the specification states IDs or priorities"
    return "asked: a test carries a marker" if _is_named(matrix) else "asked: a test file, or a setting, speaks of requirements"


def _is_named(matrix: Matrix) -> bool:
    return bool(matrix.unknown) or any(row.tests for row in matrix.rows)


def judge_command(component: Component, matrix: Matrix) -> str:
    """Return the command that judges the tests which no judge has measured as they are; empty where there are none."""
    if not matrix.unjudged:
        return ""
    path = ["--component-path", component.source] if component.named_by_path else []
    return shlex.join(["spec2prod", "judge", "--component", component.name, *path, "--spec", matrix.path, *matrix.unjudged])


def examples(given: Given) -> document.GivenExamples:
    """Return what the specification gives as examples."""
    return document.GivenExamples(
        found=len(given.found),
        unused=tuple(f"{each.example.where} {each.example.said.source}" for each in given.unused),
        doubts=tuple(told(document.DoubtfulExample, each) for each in given.doubts),
    )


def lines(component: Component, matrix: Matrix, given: Given, *, all_changes: bool = False) -> Iterator[str]:
    """Give the matrix as lines for people: each requirement, its tests below it, what each notices, then what fits nowhere."""
    for row in matrix.rows:
        yield _headline(matrix, row)
        for _, cases in itertools.groupby(row.tests, key=lambda test: test.node_id.partition("[")[0]):
            yield from _told(tuple(cases), all_changes=all_changes)
    if command := judge_command(component, matrix):
        yield f"not judged means: nobody knows whether the test notices a change of the code. {command}"
    for each in matrix.unknown:
        yield f"unknown ID {each.id}: {each.node_id} names it" + (f"; did you mean {each.near}?" if each.near else "")
    if matrix.orphans:
        yield f"{_counted(len(matrix.orphans), 'test')} without a requirement: {', '.join(matrix.orphans[:3])}" + (
            f" and {len(matrix.orphans) - 3} more" if len(matrix.orphans) > 3 else ""  # noqa: PLR2004 - shown above
        )
    if given.unused:
        yield f"{_counted(len(given.unused), 'example')} of the specification that no test uses (--generator spec turns them into tests):"
        yield from (f"    {each.example.where} {each.example.said.source}" for each in given.unused[:_MOST_TOLD])
    for doubt in given.doubts[:_MOST_TOLD]:
        yield f"no example: {doubt.where} {doubt.source}: {doubt.reason}"


def _headline(matrix: Matrix, row: Row) -> str:
    priority = f" {row.priority}" if row.priority else ""
    is_told_below = row.status in {Status.VERIFIED, Status.COVERED}
    reason = "" if is_told_below else f"; {row.reason}"
    return f"{row.status.replace('_', ' '):<16} {row.id}{priority} ({matrix.path}:{row.line}): {_short(row.text)}{reason}"


def _told(cases: Sequence[Shown], *, all_changes: bool) -> Iterator[str]:
    """Tell the cases of one test function, then which changes it notices and who has measured that."""
    for test in cases:
        notes = [*(["stale"] if test.is_stale else []), *(["flaky"] if test.is_flaky else []), *_judged(test)]
        yield f"    {test.outcome:<8} {test.node_id}" + (f" ({', '.join(notes)})" if notes else "")
    kills = cases[-1].kills
    shown = kills if all_changes else kills[:_MOST_CHANGES]
    yield from (f"             fails if {change}" for change in shown)
    if len(kills) > len(shown):
        yield f"             and on {_counted(len(kills) - len(shown), 'more change')} (--changes tells all)"


def _judged(test: Shown) -> Iterator[str]:
    """Say who has measured what a passing test notices."""
    if test.outcome != "passed":
        return
    if not test.judged_by:
        yield "not judged"
        return
    day = f" on {test.judged_at[: len('2026-01-01')]}" if test.judged_at else ""
    by = "judged by `spec2prod judge`" if test.judged_by.startswith("judge-") else f"judged in the run {test.judged_by[:8]}"
    yield by + day + ("" if test.kills else ": it notices no change of the code")


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def junit(component: Component, suite: SuiteReport, matrix: Matrix) -> str:
    """Return the tests as JUnit XML; each names its requirements as `<property name="requirement_id">`, with their statuses.

    What it notices stands there too, a `killed_mutant` for each change, with the run `judged_by` that measured it; of a passing test
    that no judge has measured, `not_judged` says which command does.
    """
    statuses = {row.id: row.status for row in matrix.rows}
    shown = {test.node_id: test for row in matrix.rows for test in row.tests}
    command = judge_command(component, matrix)
    cases = [case for case in suite.cases if "::" in case.node_id]
    red = sum(case.outcome == "failed" for case in cases)
    errors = sum(case.outcome == "error" for case in suite.cases)
    told = {"name": component.name, "tests": str(len(suite.cases)), "failures": str(red), "errors": str(errors)}
    root = ET.Element("testsuites", told)
    inner = ET.SubElement(root, "testsuite", told)
    for case in suite.cases:
        _case(inner, case, statuses, tuple(_measured(shown.get(case.node_id), command)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _measured(test: Shown | None, command: str) -> Iterator[tuple[str, str]]:
    """Give the properties that tell what a judge has measured of a test."""
    if test is not None and test.judged_by:
        yield from (("killed_mutant", change) for change in test.kills)
        yield "judged_by", test.judged_by
    elif test is not None and test.outcome == "passed":
        yield "not_judged", command


def _case(suite: ET.Element, case: CaseResult, statuses: Mapping[str, str], measured: Sequence[tuple[str, str]]) -> None:
    file, _, name = case.node_id.partition("::")
    words = {"classname": file, "name": name or file, "file": case.file, "line": str(case.line)}
    told = ET.SubElement(suite, "testcase", {key: _clean(word) for key, word in words.items()})
    if case.requirements:
        properties = ET.SubElement(told, "properties")
        for each in case.requirements:
            ET.SubElement(properties, "property", {"name": "requirement_id", "value": _clean(each)})
            ET.SubElement(properties, "property", {"name": f"requirement_status:{_clean(each)}", "value": statuses.get(each, "unknown_id")})
        for key, value in measured:
            ET.SubElement(properties, "property", {"name": key, "value": _clean(value)})
    kind = {"failed": "failure", "error": "error", "skipped": "skipped", "xfailed": "skipped"}.get(case.outcome)
    if kind:
        ET.SubElement(told, kind, {"message": _clean(case.message.partition("\n")[0])}).text = _clean(case.message)


def _clean(text: str) -> str:
    """Return a text that XML can hold."""
    return _NO_XML.sub("?", text)
