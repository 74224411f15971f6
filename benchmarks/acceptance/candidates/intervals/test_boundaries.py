import pytest
from hypothesis import given
from hypothesis import strategies as st
from intervals import clamp, mark, merge, overlaps


def test_ninety_is_an_a():
    assert mark(90) == "A"


def test_eighty_nine_is_a_b():
    assert mark(89) == "B"


def test_the_ends_of_the_scale_are_scores():
    assert (mark(0), mark(100)) == ("F", "A")


@pytest.mark.parametrize(("score", "expected"), [(75, "B"), (74, "C"), (50, "C"), (49, "F")])
def test_limits_of_marks(score, expected):
    assert mark(score) == expected


def test_neighbours_are_merged():
    assert merge([(1, 2), (3, 4)]) == [(1, 4)]


def test_a_gap_stays():
    assert merge([(1, 2), (4, 5)]) == [(1, 2), (4, 5)]


@pytest.mark.parametrize("score", [-1, 101])
def test_scores_outside_are_refused(score):
    with pytest.raises(ValueError, match="is no score"):
        mark(score)


class TestOverlap:
    def test_one_shared_end(self):
        assert overlaps((1, 3), (3, 5))

    def test_neighbours_do_not(self):
        assert not overlaps((1, 3), (4, 5))


@given(st.integers(-20, 20), st.integers(0, 5), st.integers(-20, 20), st.integers(0, 5))
def test_overlap_is_a_shared_number(a, m, b, n):
    assert overlaps((a, a + m), (b, b + n)) == bool({*range(a, a + m + 1)} & {*range(b, b + n + 1)})


def check_clamped(value, expected):
    assert clamp(value, 0, 10) == expected


def test_clamp_next_to_its_ends():
    check_clamped(-1, 0)
    check_clamped(11, 10)


def test_an_a_begins_at_ninety():
    result = mark(90)
    assert result == "A"
