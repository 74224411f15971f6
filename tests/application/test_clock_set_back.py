"""A machine whose time of day jumps back during a run: durations, evidence and verdicts do not depend on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from spec2prod.adapters.clock import SystemClock
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Ports
from spec2prod.application.specification import Promotion, plan_promotion
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Mode, Target
from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.verdict import Comparison, Limit, Rule
from tests.fakes import FakeClock, FakeLinter, FakeSuite, FakeTree, measured, ports_on


class SetBack(FakeClock):
    """Each look at the time of day shows an earlier one; time itself goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.year = 2026

    def now(self) -> str:
        self.year -= 1
        return f"{self.year}-01-01T00:00:00.000+00:00"

    def elapsed_ms(self) -> float:
        self.ms += 1.0
        return self.ms


def test_evidence_counts_by_its_digest_and_durations_stay_positive() -> None:
    component = Component(
        name="calc",
        root=Path("/project"),
        source="calc.py",
        import_root=".",
        modules=("calc.py",),
        tests=("test_calc.py",),
        interpreter=Path("/python"),
    )
    promise = Requirement(id="REQ-1", text="Adds", line=1)
    rules = tuple(
        Rule(gate=gate, limits=(Limit(value=value, comparison=Comparison.AT_MOST, threshold=100),))
        for gate, value in (("tests", "percent"), ("linting", "issues"))
    )
    asked = Promotion(
        run_id="run", target=Target.DEVELOPMENT, mode=Mode.SYNC, generate=False, generation_required=False, auto_fix=False, coverage_goal=80
    )
    plan = plan_promotion(asked, component, Specification(path="spec.md", title="Calc", requirements=(promise,)), rules)
    suite = FakeSuite("tests", lambda _: (measured("tests", percent=100),))
    linter = FakeLinter("linting", lambda _: (measured("linting", issues=0),), reads_tests=True)
    tree = FakeTree({"calc.py": "X = 1\n", "test_calc.py": "def test(): ...\n"})
    fakes = ports_on(tree, suite=suite, linter=linter)
    ports = Ports(**({name: getattr(fakes, name) for name in Ports.__slots__} | {"clock": SetBack()}))
    run = asyncio.run(run_plan(plan, ports))
    judged = {gate.gate: gate for stage in run.stages for gate in stage.gates}
    assert judged["linting"].verdict == "passed"
    moments = [judgement.evidence.measured_at for judgement in judged.values() if judgement.evidence]
    assert moments
    assert all(moment < run.started_at for moment in moments), "it was set back"
    assert all(span.end_ms > span.start_ms for span in run.spans)
    assert run.total_ms > 0


def test_the_real_clock_counts_by_one_that_cannot_be_set() -> None:
    clock = SystemClock()
    seen = [clock.elapsed_ms() for _ in range(1000)]
    assert seen == sorted(seen)
