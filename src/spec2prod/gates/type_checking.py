"""Do the types hold? Asked of the checker that the project configures, else of basedpyright in pyright's own mode.

Figure: `errors`, in the component's own modules; warnings are none, and tests are not type-checked. Imports are
looked up in the component's own environment and in its import root.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Answer, Finding, Measurement, in_order
from spec2prod.gates.checker_selection import sets_aside
from spec2prod.gates.checkers import (
    Checker,
    Told,
    basedpyright_arguments,
    configured_checker,
    mypy_arguments,
    named_checker,
    pyright_arguments,
    read_mypy,
    read_pyright,
    read_ty,
    ty_arguments,
)
from spec2prod.gates.reading import broken, own, plural, unanswered

__all__ = ["Checker", "TypeCheckingGate", "configured_checker", "named_checker"]

TYPE_CHECKING = "type_checking"


class _Arguments(Protocol):
    def __call__(self, component: Component, files: Sequence[str], *, obey_project: bool) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How one checker is asked. Exit code 2 of mypy also means "a syntax error": its text decides."""

    arguments: _Arguments
    read: Callable[[Completed], Told | str]
    usual: frozenset[int] = frozenset({0, 1})


_WAYS: Mapping[Checker, _Way] = {
    "pyright": _Way(arguments=pyright_arguments, read=read_pyright),
    "basedpyright": _Way(arguments=basedpyright_arguments, read=read_pyright),
    "mypy": _Way(arguments=mypy_arguments, read=read_mypy, usual=frozenset({0, 1, 2})),
    "ty": _Way(arguments=ty_arguments, read=read_ty),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCheckingGate:
    """The question `type_checking`. `program` starts the `checker`; start basedpyright as `python -I -m basedpyright`, or as that does.

    `obey_project` says that the project configures this checker itself, and `configuration` is the table in which it does. For our
    basedpyright alone: `version` is the component's interpreter's in full (`3.12.1.final.0`), where it is known and need not be asked for;
    `compiled` is the folder in which Node keeps what it has compiled.
    """

    checker: Checker
    program: tuple[str, ...]
    obey_project: bool
    timeout_s: float = 300.0
    configuration: Mapping[str, object] = field(default_factory=dict)
    version: str = ""
    compiled: Path | None = None

    @property
    def name(self) -> str:
        """Return the question's name."""
        return TYPE_CHECKING

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the one gate it answers."""
        return (TYPE_CHECKING,)

    @property
    def reads_tests(self) -> bool:
        """Tests are not type-checked."""
        return False

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the check of all modules, or of those in `only`."""
        files = [module for module in component.modules if module in only] if only else component.modules
        version = ("--pythonversion", self.version) if self.version and not self.obey_project else ()  # a project may state another
        return Command(
            tool=self.checker,
            argv=(*self.program, *version, *_WAYS[self.checker].arguments(component, files, obey_project=self.obey_project)),
            cwd=component.root,
            env=self._variables(str(component.root / component.import_root)),
            timeout_s=self.timeout_s,
        )

    def _variables(self, import_root: str) -> dict[str, str]:
        """Return the variables: pyright asks the component's interpreter for its path, mypy reads its own variable."""
        if self.checker == "mypy":
            return {"MYPYPATH": import_root}
        return {"PYTHONPATH": import_root, **({"NODE_COMPILE_CACHE": str(self.compiled)} if self.compiled else {})}

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return the errors in the component's own modules."""
        way = _WAYS[self.checker]
        if reason := broken(completed, way.usual):
            return (unanswered(TYPE_CHECKING, completed, reason, next_step=self._way_out(component) if completed.not_found else ""),)
        told = way.read(completed)
        if isinstance(told, str):
            return (unanswered(TYPE_CHECKING, completed, f"{self.checker}: {told}; {completed.ending()}"),)
        if not told.checked or self._is_set_aside(component):
            next_step = f"look at the files that the configuration of {self.checker} excludes or ignores"
            reason = "nothing: its configuration sets every module aside" if told.checked else "no file"
            return (unanswered(TYPE_CHECKING, completed, f"{self.checker} checked {reason}", next_step=next_step),)
        return (_measured(component, told),)

    def _way_out(self, component: Component) -> str:
        """Say how to install the checker, and why it is this one."""
        why = "the project configures it" if self.obey_project else "tool.spec2prod.type_checker names it"
        return f"{component.interpreter} -m pip install {self.checker} ({why})"

    def _is_set_aside(self, component: Component) -> bool:
        modules = ((module, component.dotted(module)) for module in component.modules)
        return self.obey_project and all(sets_aside(self.checker, self.configuration, path, dotted) for path, dotted in modules)


def _measured(component: Component, told: Told) -> Measurement:
    addressed = ((own(path, component.modules), line, code, message) for path, line, code, message in told.errors)
    findings = in_order(
        Finding(path=path, line=max(0, line), code=code, message=message) for path, line, code, message in addressed if path
    )
    elsewhere = len(told.errors) - len(findings)
    not_counted = f" ({plural(elsewhere, 'error')} in other files not counted)" if elsewhere else ""
    return Measurement(
        gate=TYPE_CHECKING,
        values={"errors": float(len(findings))},
        checked=told.checked,
        findings=findings,
        summary=f"{plural(len(findings), 'error')} in {plural(told.checked, 'file')}{not_counted}",
    )
