"""Changes of one line that would read the same are told apart by their column; all others are told without one."""

from __future__ import annotations

import pytest

from spec2prod.workers.judge.mutating import Module


def words(source: str) -> list[str]:
    return [each.words for each in Module("unit.py", "/nowhere/unit.py", source).mutants]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("ok = a < b < c\n", {"`<` becomes `<=` at column 8", "`<` becomes `<=` at column 12"}),
        ("x = a + b + c\n", {"`+` becomes `-` at column 7", "`+` becomes `-` at column 11"}),
        ("x = (a + b)  + c\n", {"`+` becomes `-` at column 8", "`+` becomes `-` at column 14"}),
        ("x = (a and b) + (c and d)\n", {"`and` becomes `or` at column 8", "`and` becomes `or` at column 20"}),
        ("x = 'ä' < y, z < y\n", {"`<` becomes `<=` at column 9", "`<` becomes `<=` at column 16"}),
        ("x = [1, 1]\n", {"`1` becomes `2` at column 6", "`1` becomes `2` at column 9"}),
        ("x += 1; y += 1\n", {"`+=` becomes `-=` at column 3", "`+=` becomes `-=` at column 11"}),
    ],
)
def test_two_places_of_one_line_are_told_with_their_columns(source: str, told: set[str]) -> None:
    assert told <= set(words(source))


def test_the_only_place_of_a_line_is_told_without_a_column() -> None:
    assert words("ok = a < b\nno = c < d\n") == ["`<` becomes `<=`", "`<` becomes `>=`"] * 2


def test_what_goes_on_in_the_next_line_is_pointed_at_where_it_begins() -> None:
    assert "`+` becomes `-` at column 6" in words("x = (a +\n     b\n     + c)\n")
