"""What the speed is measured on: a module of about 100 lines with ordinary logic, and suites of 26 and of 100 tests for it."""

from __future__ import annotations

from pathlib import Path

MODULE = '''\
"""Prices, stock and discounts of a small shop."""

from __future__ import annotations


def clamp(value, low, high):
    """Keep a value within bounds."""
    if value < low:
        return low
    if value > high:
        return high
    return value


def discount(total, customer):
    """Return the rate of discount, in percent."""
    rate = 0
    if total >= 100:
        rate += 5
    if total >= 500:
        rate += 5
    if customer == "gold":
        rate += 10
    elif customer == "silver":
        rate += 4
    return clamp(rate, 0, 15)


def price(unit, count, customer="plain"):
    """Return what is to be paid, in cents."""
    if count <= 0:
        raise ValueError("count must be positive")
    total = unit * count
    return total - total * discount(total, customer) // 100


def shipping(weight, distance, express=False):
    """Return the cost of shipping, in cents."""
    base = 400 if weight <= 2 else 700
    if distance > 100:
        base += (distance - 100) // 10 * 5
    if express:
        base = base * 2 + 100
    return base


class Stock:
    """How much there is of what."""

    def __init__(self):
        self._count = {}

    def add(self, name, count):
        """Put something in."""
        if count < 1:
            raise ValueError("nothing to add")
        self._count[name] = self._count.get(name, 0) + count

    def take(self, name, count):
        """Take something out; there must be enough of it."""
        there = self._count.get(name, 0)
        if there < count:
            raise LookupError(name)
        if there == count:
            del self._count[name]
        else:
            self._count[name] = there - count

    def low(self, least=3):
        """Return the names of which there is little, sorted."""
        return sorted(name for name, count in self._count.items() if count < least)

    def total(self):
        """Return how much there is of everything."""
        return sum(self._count.values())


def runs(numbers):
    """Return consecutive numbers as (first, last)."""
    found = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def luhn(digits):
    """Say whether the last digit of a number is the right one."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit)
        if index % 2 == 1:
            value *= 2
            if value > 9:
                value -= 9
        total += value
    return total % 10 == 0
'''
FUNCTIONS = {
    "clamp": ["shop.clamp(5, 0, 9) == 5", "shop.clamp(-1, 0, 9) == 0", "shop.clamp(10, 0, 9) == 9", "shop.clamp(0, 0, 9) == 0"],
    "discount": [
        "shop.discount(99, 'plain') == 0",
        "shop.discount(100, 'plain') == 5",
        "shop.discount(500, 'gold') == 15",
        "shop.discount(1, 'silver') == 4",
    ],
    "price": [
        "shop.price(10, 2) == 20",
        "shop.price(100, 1) == 95",
        "shop.price(100, 5, 'silver') == 430",
        "shop.price(1, 1, 'gold') == 1",
    ],
    "shipping": [
        "shop.shipping(2, 1) == 400",
        "shop.shipping(3, 100) == 700",
        "shop.shipping(1, 120) == 410",
        "shop.shipping(1, 1, express=True) == 900",
    ],
    "runs": [
        "shop.runs([3, 1, 2]) == [(1, 3)]",
        "shop.runs([1, 3]) == [(1, 1), (3, 3)]",
        "shop.runs([]) == []",
        "shop.runs([7]) == [(7, 7)]",
    ],
    "luhn": ["shop.luhn('79927398713')", "not shop.luhn('79927398710')", "shop.luhn('0')", "not shop.luhn('1')"],
}
STOCK = """\


def test_stock():
    stock = shop.Stock()
    stock.add("a", 4)
    stock.take("a", 1)
    assert (stock.total(), stock.low(), stock.low(4)) == (3, [], ["a"])
    stock.take("a", 3)
    assert stock.total() == 0


def test_errors():
    with pytest.raises(ValueError):
        shop.price(1, 0)
    with pytest.raises(LookupError):
        shop.Stock().take("a", 1)
"""


def suite(count: int, name: str = "test") -> str:
    """Return a test file with that many tests: two with state, the rest one assertion each, in turn."""
    statements = [(function, statement) for function, each in FUNCTIONS.items() for statement in each]
    told = [statements[index % len(statements)] for index in range(count - 2)]
    tests = "".join(f"\n\ndef {name}_{function}_{index}():\n    assert {statement}\n" for index, (function, statement) in enumerate(told))
    return "import pytest\n\nimport shop\n" + tests + STOCK


def write(root: Path, tests: dict[str, str]) -> None:
    """Make a project."""
    (root / "tests").mkdir(parents=True)
    (root / "shop.py").write_text(MODULE, encoding="utf-8")
    for name, text in tests.items():
        (root / "tests" / name).write_text(text, encoding="utf-8")
