"""Whatever a tool prints: reading it never raises, and garbage is never an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec2prod.application.ports import Gate, Linter, Suite
from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component
from spec2prod.domain.defect import SUSPECTED_DEFECTS
from spec2prod.domain.suite import EMPTY_SUITE
from spec2prod.domain.trace import REQUIREMENTS
from spec2prod.domain.verdict import Unanswered
from spec2prod.gates.catalogue import CATALOGUE
from spec2prod.gates.complexity import ComplexityGate
from spec2prod.gates.custom import CustomGate
from spec2prod.gates.documentation import DocumentationGate
from spec2prod.gates.formats import Format
from spec2prod.gates.linting import LintingGate
from spec2prod.gates.performance import Performance
from spec2prod.gates.pytest_answer import lines
from spec2prod.gates.reading import own
from spec2prod.gates.security import SecurityGate
from spec2prod.gates.tests import TestsGate
from spec2prod.gates.type_checking import Checker, TypeCheckingGate
from spec2prod.gates.vulnerabilities import VulnerabilitiesGate
from spec2prod.workers.pytest_worker import spans

CHECKERS: tuple[Checker, ...] = ("pyright", "basedpyright", "mypy", "ty")
FORMATS: tuple[Format, ...] = ("junit", "sarif", "json")
SUITE: Suite = TestsGate(performance=Performance())
LINTER: Linter = LintingGate(program=("ruff",))
GATES: tuple[Gate, ...] = (
    SUITE,
    LINTER,
    *(TypeCheckingGate(checker=checker, program=(checker,), obey_project=False) for checker in CHECKERS),
    SecurityGate(interpreter=Path("/python")),
    VulnerabilitiesGate(interpreter=Path("/python"), site_packages=("/site-packages",)),
    DocumentationGate(interpreter=Path("/python")),
    ComplexityGate(interpreter=Path("/python")),
    *(CustomGate(name="own", words=("own", "{answer}"), format=each, figure="figure", path="a.0", checked="format") for each in FORMATS),
)
COMPONENT = Component(
    name="pkg",
    root=Path("/project"),
    source="src/pkg",
    import_root="src",
    modules=("src/pkg/a.py", "src/pkg/b.py"),
    tests=("tests/test_a.py",),
    interpreter=Path("/python"),
)
# pieces of real answers, put together wrongly
PIECES = st.sampled_from(
    [
        *("[]", "{}", "null", '{"dependencies": []}', '{"format": 1}', '{"summary": {"filesAnalyzed": 1, "errorCount": 1}}', "0"),
        *("Success: no issues found in 0 source files", "Found 1 error in 1 file (checked 1 source file)", "Found 3 diagnostics"),
        *("All checks passed", "Indexed 9 file(s)", "Checked 0 files in", "src/pkg/a.py:1: error:", "\x00", "é", "passed", "\n"),
    ]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=4).map("".join))
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["format", "cases", "summary", "vulns", "secrets"]), inner, max_size=3)
    ),
    max_leaves=8,
).map(json.dumps)
GARBAGE = st.one_of(TEXTS, JSONS)


ENDINGS = st.builds(
    partial(Completed, command=GATES[0].command(COMPONENT)),
    stdout=GARBAGE,
    stderr=TEXTS,
    answer=st.none() | GARBAGE,
    exit_code=st.none() | st.integers(min_value=-15, max_value=255) | st.sampled_from([0, 1]),
    not_found=st.booleans(),
    timed_out=st.booleans(),
)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: type(gate).__name__ + getattr(gate, "checker", "") + getattr(gate, "format", ""))
@settings(max_examples=60, deadline=None)
@given(ending=ENDINGS)
def test_garbage_is_never_an_answer(gate: Gate, ending: Completed) -> None:
    completed = replace(ending, command=gate.command(COMPONENT))
    answers = gate.read(COMPONENT, completed)
    assert [each.gate for each in answers] == list(gate.measures)
    for each in answers:
        assert isinstance(each, Unanswered)
        assert each.reason
        assert each.next_step
        assert not each.no_tests
    if isinstance(gate, TestsGate):
        assert gate.report(COMPONENT, completed) == EMPTY_SUITE


@given(st.frozensets(st.integers(min_value=1, max_value=400)))
def test_spans_are_written_and_read_back(numbers: frozenset[int]) -> None:
    assert lines(spans(numbers)) == numbers


def test_a_tools_path_means_the_components_own_file_however_it_is_told() -> None:
    files = ("src/pkg/a.py", "a.py")
    assert own("src/pkg/a.py", files) == "src/pkg/a.py"
    assert own("./src/pkg/a.py", files) == "src/pkg/a.py"
    assert own("/private/project/src/pkg/a.py", files) == "src/pkg/a.py"
    assert own("other/ba.py", files) == ""


def test_the_catalogue_explains_every_gate() -> None:
    told = [name for each in CATALOGUE for name in each.measures]
    measured = {name for gate in GATES if not isinstance(gate, CustomGate) for name in gate.measures}
    assert sorted(told) == sorted({*measured, REQUIREMENTS, SUSPECTED_DEFECTS})  # the two that start no process
    assert {gate.name for gate in GATES if not isinstance(gate, CustomGate)} <= {each.name for each in CATALOGUE}
