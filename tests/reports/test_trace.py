"""The matrix in every way of telling: JSON, page, lines, JUnit."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from spec2prod.adapters.markdown import parse_spec
from spec2prod.domain.example_places import given
from spec2prod.domain.run import Run
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.trace import Matrix, Noticed, trace
from spec2prod.domain.verdict import Rule
from spec2prod.reports import html, json_report
from spec2prod.reports.trace import judge_command, junit, lines
from tests.reports.runs import PASSED

SPEC = parse_spec("## Requirements\n- REQ-1 (P0): Adds <b>: `add(1, 2) == 3`, `take(2)` is `1`\n- Else\n- 80% coverage\n", "s.md")
SUITE = SuiteReport(
    cases=(
        CaseResult(node_id="t.py::test_a[<\x00>]", name="test_a", file="t.py", line=2, outcome="passed", requirements={"REQ-1": ""}),
        CaseResult(
            node_id="t.py::test_b", name="test_b", file="t.py", line=9, outcome="failed", message="x\ny", requirements={"REQ-11": ""}
        ),
        CaseResult(node_id="t.py::test_c", name="test_c", file="t.py", line=9, outcome="skipped"),
    ),
    statements={},
    executed={},
)
COMPONENT = replace(PASSED.plan.component, name="m", source="src/a b")
EXAMPLES = given(SPEC, lambda: {"m": "def add(a, b): ..."}, list)


NOTICED = Noticed(kills=tuple(f"m.py: line {line} `<` becomes `<=`" for line in (72, 73, 74, 75)), run_id="1f0c9a2b-77", at="2026-01-01T00")


def matrix() -> Matrix:
    return trace(SPEC, SUITE, noticed={"t.py::test_a[<\x00>]": NOTICED})


def run() -> Run:
    rules = (*PASSED.plan.rules, Rule(gate="requirements", limits=()))
    return replace(PASSED, plan=replace(PASSED.plan, specification=SPEC, rules=rules), matrix=matrix(), examples=EXAMPLES)


def test_the_json_report_tells_the_matrix_with_its_mutants() -> None:
    told = json_report.as_document(run())["run"]["requirements"]
    first = told["matrix"]["rows"][0]
    assert (first["id"], first["status"]) == ("REQ-1", "verified")
    (shown,) = told["matrix"]["rows"][0]["tests"]
    assert (len(shown["kills"]), shown["kills"][0]) == (4, "m.py: line 72 `<` becomes `<=`")
    assert (shown["judged_by"], shown["judged_at"], told["next_step"]) == ("1f0c9a2b-77", "2026-01-01T00", "")
    assert told["matrix"]["rows"][2]["status"] == "measured"
    assert (told["asked"], told["why"]) == (True, "asked: the specification states IDs or priorities")
    assert (told["examples"]["found"], len(told["examples"]["unused"]), len(told["examples"]["doubts"])) == (1, 1, 1)


def test_a_run_in_which_nothing_names_a_requirement_is_not_asked_about_them() -> None:
    unmarked = replace(SUITE, cases=tuple(replace(each, requirements={}) for each in SUITE.cases))
    told = json_report.as_document(replace(run(), plan=replace(run().plan, traces_requirements=False), matrix=trace(SPEC, unmarked)))
    section = told["run"]["requirements"]
    assert (section["asked"], section["why"][:9]) == (False, "not asked")


def test_a_rule_that_asks_nothing_is_told_wherever_the_matrix_is() -> None:
    clause = "requirements is not asked: no requirement is P0: this rule asks nothing"
    idle = replace(run(), plan=replace(run().plan, rules=PASSED.plan.rules, left_out=(clause,)))
    section = json_report.as_document(idle)["run"]["requirements"]
    assert (section["asked"], section["why"]) == (False, "not asked: no requirement is P0: this rule asks nothing")
    assert clause in html.render(idle)


def test_a_run_that_measured_nothing_has_no_matrix() -> None:
    assert json_report.as_document(PASSED)["run"]["requirements"] is None
    assert 'id="requirements"' not in html.render(PASSED)


def test_the_page_tells_the_matrix_with_every_value_escaped() -> None:
    page = html.render(run())
    assert 'id="requirements"' in page
    assert "m.py: line 72 <code>&lt;</code> becomes <code>&lt;=</code>" in page
    assert "passed, judged in the run 1f0c9a2b" in page
    assert "names <code>REQ-11</code>" in page
    assert "<b>:" not in page


def test_the_lines_tell_what_fits_nowhere() -> None:
    told = "\n".join(lines(COMPONENT, matrix(), EXAMPLES))
    assert told.startswith("verified         REQ-1 P0 (s.md:2): ")
    assert "unknown ID REQ-11: t.py::test_b names it; did you mean REQ-1?" in told
    assert "1 test without a requirement: t.py::test_c" in told
    assert "1 example of the specification that no test uses" in told
    assert "no example: s.md:2 take(2) is 1: no module of the component defines take" in told


def test_the_lines_tell_what_each_test_notices_and_who_has_measured_it() -> None:
    told = list(lines(COMPONENT, matrix(), EXAMPLES))
    assert told[1] == "    passed   t.py::test_a[<\x00>] (judged in the run 1f0c9a2b on 2026-01-01)"
    assert told[2] == "             fails if m.py: line 72 `<` becomes `<=`"
    assert told[5] == "             and on 1 more change (--changes tells all)"
    assert sum("fails if" in line for line in lines(COMPONENT, matrix(), EXAMPLES, all_changes=True)) == 4


def test_of_a_test_that_no_judge_has_measured_every_way_of_telling_gives_the_command_that_does() -> None:
    command = "spec2prod judge --component m --spec s.md t.py"
    unjudged = trace(SPEC, SUITE)
    told = "\n".join(lines(COMPONENT, unjudged, EXAMPLES))
    assert "passed   t.py::test_a[<\x00>] (not judged)" in told
    assert command in told
    section = json_report.as_document(replace(run(), matrix=unjudged))["run"]["requirements"]
    assert section["next_step"] == judge_command(PASSED.plan.component, unjudged)
    assert "passed, not judged" in html.render(replace(run(), matrix=unjudged))
    first = next(ET.fromstring(junit(COMPONENT, SUITE, unjudged)).iter("testcase"))  # noqa: S314 - our own
    assert {each.attrib["name"]: each.attrib["value"] for each in first.iter("property")}["not_judged"] == command


def test_of_a_component_that_was_named_by_its_path_the_command_names_the_path_too() -> None:
    named = replace(COMPONENT, named_by_path=True)
    assert judge_command(named, trace(SPEC, SUITE)) == "spec2prod judge --component m --component-path 'src/a b' --spec s.md t.py"


def test_junit_names_requirements_as_properties_and_is_xml_whatever_a_test_is_called() -> None:
    root = ET.fromstring(junit(COMPONENT, SUITE, matrix()))  # noqa: S314 - our own
    told = {
        case.attrib["name"]: {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")} for case in root.iter("testcase")
    }
    assert told == {
        "test_a[<?>]": {
            "requirement_id": "REQ-1",
            "requirement_status:REQ-1": "verified",
            "killed_mutant": "m.py: line 75 `<` becomes `<=`",
            "judged_by": "1f0c9a2b-77",
        },
        "test_b": {"requirement_id": "REQ-11", "requirement_status:REQ-11": "unknown_id"},
        "test_c": {},
    }
    assert sum(each.attrib["name"] == "killed_mutant" for each in root.iter("property")) == 4
    assert root.attrib == {"name": "m", "tests": "3", "failures": "1", "errors": "0"}
    assert [each.tag for case in root.iter("testcase") for each in case if each.tag != "properties"] == ["failure", "skipped"]
