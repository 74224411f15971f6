"""Does the component's environment hold packages with known vulnerabilities? pip-audit asks a public service.

Figure: `vulnerabilities`, all of them, because pip-audit tells no severities. A package that the service does not know
was not audited; where it knows none of them (an unreachable or private index answers like that, with exit 0), nothing was.
It shares a process with the other questions about files; a service that does not answer is waited for `patience_s`, no longer.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, ValidationError

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Answer, Finding, Measurement, Severity, Unanswered, in_order
from spec2prod.gates import static
from spec2prod.gates.reading import plural, unanswered

VULNERABILITIES = "vulnerabilities"
_OURS = ", in the environment that spec2prod itself is installed in: the project has none of its own (.venv)"
_NEXT_STEP = "audit where the vulnerability service can be reached: pip-audit"


class _Vulnerability(BaseModel):
    model_config = ConfigDict(strict=True)

    id: str
    fix_versions: list[str]
    aliases: list[str] = []
    description: str = ""


class _Package(BaseModel):
    """One package: either audited (`version`, `vulns`) or not (`skip_reason`)."""

    model_config = ConfigDict(strict=True)

    name: str
    version: str = ""
    vulns: list[_Vulnerability] | None = None
    skip_reason: str = ""


class _Report(BaseModel):
    model_config = ConfigDict(strict=True)

    dependencies: list[_Package]


class _Audit(static.Part):
    """The part of the answer: pip-audit's own JSON, as text."""

    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnerabilitiesGate(static.StaticGate):
    """The question `vulnerabilities`. `interpreter` is ours, `site_packages` are the folders of the component's environment.

    `env` hands on what only this question needs, such as a proxy.
    """

    gate = VULNERABILITIES

    site_packages: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 30.0

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the audit of the component's environment; `only` cannot narrow it."""
        del only
        files = [*(("--site-packages", folder) for folder in self.site_packages), ("--patience", f"{self.patience_s:g}")]
        return self.asking(component, tool="pip-audit", asks=(VULNERABILITIES,), files=files, env=self.env)

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return the known vulnerabilities of the packages that could be audited."""
        if not self.site_packages:  # pip-audit would then have looked at its own environment
            return self._not_audited(completed, f"no site-packages folder belongs to {component.interpreter}")
        told = static.part(VULNERABILITIES, completed, VULNERABILITIES, _Audit)
        if isinstance(told, Unanswered) or told.trouble:
            return self._not_audited(completed, told.reason if isinstance(told, Unanswered) else told.trouble)
        try:
            report = _Report.model_validate_json(told.answer)
        except ValidationError:
            return self._not_audited(completed, "pip-audit's answer could not be read")
        audited = [package for package in report.dependencies if package.version and package.vulns is not None]
        if not audited:
            skipped = next((package.skip_reason for package in report.dependencies if package.skip_reason), "it looked at no package")
            return self._not_audited(completed, f"the service knows 0 of {plural(len(report.dependencies), 'package')} ({skipped})")
        return (_measured(audited, len(report.dependencies), self._whose(component)),)

    def _whose(self, component: Component) -> str:
        """Say in words where what was audited is not the project's own: the packages are then spec2prod's, not what it will run with."""
        is_ours = component.interpreter.parent == self.interpreter.parent and not component.interpreter.is_relative_to(component.root)
        return _OURS if is_ours else ""

    def _not_audited(self, completed: Completed, reason: str) -> tuple[Answer, ...]:
        folders = "".join(f" --path {shlex.quote(folder)}" for folder in self.site_packages)
        next_step = "" if completed.not_found else _NEXT_STEP + folders
        return (unanswered(VULNERABILITIES, completed, f"could not be audited: {reason}", next_step=next_step),)


def _measured(audited: Sequence[_Package], listed: int, whose: str) -> Measurement:
    findings = in_order(_finding(package, each) for package in audited for each in package.vulns or ())
    unknown = f", {listed - len(audited)} could not be audited" if listed > len(audited) else ""
    return Measurement(
        gate=VULNERABILITIES,
        values={"vulnerabilities": float(len(findings))},
        checked=len(audited),
        findings=findings,
        summary=f"{len(findings)} known in {plural(len(audited), 'package')}{unknown}{whose}",
    )


def _finding(package: _Package, vulnerability: _Vulnerability) -> Finding:
    fixed = f"fixed in {', '.join(vulnerability.fix_versions)}" if vulnerability.fix_versions else "no fixed version"
    also = f" (also {', '.join(vulnerability.aliases)})" if vulnerability.aliases else ""
    return Finding(path=f"{package.name}=={package.version}", code=vulnerability.id, message=f"{fixed}{also}", severity=Severity.HIGH)
