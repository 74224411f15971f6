"""A test that says the opposite of an example of the specification is found by the call's text, case by case."""

from __future__ import annotations

import pytest

from spec2prod.domain.example import Doubt, Example, Examples
from spec2prod.domain.example_literals import Call
from spec2prod.domain.example_prose import Said
from spec2prod.domain.judging_oracle import claims_of, heard

EXAMPLES = (
    Example(
        said=Said(source="`to_roman(40) == 'XL'`", call=Call(callee="to_roman", arguments=("40",)), expected="'XL'"), path="s.md", line=7
    ),
    Example(
        said=Said(
            source="`reduced(1000, 'W')` raises ValueError", call=Call(callee="reduced", arguments=("1000", "'W'")), raises="ValueError"
        ),
        path="s.md",
        line=9,
    ),
)
CLAIMS = claims_of(
    Examples(found=EXAMPLES, doubts=(Doubt(where="s.md:11", source="total(Line(1, 2)) == 2", reason="its arguments are no literals"),))
)


@pytest.mark.parametrize(
    ("test", "where"),
    [
        ("def test_it():\n    assert to_roman(40) == 'XXXX'\n", "s.md:7"),
        ("def test_it():\n    told = unit.to_roman(40)\n    assert 'XXXX' == told\n", "s.md:7"),
        ("def test_it():\n    assert reduced(1000, 'W') == 1000\n", "s.md:9"),
        ("def test_it():\n    assert shop.total(shop.Line(1, 2)) == 3\n", "s.md:11"),
        (
            "@pytest.mark.parametrize(('n', 'told'), [(1, 'I'), (40, 'XXXX')])\ndef test_it(n, told):\n    assert to_roman(n) == told\n",
            "s.md:7",
        ),
    ],
)
def test_the_opposite_of_an_example_is_told_with_its_address(test: str, where: str) -> None:
    found = heard(test, CLAIMS)
    assert where in found.opposite["test_it"]
    assert found.agreeing == frozenset()


@pytest.mark.parametrize(
    ("test", "agrees"),
    [
        ('def test_it():\n    assert to_roman(40) == "XL"\n', True),
        ("@pytest.mark.parametrize('n, told', [(1, 'I'), (40, 'XL')])\ndef test_it(n, told):\n    assert to_roman(n) == told\n", True),
        ("def test_it():\n    assert to_roman(41) == 'XLI'\n", False),
        ("def test_it():\n    assert to_roman(*words) == 'XXXX'\n", False),
        ("def test_it():\n    assert Writer('old').to_roman(40) == 'XXXX'\n", False),
        ("def test_it():\n    assert to_roman(40) != 'XXXX'\n", False),
        ("def test_it(:\n", False),
    ],
)
def test_who_states_an_example_agrees_and_who_speaks_of_something_else_says_nothing(test: str, agrees: bool) -> None:  # noqa: FBT001 - a case
    found = heard(test, CLAIMS)
    assert (found.opposite, "test_it" in found.agreeing) == ({}, agrees)
