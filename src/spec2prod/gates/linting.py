"""Is the code clean by the linter's rules? Ruff, under the project's own configuration, over modules and tests.

Figure: `issues`. Whether ruff looked at anything is read from its log (`-v`: "Checking: FILE", "Checked N files"): a
configuration that excludes everything, or selects no rule, also ends with exit 0 and an empty list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Answer, Finding, Measurement, in_order
from spec2prod.gates.reading import broken, own, plural, unanswered, within
from spec2prod.gates.ruff_selection import leaves_nothing

LINTING = "linting"
_USUAL = {0, 1}  # 2 is ruff's own trouble: unreadable configuration, wrong version
_CHECKED = re.compile(r"Checked (\d+) files? in")
_CHECKING = re.compile(r"\[DEBUG\] Checking: (.+)$", re.MULTILINE)
_IO_ERROR = "E902"


class _Place(BaseModel):
    model_config = ConfigDict(strict=True)

    row: int


class _Issue(BaseModel):
    model_config = ConfigDict(strict=True)

    filename: str
    code: str | None
    message: str
    location: _Place


_ISSUES = TypeAdapter(list[_Issue])


@dataclass(frozen=True, slots=True, kw_only=True)
class LintingGate:
    """The question `linting`. `program` starts ruff: ours, or the project's; `selection` is the `lint` table of its configuration."""

    program: tuple[str, ...]
    timeout_s: float = 120.0
    selection: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the question's name."""
        return LINTING

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the one gate it answers."""
        return (LINTING,)

    @property
    def reads_tests(self) -> bool:
        """Tests are linted too."""
        return True

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the check; a `fix = true` in the project's configuration must not change what is being measured."""
        return self._ruff(component, only, "--no-fix")

    def fix(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the command that mends what ruff calls safe to mend, and nothing else."""
        return self._ruff(component, only, "--fix", "--no-unsafe-fixes")

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return the issues that ruff found in the component's files."""
        if reason := broken(completed, _USUAL):
            return (unanswered(LINTING, completed, reason),)
        try:
            issues = _ISSUES.validate_json(completed.answer or "")
        except ValidationError:
            return (unanswered(LINTING, completed, f"ruff's answer could not be read; {completed.ending()}"),)
        if reason := self._unchecked(component, completed):
            next_step = "look at exclude, select, ignore and per-file-ignores of [tool.ruff], and at .gitignore"
            return (unanswered(LINTING, completed, reason, next_step=next_step),)
        unreadable = [issue for issue in issues if issue.code == _IO_ERROR]
        if unreadable:
            return (unanswered(LINTING, completed, f"{unreadable[0].filename}: {unreadable[0].message}"),)
        return (_measured(component, issues, int(_CHECKED.findall(completed.stderr)[-1])),)

    def _unchecked(self, component: Component, completed: Completed) -> str:
        """Say why exit 0 is no answer: no file was looked at, none of the modules that were asked about, or by no rule."""
        told = _CHECKED.findall(completed.stderr)
        if not told or not int(told[-1]):
            return "ruff checked no file: the project's configuration excludes them all"
        looked_at = [own(path, component.modules) for path in _CHECKING.findall(completed.stderr)]
        modules = [path for path in component.modules if path in completed.command.argv]
        if modules and looked_at and not set(modules) & set(looked_at):
            return f"ruff checked no module of {component.name}: the project's configuration excludes them all"
        if modules and all(leaves_nothing(self.selection, path) for path in modules):
            return f"ruff checked nothing: the project's configuration selects no rule for the modules of {component.name}"
        return ""

    def _ruff(self, component: Component, only: Sequence[str], *options: str) -> Command:
        everything = (*component.modules, *component.tests)
        files = [path for path in everything if path in only] if only else everything
        return Command(
            tool="ruff",
            argv=(
                *(*self.program, "check", *options, "--no-fix-only", "--force-exclude", "--no-cache", "--verbose"),
                *("--output-format", "json", "--output-file", "{scratch}/ruff.json", "--", *files),
            ),
            cwd=component.root,
            answer="ruff.json",
            timeout_s=self.timeout_s,
        )


def _measured(component: Component, issues: Sequence[_Issue], checked: int) -> Measurement:
    findings = in_order(
        Finding(
            path=own(issue.filename, component.files) or within(issue.filename, component.root),
            line=max(0, issue.location.row),
            code=issue.code or "",
            message=issue.message,
        )
        for issue in issues
    )
    return Measurement(
        gate=LINTING,
        values={"issues": float(len(findings))},
        checked=checked,
        findings=findings,
        summary=f"{plural(len(findings), 'issue')} in {plural(checked, 'file')}",
    )
