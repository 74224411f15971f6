"""The specification's examples become a planted test file: only calls of the component with literals, each beside its module's name."""

from __future__ import annotations

import ast

import pytest

from spec2prod.domain.judging_oracle import Claim
from spec2prod.domain.judging_witness import Witness, witness

SHOP = "class Refused(Exception): ...\nclass Line:\n    @classmethod\n    def one(cls): ...\ndef total(line): ...\nasync def later(): ...\n"


def claim(call: str, expected: str = "1", raises: str = "") -> Claim:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    return Claim(call=node, where="s.md:3", source=call, expected="" if raises else expected, raises=raises)


def planted(each: Claim) -> Witness:
    return witness([each], {"shop.prices": SHOP})


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        (claim("total(Line(100, -10))", "950"), "unit_0.total(unit_0.Line(100, -10))"),
        (claim("prices.total([{'a': 1}])"), "unit_0.total([{'a': 1}])"),
        (claim("shop.prices.total(line=(1, None))"), "unit_0.total(line=(1, None))"),
        (claim("Line.one()"), "unit_0.Line.one()"),
        (claim("total(1)", raises="ValueError"), "found = unit_0.total(1)\n    except ValueError:\n        return"),
        (claim("total(1)", raises="Refused"), "found = unit_0.total(1)\n    except unit_0.Refused:\n        return"),
    ],
)
def test_an_example_is_written_with_the_module_that_defines_what_it_names(stated: Claim, written: str) -> None:
    found = planted(stated)
    assert written in found.text
    assert list(found.claims) == ["test_example_1"]
    ast.parse(found.text)


@pytest.mark.parametrize(
    "call", ["other(1)", "total(other)", "total(x.y)", "total([each for each in 'ab'])", "total(lambda: 1)", "later()", "open('x')"]
)
def test_what_is_not_the_components_or_no_literal_is_not_written_but_heard(call: str) -> None:
    found = planted(claim(call))
    assert (found.text, dict(found.claims), len(found.heard)) == ("", {}, 1)


def test_a_name_that_two_modules_define_is_not_guessed() -> None:
    assert witness([claim("total(1)")], {"a": SHOP, "b": SHOP}).text == ""
    assert "unit_1.total(1)" in witness([claim("b.total(1)")], {"a": SHOP, "b": SHOP}).text


def test_the_written_example_fails_by_an_assertion_whatever_the_code_does() -> None:
    names: dict[str, object] = {"Shop": None}
    text = planted(claim("total(1)", "950")).text.replace('importlib.import_module("shop.prices")', "Shop")
    exec(compile(text, "witness", "exec"), names)  # noqa: S102 - our own text
    with pytest.raises(AssertionError, match="AttributeError"):
        names["test_example_1"]()  # type: ignore[operator]
