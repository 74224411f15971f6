"""The stages that release: one wheel, built once from the tree that was measured, moves from environment to environment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from spec2prod.domain.plan import Stage, Target
from spec2prod.domain.release import SHORT, Artifact, Deployment, HealthCheck, Retry, production_gates, shipment, standing
from spec2prod.domain.run import StageResult
from spec2prod.domain.verdict import Judgement, Verdict, worst
from spec2prod.errors import DeliveryError

if TYPE_CHECKING:
    from spec2prod.application.ports import Delivery, ReleaseTarget
    from spec2prod.application.session import Session

STAGES = (Stage.STAGING_DEPLOYMENT, Stage.PRODUCTION_DEPLOYMENT)
RETRIES = {
    Target.STAGING: Retry(retries=5, base_s=2.0, factor=2.0, longest_s=30.0),
    Target.PRODUCTION: Retry(retries=3, base_s=5.0, factor=1.5, longest_s=60.0),
}
TIME_LIMIT_S = {Target.STAGING: 600.0, Target.PRODUCTION: 900.0}
_CHANGED = "the tree changed after it was measured"
_AGAIN = "run again when nothing else writes to it"


class Releasing:
    """Releases one run's component. Made before anything is measured: files that no gate reads must not change either."""

    def __init__(self, session: Session, gates: tuple[str, ...]) -> None:
        self.session = session
        self.gates = gates
        self.artifact: Artifact | None = None
        self._unmeasured = self._digest_of_unmeasured() if set(STAGES) & set(session.plan.stages) else ""

    async def run(self, stage: Stage) -> StageResult:
        """Run one deployment stage; whatever keeps it from releasing is in its result."""
        delivery = self.session.ports.delivery
        if delivery is None:
            return _errored(stage, "no environment is set up to release to")
        target = Target.STAGING if stage is Stage.STAGING_DEPLOYMENT else Target.PRODUCTION
        work = self._to_staging if target is Target.STAGING else self._to_production
        async with self.session.stage(stage):
            try:
                async with asyncio.timeout(TIME_LIMIT_S[target]):
                    return await work(delivery)
            except TimeoutError:
                why = f"the release was stopped at its time limit of {TIME_LIMIT_S[target]:g} s; {target} is as it was before"
                return replace(_errored(stage, why), timed_out=True)
            except DeliveryError as error:
                return replace(_errored(stage, str(error)), next_steps=(error.next_step,) if error.next_step else ())

    async def _to_staging(self, delivery: Delivery) -> StageResult:
        """Build the wheel from the tree that was measured, and release it to staging."""
        stage = Stage.STAGING_DEPLOYMENT
        if changed := self._changed():
            return _errored(stage, changed)
        step = f"{stage}:build:{self.session.plan.run_id}:{self._digest()[:SHORT]}"
        build = self.session.ports.journal.step(step, delivery.builder.build, self.session.component)
        artifact = await self.session.timed(stage, "build", build)
        if changed := self._changed():
            return _errored(stage, changed)
        self.artifact = artifact
        note = f"; {artifact.note}" if artifact.note else ""
        self.session.tell("built", stage, f"built {artifact.path.name} ({artifact.digest[:SHORT]}){note}")
        return await self._release(stage, Target.STAGING, delivery, artifact, ())

    async def _to_production(self, delivery: Delivery) -> StageResult:
        """Release staging's own bytes, once time and people have brought what production asks."""
        stage, built = Stage.PRODUCTION_DEPLOYMENT, self.artifact
        if built is None:
            return _errored(stage, "it was not released to staging")
        if changed := self._changed():
            return _errored(stage, changed)
        staging = standing(delivery.targets[Target.STAGING].history(built.component))
        attested, now = delivery.attestations.of(built.component), self.session.ports.clock.now()
        gates = production_gates(delivery.production, staging, built, attested, now)
        artifact = delivery.targets[Target.STAGING].stored(built)
        if worst((Verdict.PASSED, *(gate.verdict for gate in gates))) is Verdict.PASSED:
            return await self._release(stage, Target.PRODUCTION, delivery, artifact, gates)
        waiting = tuple(f"{gate.title}: {gate.reason}" for gate in gates if gate.verdict is Verdict.PENDING)
        outputs = _about(artifact) | {"environment": str(Target.PRODUCTION)}
        return StageResult(stage=stage, verdict=Verdict.PENDING, gates=gates, errors=waiting, outputs=outputs)

    async def _release(
        self, stage: Stage, target: Target, delivery: Delivery, artifact: Artifact, gates: tuple[Judgement, ...]
    ) -> StageResult:
        """Release one artifact to one environment, unless a rollback put it on hold."""
        environment = delivery.targets[target]
        if artifact.digest in standing(environment.history(artifact.component)).held:
            held = _held(target, artifact)
            return StageResult(
                stage=stage,
                verdict=Verdict.PENDING,
                gates=(*gates, held),
                errors=(held.reason,),
                outputs=_about(artifact),
            )
        deployment, attempts = await self._deployed(stage, environment, artifact, RETRIES[target], delivery)
        self._tell(stage, target, deployment)
        outputs = _about(artifact) | _outcome(deployment, attempts)
        return StageResult(
            stage=stage,
            verdict=deployment.verdict,
            gates=gates,
            errors=deployment.errors,
            outputs=outputs,
            rolled_back=deployment.rolled_back,
        )

    async def _deployed(
        self, stage: Stage, environment: ReleaseTarget, artifact: Artifact, retry: Retry, delivery: Delivery
    ) -> tuple[Deployment, int]:
        """Deploy; try again what may pass next time, and never a "no". Each attempt is one journal step with its own key."""
        attempt = 1
        while True:
            key = f"{stage}:deploy:{self.session.plan.run_id}:{artifact.digest}:{attempt}"
            step = self.session.ports.journal.step(key, environment.deploy, artifact, self.session.component, self.session.plan.run_id)
            deployment = await self.session.timed(stage, "deploy", step)
            if not deployment.transient or attempt > retry.retries:
                return deployment, attempt
            delay_s = retry.delay_s(attempt, delivery.jitter())
            self.session.tell(
                "retry", stage, f"attempt {attempt} did not get through, trying again in {delay_s:.1f} s: {deployment.errors[0]}"
            )
            await delivery.pause(delay_s)
            attempt += 1

    def _tell(self, stage: Stage, target: Target, deployment: Deployment) -> None:
        for check in deployment.checks:
            self.session.tell("health", stage, f"{check.name}: {check.detail}", check.verdict)
        short = deployment.current[:SHORT] or "nothing"
        said = "was current and healthy already" if deployment.already_current else f"serves {short}"
        self.session.tell("released", stage, f"{target} {said}" + (" again" if deployment.rolled_back else ""))

    def _changed(self) -> str:
        """Say which evidence is not about the tree as it is now; empty where all of it is."""
        stale = [gate.name for gate in self.session.asked(self.gates) if not self.session.is_fresh(gate)]
        if self._digest_of_unmeasured() != self._unmeasured:
            stale.append("files that are packed and that no gate reads")
        return f"{_CHANGED} ({', '.join(stale)}): {_AGAIN}" if stale else ""

    def _digest(self) -> str:
        return self.session.ports.tree.digest(self.session.component.files)

    def _digest_of_unmeasured(self) -> str:
        """Return the digest of what is packed beside modules and tests: data files, `__init__.py` of the packages above."""
        tree, component = self.session.ports.tree, self.session.component
        return tree.digest(set(shipment(component, tree.list_files()).files) - set(component.files))


