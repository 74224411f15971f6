from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.verdict import Measurement, Unanswered
from spec2prod.gates.performance import Performance, as_text, earlier, has_benchmarks
from spec2prod.gates.pytest_answer import Benchmark
from spec2prod.gates.tests import TestsGate

if TYPE_CHECKING:
    from tests.gates.conftest import Ask, Make

WITH_PLUGIN = {"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-p no:hypothesispytest -p no:asyncio"\n'}
BENCHMARKED = "from pkg.one import f\n\n\ndef test_f(benchmark):\n    assert benchmark(f) == 45\n\n\ndef test_g():\n    assert f() == 45\n"
MODULE = {"src/pkg/one.py": "def f():\n    return sum(range(10))\n"}
RAN = Completed(command=Command(tool="pytest", argv=("python",), cwd=Path("/")), exit_code=0, peak_memory_mb=50.0)


def measured(benchmarks: dict[str, tuple[float, float]], kept: dict[str, float] | None = None) -> Measurement:
    told = [Benchmark(id=name, min_ms=low, median_ms=median, rounds=5) for name, (low, median) in benchmarks.items()]
    answer = Performance(earlier=kept or {}).answer(told, RAN)
    assert isinstance(answer, Measurement)
    return answer


def test_the_run_that_answers_the_tests_measures_the_benchmarks_too(make: Make, ask: Ask) -> None:
    component = make({**WITH_PLUGIN, **MODULE, "tests/test_one.py": BENCHMARKED})
    (_, coverage, _, answer), completed = ask(TestsGate(performance=Performance()), component)
    assert isinstance(answer, Measurement), completed
    assert answer.checked == 1
    assert 0 < answer.values["response_ms"] < 1000
    assert answer.values["memory_mb"] == completed.peak_memory_mb > 0
    assert earlier(as_text(answer)).keys() == {"tests/test_one.py::test_f"}
    assert isinstance(coverage, Measurement)
    assert coverage.values == {"percent": 100.0}
    assert not list(component.root.glob(".benchmarks"))


def test_a_suite_without_benchmarks_measured_no_time_and_passes_all_the_same(make: Make, ask: Ask) -> None:
    component = make({**WITH_PLUGIN, **MODULE, "tests/test_one.py": "from pkg.one import f\n\n\ndef test_f():\n    assert f() == 45\n"})
    (rate, _, _, answer), _ = ask(TestsGate(performance=Performance()), component)
    assert isinstance(rate, Measurement)
    assert isinstance(answer, Unanswered)
    assert answer.reason == "no benchmark ran, so no time was measured"


def test_the_slowest_median_counts_and_the_fastest_round_is_compared() -> None:
    answer = measured({"t.py::a": (1.0, 2.0), "t.py::b": (3.3, 9.0)}, {"t.py::a": 2.0, "t.py::b": 3.0, "t.py::gone": 1.0})
    assert answer.values["response_ms"] == 9.0
    assert answer.values["slower_percent"] == pytest.approx(10.0)
    assert answer.summary == "at most 9 ms per call in 2 benchmarks; at worst 10.0 % slower than in the last promoted run"
    assert [each.path for each in answer.findings] == ["t.py"]


def test_what_is_faster_than_before_is_not_slower_and_what_is_new_is_not_compared() -> None:
    assert measured({"t.py::a": (1.0, 2.0)}, {"t.py::a": 2.0}).values["slower_percent"] == 0.0
    new = measured({"t.py::a": (1.0, 2.0)})
    assert new.values["slower_percent"] == 0.0
    assert new.summary.endswith("nothing earlier to compare with")


def test_memory_that_could_not_be_read_is_no_figure() -> None:
    told = [Benchmark(id="t.py::a", min_ms=1.0, median_ms=1.0, rounds=1)]
    answer = Performance().answer(told, Completed(command=RAN.command, exit_code=0))
    assert isinstance(answer, Measurement)
    assert "memory_mb" not in answer.values


@given(st.dictionaries(st.text(max_size=8), st.floats(min_value=0, max_value=1e6), min_size=1, max_size=4))
def test_what_is_kept_is_read_back(figures: dict[str, float]) -> None:
    assert earlier(as_text(measured({name: (low, low) for name, low in figures.items()}))) == pytest.approx(figures)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps))
def test_what_cannot_be_read_back_counts_as_nothing_kept(text: str) -> None:
    assert all(isinstance(value, float) for value in earlier(text).values())


def test_only_a_use_of_the_plugin_makes_a_benchmark() -> None:
    assert has_benchmarks([BENCHMARKED])
    assert has_benchmarks(["import pytest\n\n\n@pytest.mark.benchmark\ndef test_x():\n    pass\n"])
    assert not has_benchmarks(["# a benchmark\ndef test_benchmark():\n    pass\n", "def (benchmark:\n", "X = '\0'\nbenchmark"])
