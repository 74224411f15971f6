from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spec2prod.adapters import programs
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Measurement, Unanswered
from spec2prod.gates.type_checking import Checker, TypeCheckingGate, configured_checker, named_checker

if TYPE_CHECKING:
    from tests.gates.conftest import Ask, Make

PYRIGHT = TypeCheckingGate(
    checker="basedpyright", program=programs.basedpyright(), obey_project=False, version=programs.our_version(Path(sys.executable))
)
MYPY = TypeCheckingGate(checker="mypy", program=(sys.executable, "-I", "-m", "mypy"), obey_project=True)
TY = TypeCheckingGate(checker="ty", program=("ty",), obey_project=True)
FILES = {
    # what basedpyright's own default complains about, and pyright's does not
    "src/pkg/__init__.py": "import os\n\n\ndef loose(x):\n    return x\n",
    "src/pkg/deep/one.py": "import pytest\n\nfrom pkg import loose\nfrom other import VALUE\n\nX: int = 'no'\nY: str = VALUE\n"
    "print(loose(pytest))\n",
    "src/other.py": "VALUE = 1\nZ: int = 'not our concern'\n",
    "tests/test_one.py": "Y: int = 'no'\n",
}


@pytest.mark.parametrize("gate", [PYRIGHT, MYPY], ids=["basedpyright", "mypy"])
def test_errors_in_the_components_own_modules_are_counted(make: Make, ask: Ask, gate: TypeCheckingGate, tmp_path: Path) -> None:
    component, compiled = make(FILES), tmp_path / "node"
    (answer,), completed = ask(dataclasses.replace(gate, compiled=compiled), component)
    assert isinstance(answer, Measurement), completed
    assert [each.address for each in answer.findings] == ["src/pkg/deep/one.py:6", "src/pkg/deep/one.py:7"]
    assert (answer.values, answer.checked) == ({"errors": 2.0}, 2)
    assert not (component.root / ".mypy_cache").exists()
    assert any(each.is_file() for each in compiled.rglob("*")) == (gate is PYRIGHT), "only Node keeps what it has compiled"


