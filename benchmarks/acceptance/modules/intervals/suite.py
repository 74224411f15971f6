import pytest
from intervals import clamp, mark, merge, overlaps


def test_merge():
    assert merge([(1, 4), (10, 12), (2, 6)]) == [(1, 6), (10, 12)]


def test_merge_refuses():
    with pytest.raises(ValueError, match="after"):
        merge([(5, 1)])


def test_overlaps():
    assert overlaps((1, 5), (3, 8))


def test_clamp():
    assert [clamp(each, 0, 10) for each in (-5, 5, 50)] == [0, 5, 10]


def test_mark():
    assert [mark(each) for each in (95, 80, 60, 20)] == ["A", "B", "C", "F"]


def test_mark_refuses():
    with pytest.raises(ValueError, match="no score"):
        mark(400)
