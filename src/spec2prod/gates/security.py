"""Does the component hold secrets, or code that invites attack? detect-secrets and bandit, in one process of ours.

Figures: `critical`, `high`, `medium`, `low`. A secret is critical, wherever it lies: modules, tests, and the other text
files in a package's folder. Bandit judges modules alone, with its own severities. `# nosec` and
`pragma: allowlist secret` are obeyed, counted and told. A finding never repeats the secret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Answer, Finding, Measurement, Severity
from spec2prod.gates.reading import WORKERS, broken, in_order, plural, unanswered

SECURITY = "security"


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Secret(_Part):
    path: str
    line: int = Field(ge=0)
    kind: str


class _Weakness(_Part):
    path: str
    line: int = Field(ge=0)
    code: str
    message: str
    severity: Literal["high", "medium", "low"]


class _Secrets(_Part):
    """The first half; `trouble` says why it could not be asked."""

    trouble: str
    files: int = Field(ge=0)
    set_aside: int = Field(ge=0)
    found: list[_Secret]


class _Weaknesses(_Part):
    """The second half, in the same form."""

    trouble: str
    files: int = Field(ge=0)
    set_aside: int = Field(ge=0)
    found: list[_Weakness]


class _Report(_Part):
    format: Literal[1]
    secrets: _Secrets
    weaknesses: _Weaknesses


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGate:
    """The question `security`. `interpreter` is ours: both libraries come with spec2prod."""

    interpreter: Path
    timeout_s: float = 300.0

    @property
    def name(self) -> str:
        """Return the question's name."""
        return SECURITY

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the one gate it answers."""
        return (SECURITY,)

    @property
    def reads_tests(self) -> bool:
        """Secrets are looked for in tests too."""
        return True

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the scan of modules, tests and the package's folder, or of the files in `only`."""
        modules = [module for module in component.modules if not only or module in only]
        tests = [test for test in component.tests if not only or test in only]
        folder = () if only or component.source in component.modules else ("--folder", component.source)
        return Command(
            tool="security scan",
            argv=(
                *(str(self.interpreter), "-I", str(WORKERS / "security_worker.py")),
                *("--answer", "{scratch}/answer.json", "--root", str(component.root), *folder),
                *(part for module in modules for part in ("--module", module)),
                *(part for test in tests for part in ("--test", test)),
            ),
            cwd=component.root,
            env={"PYTHONUTF8": "1"},
            answer="answer.json",
            timeout_s=self.timeout_s,
        )

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return what both halves found; where one could not be asked, there is no answer, and it is named."""
        del component
        if reason := broken(completed, {0}):
            return (unanswered(SECURITY, completed, reason),)
        try:
            report = _Report.model_validate_json(completed.answer or "")
        except ValidationError:
            return (unanswered(SECURITY, completed, f"its answer could not be read; {completed.ending()}"),)
        if reason := _half_asked(report):
            return (unanswered(SECURITY, completed, reason),)
        if not report.secrets.files:
            return (unanswered(SECURITY, completed, "no file was scanned"),)
        return (_measured(report),)


def _half_asked(report: _Report) -> str:
    """Name the half that could not be asked, and what the other one found: it may be urgent."""
    secrets, weaknesses = report.secrets, report.weaknesses
    told = []
    if secrets.trouble:
        told.append(f"secrets could not be looked for: {secrets.trouble}")
    if weaknesses.trouble:
        told.append(f"static analysis could not be done: {weaknesses.trouble}")
    if told and secrets.found:
        told.append(f"{plural(len(secrets.found), 'secret')} found, the first in {secrets.found[0].path}:{secrets.found[0].line}")
    if told and weaknesses.found:
        told.append(f"static analysis found {plural(len(weaknesses.found), 'issue')}")
    return "; ".join(told)


def _measured(report: _Report) -> Measurement:
    secrets = (_exposed(secret) for secret in report.secrets.found)
    weaknesses = (
        Finding(path=each.path, line=each.line, code=each.code, message=each.message, severity=Severity(each.severity))
        for each in report.weaknesses.found
    )
    findings = in_order((*secrets, *weaknesses))
    counts = Counter(finding.severity for finding in findings)
    figures = ", ".join(f"{counts[severity]} {severity}" for severity in Severity)
    aside = report.secrets.set_aside + report.weaknesses.set_aside
    told = f" ({aside} set aside by comments in the code)" if aside else ""
    return Measurement(
        gate=SECURITY,
        values={severity.value: float(counts[severity]) for severity in Severity},
        checked=report.secrets.files,
        findings=findings,
        summary=f"{figures} in {plural(report.secrets.files, 'file')}{told}",
    )


def _exposed(secret: _Secret) -> Finding:
    return Finding(path=secret.path, line=secret.line, code="secret", message=secret.kind, severity=Severity.CRITICAL)
