"""How many ways lead through the most tangled function? Lizard counts McCabe's cyclomatic complexity.

Figure: `complexity`, the largest number of any function or method; code without functions counts 1. Every branch, loop, handler, `case`,
comprehension's condition, `and` and `or` adds one way. Findings are the functions with more than one way, the most tangled first: which of
them break the rule in force is the rule's to say. A function marked with lizard's `#lizard forgives` is not counted.
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

COMPLEXITY = "complexity"


class _Function(static.Place):
    name: str
    complexity: int = Field(ge=1)


class _Complexity(static.Part):
    files: int = Field(ge=0)
    found: list[_Function]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplexityGate(static.StaticGate):
    """The question `complexity`. `interpreter` is ours: the library comes with spec2prod."""

    gate = COMPLEXITY

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the count over the modules, or over those in `only`."""
        files = static.modules(component, only)
        return self.asking(component, tool=COMPLEXITY, asks=(COMPLEXITY,), files=files)

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return the largest figure, and each function with its own."""
        del component
        told = static.part(COMPLEXITY, completed, COMPLEXITY, _Complexity)
        if isinstance(told, Unanswered):
            return (told,)
        if told.trouble:
            return (unanswered(COMPLEXITY, completed, f"the modules could not be read: {told.trouble}"),)
        if not told.files:
            return (unanswered(COMPLEXITY, completed, "no module was looked at"),)
        return (_measured(told),)


def _measured(told: _Complexity) -> Measurement:
    most = max(told.found, key=lambda each: each.complexity, default=None)
    where = f", in {most.path}:{most.line} {most.name}" if most else ""
    tangled = in_order(map(_finding, (each for each in told.found if each.complexity > 1)))
    return Measurement(
        gate=COMPLEXITY,
        values={"complexity": float(most.complexity if most else 1)},
        checked=told.files,
        findings=tuple(sorted(tangled, key=lambda each: each.figure or 0.0, reverse=True)),
        summary=f"at most {plural(most.complexity if most else 1, 'way')} through a function{where}",
    )


def _finding(each: _Function) -> Finding:
    told = f"{each.name} has {plural(each.complexity, 'way')}"
    figure = float(each.complexity)
    return Finding(path=each.path, line=each.line, code=COMPLEXITY, message=told, severity=Severity.LOW, figure=figure)
