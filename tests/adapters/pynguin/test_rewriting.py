"""What is taken of what Pynguin wrote: imports, and test functions that nothing could tie to a requirement."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.pynguin.rewriting import LABEL, rewritten
from spec2prod.domain.screening import screen

# as pynguin 0.48.0 wrote it, shortened
WRITTEN = '''\
#  This file was automatically generated using Pynguin.

import pytest
import sys
import decimal
import shop.prices

prices_ = sys.modules["shop.prices"]


def test_0():
    var_0 = prices_.Basket()
    var_1 = """def f():
no indentation
"""
    var_0.add(name=var_1)
    assert var_0.items == {var_1: 1}


@pytest.mark.xfail(strict=True)
def test_1():
    prices_.discount(price=None, percent=1)


def test_2():
    with pytest.raises(ValueError):
        prices_.discount(price=decimal.Decimal(1), percent=-702.64)
'''
TOLD = "written by pynguin 0.48.0, seed 1"


def test_the_file_says_what_it_is_and_imports_the_module_by_its_name() -> None:
    made = rewritten(WRITTEN, "shop.prices", TOLD)
    assert made.text.splitlines()[:2] == [f"# {LABEL}", f"# {TOLD}; no evidence for any requirement"]
    assert [line for line in made.text.splitlines() if "import" in line] == [
        "import decimal",
        "import pytest",
        "import shop.prices as prices_",
    ]
    assert "sys" not in made.text


def test_tests_are_taken_word_for_word_under_names_that_say_what_they_are() -> None:
    made = rewritten(WRITTEN, "shop.prices", TOLD)
    screened = screen(made.text)
    assert not isinstance(screened, str)
    assert [(each.name, each.objection) for each in screened] == [("test_prices_as_it_is_0", ""), ("test_prices_as_it_is_2", "")]
    assert 'var_1 = """def f():\nno indentation\n"""' in made.text
    assert (made.tests, made.failing) == (2, 1)


@pytest.mark.parametrize(
    "tied",
    [
        '@pytest.mark.requirement("REQ-1")\ndef test_9():\n    assert prices_\n',
        '@pytest.mark.req(id="REQ-1")\ndef test_9():\n    assert prices_\n',
        'pytestmark = pytest.mark.verifies_requirement("REQ-1")\n',
        "def test_9(record_property):\n    record_property('requirement_id', 'REQ-1')\n",
        "class TestNine:\n    pytestmark = pytest.mark.requirement('REQ-1')\n    def test_9(self):\n        assert prices_\n",
        "def pytest_collection_modifyitems(items):\n    items[0].add_marker(pytest.mark.requirement('REQ-1'))\n",
        "if True:\n    pytestmark = pytest.mark.requirement('REQ-1')\n",
    ],
)
def test_nothing_can_tie_a_test_to_a_requirement(tied: str) -> None:
    made = rewritten(f"{WRITTEN}\n\n{tied}", "shop.prices", TOLD)
    assert "REQ-1" not in made.text
    assert made.tests == 2


@given(st.lists(st.sampled_from(["requirement", "req", "verifies_requirement", "xfail", "skip"]), max_size=3), st.integers(0, 99))
def test_whatever_decorates_a_test_leaves_it_out(marks: list[str], number: int) -> None:
    decorators = "".join(f"@pytest.mark.{mark}('REQ-1')\n" for mark in marks)
    made = rewritten(f"import pytest\nimport m\n\n\n{decorators}def test_{number}():\n    assert m.f() == 1\n", "m", TOLD)
    assert not [node for node in ast.walk(ast.parse(made.text)) if isinstance(node, ast.FunctionDef) and node.decorator_list]
    assert (made.tests, made.failing) == ((0, 1) if marks else (1, 0))


def test_a_file_without_a_test_has_none() -> None:
    made = rewritten("import m\n\n\ndef test_empty():\n    pass\n", "m", TOLD)
    assert (made.tests, made.failing) == (0, 0)


def test_what_does_not_parse_is_told_with_its_line() -> None:
    with pytest.raises(ValueError, match="line 2"):
        rewritten("import m\ndef (:\n", "m", TOLD)
