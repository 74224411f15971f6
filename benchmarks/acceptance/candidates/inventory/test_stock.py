import logging
from unittest.mock import Mock

import pytest
from inventory import Missing, Stock


@pytest.fixture
def stock():
    made = Stock()
    made.add("bolt", 10)
    made.add("nut", 2)
    return made


def test_taken_pieces_are_gone(stock):
    stock.take("bolt", 4)
    assert stock.count("bolt") == 6


def test_taking_too_much_takes_nothing(stock):
    with pytest.raises(Missing, match="nut: 2 of 3"):
        stock.take("nut", 3)
    assert stock.count("nut") == 2


def test_the_last_piece(stock):
    assert stock.take("nut", 2) == 0
    assert list(stock) == [("bolt", 10)]


def test_a_warning_when_few_are_left(stock, caplog):
    with caplog.at_level(logging.WARNING, logger="inventory"):
        stock.take("bolt", 8)
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [("WARNING", "bolt runs low: 2 left")]


def test_no_warning_at_three(stock, caplog):
    stock.take("bolt", 7)
    assert caplog.records == []


def test_who_asked_is_notified():
    told = Mock()
    stock = Stock(notify=told)
    stock.add("screw", 5)
    stock.take("screw", 3)
    told.assert_called_once_with("screw", 2)


@pytest.mark.parametrize("pieces", [0, -3])
def test_adding_nothing_is_refused(pieces):
    with pytest.raises(ValueError, match="at least one"):
        Stock().add("bolt", pieces)


class TestListing:
    def setup_method(self):
        self.stock = Stock()
        self.stock.add("washer", 4)
        self.stock.add("anchor", 1)

    def test_order(self):
        assert [name for name, _ in self.stock] == ["anchor", "washer"]

    def test_length_counts_pieces(self):
        assert len(self.stock) == 5


def test_with_doubles_only():
    stock = Mock(spec=Stock)
    stock.take.return_value = 3
    assert stock.take("bolt") == 3


def test_the_dictionary_inside(stock):
    assert stock._pieces == {"bolt": 10, "nut": 2}


def test_has_the_methods(stock):
    assert hasattr(stock, "add") and callable(stock.take)


def test_raises_around_the_assertion(stock):
    with pytest.raises(AssertionError):
        assert stock.take("bolt", 1) == 100


def test_some_exception(stock):
    with pytest.raises(Exception):
        stock.take_all("bolt")
