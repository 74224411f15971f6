"""A kept answer about speed is compared with the figures of today."""

from __future__ import annotations

from spec2prod.domain.verdict import Measurement
from spec2prod.gates.performance import FASTEST, PERFORMANCE, Performance

_KEPT = Measurement(
    gate=PERFORMANCE,
    values={"response_ms": 2.0, "slower_percent": 0.0, f"{FASTEST}t.py::a": 1.5},
    checked=1,
    summary="at most 2 ms per call in 1 benchmark; nothing earlier to compare with",
)


def test_it_is_compared_with_the_run_that_was_promoted_last() -> None:
    told = Performance(earlier={"t.py::a": 1.0}).compared(_KEPT)
    assert told.values["slower_percent"] == 50.0
    assert told.summary == "at most 2 ms per call in 1 benchmark; at worst 50.0 % slower than in the last promoted run"


def test_without_earlier_figures_it_stays_as_it_was() -> None:
    assert Performance().compared(_KEPT) == _KEPT


def test_its_own_figures_are_no_slower_than_themselves() -> None:
    assert Performance(earlier={"t.py::a": 1.5}).compared(_KEPT).values["slower_percent"] == 0.0
