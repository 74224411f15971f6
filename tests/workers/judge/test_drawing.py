"""What hypothesis works out anew in every process is known to every test before it begins, and is what it would have worked out."""

from __future__ import annotations

import pytest

from spec2prod.workers.judge.drawing import UTF_8
from tests.workers.judge.conftest import Ask

TESTS = """\
import sys
from hypothesis import given, strategies as st
from hypothesis.internal import charmap
from hypothesis.internal.conjecture import providers
import unit


def test_tables():
    assert charmap._charmap is not None
    assert charmap.intervals_from_codec.cache_info().currsize == 1
    encoded, odd = charmap.intervals_from_codec("utf-8")
    assert encoded.intervals == ((0, 0xD7FF), (0xE000, 0x10FFFF)) and not odd.intervals


def test_constants():
    strings = set(providers._get_local_constants().strings)
    assert "cherry" in strings
    assert not any("pytest_runtest" in each for each in strings)


@given(st.text())
def test_same(text):
    assert unit.same(text) == text
"""
UNIT = "NAME = 'cherry'\n\n\ndef same(x):\n    return x\n"


def test_tables_are_there_and_no_constant_of_the_judge_is_drawn(ask: Ask) -> None:
    told = ask({"unit.py": UNIT, "test_unit.py": TESTS}, ["unit.py"])
    assert {name: each["message"] for name, each in told.tests.items() if each["outcome"] != "passed"} == {}
    assert set(told.tests) == {"test_tables", "test_constants", "test_same"}
    assert all(not told.kinds(name) for name in told.tests)
    assert told.collected["test_unit.py"]["evidence"] == []


@pytest.mark.parametrize(("first", "last"), UTF_8)
def test_what_utf_8_encodes_ends_where_it_is_said_to(first: int, last: int) -> None:
    assert {chr(each).encode().decode() for each in (first, last)} == {chr(first), chr(last)}
    for beyond in {first - 1, last + 1} & set(range(0xD800, 0xE000)):
        with pytest.raises(UnicodeEncodeError):
            chr(beyond).encode()
