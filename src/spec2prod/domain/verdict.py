"""What a gate measured, what a target asks of it, and the judgement.

Source of the five words: ARCHITECTURE.md, law 1. *Failed* is an answer, *errored* means that the
question could not be asked. Nothing checked is never `passed`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from spec2prod.domain.figures import at_least, at_most, exactly, figure
from spec2prod.domain.waiver import Waiver, chosen, objection


class Verdict(StrEnum):
    """The judgement of a gate, a stage or a run. `pending` is an answer that time or a person brings; it lets nothing pass."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    ERRORED = "errored"
    WAIVED = "waived"
    PENDING = "pending"

    @property
    def lets_pass(self) -> bool:
        """Whether a promotion may go on after this verdict."""
        return self in {Verdict.PASSED, Verdict.WARNED, Verdict.WAIVED}


_WORST_FIRST = (Verdict.FAILED, Verdict.ERRORED, Verdict.PENDING, Verdict.WARNED, Verdict.WAIVED, Verdict.PASSED)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of the whole: failed, then errored, then pending, then warned. Of nothing, `errored`."""
    seen = set(verdicts)
    return next((verdict for verdict in _WORST_FIRST if verdict in seen), Verdict.ERRORED)


class Severity(StrEnum):
    """How bad a finding is, in the words of the security tools."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a tool found, with its address. `line` is 1-based, 0 where the tool gave none.

    `figure` is the place's own share of the measured value that `code` names, where a limit says whether it is one too many.
    """

    path: str
    line: int = 0
    code: str = ""
    message: str = ""
    severity: Severity = Severity.HIGH
    figure: float | None = None

    @property
    def address(self) -> str:
        """Return `path:line`, or the path alone."""
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A measured answer of one gate.

    `values` holds the figures that rules speak about (percent, issues, critical, …). `checked` counts what was
    looked at (tests, files); a measurement with `checked == 0` is never made: that is `Unanswered`.
    """

    gate: str
    values: Mapping[str, float]
    checked: int
    findings: tuple[Finding, ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """The question could not be asked, or its answer could not be read.

    `no_tests` marks the one case that is the component's own lack and not a tool's: it is judged `failed`. `timed_out` says that a
    time limit came before the answer.
    """

    gate: str
    reason: str
    next_step: str = ""
    no_tests: bool = False
    timed_out: bool = False


type Answer = Measurement | Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An answer bound to the digest of what was measured.

    `digest` is the SHA-256 (hex) of the measured files; `measured_at` is ISO 8601 in UTC. `from_cache` is the ID of the earlier run
    that measured it, empty where this one did.
    """

    answer: Answer
    digest: str
    measured_at: str
    tool: str
    from_cache: str = ""


class Comparison(StrEnum):
    """How a limit compares."""

    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One threshold on one measured value; `origin` says which file, line or default set it."""

    value: str
    comparison: Comparison
    threshold: float
    origin: str = "default"

    def holds(self, measured: float) -> bool:
        """Whether the measured figure is on the right side (the threshold itself is)."""
        if self.comparison is Comparison.AT_LEAST:
            return measured >= self.threshold
        return measured <= self.threshold

    def __str__(self) -> str:
        """Return the limit as a reader writes it: `percent >= 80`."""
        return f"{self.value} {self.comparison} {exactly(self.threshold)}"

    def told(self, measured: float) -> str:
        """Return a figure as a reader writes it, rounded to the side on which it lies, so that a "no" never reads like a "yes"."""
        return at_most(measured) if self.comparison is Comparison.AT_LEAST else at_least(measured)

    def tightest(self, other: Limit) -> Limit:
        """Return whichever of two limits on the same value passes less."""
        tighter = max if self.comparison is Comparison.AT_LEAST else min
        return tighter(self, other, key=lambda limit: limit.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a target asks of a gate: every limit must hold. An optional gate that says no is `warned`.

    Only a `waivable` gate's "no" can be waived.
    """

    gate: str
    limits: tuple[Limit, ...]
    required: bool = True
    waivable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A rule put to the evidence: one gate's verdict, with the measured and the needed side by side.

    `waiver` is one sentence about the waiver that was given for it: who, until when, why; or why it does not count. `attested` says that
    it asks for somebody's word, and measures nothing.
    """

    gate: str
    verdict: Verdict
    reason: str
    measured: str
    needed: str
    required: bool
    next_step: str = ""
    waiver: str = ""
    attested: bool = False
    evidence: Evidence | None = field(default=None)

    @property
    def title(self) -> str:
        """Return its name as people read it: an attestation may be called like a gate that measures."""
        return f"{self.gate} attestation" if self.attested else self.gate

    @property
    def answered(self) -> bool:
        """Whether something was measured."""
        return self.evidence is not None and isinstance(self.evidence.answer, Measurement)

    @property
    def timed_out(self) -> bool:
        """Whether a time limit came before the answer."""
        return self.evidence is not None and isinstance(self.evidence.answer, Unanswered) and self.evidence.answer.timed_out


def judge(rule: Rule, evidence: Evidence | None, *, waivers: Iterable[Waiver] = (), today: date = date.max) -> Judgement:
    """Judge one gate.

    No evidence, or an answer that could not be had, is `errored`; a broken limit is `failed`; both become
    visible but not blocking for an optional gate (`failed` turns into `warned`, `errored` stays `errored`).
    A waiver that holds `today` turns the "no" of a waivable gate into `waived`, and nothing else; one that does not
    count is told, never used. Without a day no waiver holds.
    """
    needed = ", ".join(f"{limit} ({limit.origin})" for limit in rule.limits)
    verdict, reason, measured, next_step = _read(rule, evidence.answer if evidence else None)
    waived, waiver = _waived(rule, verdict, chosen(waivers, rule.gate), today)
    if verdict is Verdict.FAILED and not rule.required:
        verdict = Verdict.WARNED
    return Judgement(
        gate=rule.gate,
        verdict=Verdict.WAIVED if waived else verdict,
        reason=reason,
        measured=measured,
        needed=needed,
        required=rule.required,
        next_step=next_step,
        waiver=waiver,
        evidence=_narrowed(rule, evidence) if evidence else None,
    )


def _narrowed(rule: Rule, evidence: Evidence) -> Evidence:
    """Leave out the findings whose own figure the rule allows: what breaks nothing is not to be mended."""
    answer = evidence.answer
    if isinstance(answer, Unanswered) or all(each.figure is None for each in answer.findings):
        return evidence
    kept = tuple(each for each in answer.findings if each.figure is None or _breaks(rule, each.code, each.figure))
    return dataclasses.replace(evidence, answer=dataclasses.replace(answer, findings=kept))


def _breaks(rule: Rule, value: str, figure: float) -> bool:
    return any(limit.value == value and not limit.holds(figure) for limit in rule.limits)


def _waived(rule: Rule, verdict: Verdict, waiver: Waiver | None, today: date) -> tuple[bool, str]:
    """Return whether a waiver counts, and the sentence about it; a gate that says yes needs none."""
    if waiver is None or verdict is Verdict.PASSED:
        return False, ""
    if verdict is Verdict.ERRORED:
        return False, f"the waiver by {waiver.approver} does not count: a gate that could not be asked is not waived"
    if against := objection(waiver, today, waivable=rule.waivable):
        return False, f"the waiver by {waiver.approver} does not count: {against}"
    return True, str(waiver)


def _read(rule: Rule, answer: Answer | None) -> tuple[Verdict, str, str, str]:
    """Return verdict, reason, what was measured, and the next step."""
    if answer is None:
        return Verdict.ERRORED, "not measured on this tree", "nothing", ""
    if isinstance(answer, Unanswered):
        verdict = Verdict.FAILED if answer.no_tests else Verdict.ERRORED
        return verdict, answer.reason, "nothing", answer.next_step
    verdict, reason = _against(rule, answer)
    return verdict, reason, answer.summary or _figures(answer), ""


def _against(rule: Rule, measurement: Measurement) -> tuple[Verdict, str]:
    missing = [limit.value for limit in rule.limits if limit.value not in measurement.values]
    if missing or not measurement.checked:
        return Verdict.ERRORED, f"no figure for {', '.join(missing)}" if missing else "nothing was checked"
    broken = [limit for limit in rule.limits if not limit.holds(measurement.values[limit.value])]
    if not broken:
        return Verdict.PASSED, ""
    parts = (
        f"{limit.value} is {limit.told(measurement.values[limit.value])}, needed {limit.comparison} {exactly(limit.threshold)}"
        for limit in broken
    )
    return Verdict.FAILED, "; ".join(parts)


def _figures(measurement: Measurement) -> str:
    return ", ".join(f"{name} {figure(value)}" for name, value in measurement.values.items())


def stage_verdict(gates: Iterable[Judgement]) -> Verdict:
    """Return a stage's verdict: the worst of its gates, where an optional gate can at most warn."""
    return worst(Verdict.WARNED if gate.verdict is Verdict.ERRORED and not gate.required else gate.verdict for gate in gates)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by address, so that two runs tell the same."""
    return tuple(sorted(findings, key=lambda finding: (finding.path, finding.line, finding.code, finding.message)))


def remeasured(old: Measurement, new: Measurement, touched: Collection[str], *, added: int = 0) -> Measurement:
    """Return the old measurement with the touched files' findings replaced by those of the new one.

    Only for gates whose figures count their findings (`issues`, `errors`, or one figure per severity). `added` says how
    many of the touched files are new.
    """
    findings = in_order((*(finding for finding in old.findings if finding.path not in touched), *new.findings))
    values = {name: float(_count(findings, name)) for name in old.values}
    checked = old.checked + added
    told = ", ".join(f"{value:g} {name.removesuffix('s') if value == 1 else name}" for name, value in values.items())
    summary = f"{told} in {checked} file{'' if checked == 1 else 's'}"
    return dataclasses.replace(old, findings=findings, values=values, checked=checked, summary=summary)


def _count(findings: Collection[Finding], name: str) -> int:
    if name in set(Severity):
        return sum(finding.severity == name for finding in findings)
    return len(findings)
