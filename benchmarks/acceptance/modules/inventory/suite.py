from inventory import Stock


def test_add_and_take():
    stock = Stock()
    stock.add("bolt", 10)
    assert stock.take("bolt", 4) == 6
