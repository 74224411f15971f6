"""Canaries: tests known to be worthless, planted in every judgement. Where one is accepted, the judgement is void."""

from __future__ import annotations

from collections.abc import Iterable

from spec2prod.domain.judging import Filter, JudgedVerdict, Judgement

_TEXT = '''\
"""Planted by spec2prod's judge: none of these may be accepted."""
import contextlib
import importlib
import inspect
import os
from unittest import mock

unit = importlib.import_module("{dotted}")


def _callables():
    return [value for value in vars(unit).values() if inspect.isfunction(value) and value.__module__ == unit.__name__]


def _run_all():
    for each in _callables():
        if not inspect.iscoroutinefunction(each):
            with contextlib.suppress(BaseException):
                each(*[1] * sum(p.default is p.empty for p in inspect.signature(each).parameters.values()))


def _holds(value):
    return value == value


def test_canary_no_assertion():
    _run_all()


def test_canary_tautology_in_a_helper():
    _run_all()
    assert _holds(object())


def test_canary_swallowed_assertion():
    _run_all()
    with contextlib.suppress(AssertionError):
        assert not _callables()


def test_canary_patched_unit():
    names = [each.__name__ for each in _callables()] or ["__doc__"]
    with getattr(mock, "patch").object(unit, names[0], lambda *words, **options: 42):
        assert getattr(unit, names[0])() == 42


def test_canary_vanishes():
    os._exit(0)
'''
NAMES = (
    "test_canary_no_assertion",
    "test_canary_tautology_in_a_helper",
    "test_canary_swallowed_assertion",
    "test_canary_patched_unit",
    "test_canary_vanishes",
)


def canary_file(dotted: str) -> str:
    """Return the text of a test file full of canaries for the module of that import name."""
    return _TEXT.replace("{dotted}", dotted)


def planted(file: str) -> tuple[str, ...]:
    """Return the canaries' test functions, once their text is that file's."""
    return tuple(f"{file}::{name}" for name in NAMES)


def void_reason(judgements: Iterable[Judgement], canaries: Iterable[str]) -> str:
    """Say why a judgement is void; empty where it stands. A canary on which there is no verdict was not judged: void too."""
    told = {each.test: each for each in judgements}
    worst = next((name for name in sorted(canaries) if name not in told or not _is_harmless(told[name])), None)
    if worst is None:
        return ""
    found = told.get(worst)
    verdict, sentence = (found.verdict.value, f" ({found.sentence})") if found else ("not judged", "")
    return f"the canary {worst.rpartition('::')[2]} was {verdict}{sentence}: whoever accepts it would accept anything"


def _is_harmless(canary: Judgement) -> bool:
    """Whether a canary was held back: also where it noticed nothing until the time for changes was over."""
    return canary.verdict is JudgedVerdict.REJECTED or (canary.verdict is JudgedVerdict.ERRORED and canary.filter is Filter.MUTATION)
