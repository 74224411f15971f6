"""Tests that a person must look at: those that lean on private names, and those that state the code once more."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.screening_doubts import doubts

UNIT = """\
RATE = 3


def add(a, b):
    return a + b


def same(x):
    return x


def doubled(items):
    '''Return the sum of twice what is more than two.'''
    total = 0
    for each in items:
        if each > 2:
            total += each * 2
    return total


def pay(count, bonus=1):
    if count < 0:
        raise ValueError(count)
    cost = count * RATE
    return cost + bonus


def _hidden(x):
    return x


class Box:
    def __init__(self):
        self._content = {}

    def size(self):
        return len(self._content) + RATE
"""


def doubt(body: str, before: str = "", head: str = "") -> str:
    text = f"{before}\ndef test_it({head}):\n" + "\n".join(f"    {line}" for line in body.splitlines()) + "\n"
    return doubts(text, {"unit": UNIT}).get("test_it", "")


@pytest.mark.parametrize(
    "body",
    [
        "assert unit._hidden(1) == 1",
        "assert getattr(unit, '_hidden')(1) == 1",
        "from unit import _hidden\nassert _hidden(1) == 1",
        "assert unit.Box()._content == {}",
        "assert helper(1) == 1",
    ],
)
def test_private_names_of_the_component_are_for_a_person_to_judge(body: str) -> None:
    assert "leans on the private name _" in doubt(body, before="def helper(x):\n    return unit._hidden(x)\n\n")


@pytest.mark.parametrize(
    "body",
    [
        "assert point._replace(x=1).x == 1",  # a name that the component does not define
        "_hidden = 3\nassert add(_hidden, 1) == 4",
        "assert self._content == add(1, 2)",
        "assert unit.__name__ == 'unit'",
    ],
)
def test_names_that_are_not_the_components_or_not_private_are_nothing(body: str) -> None:
    assert doubt(body) == ""


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("assert unit.add(2, 3) == 2 + 3", "line 5"),
        ("assert 3 + 2 == add(2, 3)", "line 5"),
        ("result = add(b=2, a=3)\nexpected = 3 + 2\nassert result == expected", "line 5"),
        ("assert add(x, y) == pytest.approx(x + y)", "line 5"),
        ("case.assertEqual(add(x, y), x + y)", "line 5"),
        ("assert unit.pay(4) == 4 * unit.RATE + 1", "line 25"),
        ("assert pay(4, bonus=0) == 4 * RATE + 0", "line 25"),
        ("box = Box()\nassert box.size() == len(box._other) + RATE", ""),
    ],
)
def test_an_expectation_computed_as_the_unit_computes_it_mirrors_it(body: str, line: str) -> None:
    told = doubt(body)
    assert (line in told and "mirrors the implementation" in told) if line else told == ""


def test_the_units_statements_under_other_names_mirror_it() -> None:
    loop = "sum_ = 0\nfor number in [1, 5]:\n    if number > 2:\n        sum_ += number * 2\nassert doubled([1, 5]) == sum_"
    assert "repeats the statements of doubled" not in doubt(loop)  # it is another loop: over a literal
    assert "repeats the statements of doubled in unit" in doubt("numbers = [1, 5]\n" + loop.replace("in [1, 5]", "in numbers"))
    helper = "def wanted(xs):\n    n = 0\n    for x in xs:\n        if x > 2:\n            n += x * 2\n    return n\n\n"
    assert "repeats the statements of doubled in unit" in doubt("assert doubled([4]) == wanted([4])", before=helper)
    assert "repeats the statements of doubled in unit" in doubt("assert doubled([4]) == wanted", before=helper, head="wanted")
    assert doubt("assert doubled([4]) == wanted([4])", before=helper.replace("> 2", "> 3")) == ""


def test_the_same_call_on_both_sides_compares_the_unit_with_itself() -> None:
    assert "compares add with itself" in doubt("first = add(1, 2)\nassert first == add(1, 2)")


@pytest.mark.parametrize(
    "body",
    [
        "assert add(2, 3) == 5",
        "assert add(2, 3) == add(3, 2)",
        "assert same(3) == 3",
        "assert doubled([4, 1]) == 8",
        "assert add(2, 3) != 2 - 3",
        "with pytest.raises(ValueError):\n    pay(-1)",
        "assert pay(2) <= 2 * RATE + 1",
        "found = add(*arguments)\nassert found == expected",
        "assert add(**options) == 3\nassert [*add(1, 2)] == 3",
        "for a, b, wanted in [(1, 2, 3)]:\n    assert add(a, b) == wanted",
    ],
)
def test_laws_values_and_tables_are_no_mirrors(body: str) -> None:
    assert doubt(body) == ""


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_give_an_answer_about_tests_that_are_there(test: str, unit: str) -> None:
    assert set(doubts(test, {"unit": unit})) == set()
    assert doubts("def test_it():\n    assert f(1) == 2\n", {"unit": unit}) == {}


def test_a_function_is_its_own_mirror_whatever_its_names() -> None:
    for node in ast.parse(UNIT).body:
        if isinstance(node, ast.FunctionDef) and node.name in {"doubled", "pay"}:
            copy = ast.unparse(node).replace(f"def {node.name}", "def wanted").replace("each", "e_")
            assert "repeats the statements" in doubt(f"assert {node.name}([]) == wanted([])", before=copy + "\n\n")
