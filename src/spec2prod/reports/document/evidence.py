"""What the gates said: measurements, the evidence that binds them to a digest, judgements and stages."""

from typing import Any, TypedDict

from spec2prod.domain.plan import Stage
from spec2prod.domain.verdict import Severity, Verdict
from spec2prod.reports.document.figures import Figure


class Finding(TypedDict):
    """One thing that a tool found."""

    path: str
    line: int
    code: str
    message: str
    severity: Severity


class Measurement(TypedDict):
    """A measured answer; `checked` counts what was looked at."""

    gate: str
    values: dict[str, Figure]
    checked: int
    findings: tuple[Finding, ...]
    summary: str


class Unanswered(TypedDict):
    """Why a question could not be asked, or its answer not be read."""

    gate: str
    reason: str
    next_step: str
    no_tests: bool


class Evidence(TypedDict):
    """An answer, bound to the SHA-256 of what was measured; `from_cache` is the earlier run that measured it, empty where this one did."""

    answer: Measurement | Unanswered
    digest: str
    measured_at: str
    tool: str
    from_cache: str


class Judgement(TypedDict):
    """One gate's verdict; `waiver` tells of the waiver that was given for it, whether or not it counts.

    `title` is its name as people read it: an attestation may be called like a gate that measures.
    """

    gate: str
    title: str
    verdict: Verdict
    reason: str
    measured: str
    needed: str
    required: bool
    next_step: str
    waiver: str
    evidence: Evidence | None


class StageResult(TypedDict):
    """How one stage went; `first_gates` is what its gates said before the tree changed.

    `errors` are sentences, `next_steps` what can be done about them; a gate has a `next_step` of its own.
    """

    stage_name: Stage
    success: bool
    verdict: Verdict
    execution_time_ms: Figure
    gates: tuple[Judgement, ...]
    first_gates: tuple[Judgement, ...]
    errors: tuple[str, ...]
    next_steps: tuple[str, ...]
    outputs: dict[str, Any]
