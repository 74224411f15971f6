import pytest
from pricing import CODES, Line, line_total, order_total, reduced, shipping


@pytest.mark.requirement("REQ-2")
def test_ten_pieces_cost_less():
    assert line_total(Line(100, 10)) == 950


@pytest.mark.requirement("REQ-2")
@pytest.mark.parametrize(("pieces", "expected"), [(9, 1800), (10, 1900), (20, 3800)])
def test_rebate_by_pieces(pieces, expected):
    assert line_total(Line(200, pieces)) == expected


@pytest.mark.requirement("REQ-4")
def test_unknown_code_is_refused():
    with pytest.raises(ValueError):
        reduced(1000, "WINTER")


@pytest.mark.requirement("REQ-3")
def test_free_from_fifty():
    assert (shipping(4999), shipping(5000)) == (490, 0)


@pytest.mark.requirement("REQ-1")
@pytest.mark.parametrize("pieces", [0, -1])
def test_a_line_without_pieces(pieces):
    with pytest.raises(ValueError, match="at least one piece"):
        line_total(Line(100, pieces))


def test_codes():
    assert [reduced(1000, each) for each in ("SPRING", "FRIEND")] == [900, 800]


def test_an_order():
    assert order_total([Line(1000, 2), Line(500, 1)], "SPRING") == 2250 + 490


def test_an_order_at_the_limit():
    assert order_total([Line(5000, 1)]) == 5000


def test_ten_pieces_at_full_price():
    assert line_total(Line(100, 10)) == 1000


def test_unknown_code_changes_nothing():
    assert reduced(1000, "WINTER") == 1000


@pytest.mark.requirement("REQ-2")
def test_rebate_begins_at_eleven():
    assert line_total(Line(300, 10)) == 3000


@pytest.mark.requirement("REQ-77")
def test_of_an_unknown_requirement():
    assert line_total(Line(7, 3)) == 21


def test_friend_takes_half():
    assert reduced(1000, "FRIEND") == 500


def test_a_price_is_not_negative():
    assert line_total(Line(100, 3)) >= 0


def test_codes_are_applied_as_they_stand():
    assert reduced(1000, "SPRING") == reduced(1000, next(each for each in CODES if each == "SPRING"))


def test_total_like_the_code():
    line = Line(130, 14)
    expected = line.price * line.pieces
    if line.pieces > 10:
        expected -= expected * 5 // 100
    assert line_total(line) == expected
