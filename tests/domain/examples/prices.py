"""Prices, with and without tax."""


class PriceError(ValueError):
    """A price that is none."""


def gross(price: float, tax: int = 20) -> float:
    """Add the tax, in percent."""
    if price < 0:
        raise PriceError(price)
    return price * (100 + tax) / 100


def net(price: float) -> float:
    """Take the tax away."""
    return price / 1.2


def label(price: float, currency: str = "EUR") -> str:
    """Write a price."""
    return f"{price:.2f} {currency}"
