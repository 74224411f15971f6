"""The smallest set of tests that this module can find which does all that all of them do: greedy, then pruned."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A test that is kept, and what it adds to those kept before it."""

    test: str
    gained: frozenset[str]


def choose(worth: Mapping[str, Collection[str]], known: Collection[str] = ()) -> tuple[Chosen, ...]:
    """Choose tests by what each adds; `worth` leads from a test to what it does, `known` is done already.

    Laws: together the chosen ones do all that all of them do beyond `known`; without any one of them something would be
    lost; the answer does not depend on the order of the mapping. Ties go to the name that sorts first.
    """
    left = {test: frozenset(done) - frozenset(known) for test, done in worth.items()}
    order: list[str] = []
    missing = frozenset[str]().union(*left.values())
    while missing:
        best = min(left, key=lambda test: (-len(left[test] & missing), test))
        order.append(best)
        missing -= left[best]
    kept = _needed(order, left)
    return _told(kept, left)


def _needed(order: list[str], worth: Mapping[str, frozenset[str]]) -> list[str]:
    """Drop, from the last to the first, who adds nothing to the others: a later choice may have made an early one useless."""
    kept = list(order)
    for test in sorted(order, key=lambda each: (len(worth[each]), each)):
        others = frozenset[str]().union(*(worth[each] for each in kept if each != test))
        if worth[test] <= others:
            kept.remove(test)
    return kept


def _told(kept: Iterable[str], worth: Mapping[str, frozenset[str]]) -> tuple[Chosen, ...]:
    """Say of each what it alone does; that is never nothing, since none is redundant."""
    names = list(kept)
    chosen: list[Chosen] = []
    for test in names:
        others = frozenset[str]().union(*(worth[each] for each in names if each != test))
        chosen.append(Chosen(test=test, gained=worth[test] - others))
    return tuple(chosen)
