from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.mutation_choice import choose

MUTANTS = st.frozensets(st.sampled_from("abcdefghij"))
WORTH = st.dictionaries(st.text("xyz", min_size=1, max_size=3), MUTANTS, max_size=8)


def done_by(worth: dict[str, frozenset[str]], tests: set[str]) -> frozenset[str]:
    return frozenset().union(*(worth[test] for test in tests))


@given(WORTH, MUTANTS)
def test_the_chosen_do_all_that_all_do_beyond_what_is_known(worth: dict[str, frozenset[str]], known: frozenset[str]) -> None:
    chosen = {each.test for each in choose(worth, known)}
    assert done_by(worth, chosen) | known == done_by(worth, set(worth)) | known


@given(WORTH, MUTANTS)
def test_none_of_the_chosen_is_redundant_and_each_says_what_it_alone_does(worth: dict[str, frozenset[str]], known: frozenset[str]) -> None:
    chosen = choose(worth, known)
    for each in chosen:
        others = done_by(worth, {other.test for other in chosen} - {each.test})
        assert each.gained == worth[each.test] - others - known != frozenset()


@given(WORTH, MUTANTS, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_asking(worth: dict[str, frozenset[str]], known: frozenset[str], chance: Random) -> None:
    names = sorted(worth)
    chance.shuffle(names)
    assert choose({name: worth[name] for name in names}, known) == choose(worth, known)


def test_an_early_greedy_choice_that_later_ones_make_useless_is_dropped() -> None:
    worth = {"wide": frozenset("abcd"), "left": frozenset("abx"), "right": frozenset("cdy")}
    assert [each.test for each in choose(worth)] == ["left", "right"]


def test_of_two_alike_the_name_that_sorts_first_is_kept() -> None:
    assert [each.test for each in choose({"b": {"1"}, "a": {"1"}})] == ["a"]
