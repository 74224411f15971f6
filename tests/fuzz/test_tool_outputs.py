"""Whatever a tool prints, writes or ends with: a reader gives an answer of its own gates, and never raises."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.application.ports import Gate
from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Comparison, Limit, Measurement, Rule, Verdict, judge
from spec2prod.domain.verdict import Evidence as Bound
from spec2prod.gates import formats
from spec2prod.gates.complexity import ComplexityGate
from spec2prod.gates.documentation import DocumentationGate
from spec2prod.gates.linting import LintingGate
from spec2prod.gates.security import SecurityGate
from spec2prod.gates.tests import TestsGate
from spec2prod.gates.type_checking import TypeCheckingGate
from spec2prod.gates.vulnerabilities import VulnerabilitiesGate
from tests.fuzz.strategies import ANY_TEXT, spoiled_json, spoiled_text

PYTHON = Path("/python")
COMPONENT = Component(
    name="sums",
    root=Path("/project"),
    source="sums.py",
    import_root=".",
    modules=("sums.py",),
    tests=("tests/test_sums.py",),
    interpreter=PYTHON,
)
PLACE = {"path": "sums.py", "line": 1}
RUFF = [{"filename": "/project/sums.py", "code": "F401", "message": "unused", "location": {"row": 1, "column": 1}}]
RUFF_LOG = "[DEBUG] Checking: /project/sums.py\n[DEBUG] Checked 2 files in: 3ms\n"
DIAGNOSTIC = {"file": "/project/sums.py", "severity": "error", "message": "no", "rule": "r", "range": {"start": {"line": 0}}}
PYRIGHT = {"generalDiagnostics": [DIAGNOSTIC], "summary": {"filesAnalyzed": 1, "errorCount": 1}}
MYPY = "sums.py:1: error: No  [assignment]\nFound 1 error in 1 file (checked 1 source file)\n"
TY = "sums.py:1:1: error[invalid-assignment] no\nFound 1 diagnostic\n"
CASE = {"id": "tests/test_sums.py::test_add", "path": "tests/test_sums.py", "line": 1, "outcome": "passed", "message": "", "ms": 1.0}
LINES = {"statements": "1-3,5", "missing": "5", "excluded": 0, "trouble": ""}
SUITE = {
    "format": 1,
    "nonce": "",
    "python": "3.12.1",
    "missing": [],
    "status": 0,
    "cases": [CASE],
    "modules": {"sums.py": LINES},
    "lines": {CASE["id"]: {"sums.py": "1-3"}},
}
AUDIT = {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"], "aliases": [], "description": ""}]}]}
STATIC = {
    "format": 1,
    "secrets": {"trouble": "", "files": 1, "set_aside": 0, "found": [{**PLACE, "kind": "key"}]},
    "weaknesses": {"trouble": "", "files": 1, "set_aside": 0, "found": [{**PLACE, "code": "B1", "message": "m", "severity": "high"}]},
    "documentation": {"trouble": "", "readme": True, "documented": 1, "found": [{**PLACE, "name": "f"}]},
    "complexity": {"trouble": "", "files": 1, "found": [{**PLACE, "name": "f", "complexity": 1}]},
    "vulnerabilities": {"trouble": "", "answer": json.dumps(AUDIT)},
}
GATES: Mapping[str, Gate] = {
    "ruff": LintingGate(program=("ruff",), selection={"select": ["E"]}),
    "basedpyright": TypeCheckingGate(checker="basedpyright", program=("basedpyright",), obey_project=True, configuration={"ignore": ["x"]}),
    "mypy": TypeCheckingGate(checker="mypy", program=("mypy",), obey_project=True),
    "ty": TypeCheckingGate(checker="ty", program=("ty",), obey_project=False),
    "tests": TestsGate(),
    "security": SecurityGate(interpreter=PYTHON),
    "documentation": DocumentationGate(interpreter=PYTHON),
    "complexity": ComplexityGate(interpreter=PYTHON),
    "vulnerabilities": VulnerabilitiesGate(interpreter=PYTHON, site_packages=("/site-packages",)),
}
# what each says when all is well: standard output, standard error, answer file
GOOD: Mapping[str, tuple[str, str, str]] = {
    "ruff": ("", RUFF_LOG, json.dumps(RUFF)),
    "basedpyright": (json.dumps(PYRIGHT), "", ""),
    "mypy": (MYPY, "", ""),
    "ty": (TY, "Indexed 1 file(s)", ""),
    "tests": ("", "", json.dumps(SUITE)),
    **dict.fromkeys(("security", "documentation", "complexity", "vulnerabilities"), ("", "", json.dumps(STATIC))),
}
EXITS = {"tests": 0, "security": 0, "documentation": 0, "complexity": 0, "vulnerabilities": 0}


def ended(gate: Gate, exit_code: int | None, stdout: str, stderr: str, answer: str | None) -> Completed:
    return Completed(command=gate.command(COMPONENT), exit_code=exit_code, stdout=stdout, stderr=stderr, answer=answer)


def spoiled(text: str) -> st.SearchStrategy[str]:
    """Return a good text spoiled; of JSON, also by its parts."""
    ways = [ANY_TEXT, spoiled_text(text), st.just("")]
    return st.one_of(*ways, spoiled_json(text), spoiled_json(text)) if text[:2] in {'{"', "[{"} else st.one_of(*ways)


@pytest.mark.parametrize("name", GATES)
def test_the_good_answer_is_measured(name: str) -> None:
    """Without this the others would show little."""
    answers = GATES[name].read(COMPONENT, ended(GATES[name], EXITS.get(name, 1), *GOOD[name]))
    assert [each.gate for each in answers] == list(GATES[name].measures)
    assert all(isinstance(each, Measurement) for each in answers), answers


@pytest.mark.parametrize("name", GATES)
@given(data=st.data())
def test_a_reader_answers_for_its_own_gates_whatever_it_reads(name: str, data: st.DataObject) -> None:
    gate, good = GATES[name], GOOD[name]
    code = data.draw(st.sampled_from([EXITS.get(name, 1), EXITS.get(name, 1), 0, 1, 2, 4, 5, 126, -9, -11, None]))
    stdout, stderr, answer = (data.draw(st.one_of(st.just(part), spoiled(part))) for part in good)
    completed = ended(gate, code, stdout, stderr, data.draw(st.sampled_from([answer, answer, None])))
    answers = gate.read(COMPONENT, completed)
    assert [each.gate for each in answers] == list(gate.measures)
    for each in answers:
        if isinstance(each, Measurement):
            assert each.checked > 0
            assert all(math.isfinite(figure) for figure in each.values.values())
            assert code is not None
            assert code >= 0
        else:
            assert each.reason
            assert each.next_step
    if isinstance(gate, TestsGate):
        assert gate.report(COMPONENT, completed) is not None


# mypy ends with 2 also where it found a syntax error: its text decides
UNUSUAL = [(name, code) for name in GATES for code in (2, 126, -9, None) if (name, code) != ("mypy", 2)]


@pytest.mark.parametrize(("name", "code"), UNUSUAL)
def test_no_end_but_a_usual_one_passes_even_with_a_good_answer(name: str, code: int | None) -> None:
    gate = GATES[name]
    for answer in gate.read(COMPONENT, ended(gate, code, *GOOD[name])):
        limit = Limit(value="anything", comparison=Comparison.AT_MOST, threshold=1e9)
        evidence = Bound(answer=answer, digest="", measured_at="", tool=name)
        assert judge(Rule(gate=answer.gate, limits=(limit,)), evidence).verdict is Verdict.ERRORED


FAILED = '<testcase name="a" file="a.py" line="1"><failure message="no"/></testcase>'
JUNIT = f'<testsuites><testsuite tests="1" failures="1">{FAILED}</testsuite></testsuites>'
SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "x"}},
            "artifacts": [{"location": {"uri": "a.py"}}],
            "results": [
                {
                    "ruleId": "R",
                    "level": "error",
                    "message": {"text": "no"},
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}],
                }
            ],
        }
    ],
}
FORMATS: Mapping[formats.Format, str] = {"junit": JUNIT, "sarif": json.dumps(SARIF), "json": json.dumps({"a": {"b": [1, 2]}, "n": 3})}


@pytest.mark.parametrize("kind", FORMATS)
@given(data=st.data())
def test_the_formats_of_a_projects_own_gates_are_read_or_refused(kind: formats.Format, data: st.DataObject) -> None:
    text = data.draw(spoiled(FORMATS[kind]))
    path = data.draw(st.sampled_from(["a.b.0", "a.b", "n", "", ".", "a..b", "a.b.9"]))
    told = formats.read(kind, text, path, data.draw(st.sampled_from(["n", "", "a.b"])))
    if isinstance(told, str):
        assert told
    else:
        assert math.isfinite(told.figure)
