"""Does the component hold secrets, or code that invites attack? detect-secrets and bandit, in one process of ours.

Figures: `critical`, `high`, `medium`, `low`. A secret is critical, wherever it lies: modules, tests, and the other text
files in a package's folder. Bandit judges modules alone, with its own severities. `# nosec` and
`pragma: allowlist secret` are obeyed, counted and told. A finding never repeats the secret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Answer, Finding, Measurement, Severity, Unanswered, in_order
from spec2prod.gates import static
from spec2prod.gates.reading import plural, unanswered

SECURITY = "security"


class _Secret(static.Place):
    kind: str


class _Weakness(static.Place):
    code: str
    message: str
    severity: Literal["high", "medium", "low"]


class _Secrets(static.Part):
    """The first half."""

    files: int = Field(ge=0)
    set_aside: int = Field(ge=0)
    found: list[_Secret]


class _Weaknesses(static.Part):
    """The second half, in the same form."""

    files: int = Field(ge=0)
    set_aside: int = Field(ge=0)
    found: list[_Weakness]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGate(static.StaticGate):
    """The question `security`. `interpreter` is ours: both libraries come with spec2prod."""

    gate = SECURITY

    timeout_s: float = 300.0

    @property
    def reads_tests(self) -> bool:
        """Secrets are looked for in tests too."""
        return True

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the scan of modules, tests and the package's folder, or of the files in `only`."""
        told = (*component.tests, *(path for path in component.data if path.endswith("conftest.py")))  # people leave keys there too
        tests = (("--test", test) for test in told if not only or test in only)
        folder = () if only or component.source in component.modules else (("--folder", component.source),)
        files = (*folder, *static.modules(component, only), *tests)
        return self.asking(component, tool="security scan", asks=("secrets", "weaknesses"), files=files)

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return what both halves found; where one could not be asked, there is no answer, and it is named."""
        del component
        secrets = static.part(SECURITY, completed, "secrets", _Secrets)
        weaknesses = static.part(SECURITY, completed, "weaknesses", _Weaknesses)
        if isinstance(secrets, Unanswered):
            return (secrets,)
        if isinstance(weaknesses, Unanswered):
            return (weaknesses,)
        if reason := _half_asked(secrets, weaknesses):
            return (unanswered(SECURITY, completed, reason),)
        if not secrets.files:
            return (unanswered(SECURITY, completed, "no file was scanned"),)
        return (_measured(secrets, weaknesses),)


def _half_asked(secrets: _Secrets, weaknesses: _Weaknesses) -> str:
    """Name the half that could not be asked, and what the other one found: it may be urgent."""
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


def _measured(secrets: _Secrets, weaknesses: _Weaknesses) -> Measurement:
    exposed = (_exposed(secret) for secret in secrets.found)
    inviting = (
        Finding(path=each.path, line=each.line, code=each.code, message=each.message, severity=Severity(each.severity))
        for each in weaknesses.found
    )
    findings = in_order((*exposed, *inviting))
    counts = Counter(finding.severity for finding in findings)
    figures = ", ".join(f"{counts[severity]} {severity}" for severity in Severity)
    aside = secrets.set_aside + weaknesses.set_aside
    told = f" ({aside} set aside by comments in the code)" if aside else ""
    return Measurement(
        gate=SECURITY,
        values={severity.value: float(counts[severity]) for severity in Severity},
        checked=secrets.files,
        findings=findings,
        summary=f"{figures} in {plural(secrets.files, 'file')}{told}",
    )


def _exposed(secret: _Secret) -> Finding:
    return Finding(path=secret.path, line=secret.line, code="secret", message=secret.kind, severity=Severity.CRITICAL)
