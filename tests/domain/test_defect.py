"""What makes two suspected defects the same, and what the gate says of the open ones."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.defect import Defect, Disposition, DispositionKind, answer, defect_id, normalised, suspect
from spec2prod.domain.verdict import Comparison, Evidence, Limit, Rule, Verdict, judge

SOURCE = """\
import pytest

from calc.core import subtract


@pytest.mark.requirement("REQ-3", text="1f0c.9a2b.3d4e")
def test_subtract() -> None:
    assert subtract(5, 3) == 2, "contradicts specs/calc.md:7"
"""
REQ = ("REQ-3", "1f0c.9a2b.3d4e")


def a_defect(**changes: object) -> Defect:
    told = {
        "component": "calc",
        "module": "src/calc/core.py",
        "test_file": "tests/test_core.py",
        "test": "test_subtract",
        "source": SOURCE,
        "requirements": (REQ,),
        "sentence": "REQ-3 says 2, the code returns 8",
        "message": "assert 8 == 2",
        "run_id": "r1",
        "seen_at": "2026-01-01T00:00:00.000+00:00",
    }
    return suspect(**(told | changes))  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    "changes",
    [
        {"source": SOURCE.replace("    assert", "    # why\n\n    assert")},
        {"source": SOURCE.replace("None:\n", 'None:\n    """Subtract."""\n')},
        {"source": '"""Tests."""\n' + SOURCE.replace('"REQ-3"', "'REQ-3'")},
        {"source": SOURCE.replace("calc.md:7", "calc.md:1234")},
        {"source": SOURCE.replace("import subtract", "import add, subtract, divide")},
        {
            "source": SOURCE.replace(
                "\n\n\n@pytest", "\nimport math\n\nSIDE = math.pi\n\n\ndef helper() -> float:\n    return SIDE\n\n\n@pytest"
            )
        },
        {"test_file": "tests/test_elsewhere.py", "run_id": "r2", "seen_at": "2026-02-02", "message": "assert 7 == 2", "sentence": "other"},
        {"requirements": (REQ, REQ)},
    ],
    ids=["comment", "docstring", "quotes", "the specification's line", "unused import", "unused helper", "where and when", "named twice"],
)
def test_the_same_test_of_the_same_promise_is_the_same_defect(changes: dict[str, object]) -> None:
    assert a_defect(**changes).id == a_defect().id


@pytest.mark.parametrize(
    "changes",
    [
        {"component": "other"},
        {"source": SOURCE.replace("== 2", "== 3")},
        {"source": SOURCE.replace("(5, 3)", "(6, 3)")},
        {"source": SOURCE.replace("import subtract", "import add as subtract")},
        {"source": SOURCE.replace("calc.core", "calc.other")},
        {"requirements": (("REQ-3", "aaaa.bbbb.cccc"),)},
        {"requirements": (("REQ-4", REQ[1]),)},
        {"requirements": (REQ, ("REQ-4", "aaaa.bbbb.cccc"))},
        {"requirements": ()},
    ],
    ids=[
        "component",
        "expected",
        "arguments",
        "other name",
        "other module",
        "reworded promise",
        "other promise",
        "one promise more",
        "no promise",
    ],
)
def test_another_test_or_another_promise_is_another_defect(changes: dict[str, object]) -> None:
    assert a_defect(**changes).id != a_defect().id


HELPED = """\
import json, math
import pytest
from calc import add as plus

LIMIT = 3
OTHER = 4


@pytest.fixture
def number(): return LIMIT


@pytest.fixture
def unused(): return OTHER


@pytest.fixture(autouse=True)
def always(): math.sqrt(2)


def helper(a): return plus(a, number_of())


def number_of(): return 1


@pytest.mark.usefixtures("named")
def test_it(number): assert helper(number) == 5


@pytest.fixture
def named(): return 1
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("LIMIT = 3", "LIMIT = 4", False),
        ("OTHER = 4", "OTHER = 5", True),
        ("json, ", "", True),
        ("return OTHER", "return 9", True),
        ("math.sqrt(2)", "math.sqrt(3)", False),
        ("number_of(): return 1", "number_of(): return 2", False),
        ("add as plus", "sub as plus", False),
        ("named(): return 1", "named(): return 2", False),
    ],
)
def test_what_the_test_needs_through_helpers_and_fixtures_counts_and_nothing_else_does(old: str, new: str, *, same: bool) -> None:
    assert old in HELPED
    assert (normalised(HELPED.replace(old, new)) == normalised(HELPED)) is same


@given(st.text(max_size=60), st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=4))
def test_any_text_has_a_name_whatever_the_order_of_its_requirements(source: str, requirements: list[tuple[str, str]]) -> None:
    told = defect_id("calc", source, requirements)
    assert re.fullmatch(r"[0-9a-f]{10}", told)
    assert told == defect_id("calc", source, reversed(requirements))


def test_what_is_no_python_is_its_own_text() -> None:
    assert normalised("def (") == "def ("
    assert normalised("a\0b") == "a\0b"


def verdict_of(*defects: Defect, required: bool = True) -> tuple[Verdict, str]:
    rule = Rule(gate="suspected_defects", limits=(Limit(value="open", comparison=Comparison.AT_MOST, threshold=0),), required=required)
    told = judge(rule, Evidence(answer=answer(defects), digest="d", measured_at="now", tool="record"))
    return told.verdict, told.measured


def test_one_open_defect_says_no_and_only_warns_where_the_gate_is_optional() -> None:
    assert verdict_of(a_defect()) == (Verdict.FAILED, "1 suspected defect is open")
    assert verdict_of(a_defect(), a_defect(component="b"), required=False) == (Verdict.WARNED, "2 suspected defects are open")


def test_nothing_noted_passes_in_words_that_claim_no_more_than_that() -> None:
    assert verdict_of() == (Verdict.PASSED, "no suspected defect is open")
    assert answer((), is_kept=False).summary == "no suspected defect is open of this run (without a database, none is kept)"


def test_what_somebody_disposed_of_does_not_count() -> None:
    said = Disposition(kind=DispositionKind.WRONG_TEST, reason="not promised", by="Ada", at="2026-03-04T05:06:07.000+00:00")
    assert verdict_of(replace(a_defect(), disposition=said))[0] is Verdict.PASSED
    assert str(said) == "wrong-test, says Ada on 2026-03-04: not promised"


def test_the_finding_names_the_module_the_contradiction_and_the_next_step() -> None:
    (finding,) = answer([a_defect()]).findings
    assert finding.address == "src/calc/core.py"
    assert finding.message == f"REQ-3 says 2, the code returns 8; spec2prod defects show {a_defect().id}"
