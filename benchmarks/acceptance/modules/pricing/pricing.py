"""Prices of orders, in cents. It has two defects, on purpose: see spec.md, REQ-2 and REQ-4."""

from __future__ import annotations

from dataclasses import dataclass

FREE_SHIPPING = 5_000
SHIPPING = 490
CODES = {"SPRING": 10, "FRIEND": 20}


@dataclass(frozen=True)
class Line:
    """So many pieces of one thing."""

    price: int
    pieces: int


def line_total(line: Line) -> int:
    """Return the price of a line; ten pieces and more cost 5 % less."""
    if line.pieces <= 0:
        raise ValueError("a line has at least one piece")
    total = line.price * line.pieces
    if line.pieces > 10:
        total -= total * 5 // 100
    return total


def shipping(total: int) -> int:
    """Return what shipping costs."""
    return 0 if total >= FREE_SHIPPING else SHIPPING


def reduced(total: int, code: str) -> int:
    """Return the total less the code's percentage."""
    percent = CODES.get(code, 0)
    return total - total * percent // 100


def order_total(lines: list[Line], code: str = "") -> int:
    """Return the price of the whole order."""
    total = sum(line_total(line) for line in lines)
    return reduced(total, code) + shipping(total)
