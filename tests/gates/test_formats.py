"""Answers of a project's own gates: what they tell is read, and what tells nothing is no answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.verdict import Severity
from spec2prod.gates.formats import Told, figure, junit, read, sarif

JUNIT = """<?xml version="1.0"?>
<testsuites><testsuite name="a" tests="4" failures="1" errors="1" skipped="1">
  <testcase classname="a.B" name="good"/>
  <testcase classname="a.B" name="bad" file="a.py" line="7"><failure message="1 != 2">trace</failure></testcase>
  <testcase classname="a.B" name="broken"><error>it broke</error></testcase>
  <testcase classname="a.B" name="aside"><skipped/></testcase>
</testsuite></testsuites>"""


def sarif_with(*results: object, **run: object) -> str:
    return json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": list(results), **run}]})


RESULT = {
    "ruleId": "R1",
    "level": "error",
    "message": {"text": "no"},
    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 3}}}],
}


def test_junit_counts_failures_and_errors_of_what_ran() -> None:
    told = junit(JUNIT)
    assert isinstance(told, Told)
    assert (told.figure, told.checked, told.summary) == (2.0, 3, "1 of 3 test cases passed")
    assert [(each.address, each.code, each.message) for each in told.findings] == [
        ("a.B", "error", "broken: it broke"),
        ("a.py:7", "failure", "bad: 1 != 2"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<testsuites/>", "nothing was checked: no test case"),
        ("<testsuite><testcase name='a'><skipped/></testcase></testsuite>", "nothing was checked: 1 test case, all of them skipped"),
        ("<testsuite errors='1'><testcase name='a'/></testsuite>", "contradicts itself: 1 failures and errors counted, 0 listed"),
        ("<html/>", "begins with <html>"),
        ("no xml", "no JUnit XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite/>", "declares a document type"),
    ],
)
def test_junit_that_checked_nothing_is_no_answer(text: str, says: str) -> None:
    told = junit(text)
    assert isinstance(told, str)
    assert says in told


def test_sarif_counts_what_nobody_set_aside() -> None:
    aside = {**RESULT, "suppressions": [{"kind": "inSource"}]}
    told = sarif(sarif_with(RESULT, {"message": {"text": "mild"}}, aside, {**RESULT, "kind": "pass"}, {**RESULT, "level": "none"}))
    assert isinstance(told, Told)
    assert (told.figure, told.summary) == (2.0, "2 issues, 3 set aside")
    assert [(each.address, each.code, each.severity) for each in told.findings] == [
        ("", "", Severity.MEDIUM),
        ("src/a.py:3", "R1", Severity.HIGH),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"version": "2.1.0", "runs": []}', "has no run"),
        ('{"version": "2.1.0", "runs": [{}]}', "has no results"),
        (sarif_with(invocations=[{"executionSuccessful": False}]), "did not run to its end"),
        ("[]", "no SARIF"),
    ],
)
def test_sarif_that_checked_nothing_is_no_answer(text: str, says: str) -> None:
    told = sarif(text)
    assert isinstance(told, str)
    assert says in told


@pytest.mark.parametrize(
    ("path", "value"), [("totals.percent", 81.5), ("/totals/a.b", 3.0), ("list", 2.0), ("list.1.n", 7.0), ("/a~1b", 1.0)]
)
def test_a_number_is_read_where_the_path_leads(path: str, value: float) -> None:
    text = json.dumps({"totals": {"percent": 81.5, "a.b": 3}, "list": [{}, {"n": 7}], "a/b": 1})
    told = figure(text, path, "")
    assert isinstance(told, Told)
    assert told.figure == value


@pytest.mark.parametrize(
    ("path", "checked", "says"),
    [
        ("absent", "", "nothing at absent"),
        ("list.9", "", "nothing at list.9"),
        ("yes", "", "no number at yes"),
        ("far", "", "no finite number at far"),
        ("one", "zero", "nothing was checked: zero is 0"),
        ("one", "absent", "nothing at absent"),
    ],
)
def test_a_path_to_nothing_is_no_answer(path: str, checked: str, says: str) -> None:
    told = figure('{"list": [], "yes": true, "far": 1e999, "one": 1, "zero": 0}', path, checked)
    assert isinstance(told, str)
    assert says in told


@given(st.text(), st.text(max_size=5), st.text(max_size=5))
def test_garbage_is_told_and_never_raised(text: str, path: str, checked: str) -> None:
    assert isinstance(read("junit", text, path, checked), str)
    assert isinstance(read("sarif", text, path, checked), str)
    told = read("json", text, path, checked)
    assert isinstance(told, str) or json.loads(text) is not None


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(
    st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner)),
    st.lists(st.text(max_size=2), max_size=3).map(".".join),
)
def test_whatever_json_says_the_figure_is_finite_or_there_is_none(document: object, path: str) -> None:
    told = figure(json.dumps(document), path, "")
    assert isinstance(told, str) or (abs(told.figure) < float("inf") and told.checked == 1)


def test_a_list_a_million_brackets_deep_is_no_answer() -> None:
    assert isinstance(figure("[" * 1_000_000, "a", ""), str)
    assert isinstance(sarif("[" * 1_000_000), str)
    assert isinstance(junit("<a>" * 100_000), str)
