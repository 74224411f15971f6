"""A test that says the opposite of an example of the specification is found by the call's text, case by case."""

from __future__ import annotations

import pytest

from spec2prod.adapters.markdown import parse_spec
from spec2prod.domain.example import Doubt, Example, Examples, examples_of
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


OBJECTS = """\
## Requirements
- R-1: `cart.total()` is `30`
- R-2: `Money.zero()` is `0`
- R-3: `Cart().total() == 0`
- R-4: `left.size()` is `1`, `right.size()` is `2`
"""


@pytest.mark.parametrize(
    ("body", "opposite", "agrees"),
    [
        ("assert empty.total() == 0", False, False),  # another object than the example's
        ("assert self.empty.total() == 0", False, False),
        ("assert carts[0].total() == 0", False, False),
        ("for each in carts:\n        assert each.total() == 0", False, False),
        ("assert cart.total() == 0", True, False),
        ("assert self.cart.total() == 30", False, True),
        ("assert shop.total() == 0", True, False),  # nobody knows whether the example's `cart` is a module
        ("assert Weight.zero() == 1", False, False),
        ("assert Money.zero() == 1", True, False),
        ("assert shop.Money.zero() == 0", False, True),
        ("it = Cart()\n    assert it.total() == 0", False, True),
        ("it = Cart()\n    it.add(5)\n    assert it.total() == 5", False, False),  # not as it was made
        ("it = Cart()\n    it.add(5)\n    told = it.total()\n    assert told == 0", False, False),
        ("it = shop.Cart()\n    told = it.total()\n    assert told == 7", True, False),
        ("assert left.size() == 2", True, False),
        ("assert shop.size() == 2", False, False),  # one says 1, and one 2
    ],
)
def test_an_example_of_an_object_speaks_of_that_object_alone(body: str, opposite: bool, agrees: bool) -> None:  # noqa: FBT001 - cases
    found = heard(f"def test_it(self, cart, empty, carts, left):\n    {body}\n", claims_of(examples_of(parse_spec(OBJECTS, "s.md"))))
    assert ("test_it" in found.opposite, "test_it" in found.agreeing) == (opposite, agrees)
