"""The stages that release. Delivery comes with a later issue; until then they say so, and never that all is well."""

from __future__ import annotations

from spec2prod.domain.plan import Stage
from spec2prod.domain.run import StageResult
from spec2prod.domain.verdict import Verdict


def not_set_up(stage: Stage) -> StageResult:
    """Tell that nothing was released, which is no success."""
    return StageResult(
        stage=stage,
        verdict=Verdict.ERRORED,
        errors=("delivery is not set up: this version of spec2prod judges a component, but releases nothing yet",),
    )
