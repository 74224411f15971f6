"""How each type checker is started and how its answer is read. Pure; `type_checking.py` is the gate."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component

type Checker = Literal["pyright", "basedpyright", "mypy", "ty"]

STANDARD = PurePath(__file__).parent / "pyright_standard.json"
_FILES: Mapping[Checker, frozenset[str]] = {
    "pyright": frozenset({"pyrightconfig.json"}),
    "basedpyright": frozenset(),
    "mypy": frozenset({"mypy.ini", ".mypy.ini"}),
    "ty": frozenset({"ty.toml"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a checker told: its errors, as (path, line, code, message), and how many files it looked at."""

    errors: tuple[tuple[str, int, str, str], ...]
    checked: int


def named_checker(pyproject: Mapping[str, object], files: Collection[str]) -> Checker | None:
    """Return the checker that the project configures, None where it configures none.

    `pyproject` is the parsed pyproject.toml, `files` the names in the project's root. Of several the first wins, in
    the order of the table above: pyright's family comes first, because the rules name pyright.
    """
    tools = pyproject.get("tool")
    tables: Collection[object] = tools.keys() if isinstance(tools, Mapping) else ()
    return next((checker for checker, own_files in _FILES.items() if checker in tables or own_files & set(files)), None)


def configured_checker(pyproject: Mapping[str, object], files: Collection[str]) -> Checker:
    """Return the checker to ask: the project's, else basedpyright."""
    return named_checker(pyproject, files) or "basedpyright"


def pyright_arguments(component: Component, files: Sequence[str], *, obey_project: bool) -> tuple[str, ...]:
    """Return pyright's arguments; without a configuration of the project's the mode is `standard`, as pyright's own is."""
    mode = () if obey_project else ("--project", str(STANDARD))
    return ("--outputjson", "--level", "error", "--pythonpath", str(component.interpreter), *mode, *files)


def basedpyright_arguments(component: Component, files: Sequence[str], *, obey_project: bool) -> tuple[str, ...]:
    """Return basedpyright's arguments: pyright's, and no baseline, which would be rewritten in the source tree."""
    return ("--baselinefile", "{scratch}/baseline.json", *pyright_arguments(component, files, obey_project=obey_project))


def mypy_arguments(component: Component, files: Sequence[str], *, obey_project: bool) -> tuple[str, ...]:
    """Return mypy's arguments; its JSON has no count of the files, so that its text is read."""
    del obey_project  # mypy's defaults are as mild as its configuration makes them
    settled = ("--no-pretty", "--no-color-output", "--error-summary", "--show-absolute-path", "--show-error-codes")
    cache = ("--no-incremental", "--cache-dir", "{scratch}/mypy")
    return ("--python-executable", str(component.interpreter), "--explicit-package-bases", *settled, *cache, "--", *files)


def ty_arguments(component: Component, files: Sequence[str], *, obey_project: bool) -> tuple[str, ...]:
    """Return ty's arguments; how many files it looked at is in its log alone."""
    del obey_project
    paths = ("--python", str(component.interpreter), "--extra-search-path", str(component.root / component.import_root))
    return ("check", "--verbose", "--output-format", "concise", "--color", "never", "--no-progress", *paths, "--", *files)


class _Position(BaseModel):
    line: int


class _Range(BaseModel):
    start: _Position


class _Diagnostic(BaseModel):
    file: str
    severity: str
    message: str
    rule: str = ""
    range: _Range = _Range(start=_Position(line=-1))


class _Summary(BaseModel):
    model_config = ConfigDict(strict=True)

    filesAnalyzed: int  # noqa: N815 - pyright's own name
    errorCount: int  # noqa: N815 - pyright's own name


class _Report(BaseModel):
    model_config = ConfigDict(strict=True)

    generalDiagnostics: list[_Diagnostic]  # noqa: N815 - pyright's own name
    summary: _Summary


def read_pyright(completed: Completed) -> Told | str:
    """Read the JSON of pyright and basedpyright; a text says why it could not be read."""
    if "could not be parsed" in completed.stderr:  # it then goes on without the project's configuration
        return next(line.strip() for line in completed.stderr.splitlines() if "could not be parsed" in line)
    try:
        report = _Report.model_validate_json(completed.stdout[max(0, completed.stdout.find("{")) :])
    except ValidationError:
        return "its answer could not be read"
    errors = [each for each in report.generalDiagnostics if each.severity == "error"]
    if len(errors) != report.summary.errorCount:
        return f"its answer contradicts itself: {report.summary.errorCount} errors counted, {len(errors)} listed"
    return Told(
        errors=tuple((each.file, each.range.start.line + 1, each.rule, each.message) for each in errors),
        checked=report.summary.filesAnalyzed,
    )


_MYPY_CLEAN = re.compile(r"^Success: no issues found in (\d+) source files?$", re.MULTILINE)
_MYPY_FOUND = re.compile(
    r"^Found (\d+) errors? in (\d+) files? \((?:checked (\d+) source files?|errors prevented further checking)\)$", re.MULTILINE
)
_MYPY_ERROR = re.compile(r"^(.+?):(\d+)(?::\d+)*: error: (.*?)(?:  \[([\w-]+)\])?$", re.MULTILINE)


def read_mypy(completed: Completed) -> Told | str:
    """Read mypy's lines; its last line must agree with them."""
    errors = tuple((path, int(line), code, message) for path, line, message, code in _MYPY_ERROR.findall(completed.stdout))
    if (found := _MYPY_FOUND.search(completed.stdout)) and int(found[1]) == len(errors):
        return Told(errors=errors, checked=int(found[3] or found[2]))
    if (clean := _MYPY_CLEAN.search(completed.stdout)) and not errors and completed.exit_code == 0:
        return Told(errors=(), checked=int(clean[1]))
    return "its answer could not be read"


_TY_LINE = re.compile(r"^(.+?):(\d+):\d+: (error|warning|info|fatal)\[([\w-]+)\] (.*)$", re.MULTILINE)
_TY_FOUND = re.compile(r"^Found (\d+) diagnostics?", re.MULTILINE)
_TY_INDEXED = re.compile(r"Indexed (\d+) file\(s\)")


def read_ty(completed: Completed) -> Told | str:
    """Read ty's concise lines; its last line must agree with them."""
    told = _TY_LINE.findall(completed.stdout)
    found, indexed = _TY_FOUND.search(completed.stdout), _TY_INDEXED.findall(completed.stderr)
    is_clean = "All checks passed!" in completed.stdout.splitlines() and not told and completed.exit_code == 0
    if not indexed or not (is_clean or (found and int(found[1]) == len(told))):
        return "its answer could not be read"
    errors = ((path, int(line), code, message) for path, line, level, code, message in told if level in {"error", "fatal"})
    return Told(errors=tuple(errors), checked=int(indexed[-1]))
