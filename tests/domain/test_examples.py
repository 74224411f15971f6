"""Examples in a specification: what is read as one, what is doubted, and the tests that they become."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given as having
from hypothesis import strategies as st

from spec2prod.adapters.markdown import parse_spec
from spec2prod.domain.example import examples_of
from spec2prod.domain.example_literals import written
from spec2prod.domain.example_places import Given, calling, definitions, given
from spec2prod.domain.example_tests import render_tests
from tests.reports.golden import assert_golden

HERE = Path(__file__).parent / "examples"
MODULES = {
    "shop.prices": (HERE / "prices.py").read_text(),
    "shop.other": "def net(x): ...\nasync def fetch(x): ...\n"
    "class Box:\n    def open(self): ...\n    @staticmethod\n    def size(x): ...\n",
}


def said(text: str) -> list[str]:
    """Every example of one requirement, as people write it; a doubt begins with a question mark."""
    found = examples_of(parse_spec(f"## Requirements\n- {text}\n", "s.md"))
    told = [f"{each.said.call} {'raises ' + each.said.raises if each.said.raises else '== ' + each.said.expected}" for each in found.found]
    return [*told, *(f"? {each.reason}" for each in found.doubts)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`add(1, 2) == 3`", ["add(1, 2) == 3"]),
        ("`3 == add(1, 2)`", ["add(1, 2) == 3"]),
        ("`is_odd(2) is False`", ["is_odd(2) == False"]),
        ("`add(1, 2) -> 3` and `add(1, b=-2) => -1`", ["add(1, 2) == 3", "add(1, b=-2) == -1"]),
        ("`add(1, 2) \u2192 3`", ["add(1, 2) == 3"]),
        ('`plural("post")` is `"posts"`', ['plural("post") == "posts"']),
        ("`plural('post')` must return \"posts\".", ['plural("post") == "posts"']),
        ("`total([1, 2])` equals `{'a': (1,), 'b': {2, 1}}`", ['total([1, 2]) == {"a": (1,), "b": {1, 2}}']),
        ("`halve(3)` gives 1.5, and `halve(0)` gives 0", ["halve(3) == 1.5", "halve(0) == 0"]),
        ("`div(1, 0)` raises `ZeroDivisionError`", ["div(1, 0) raises ZeroDivisionError"]),
        ("`div(1, 0)` should raise a ValueError", ["div(1, 0) raises ValueError"]),
        ("`f(1)`, `f(2)` and `f(3)` raise `KeyError`", ["f(1) raises KeyError", "f(2) raises KeyError", "f(3) raises KeyError"]),
        ("`div(1, 0) raises ZeroDivisionError`", ["div(1, 0) raises ZeroDivisionError"]),
        ("raises `ValueError` for `f('')`", ['f("") raises ValueError']),
        ("`shop.prices.net(1) == 2`", ["shop.prices.net(1) == 2"]),
        ("``quote('`') == 'x'``", ['quote("`") == "x"']),
        ("Given a = 1 and `b = [2]`, when `mul(a, b)` is called, then the result is `[2]`", ["mul(1, [2]) == [2]"]),
        ("Given nothing, When add(1, 2) is called, Then 3 is returned", ["add(1, 2) == 3"]),
        ("**When** `div(1, 0)` is called **Then** a ZeroDivisionError is raised", ["div(1, 0) raises ZeroDivisionError"]),
        ("Given x = 'a', When `f(x, y)` is called, Then it is `1`", ["? its arguments are no literals"]),
        ("`add(x, 2) == 3`", ["? its arguments are no literals"]),
        ("`add(1, 2) == sum(3)`", ["? its result is no literal"]),
        ("`add(*[1]) == 3`", ["? its arguments are no literals"]),
        ("`make()(1) == 3`", ["? what it calls is no plain name"]),
        ("`add(1, 2)` is 3 times faster", []),
        ("`add(1, 2)` is called, and `x == 3`", []),
        ("`__import__('os').system('true') == 0`", ["? what it calls is no plain name"]),
        ("`f(1) == 1`, `f(1) -> 1`", ["f(1) == 1"]),
        ("`f(1` `== 2", []),
    ],
)
def test_an_example_is_read_from_a_sentence(text: str, expected: list[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "table", "expected"),
    [
        ("Sums", "| call | result |\n|---|---|\n| `add(1, 2)` | 3 |\n| `add(1, 'a')` | raises `TypeError` |", ["add(1, 2)", 'add(1, "a")']),
        ("Sums", "| a | b | `add(a, b)` |\n|---|---|---|\n| 1 | 2 | `3` |", ["add(1, 2)"]),
        ("Sums by `add`", "| a | b | result |\n|---|---|---|\n| 1 | 2 | 3 |", ["add(1, 2)"]),
        ("Sums by `add` or `plus`", "| a | result |\n|---|---|\n| 1 | 3 |", ["?s.md:7"]),
        ("Sums", "| ID | Name |\n|---|---|\n| 1 | x |", []),
        ("Sums by `add`", "| a | result |\n|---|---|\n| x | 3 |\n| 1 | y |", ["?s.md:7", "?s.md:8"]),
    ],
)
def test_an_example_is_read_from_a_tables_row_with_its_line(text: str, table: str, expected: list[str]) -> None:
    found = examples_of(parse_spec(f"# T\n## Requirements\n- {text}\n\n{table}\n", "s.md"))
    assert [*(str(each.said.call) for each in found.found), *(f"?{each.where}" for each in found.doubts)] == expected
    assert all(each.line >= 7 for each in found.found)


def beside(text: str, tests: str = "") -> Given:
    return given(parse_spec(f"## Requirements\n- {text}\n", "s.md"), lambda: MODULES, lambda: [tests])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("`net(1) == 2`", "net is ambiguous: shop.other and shop.prices define it; write module.net"),
        ("`missing(1) == 2`", "no module of the component defines missing"),
        ("`fetch(1) == 2`", "fetch is asynchronous, and an example calls it directly"),
        ("`Box.open(1) == 2`", "no module of the component defines Box.open to be called without an object"),
        ("`gross(1)` raises `OtherError`", "no module of the component defines OtherError"),
    ],
)
def test_what_nobody_knows_is_said_and_not_guessed(text: str, reason: str) -> None:
    told = beside(text)
    assert (told.found, [each.reason for each in told.doubts]) == ((), [reason])


@pytest.mark.parametrize(
    "text", ["`prices.net(1) == 2`", "`shop.prices.net(1) == 2`", "`Box.size(1) == 2`", "`gross(1)` raises `PriceError`"]
)
def test_a_dotted_name_tells_which_module_is_meant(text: str) -> None:
    assert len(beside(text).found) == 1


@pytest.mark.parametrize(
    ("test", "is_used"),
    [
        ("def test(): assert gross(1) == 2", True),
        ("def test(): assert shop.prices.gross( 1 ) == 2", True),
        ("@p([((1,), 2)])\ndef test(a, b): assert gross(*a) == b", True),
        ("def test(): assert gross(2) == 2", False),
        ("@p([((1,), 2)])\ndef test(a, b): assert net(*a) == b", False),
        ("def test(:", False),
    ],
)
def test_an_example_that_a_test_uses_is_told_from_one_that_none_does(test: str, *, is_used: bool) -> None:
    assert bool(beside("`gross(1) == 2`", test).unused) is not is_used


def test_the_tests_made_of_a_specification_are_these() -> None:
    spec = parse_spec((HERE / "prices.md").read_text(), "specs/prices.md")
    told = given(spec, lambda: {"shop.prices": MODULES["shop.prices"]}, list)
    text = render_tests(told.found)
    assert_golden(HERE / "rendered_prices.txt", text)
    again = given(spec, lambda: {"shop.prices": MODULES["shop.prices"]}, lambda: [text])
    assert again.unused == ()
    assert [each.where for each in told.doubts] == ["specs/prices.md:14", "specs/prices.md:14"]


LITERALS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.binary(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
        st.frozensets(st.integers(), min_size=1, max_size=3).map(set),
    ),
    max_leaves=6,
)


@having(LITERALS)
def test_a_literal_that_was_written_is_the_same_literal(value: object) -> None:
    assert ast.literal_eval(written(value)) == value


@having(st.text(alphabet=st.sampled_from("`f(x)=>-|1 '\"[]raises ValueError is Given When Then\n\\*") | st.characters(), max_size=80))
def test_any_text_gives_examples_or_doubts_and_what_it_gives_is_python(text: str) -> None:
    spec = parse_spec(f"## Requirements\n- x\n\n## Examples\n- `gross(1) == 1` {text}\n", "s.md")
    told = given(spec, lambda: MODULES, list)
    if told.found:
        ast.parse(render_tests(told.found))


def test_a_module_that_does_not_parse_defines_nothing() -> None:
    assert definitions({"a": "def f(:", "b": "\0"}) == {"a": {}, "b": {}}


PLAIN = "def test_net():\n    assert net(1) == 2\n"
IN_A_CLASS = "class TestNet:\n    async def test_it(self):\n        assert prices.net(1) == 2\n"
CASES = "@pytest.mark.parametrize('args', [(1,), (2,)])\ndef test_cases(args):\n    assert net(*args)\n"


@pytest.mark.parametrize(
    ("text", "test"),
    [
        (PLAIN, "tests/test_net.py::test_net"),
        (IN_A_CLASS, "tests/test_net.py::TestNet::test_it"),
        (CASES, "tests/test_net.py::test_cases"),
        ("def helper():\n    return net(1)\n", "tests/test_net.py"),
        ("def test_net():\n    assert net(2) == 3\n", None),
        ("def test_net(:\n", None),
    ],
)
def test_the_test_that_makes_an_examples_call_is_known_by_its_name(text: str, test: str | None) -> None:
    stated = parse_spec("## Requirements\n- REQ-1: `net(1) == 2`\n", "s.md")
    found = given(stated, lambda: {"shop": "def net(x): ...\n"}, tuple).found
    assert calling(found, {"tests/test_net.py": text}).get("REQ-1") == test
