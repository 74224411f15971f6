"""How fast is the component, and how much memory do its tests need? pytest-benchmark's figures, from the run that answers the tests.

Figures: `response_ms`, the slowest benchmark's median time per call in milliseconds; `memory_mb`, the peak memory of the test process in
MiB, pytest and coverage included, so that it is an upper bound; `slower_percent`, how much the benchmark that lost most is slower than in
the last run that was promoted, by its fastest round, which other work on the machine disturbs least; 0 where there is nothing to compare
with, and the summary says so. pytest-benchmark itself pauses coverage's tracer while it measures.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from spec2prod.domain.command import Completed
from spec2prod.domain.verdict import Answer, Finding, Measurement, Severity, in_order
from spec2prod.gates.pytest_answer import Benchmark
from spec2prod.gates.reading import plural, unanswered

PERFORMANCE = "performance"
FASTEST = "fastest_ms "  # begins the name of one benchmark's figure, which the next run is compared with
_NOTHING_EARLIER = "nothing earlier to compare with"
_FIGURES = TypeAdapter(dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What this run's benchmarks are compared with: `earlier` maps a benchmark to its fastest round, in milliseconds."""

    earlier: Mapping[str, float] = field(default_factory=dict)

    def answer(self, benchmarks: Sequence[Benchmark], completed: Completed) -> Answer:
        """Return the figures of one run; a run without a benchmark measured nothing."""
        if not benchmarks:
            next_step = "install pytest-benchmark beside the tests, and write a test with its `benchmark` fixture"
            return unanswered(PERFORMANCE, completed, "no benchmark ran, so no time was measured", next_step=next_step)
        slowest = max(benchmarks, key=lambda each: each.median_ms)
        lost = {each.id: self._slower(each) for each in benchmarks if self.earlier.get(each.id, 0.0) > 0.0}
        memory = {"memory_mb": completed.peak_memory_mb} if completed.peak_memory_mb else {}  # 0: it could not be read
        fastest = {FASTEST + each.id: each.min_ms for each in benchmarks}
        worst = [each for each in benchmarks if each is slowest or (lost and each.id == max(lost, key=lambda name: lost[name]))]
        return Measurement(
            gate=PERFORMANCE,
            values={"response_ms": slowest.median_ms, **memory, "slower_percent": max(0.0, *lost.values(), 0.0), **fastest},
            checked=len(benchmarks),
            findings=in_order(_told(each, lost.get(each.id)) for each in worst),
            summary=_summary(slowest, len(benchmarks), lost),
        )

    def compared(self, answer: Measurement) -> Measurement:
        """Return an answer that was kept, compared with the figures of today: its own may be the last promoted ones by now."""
        kept = {name.removeprefix(FASTEST): value for name, value in answer.values.items() if name.startswith(FASTEST)}
        lost = [100.0 * (value / self.earlier[name] - 1.0) for name, value in kept.items() if self.earlier.get(name, 0.0) > 0.0]
        told = f"at worst {_compared(max(lost))}" if lost else _NOTHING_EARLIER
        values = {**answer.values, "slower_percent": max(0.0, *lost, 0.0)}
        return replace(answer, values=values, summary=f"{answer.summary.partition('; ')[0]}; {told}")

    def _slower(self, benchmark: Benchmark) -> float:
        return 100.0 * (benchmark.min_ms / self.earlier[benchmark.id] - 1.0)


def has_benchmarks(texts: Iterable[str]) -> bool:
    """Whether any of these test files uses pytest-benchmark's fixture or mark: only then is the question asked by default."""
    return any("benchmark" in text and _uses_benchmark(text) for text in texts)


def as_text(answer: Measurement) -> str:
    """Return a run's fastest rounds, as they are kept for the next run."""
    kept = {name.removeprefix(FASTEST): value for name, value in answer.values.items() if name.startswith(FASTEST)}
    return _FIGURES.dump_json(kept, indent=2).decode() + "\n"


def earlier(text: str | None) -> Mapping[str, float]:
    """Return what an earlier run kept; what cannot be read counts as nothing kept."""
    try:
        return _FIGURES.validate_json(text or "{}")
    except ValidationError:
        return {}


def _uses_benchmark(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # the suite will tell
        return False
    arguments = (node.arg for node in ast.walk(tree) if isinstance(node, ast.arg))
    attributes = (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return "benchmark" in {*arguments, *attributes}


def _told(benchmark: Benchmark, lost: float | None) -> Finding:
    path, _, name = benchmark.id.partition("::")
    compared = "" if lost is None else f", {_compared(lost)}"
    message = f"{name}: median {benchmark.median_ms:.4g} ms, fastest {benchmark.min_ms:.4g} ms{compared}"
    return Finding(path=path, code="benchmark", message=message, severity=Severity.LOW)


def _compared(lost: float) -> str:
    return f"{abs(lost):.1f} % {'slower' if lost > 0 else 'faster'} than in the last promoted run"


def _summary(slowest: Benchmark, count: int, lost: Mapping[str, float]) -> str:
    compared = f"at worst {_compared(max(lost.values()))}" if lost else _NOTHING_EARLIER
    return f"at most {slowest.median_ms:.4g} ms per call in {plural(count, 'benchmark')}; {compared}"
