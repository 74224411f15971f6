"""The matrix requirement → test → mutant → result: as a document, as lines for people, and as JUnit with its properties."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from spec2prod.domain.example_places import Given
from spec2prod.domain.run import Run
from spec2prod.domain.specification import Specification
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.trace import Matrix, Row, Shown, Status
from spec2prod.reports import document

_NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_MOST_TOLD = 20
_NOT_VERIFIED = "covered: its tests pass; the report of a run that proposes tests says whether they notice a change of the code (verified)"


def requirements(run: Run) -> document.Requirements | None:
    """Return the report's section; None of a run that measured nothing."""
    if run.matrix is None:
        return None
    asked = run.plan.traces_requirements or _is_named(run.matrix)
    return document.Requirements(
        asked=asked,
        why=why(run.plan.specification, run.matrix, asked=asked),
        matrix=document.Matrix.model_validate(run.matrix),
        examples=examples(run.examples or Given()),
    )


def why(specification: Specification, matrix: Matrix, *, asked: bool) -> str:
    """Say why the gate was asked, or was not."""
    if not asked:
        return "not asked: the specification states no ID and no priority, and no test carries a marker"
    if specification.states_ids:
        return "asked: the specification states IDs or priorities"
    return "asked: a test carries a marker" if _is_named(matrix) else "asked: a test file, or a setting, speaks of requirements"


def _is_named(matrix: Matrix) -> bool:
    return bool(matrix.unknown) or any(row.tests for row in matrix.rows)


def examples(given: Given) -> document.GivenExamples:
    """Return what the specification gives as examples."""
    return document.GivenExamples(
        found=len(given.found),
        unused=tuple(f"{each.example.where} {each.example.said.source}" for each in given.unused),
        doubts=tuple(document.DoubtfulExample.model_validate(each) for each in given.doubts),
    )


def lines(matrix: Matrix, given: Given) -> Iterator[str]:
    """Give the matrix as lines for people: each requirement, its tests below it, then what fits nowhere."""
    for row in matrix.rows:
        yield _headline(matrix, row)
        yield from (f"    {_told(test)}" for test in row.tests)
    for each in matrix.unknown:
        yield f"unknown ID {each.id}: {each.node_id} names it" + (f"; did you mean {each.near}?" if each.near else "")
    if matrix.orphans:
        yield f"{_counted(len(matrix.orphans), 'test')} without a requirement: {', '.join(matrix.orphans[:3])}" + (
            f" and {len(matrix.orphans) - 3} more" if len(matrix.orphans) > 3 else ""  # noqa: PLR2004 - shown above
        )
    if not matrix.is_judged and any(row.status is Status.COVERED for row in matrix.rows):
        yield _NOT_VERIFIED
    if given.unused:
        yield f"{_counted(len(given.unused), 'example')} of the specification that no test uses (--generator spec turns them into tests):"
        yield from (f"    {each.example.where} {each.example.said.source}" for each in given.unused[:_MOST_TOLD])
    for doubt in given.doubts[:_MOST_TOLD]:
        yield f"no example: {doubt.where} {doubt.source}: {doubt.reason}"


def _headline(matrix: Matrix, row: Row) -> str:
    priority = f" {row.priority}" if row.priority else ""
    is_told_below = row.status is Status.COVERED and not matrix.is_judged
    reason = "" if is_told_below else f"; {row.reason}"
    return f"{row.status.replace('_', ' '):<16} {row.id}{priority} ({matrix.path}:{row.line}): {_short(row.text)}{reason}"


def _told(test: Shown) -> str:
    notes = [*(["stale"] if test.is_stale else []), *(["flaky"] if test.is_flaky else []), *test.kills[:3]]
    return f"{test.outcome:<8} {test.node_id}" + (f" ({'; '.join(notes)})" if notes else "")


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def junit(name: str, suite: SuiteReport, matrix: Matrix) -> str:
    """Return the tests as JUnit XML; each names its requirements as `<property name="requirement_id">`, with their statuses."""
    statuses = {row.id: row.status for row in matrix.rows}
    cases = [case for case in suite.cases if "::" in case.node_id]
    red = sum(case.outcome == "failed" for case in cases)
    errors = sum(case.outcome == "error" for case in suite.cases)
    told = {"name": name, "tests": str(len(suite.cases)), "failures": str(red), "errors": str(errors)}
    root = ET.Element("testsuites", told)
    inner = ET.SubElement(root, "testsuite", told)
    for case in suite.cases:
        _case(inner, case, statuses)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, case: CaseResult, statuses: Mapping[str, str]) -> None:
    file, _, name = case.node_id.partition("::")
    words = {"classname": file, "name": name or file, "file": case.file, "line": str(case.line)}
    told = ET.SubElement(suite, "testcase", {key: _clean(word) for key, word in words.items()})
    if case.requirements:
        properties = ET.SubElement(told, "properties")
        for each in case.requirements:
            ET.SubElement(properties, "property", {"name": "requirement_id", "value": _clean(each)})
            ET.SubElement(properties, "property", {"name": f"requirement_status:{_clean(each)}", "value": statuses.get(each, "unknown_id")})
    kind = {"failed": "failure", "error": "error", "skipped": "skipped", "xfailed": "skipped"}.get(case.outcome)
    if kind:
        ET.SubElement(told, kind, {"message": _clean(case.message.partition("\n")[0])}).text = _clean(case.message)


def _clean(text: str) -> str:
    """Return a text that XML can hold."""
    return _NO_XML.sub("?", text)