def _errored(stage: Stage, why: str) -> StageResult:
    return StageResult(stage=stage, verdict=Verdict.ERRORED, errors=(why,))


def _held(target: Target, artifact: Artifact) -> Judgement:
    return Judgement(
        gate="hold",
        verdict=Verdict.PENDING,
        reason=f"{artifact.digest[:SHORT]} is on hold: {target} was rolled back from it",
        measured="on hold",
        needed="no hold",
        required=True,
        next_step=f"release something else, or: spec2prod rollback --environment {target} --component {artifact.component} --release-hold",
    )


def _about(artifact: Artifact) -> dict[str, object]:
    note = {"version_note": artifact.note} if artifact.note else {}
    return {"digest": artifact.digest, "version": artifact.version, "wheel": str(artifact.path), **note}


def _outcome(deployment: Deployment, attempts: int) -> dict[str, object]:
    return {
        "environment": deployment.environment,
        "wheel": deployment.wheel,
        "current": deployment.place,
        "switched": {"from": deployment.came_from or None, "to": deployment.current or None},
        "already_current": deployment.already_current,
        "rolled_back": deployment.rolled_back,
        "attempts": attempts,
        "health": [_told(check) for check in deployment.checks],
    }


def _told(check: HealthCheck) -> dict[str, object]:
    return {"name": check.name, "verdict": str(check.verdict), "detail": check.detail, "wall_ms": round(check.wall_ms, 3)}
