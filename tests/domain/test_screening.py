"""What the syntax tree alone gives away about a proposed test."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.screening import Screened, screen, without


def objection(body: str, before: str = "") -> str:
    screened = screen(f"{before}def test_it():\n" + "\n".join(f"    {line}" for line in body.splitlines()) + "\n")
    assert not isinstance(screened, str), screened
    return screened[0].objection


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("add(1, 2)", "asserts nothing"),
        ("assert True", "whatever the code does"),
        ("assert 1 == 1", "whatever the code does"),
        ("result = add(1, 2)\nassert result == result", "whatever the code does"),
        ("assert (add(1, 2) == 3, 'message')", "whatever the code does"),
        ("try:\n    assert add(1, 2) == 3\nexcept AssertionError:\n    pass", "swallows"),
        ("try:\n    assert add(1, 2) == 3\nexcept:\n    result = None", "swallows"),
        ("pytest.skip('later')\nassert add(1, 2) == 3", "skips itself"),
        ("if add(1, 2) != 3:\n    pytest.skip('not here')\nassert add(1, 2) == 3", "skips itself"),
        ("try:\n    found = add(1, 2)\nexcept Exception:\n    pytest.skip('not here')\nassert found == 3", "skips itself"),
        ("if sys.platform != add(1, 2):\n    pytest.skip('not here')\nassert add(1, 2) == 3", "skips itself"),
    ],
)
def test_a_test_that_can_show_nothing_is_objected_to(body: str, says: str) -> None:
    assert says in objection(body)


@pytest.mark.parametrize(
    "body",
    [
        "assert add(1, 2) == 3",
        "with pytest.raises(ValueError):\n    divide(1, 0)",
        "check(add(1, 2), 3)",
        "case.assertEqual(add(1, 2), 3)",
        "mock.assert_called_once()",
        "try:\n    assert add(1, 2) == 3\nexcept AssertionError:\n    raise",
        "assert add(1, 2) == 3\nassert True",
    ],
)
def test_a_test_that_can_fail_goes_on(body: str) -> None:
    assert objection(body, before="def check(got, wanted):\n    assert got == wanted\n\n\n") == ""


def test_a_helper_that_calls_itself_ends_the_search() -> None:
    assert "asserts nothing" in objection("loop()", before="def loop():\n    loop()\n\n\n")


def test_marks_that_set_a_test_aside_are_objected_to() -> None:
    screened = screen("import pytest\n\n@pytest.mark.xfail(reason='x')\ndef test_it():\n    assert add(1, 2) == 4\n")
    assert isinstance(screened, tuple)
    assert screened[0].objection == "it skips itself or expects to fail"


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    import wcwidth\nexcept ImportError:\n    pytest.skip('no wcwidth')\nassert add(1, 2) == 3",
        "try:\n    import numpy\n    assert add(1, 2) == 3\nexcept (ImportError, ModuleNotFoundError):\n    skip('no numpy')",
        "if importlib.util.find_spec('fast') is None:\n    pytest.skip('no fast')\nassert add(1, 2) == 3",
        "if sys.platform == 'win32':\n    pytest.skip('not there')\nassert add(1, 2) == 3",
        "numpy = pytest.importorskip('numpy')\nassert add(1, 2) == 3",
    ],
)
def test_whether_a_test_skips_itself_for_the_machines_sake_is_for_the_run_to_say(body: str) -> None:
    text = "def test_it():\n" + textwrap.indent(body, "    ")
    screened = screen(text)
    assert isinstance(screened, tuple)
    assert (screened[0].objection, screened[0].may_skip) == ("", True)


@pytest.mark.parametrize(
    ("condition", "objection"),
    [("os.name == 'nt'", ""), ("True", "it skips itself or expects to fail"), ("BROKEN", "it skips itself or expects to fail")],
)
def test_a_marker_that_skips_must_ask_the_machine(condition: str, objection: str) -> None:
    screened = screen(f"@pytest.mark.skipif({condition}, reason='x')\ndef test_it():\n    assert add(1, 2) == 3\n")
    assert isinstance(screened, tuple)
    assert screened[0].objection == objection


def test_tests_in_classes_are_named_as_pytest_names_them() -> None:
    screened = screen(
        "class TestAdd:\n"
        "    def test_one(self):\n"
        "        assert add(1, 0) == 1\n"
        "\n"
        "    async def test_two(self):\n"
        "        assert add(1, 1) == 2\n"
    )
    assert isinstance(screened, tuple)
    assert [each.name for each in screened] == ["TestAdd::test_one", "TestAdd::test_two"]


@pytest.mark.parametrize(
    ("text", "says"), [("def test_(:\n", "does not parse"), ("x = 1\n", "no test function"), ("a\0b", "does not parse")]
)
def test_a_file_that_holds_no_tests_is_refused_as_a_whole(text: str, says: str) -> None:
    reason = screen(text)
    assert isinstance(reason, str)
    assert says in reason


def test_rejected_tests_are_cut_out_with_their_decorators_and_nothing_else() -> None:
    text = (
        "import pytest\n"
        "\n"
        "VALUE = 3\n"
        "\n"
        "\n"
        "@pytest.mark.parametrize('n', [1])\n"
        "def test_bad(n):\n"
        "    assert n\n"
        "\n"
        "\n"
        "def test_good():\n"
        "    assert VALUE\n"
    )
    assert without(text, {"test_bad"}) == "import pytest\n\nVALUE = 3\n\n\n\n\ndef test_good():\n    assert VALUE\n"


def test_a_class_that_has_no_test_left_goes_too() -> None:
    text = (
        "class TestGone:\n"
        "    def test_a(self):\n"
        "        assert f()\n"
        "\n"
        "\n"
        "class TestKept:\n"
        "    def test_b(self):\n"
        "        assert f()\n"
        "\n"
        "    def test_c(self):\n"
        "        assert g()\n"
    )
    kept = without(text, {"TestGone::test_a", "TestKept::test_c"})
    screened = screen(kept)
    assert isinstance(screened, tuple)
    assert [each.name for each in screened] == ["TestKept::test_b"]


@given(st.lists(st.sampled_from(["test_a", "test_b", "test_c", "test_d"]), unique=True), st.data())
def test_cutting_tests_out_leaves_exactly_the_others(names: list[str], data: st.DataObject) -> None:
    text = "".join(f"def {name}():\n    assert f() == {number}\n\n\n" for number, name in enumerate(names)) or "x = 1\n"
    rejected = data.draw(st.sets(st.sampled_from(names))) if names else set[str]()
    screened = screen(without(text, rejected))
    left = [] if isinstance(screened, str) else [each.name for each in screened]
    assert left == [name for name in names if name not in rejected]


@given(st.text())
def test_any_text_is_screened_without_an_exception(text: str) -> None:
    told = screen(text)
    assert isinstance(told, str) or all(isinstance(each, Screened) for each in told)
    if not isinstance(told, str):
        ast.parse(without(text, {each.name for each in told}))


@pytest.mark.parametrize(
    ("check", "states", "compares"),
    [
        ("assert f(1) == 2", True, True),
        ("assert f(1) == g(2)", False, True),
        ("self.assertEqual(f(1), 2)", True, True),
        ("self.assertEqual(f(1), g(2))", False, True),
        ("assert f(1) < 2", False, True),
        ("assert 'a' in f(1)", False, True),
        ("assert f(1) is True", False, True),
        ("with pytest.raises(ValueError): f(1)", False, True),
        ("assert f(1)", False, False),
        ("assert f(1) is not None", False, False),
        ("assert isinstance(f(1), str)", False, False),
        ("self.assertIsNotNone(f(1))", False, False),
        ("assert len(f(1)) > 0", False, False),
        ("assert 1 <= len(f(1))", False, False),
        ("assert f(1) != ''", False, False),
        ("assert len(f(1)) > 1", False, True),
        ("assert f(1) > 0", False, True),
        ("assert f(1) != 'a'", False, True),
    ],
)
def test_what_an_assertion_compares_is_told(check: str, states: bool, compares: bool) -> None:  # noqa: FBT001 - a case
    found = screen(f"import pytest\ndef test_it(self):\n    {check}\n")
    assert not isinstance(found, str)
    assert (found[0].objection, found[0].states_value, found[0].compares) == ("", states, compares)


def test_a_raise_where_the_expected_exception_stayed_away_is_an_assertion() -> None:
    helper = "def error_of(text):\n    try:\n        parse(text)\n    except ValueError as error:\n        return error\n    {}\n"
    test = "def test_it():\n    error_of('a')\n"
    demanding, silent = (screen(helper.format(each) + test) for each in ("else:\n        raise TypeError(text)", "return None"))
    assert not isinstance(demanding, str)
    assert not isinstance(silent, str)
    assert (demanding[0].objection, silent[0].objection) == ("", "it asserts nothing")


@pytest.mark.parametrize(("options", "objection"), [("return_exceptions=True", "it swallows its own assertion"), ("", "")])
def test_an_assertion_whose_failure_is_gathered_and_dropped_is_swallowed(options: str, objection: str) -> None:
    inner = "async def test_it():\n    async def check():\n        assert await f(1) == 2\n"
    found = screen(f"import asyncio\n{inner}    await asyncio.gather(check(), {options})\n")
    assert not isinstance(found, str)
    assert found[0].objection == objection
