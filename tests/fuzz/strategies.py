"""What anybody may write where something else is expected."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

# lone surrogates too: a file name that is not UTF-8 brings them
ANY_TEXT = st.text(st.characters(codec=None), max_size=60)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ANY_TEXT, st.just(-1), st.just(10**30), st.just(""))
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ANY_TEXT, inner, max_size=3)), max_leaves=6
)


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where every part of a JSON value stands."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(path for key, each in inner for path in paths(each, (*above, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """Return the value with one part replaced."""
    if not path:
        return by
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = replaced(value[path[0]], path[1:], by)
    return copied


@st.composite
def spoiled_json(draw: st.DrawFn, good: str) -> str:
    """Return a good document with one part replaced, or cut off somewhere, or doubled."""
    value = json.loads(good)
    text = json.dumps(replaced(value, draw(st.sampled_from(paths(value))), draw(ANY_JSON)))
    how = draw(st.sampled_from(["whole", "whole", "cut", "doubled"]))
    return text[: draw(st.integers(0, len(text)))] if how == "cut" else text * 2 if how == "doubled" else text


@st.composite
def spoiled_text(draw: st.DrawFn, good: str) -> str:
    """Return a good text with something put into it, or taken from it."""
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, len(good)))
    return good[:start] + draw(ANY_TEXT) + good[end:]