def test_node_does_without_a_folder_that_it_cannot_make(make: Make, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    component = make({"src/pkg/one.py": "import sys\n\nX: int = 'no' if sys.version_info >= (3, 12) else 1\n"})
    (answer,), _ = ask(dataclasses.replace(PYRIGHT, compiled=tmp_path / "file" / "node"), component)
    assert isinstance(answer, Measurement)
    assert answer.values == {"errors": 1.0}


def test_the_interpreters_version_is_told_to_our_checker_alone_and_never_over_the_projects_word() -> None:
    told = dataclasses.replace(PYRIGHT, version="3.12.1.final.0", compiled=Path("/cache"))
    assert ("--pythonversion", "3.12.1.final.0") in zip(*(told.command(COMPONENT).argv[n:] for n in (0, 1)), strict=False)
    assert "--pythonversion" not in dataclasses.replace(told, obey_project=True).command(COMPONENT).argv
    assert told.command(COMPONENT).env == {"PYTHONPATH": "/project/src", "NODE_COMPILE_CACHE": "/cache"}
    assert "NODE_COMPILE_CACHE" not in {**MYPY.command(COMPONENT).env, **TY.command(COMPONENT).env}


def test_a_clean_module_has_no_errors(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(MYPY, make({"src/pkg/one.py": "X: int = 1\n"}))
    assert isinstance(answer, Measurement)
    assert (answer.values, answer.checked) == ({"errors": 0.0}, 1)


def test_mypys_syntax_error_is_an_error_with_an_address(make: Make, ask: Ask) -> None:
    (answer,), completed = ask(MYPY, make({"src/pkg/one.py": "def f(:\n"}))
    assert completed.exit_code == 2
    assert isinstance(answer, Measurement)
    assert answer.findings[0].address == "src/pkg/one.py:1"


def test_nothing_checked_and_an_unreadable_configuration_are_no_answers(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/one.py": "", "pyproject.toml": "[tool.basedpyright\n"})
    gate = TypeCheckingGate(checker="basedpyright", program=PYRIGHT.program, obey_project=True)
    (answer,), _ = ask(gate, component)
    assert isinstance(answer, Unanswered)
    assert "could not be parsed" in answer.reason
    (component.root / "src/pkg/one.py").unlink()
    (answer,), _ = ask(PYRIGHT, component)
    assert isinstance(answer, Unanswered)


COMPONENT = Component(
    name="pkg",
    root=Path("/project"),
    source="src/pkg",
    import_root="src",
    modules=("src/pkg/k.py", "src/pkg/m.py"),
    interpreter=Path("/python"),
)


def ended(stdout: str = "", stderr: str = "", exit_code: int = 0) -> Completed:
    return Completed(command=Command(tool="tool", argv=("tool",), cwd=Path("/project")), exit_code=exit_code, stdout=stdout, stderr=stderr)


def test_tys_recorded_answers_are_read() -> None:
    told = (
        "src/pkg/k.py:3:10: error[invalid-assignment] Object of type `Literal[1]` is not assignable to `str`\n"
        "src/pkg/m.py:4:8: warning[unresolved-reference] Name `x` used when not defined\n"
        "Found 2 diagnostics\n"
    )
    (answer,) = TY.read(COMPONENT, ended(told, "INFO Indexed 2 file(s) in 0.002s", 1))
    assert isinstance(answer, Measurement)
    assert ([each.address for each in answer.findings], answer.checked) == (["src/pkg/k.py:3"], 2)
    (answer,) = TY.read(COMPONENT, ended("All checks passed!\n", "INFO Indexed 2 file(s) in 0.002s"))
    assert isinstance(answer, Measurement)
    assert answer.values == {"errors": 0.0}
    (answer,) = TY.read(
        COMPONENT, ended("All checks passed!\n", "INFO Indexed 0 file(s)\nWARN No python files found under the given path(s)")
    )
    assert answer == Unanswered(
        gate="type_checking", reason="ty checked no file", next_step="look at the files that the configuration of ty excludes or ignores"
    )


def test_pyright_that_analysed_no_file_or_contradicts_itself_is_no_answer() -> None:
    for told in ('{"filesAnalyzed": 0, "errorCount": 0}', '{"filesAnalyzed": 3, "errorCount": 2}'):
        (answer,) = PYRIGHT.read(COMPONENT, ended(f'{{"generalDiagnostics": [], "summary": {told}}}'))
        assert isinstance(answer, Unanswered)


def test_errors_in_other_files_are_told_and_not_counted() -> None:
    told = (
        "/project/src/other.py:1: error: No  [misc]\n"
        "/project/src/pkg/k.py:2: error: No  [misc]\n"
        "Found 2 errors in 2 files (checked 2 source files)\n"
    )
    (answer,) = MYPY.read(COMPONENT, ended(told, exit_code=1))
    assert isinstance(answer, Measurement)
    assert answer.summary == "1 error in 2 files (1 error in other files not counted)"


@pytest.mark.parametrize(
    ("pyproject", "files", "named"),
    [
        ({}, [], None),
        ({"tool": {"mypy": {}}}, [], "mypy"),
        ({"tool": {"mypy": {}, "pyright": {}}}, [], "pyright"),
        ({"tool": {"basedpyright": {}}}, [], "basedpyright"),
        ({"tool": {"ruff": {}}}, ["ty.toml"], "ty"),
        ({}, [".mypy.ini"], "mypy"),
        ({"tool": "nonsense"}, ["pyrightconfig.json"], "pyright"),
    ],
)
def test_the_project_names_its_checker(pyproject: dict[str, object], files: list[str], named: Checker | None) -> None:
    assert named_checker(pyproject, files) == named
    assert configured_checker(pyproject, files) == (named or "basedpyright")
