import contextlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from intervals import clamp, mark, merge, overlaps


def test_mark_runs():
    for score in (95, 80, 60, 10):
        mark(score)


def test_merge_works():
    merge([(1, 2), (2, 3)])
    assert True


def test_with_a_tuple():
    assert (mark(10) == "Z", "the mark is wrong")


def test_same():
    value = merge([(1, 2), (2, 3)])
    assert value == value


def test_is_deterministic():
    assert merge([(3, 4), (1, 2)]) == merge([(3, 4), (1, 2)])


def test_swallowed():
    try:
        assert mark(90) == "B"
    except AssertionError:
        pass


def test_suppressed():
    with contextlib.suppress(AssertionError):
        assert mark(90) == "B"


def test_caught_all():
    result = None
    try:
        result = mark(75)
        assert result == "C"
    except Exception:
        result = "caught"
    assert result is not None


def test_loop_without_turns():
    for each in merge([]):
        assert each == (1, 2)


def test_returns_early():
    found = mark(95)
    return
    assert found == "B"


def test_returns_where_it_is_right():
    if mark(95) == "A":
        return
    assert mark(95) == "B"


def test_inner_function():
    def check():
        assert clamp(5, 0, 3) == 3

    clamp(5, 0, 3)


def looks_right(value):
    assert value is not None or value is None


def test_tautology_in_a_helper():
    looks_right(mark(90))


def test_mark_is_text():
    assert isinstance(mark(95), str)


def test_merge_returns_something():
    assert merge([(1, 2)]) is not None


@given(st.integers(0, 100))
def test_any_score(score):
    result = mark(score)
    assume(result is not None)
    assert mark(score) == result


@pytest.mark.parametrize("score", [])
def test_no_parameters(score):
    assert mark(score) == "A"


def test_wrong_call_raises():
    with pytest.raises(TypeError):
        clamp(1)


def test_of_python():
    assert sorted([3, 1, 2]) == [1, 2, 3]


@pytest.mark.skip(reason="later")
def test_later():
    assert overlaps((1, 2), (2, 3))


@pytest.mark.xfail(strict=False)
def test_expected_to_fail():
    assert mark(90) == "B"
