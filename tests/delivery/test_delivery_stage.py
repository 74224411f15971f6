"""The deployment stages on fakes: what is released, what is tried again, and what never is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from spec2prod.adapters.journal import InMemoryJournal
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Delivery
from spec2prod.application.specification import Promotion, plan_promotion
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Mode, Plan, Stage, Target
from spec2prod.domain.release import Artifact, Attestation, Deployment, Entry, HealthCheck, Kind, ProductionRules
from spec2prod.domain.run import Run, StageResult
from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.verdict import Answer, Comparison, Limit, Rule, Verdict
from spec2prod.errors import DeliveryError, ExitCode
from tests.fakes import FakeGate, FakeLinter, FakeSuite, FakeTree, measured, ports_on

MODULE, TEST, DIGEST = "src/calc.py", "tests/test_calc.py", "d" * 64
ARTIFACT = Artifact(component="calc", version="1", digest=DIGEST, path=Path("/project/calc.whl"), modules=("calc",))
OPEN = ProductionRules(soak_days=0, attestations=())


@dataclass
class FakeBuilder:
    """Packs nothing; `meanwhile` happens while it does."""

    meanwhile: Callable[[], None] = lambda: None
    built: int = 0
    artifact: Artifact = ARTIFACT

    async def build(self, component: Component) -> Artifact:
        del component
        self.built += 1
        self.meanwhile()
        return self.artifact


@dataclass
class FakeTarget:
    """An environment that ends each attempt as it is told, the last one for ever."""

    name: str
    endings: list[Deployment] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    deployed: list[Artifact] = field(default_factory=list)
    is_spoilt: bool = False

    def history(self, component: str) -> tuple[Entry, ...]:
        del component
        return tuple(self.entries)

    def stored(self, artifact: Artifact) -> Artifact:
        if self.is_spoilt:
            raise DeliveryError("the release's wheel is not what it was", where="calc.whl", next_step="release again")
        return replace(artifact, path=Path(f"/{self.name}/calc.whl"))

    async def deploy(self, artifact: Artifact, component: Component, run_id: str) -> Deployment:
        del component, run_id
        self.deployed.append(artifact)
        if len(self.endings) > 1:
            return self.endings.pop(0)
        if self.endings:
            return self.endings[0]
        self.entries.append(entry(Kind.RELEASED, artifact.digest))
        return ended(Verdict.PASSED)


@dataclass
class Word:
    """What people said."""

    said: Sequence[Attestation] = ()

    def of(self, component: str) -> tuple[Attestation, ...]:
        return tuple(each for each in self.said if each.component == component)


def entry(kind: Kind, digest: str, current: str | None = None) -> Entry:
    at, now = "2026-01-01T00:00:00+00:00", digest if current is None else current
    return Entry(kind=kind, component="calc", digest=digest, version="1", at=at, current=now, verdict=Verdict.PASSED)


def ended(verdict: Verdict, **changes: object) -> Deployment:
    check = HealthCheck(name="imports", verdict=verdict, detail="1 module", wall_ms=1.0)
    told = Deployment(environment="staging", digest=DIGEST, version="1", verdict=verdict, came_from="", current=DIGEST, checks=(check,))
    return replace(told, **changes)  # type: ignore[arg-type]


class House:
    """A project in fakes, with two environments."""

    def __init__(self, production: ProductionRules = OPEN, *, meanwhile: Callable[[FakeTree], None] = lambda _: None) -> None:
        self.tree = FakeTree({MODULE: "x = 1\n", TEST: "from calc import x\n", "src/rates.json": "{}"})
        self.staging, self.production = FakeTarget("staging"), FakeTarget("production")
        self.builder = FakeBuilder(lambda: meanwhile(self.tree))
        self.word = Word()
        self.rules = production
        self.pauses: list[float] = []
        self.percent = 100.0
        self.steps: list[str] = []

    def run(self, target: Target = Target.STAGING) -> Run:
        suite = FakeSuite(name="tests", measures=("test_pass_rate", "test_coverage"), answers=self._answers, reports=lambda _: _report())
        linter = FakeLinter(name="linting", answers=lambda _: (measured("linting", issues=0),))
        clean = FakeGate(name="security", answers=lambda _: (measured("security", critical=0),))
        ports = replace(ports_on(self.tree, clean, suite=suite, linter=linter), delivery=self._delivery())
        run = asyncio.run(run_plan(_plan(target), ports))
        assert isinstance(ports.journal, InMemoryJournal)
        self.steps = ports.journal.steps
        return run

    def _answers(self, component: Component) -> tuple[Answer, ...]:
        del component
        return (measured("test_pass_rate", percent=self.percent), measured("test_coverage", percent=100))

    def _delivery(self) -> Delivery:
        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        targets = {Target.STAGING: self.staging, Target.PRODUCTION: self.production}
        return Delivery(
            builder=self.builder, targets=targets, attestations=self.word, production=self.rules, pause=pause, jitter=lambda: 0.0
        )


def _report() -> SuiteReport:
    case = CaseResult(node_id=f"{TEST}::test_x", name="test_x", file=TEST, line=1, outcome="passed", message="", covered={})
    return SuiteReport(cases=(case,), statements={}, executed={})


def _plan(target: Target) -> Plan:
    component = Component(
        name="calc", root=Path("/project"), source=MODULE, import_root="src", modules=(MODULE,), tests=(TEST,), interpreter=Path("python")
    )
    rules = (
        Rule(gate="test_pass_rate", limits=(Limit(value="percent", comparison=Comparison.AT_LEAST, threshold=100),)),
        Rule(gate="linting", limits=(Limit(value="issues", comparison=Comparison.AT_MOST, threshold=0),)),
        Rule(gate="security", limits=(Limit(value="critical", comparison=Comparison.AT_MOST, threshold=0),)),
    )
    specification = Specification(path="spec.md", title="Calc", requirements=(Requirement(id="REQ-1", text="adds", line=3),))
    asked = Promotion(
        run_id="run-1", target=target, mode=Mode.SYNC, generate=False, generation_required=False, auto_fix=False, coverage_goal=80
    )
    return plan_promotion(asked, component, specification, rules)


def stage(run: Run, name: Stage) -> StageResult:
    return next(result for result in run.stages if result.stage is name)


def test_a_healthy_release_is_promoted_with_what_it_switched() -> None:
    house = House()
    run = house.run()
    assert run.exit_code is ExitCode.PROMOTED
    outputs = stage(run, Stage.STAGING_DEPLOYMENT).outputs
    assert (outputs["digest"], outputs["switched"]) == (DIGEST, {"from": None, "to": DIGEST})
    assert "staging_deployment" in {span.name for span in run.stage_spans}


def test_each_attempt_is_a_step_with_a_key_of_run_environment_and_digest() -> None:
    house = House()
    house.staging.endings = [ended(Verdict.ERRORED, transient=True, errors=("connection reset",)), ended(Verdict.PASSED)]
    house.run()
    keys = [step for step in house.steps if ":deploy:" in step]
    assert keys == [f"staging_deployment:deploy:run-1:{DIGEST}:{attempt}" for attempt in (1, 2)]


def test_nothing_is_built_where_a_required_gate_says_no() -> None:
    house = House()
    house.percent = 50.0
    run = house.run()
    assert run.exit_code is ExitCode.GATE_FAILED
    assert house.builder.built == 0
    assert "required gates did not pass" in run.not_run[Stage.STAGING_DEPLOYMENT]


def test_a_tree_that_changes_while_it_is_packed_is_not_released() -> None:
    house = House(meanwhile=lambda tree: tree.files.update({MODULE: "x = 2\n"}))
    run = house.run()
    assert run.exit_code is ExitCode.COULD_NOT_ASK
    assert "changed after it was measured" in str(stage(run, Stage.STAGING_DEPLOYMENT).errors)
    assert house.staging.deployed == []


def test_an_unhealthy_release_that_was_taken_back_has_its_own_exit_code() -> None:
    for verdict in (Verdict.FAILED, Verdict.ERRORED):
        house = House()
        house.staging.endings = [ended(verdict, rolled_back=True, current="old", errors=("tests: 1 fails",))]
        run = house.run(Target.PRODUCTION)
        assert run.exit_code is ExitCode.ROLLED_BACK
        assert len(house.staging.deployed) == 1
        assert run.not_run[Stage.PRODUCTION_DEPLOYMENT] == "it was not released to staging"


def test_what_may_pass_next_time_is_tried_again_with_growing_pauses() -> None:
    house = House()
    house.staging.endings = [*[ended(Verdict.ERRORED, transient=True, errors=("connection reset",))] * 2, ended(Verdict.PASSED)]
    run = house.run()
    assert run.exit_code is ExitCode.PROMOTED
    assert house.pauses == [2.0, 4.0]
    assert stage(run, Stage.STAGING_DEPLOYMENT).outputs["attempts"] == 3


def test_trying_again_has_an_end() -> None:
    house = House()
    house.staging.endings = [ended(Verdict.ERRORED, transient=True, errors=("connection reset",))]
    run = house.run()
    assert run.exit_code is ExitCode.COULD_NOT_ASK
    assert len(house.staging.deployed) == 6
    assert house.pauses == [2.0, 4.0, 8.0, 16.0, 30.0]


def test_an_answer_of_no_is_never_tried_again() -> None:
    house = House()
    house.staging.endings = [ended(Verdict.FAILED, errors=("no version of it exists",))]
    assert house.run().exit_code is ExitCode.GATE_FAILED
    assert len(house.staging.deployed) == 1
    assert house.pauses == []


def test_what_a_rollback_put_on_hold_waits_for_a_person() -> None:
    house = House()
    house.staging.entries = [entry(Kind.RELEASED, "old"), entry(Kind.RELEASED, DIGEST), entry(Kind.ROLLED_BACK, DIGEST, "old")]
    run = house.run()
    assert run.exit_code is ExitCode.PENDING
    assert house.staging.deployed == []
    held = stage(run, Stage.STAGING_DEPLOYMENT)
    assert "is on hold" in held.errors[0]
    assert "--release-hold" in held.gates[-1].next_step


def test_production_waits_and_says_for_what() -> None:
    house = House(ProductionRules())
    run = house.run(Target.PRODUCTION)
    assert run.exit_code is ExitCode.PENDING
    pending = stage(run, Stage.PRODUCTION_DEPLOYMENT)
    assert pending.verdict is Verdict.PENDING
    assert len(pending.errors) == 5
    assert house.production.deployed == []
    assert "staging_soak pending" in run.conclusion
    assert "documentation attestation" in run.conclusion
    assert [gate.gate for gate in pending.gates][2:4] == ["documentation", "monitoring"]


def test_production_gets_stagings_own_bytes_and_nothing_is_built_again() -> None:
    house = House()
    run = house.run(Target.PRODUCTION)
    assert run.exit_code is ExitCode.PROMOTED
    assert [each.path for each in house.production.deployed] == [Path("/staging/calc.whl")]
    assert house.builder.built == 1


def test_bytes_that_are_not_what_they_were_do_not_reach_production() -> None:
    house = House()
    house.staging.is_spoilt = True
    run = house.run(Target.PRODUCTION)
    assert run.exit_code is ExitCode.COULD_NOT_ASK
    assert house.production.deployed == []


def test_people_let_it_pass_for_this_digest() -> None:
    said = Attestation(name="monitoring", component="calc", digest=DIGEST, by="Ada", at="2026-01-01T00:00:00+00:00", message="looked")
    for digest, code in ((DIGEST, ExitCode.PROMOTED), ("other", ExitCode.PENDING)):
        house = House(ProductionRules(soak_days=0, attestations=("monitoring",)))
        house.word = Word((replace(said, digest=digest),))
        assert house.run(Target.PRODUCTION).exit_code is code


def test_what_a_wheel_says_of_its_version_is_in_the_report() -> None:
    house = House()
    house.builder.artifact = replace(ARTIFACT, note="the project's version is dynamic")
    assert stage(house.run(), Stage.STAGING_DEPLOYMENT).outputs["version_note"] == "the project's version is dynamic"
    assert "version_note" not in stage(House().run(), Stage.STAGING_DEPLOYMENT).outputs


def test_a_release_that_its_time_limit_stopped_has_the_exit_code_of_time_limits() -> None:
    def hang(tree: FakeTree) -> None:
        del tree
        raise TimeoutError

    run = House(meanwhile=hang).run()
    assert run.exit_code is ExitCode.TIME_LIMIT
    assert "stopped at its time limit of 600 s" in str(stage(run, Stage.STAGING_DEPLOYMENT).errors)
