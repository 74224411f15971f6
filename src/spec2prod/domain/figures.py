"""How a figure is written in a sentence. Machine fields keep it as it was measured."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

_DECIMALS, _SIGNIFICANT = 1, 2
_LAST_DIGIT = 20  # a float of this size tells no decimals apart


def figure(value: float) -> str:
    """Write a figure to one decimal, below 1 to two digits that say something: 99.8, 512, 0.031."""
    return _rounded(value, ROUND_HALF_EVEN)


def at_most(value: float) -> str:
    """Write a figure rounded down: 79.96 % is not 80 %."""
    return _rounded(value, ROUND_FLOOR)


def at_least(value: float) -> str:
    """Write a figure rounded up: 5,000.04 ms are not 5,000 ms."""
    return _rounded(value, ROUND_CEILING)


def exactly(value: float) -> str:
    """Write a figure as somebody set it, without an exponent."""
    return _plain(Decimal(repr(float(value))))


def _rounded(value: float, rounding: str) -> str:
    exact = Decimal(repr(float(value)))
    if not exact.is_finite():
        return str(exact)
    small = _SIGNIFICANT - 1 - exact.adjusted() if exact and abs(exact) < 1 else _DECIMALS
    return _plain(_quantized(exact, small, rounding))


def _quantized(exact: Decimal, decimals: int, rounding: str) -> Decimal:
    """Return a number with so many decimals; one too large for them has none to lose."""
    return exact if exact.adjusted() > _LAST_DIGIT else exact.quantize(Decimal(1).scaleb(-decimals), rounding=rounding)


def _plain(number: Decimal) -> str:
    """Return a number without an exponent and without zeros that say nothing."""
    if not number.is_finite():
        return str(number)
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text
