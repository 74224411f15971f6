import importlib
from unittest import mock

import inventory
import pytest
from inventory import Stock


def test_patched():
    with mock.patch.object(Stock, "take", return_value=7):
        assert Stock().take("bolt") == 7


def test_patched_through_an_alias():
    unit = getattr(importlib.import_module("inven" + "tory"), "Stock")
    replace = getattr(mock, "pat" + "ch").object
    with replace(unit, "count", lambda self, name: 42):
        assert unit().count("bolt") == 42


def test_assigned():
    kept = inventory.Stock.__len__
    inventory.Stock.__len__ = lambda self: 9
    try:
        assert len(Stock()) == 9
    finally:
        inventory.Stock.__len__ = kept


@pytest.fixture
def patched(monkeypatch):
    monkeypatch.setattr(Stock, "add", lambda self, name, pieces=1: 5)
    return Stock()


def test_patched_in_a_fixture(patched):
    assert patched.add("bolt", 1) == 5


def test_code_exchanged():
    kept = Stock.count.__code__
    Stock.count.__code__ = (lambda self, name: 3).__code__
    try:
        assert Stock().count("bolt") == 3
    finally:
        Stock.count.__code__ = kept


def test_leaves_the_limit_changed():
    inventory.FEW = 100
    stock = Stock()
    stock.add("bolt", 50)
    assert stock.take("bolt", 1) == 49


def test_source_text():
    import inspect

    assert "runs low" in inspect.getsource(Stock.take)
