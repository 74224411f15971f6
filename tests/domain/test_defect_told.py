"""What was expected and what the code answered, read from how a test failed."""

from __future__ import annotations

import pytest

from spec2prod.domain.defect_told import Contrast, contrast


@pytest.mark.parametrize(
    ("message", "expected", "answered"),
    [
        ("E   AssertionError: contradicts specs/calc.md:7: expected 2, got 8\nE   assert 8 == 2", "2", "8"),
        ("E   AssertionError: contradicts s.md:7: expected '', got ValueError: no, such", "''", "ValueError: no, such"),
        (
            "    assert subtract(5, 3) == 2\nE   assert 8 == 2\nE    +  where 8 = subtract(5, 3)",
            "subtract(5, 3) == 2",
            "8 == 2, where 8 = subtract(5, 3)",
        ),
        (
            "    assert not is_free(day)\nE   assert not True\nE    +  where True = is_free(3)",
            "not is_free(day)",
            "not True, where True = is_free(3)",
        ),
        ("E   Failed: DID NOT RAISE <class 'ValueError'>", "ValueError is raised", "no exception"),
        ("    assert half(0) == 0\nE   ZeroDivisionError: division by zero", "half(0) == 0", "ZeroDivisionError: division by zero"),
        ('    assert half(4) == 3, "half, of 4"\nE   AssertionError: half, of 4\nE   assert 2 == 3', "half(4) == 3", "2 == 3"),
        ("    assert half(\nE   assert 2 == 3", "half", "2 == 3"),
        ("    half(0)\nE   ZeroDivisionError", "", "ZeroDivisionError"),
        ("", "", ""),
    ],
)
def test_the_two_sides_of_a_failure_are_told_apart(message: str, expected: str, answered: str) -> None:
    assert contrast(message) == Contrast(expected=expected, answered=answered)
