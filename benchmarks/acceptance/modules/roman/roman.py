"""Roman numerals. It has a defect, on purpose: see spec.md, REQ-2."""

from __future__ import annotations

import re

VALUES = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
SHAPE = re.compile(r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
LARGEST = 3999


def to_roman(number: int) -> str:
    """Return a number of 1..3999 in Roman numerals."""
    if not 1 <= number <= LARGEST:
        raise ValueError(f"{number} has no Roman numeral")
    text = ""
    for value, letters in VALUES:
        while number >= value:
            text += letters
            number -= value
    return text


def from_roman(text: str) -> int:
    """Return the number of a Roman numeral."""
    if not text or not SHAPE.fullmatch(text):
        raise ValueError(f"{text!r} is no Roman numeral")
    digits = [{"M": 1000, "D": 500, "C": 100, "L": 50, "X": 10, "V": 5, "I": 1}[letter] for letter in text]
    total = 0
    for digit, following in zip(digits, [*digits[1:], 0], strict=True):
        total += -digit if digit < following else digit
    return total
