"""Do the public names have docstrings, and does the project have a README?

Figures: `percent`, the share of public modules, classes, functions and methods with a docstring (what begins with `_` is private, an
empty `__init__.py` says nothing and is not counted); `readme`, 1 where a README that is not empty lies in the project's root or in the
component's folder, 0 where none does. The tests are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Answer, Finding, Measurement, Severity, Unanswered, in_order
from spec2prod.gates import static
from spec2prod.gates.reading import plural, unanswered

DOCUMENTATION = "documentation"


class _Name(static.Place):
    name: str


class _Documentation(static.Part):
    readme: bool
    documented: int = Field(ge=0)
    found: list[_Name]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentationGate(static.StaticGate):
    """The question `documentation`. `interpreter` is ours."""

    gate = DOCUMENTATION

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the count over the modules; the folder is where its README may lie."""
        folder = () if component.source in component.modules else (("--folder", component.source),)
        files = (*folder, *static.modules(component, only))
        return self.asking(component, tool=DOCUMENTATION, asks=(DOCUMENTATION,), files=files)

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return the share, with the address of each name that says nothing."""
        del component
        told = static.part(DOCUMENTATION, completed, DOCUMENTATION, _Documentation)
        if isinstance(told, Unanswered):
            return (told,)
        if told.trouble:
            return (unanswered(DOCUMENTATION, completed, f"the modules could not be read: {told.trouble}"),)
        if not told.documented + len(told.found):
            return (unanswered(DOCUMENTATION, completed, "no public name was found, so there is nothing to document"),)
        return (_measured(told),)


def _measured(told: _Documentation) -> Measurement:
    checked = told.documented + len(told.found)
    percent = 100.0 * told.documented / checked
    missing = (
        Finding(path=each.path, line=each.line, code="undocumented", message=f"{each.name} has no docstring", severity=Severity.LOW)
        for each in told.found
    )
    readme = "" if told.readme else ", no README"
    return Measurement(
        gate=DOCUMENTATION,
        values={"percent": percent, "readme": float(told.readme)},
        checked=checked,
        findings=in_order(missing),
        summary=f"{told.documented} of {plural(checked, 'public name')} documented{readme}",
    )
