"""A glance at what holds what: it sees every change that a full description sees, and nothing where nothing changed."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

from spec2prod.workers.judge.holding import Holding
from spec2prod.workers.judge.stillness import Look

SOURCE = """
import functools
LIMIT = 1000
NAMES = ["a", ["b"]]
TABLE = {"one": {"two": [3]}}
SEEN = {1, 2}
FIXED = ([1], {"x": 1})
def plain(x, y=[], *, z={}):
    return x
def counter():
    count = []
    def tick():
        count.append(1)
        return len(count)
    return tick
ticking = counter()
class Base:
    pass
class Box(Base):
    many = []
    def __init__(self):
        self.content = {}
    @staticmethod
    def make(a=[]):
        return a
    @property
    def size(self):
        return 1
box = Box()
bound = box.__init__
part = functools.partial(plain, [1])
"""
CHANGES: dict[str, Callable[[Any], object]] = {
    "a plain value": lambda m: setattr(m, "LIMIT", 1001),
    "a new name": lambda m: setattr(m, "OTHER", 1),
    "a name that is gone": lambda m: delattr(m, "LIMIT"),
    "names in another order": lambda m: vars(m).update(LIMIT=vars(m).pop("LIMIT")),
    "an element of an inner list": lambda m: m.NAMES[1].append("c"),
    "elements in another order": lambda m: m.NAMES.reverse(),
    "a value deep in a dictionary": lambda m: m.TABLE["one"]["two"].__setitem__(0, 4),
    "a key": lambda m: m.TABLE.update(three=3),
    "a member of a set": lambda m: m.SEEN.add(3),
    "another member of a set": lambda m: (m.SEEN.discard(2), m.SEEN.add(5)),
    "what a tuple holds": lambda m: m.FIXED[0].append(2),
    "a default": lambda m: m.plain.__defaults__[0].append(1),
    "another default": lambda m: setattr(m.plain, "__defaults__", ([],)),
    "a default by name": lambda m: m.plain.__kwdefaults__["z"].update(a=1),
    "a function's code": lambda m: setattr(m.plain, "__code__", m.plain.__code__.replace(co_name="other")),
    "a function's attribute": lambda m: setattr(m.plain, "calls", 1),
    "what a closure holds": lambda m: m.ticking(),
    "a closure's cell": lambda m: setattr(m.ticking.__closure__[0], "cell_contents", []),
    "an emptied cell": lambda m: delattr(m.ticking.__closure__[0], "cell_contents"),
    "a class's attribute": lambda m: m.Box.many.append(1),
    "a method": lambda m: setattr(m.Box, "size", None),
    "a static method's default": lambda m: m.Box.make().append(1),
    "a class's bases": lambda m: setattr(m.Box, "__bases__", (type("Other", (m.Base,), {"__module__": "looked"}),)),
    "an object's attribute": lambda m: m.box.content.update(a=1),
    "a new attribute of an object": lambda m: setattr(m.box, "other", 1),
    "an object's whole dictionary": lambda m: setattr(m.box, "__dict__", {"content": {}}),
    "what a bound function changes": lambda m: m.bound(),
    "what a partial function was given": lambda m: m.part.args[0].append(2),
}


@pytest.fixture
def looked() -> tuple[Any, Holding]:
    """Return a module, and what its containers held when it was looked at."""
    module = types.ModuleType("looked")
    exec(SOURCE, vars(module))  # noqa: S102 - the text above
    holding = Holding()
    Look(lambda name: name == "looked", holding).named(vars(module))
    return module, holding


def test_what_is_only_used_holds_what_it_held(looked: tuple[Any, Holding]) -> None:
    module, holding = looked
    used = (module.plain(1), module.Box().size, module.counter()(), len(module.TABLE), sorted(module.SEEN), module.part())
    assert (len(used), holding.holds()) == (6, True)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(looked: tuple[Any, Holding], change: str) -> None:
    module, holding = looked
    CHANGES[change](module)
    assert not holding.holds()
