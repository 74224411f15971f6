"""What an answer depends on: a change that may matter makes another question, one that cannot makes none.

The gates, the tree and the fingerprints are the real ones; the project, its environment and its tools are small files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec2prod.adapters.digests import Digests
from spec2prod.adapters.fingerprints.asking import Fingerprinting, Own, Surroundings
from spec2prod.adapters.fingerprints.closure import closure, may_read_elsewhere
from spec2prod.adapters.tree import ProjectTree
from spec2prod.application.ports import Gate, Subject
from spec2prod.domain.component import Component
from spec2prod.domain.question import Question
from spec2prod.gates.complexity import ComplexityGate
from spec2prod.gates.custom import CustomGate
from spec2prod.gates.documentation import DocumentationGate
from spec2prod.gates.linting import LintingGate
from spec2prod.gates.security import SecurityGate
from spec2prod.gates.tests import TestsGate
from spec2prod.gates.type_checking import TypeCheckingGate
from spec2prod.gates.vulnerabilities import VulnerabilitiesGate

_PYPROJECT = """
[project]
name = "calc"
requires-python = ">=3.12"
[tool.pytest.ini_options]
addopts = ""
[tool.ruff]
line-length = 100
[tool.pyright]
typeCheckingMode = "standard"
[tool.black]
line-length = 99
"""
_FILES = {
    "pyproject.toml": _PYPROJECT,
    "README.md": "words\n",
    "src/calc/__init__.py": "from calc.core import add\n",
    "src/calc/core.py": "from shared.base import one\n\ndef add(a: int) -> int:\n    return a + one\n",
    "src/calc/table.json": "[1]\n",
    "src/shared/__init__.py": "",
    "src/shared/base.py": "one = 1\n",
    "src/other/__init__.py": "two = 2\n",
    "tests/conftest.py": "",
    "tests/test_calc.py": "from calc import add\n",
    "tests/data/n.json": "[1]\n",
    ".venv/bin/python": "\x7fELF python",
    ".venv/bin/ruff": "\x7fELF ruff",
    "ours/bin/python": "\x7fELF ours",
    ".venv/bin/own": "#!/bin/sh\nexit 0\n",
    ".venv/lib/python3.12/site-packages/x-1.0.dist-info/RECORD": "x.py,sha256=1,1\n../../../bin/x,sha256=2,2\n",
}
_SITE = ".venv/lib/python3.12/site-packages"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the project, and the gates whose answer it may change."""

    make: Callable[[Path], object]
    matters_to: frozenset[str]


def _write(path: str, text: str) -> Callable[[Path], object]:
    def write(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    return write


def _replace(path: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda root: (root / path).write_text((root / path).read_text().replace(old, new))


def _matters(*names: str) -> frozenset[str]:
    return frozenset(names)


_OWN = "own"  # a gate of the project's own that reads everything; `narrow` says what it reads
CHANGES: Mapping[str, Change] = {
    "a module": Change(
        make=_write("src/calc/core.py", "from shared.base import one\n"),
        matters_to=_matters("tests", "linting", "type_checking", "security", "documentation", "complexity", _OWN, "narrow"),
    ),
    "a module of the project that is imported": Change(
        make=_write("src/shared/base.py", "one = 11\n"), matters_to=_matters("type_checking", _OWN, "narrow")
    ),
    "another component": Change(make=_write("src/other/__init__.py", "two = 22\n"), matters_to=_matters(_OWN, "narrow")),
    "a test": Change(
        make=_write("tests/test_calc.py", "import calc\n"), matters_to=_matters("tests", "linting", "security", _OWN, "narrow")
    ),
    "data of the package": Change(make=_write("src/calc/table.json", "[2]\n"), matters_to=_matters("tests", "security", _OWN)),
    "data beside the tests": Change(make=_write("tests/data/n.json", "[2]\n"), matters_to=_matters("tests", _OWN)),
    "conftest.py": Change(make=_write("tests/conftest.py", "x = 1\n"), matters_to=_matters("tests", "security", _OWN)),
    "a conftest.py that appears above": Change(make=_write("conftest.py", "x = 1\n"), matters_to=_matters("tests", "linting", _OWN)),
    "a file of the environment that appears": Change(
        make=_write(f"{_SITE}/y-1.0.dist-info/RECORD", "y.py,,\n"),
        matters_to=_matters("tests", "type_checking", "vulnerabilities", _OWN, "narrow"),
    ),
    "an installed distribution": Change(
        make=_replace(f"{_SITE}/x-1.0.dist-info/RECORD", "sha256=1", "sha256=9"),
        matters_to=_matters("tests", "type_checking", "vulnerabilities", _OWN, "narrow"),
    ),
    "a script of the environment": Change(
        make=_replace(f"{_SITE}/x-1.0.dist-info/RECORD", "x,sha256=2", "x,sha256=3"), matters_to=_matters()
    ),
    "what README says": Change(make=_write("README.md", "other words\n"), matters_to=_matters(_OWN)),
    "a report of a run": Change(make=_write("workflow_report_calc.json", "{}"), matters_to=_matters()),
    "ruff's section": Change(
        make=_replace("pyproject.toml", "line-length = 100", "line-length = 101"), matters_to=_matters("linting", _OWN)
    ),
    "pyright's section": Change(make=_replace("pyproject.toml", '"standard"', '"strict"'), matters_to=_matters("type_checking", _OWN)),
    "pytest's section": Change(make=_replace("pyproject.toml", 'addopts = ""', 'addopts = "-x"'), matters_to=_matters("tests", _OWN)),
    "another tool's section": Change(make=_replace("pyproject.toml", "line-length = 99", "line-length = 98"), matters_to=_matters(_OWN)),
    "a nearer ruff.toml": Change(make=_write("src/calc/ruff.toml", "line-length = 9\n"), matters_to=_matters("linting", "security", _OWN)),
    "ruff itself": Change(make=_write(".venv/bin/ruff", "\x7fELF other"), matters_to=_matters("linting")),
    "the own gate's tool": Change(make=_write(".venv/bin/own", "#!/bin/sh\nexit 1\n"), matters_to=_matters(_OWN, "narrow")),
    "where a tool's interpreter lies": Change(make=_write(".venv/bin/own", "#!/usr/bin/sh\nexit 0\n"), matters_to=_matters()),
    "the interpreter": Change(
        make=_write(".venv/bin/python", "\x7fELF newer"), matters_to=_matters("tests", "type_checking", _OWN, "narrow")
    ),
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Question]:
    """Give the questions of the project as it is."""
    return _questions(tmp_path_factory.mktemp("before"), ())


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_asks_exactly_what_it_may_matter_to(tmp_path: Path, before: Mapping[str, Question], name: str) -> None:
    after = _questions(tmp_path / "after", (name,))
    assert {gate for gate in before if before[gate].key != after[gate].key} == CHANGES[name].matters_to


@settings(max_examples=10, deadline=None)
@given(st.sets(st.sampled_from(sorted(CHANGES)), max_size=3), st.sets(st.sampled_from(sorted(CHANGES)), max_size=3))
def test_two_states_are_one_question_exactly_where_nothing_that_matters_differs(one: set[str], other: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = _questions(Path(folder, "1"), sorted(one)), _questions(Path(folder, "2"), sorted(other))
    clashing = "the own gate's tool", "where a tool's interpreter lies"
    for gate, question in first.items():
        relevant = [{name for name in names if gate in CHANGES[name].matters_to} for names in (one, other)]
        if {"the own gate's tool"} & (one ^ other) and set(clashing) <= one | other and gate in {_OWN, "narrow"}:
            continue  # both write the same file: the later one wins
        assert (question.key == second[gate].key) == (relevant[0] == relevant[1]), gate


def test_variables_matter_to_what_runs_the_components_code(tmp_path: Path) -> None:
    before, after = _questions(tmp_path / "1", (), variables={"LANG": "C"}), _questions(tmp_path / "2", (), variables={"LANG": "de"})
    assert {gate for gate in before if before[gate].key != after[gate].key} == {"tests", "type_checking", _OWN, "narrow"}


def test_the_command_matters_and_the_nonce_of_a_run_does_not(tmp_path: Path) -> None:
    plain = _questions(tmp_path / "1", ())["tests"]
    assert _questions(tmp_path / "2", (), nonce="other")["tests"].key == plain.key
    assert _questions(tmp_path / "3", (), order="reversed")["tests"].key != plain.key


def test_where_our_checker_lies_and_keeps_what_it_compiled_matters_not_and_what_it_is_does(tmp_path: Path) -> None:
    first, second, newer = (_checked_by_ours(tmp_path / name, record) for name, record in (("1", "1"), ("2", "1"), ("3", "2")))
    assert first == second
    assert first != newer


def _checked_by_ours(root: Path, record: str) -> str:
    """Return the key of the question to a checker that lies among our packages, with a cache folder of its own."""
    for path, text in {**_FILES, "ours/site/node/bin/node": root.name, "ours/site/node-1.dist-info/RECORD": record}.items():
        _write(path, text)(root)
    component = Component(
        name="calc", root=root, source="src/calc", import_root="src", modules=("src/calc/core.py",), interpreter=root / ".venv/bin/python"
    )
    surroundings = Surroundings(
        site_packages=(str(root / _SITE),), ours=(str(root / "ours/site"),), our_interpreter=root / "ours/bin/python", variables={}
    )
    node = (str(root / "ours/site/node/bin/node"), "--flag", str(root / "ours/site/checker/index.js"))
    gate = TypeCheckingGate(checker="basedpyright", program=node, obey_project=False, compiled=root / "cache")
    subject = Subject(
        gate=gate, component=component, tree=ProjectTree(root, "run", Digests), command=gate.command(component), name=gate.name
    )
    question = Fingerprinting(surroundings).question(subject)
    assert question is not None
    return question.key


def test_a_gate_that_is_not_to_be_kept_has_no_question(tmp_path: Path) -> None:
    assert "uncached" not in _questions(tmp_path / "1", ())


def test_a_checker_with_search_paths_of_its_own_may_read_every_module() -> None:
    assert may_read_elsewhere("basedpyright", {"extraPaths": ["lib"]})
    assert may_read_elsewhere("mypy", {"plugins": ["x"]})
    assert not may_read_elsewhere("pyright", {"typeCheckingMode": "strict", "reportMissingImports": True})
    assert not may_read_elsewhere("mypy", {"strict": True, "warn_unused_ignores": True})


def test_the_closure_follows_imports_packages_and_stubs() -> None:
    texts = {
        "src/a/__init__.py": "",
        "src/a/m.py": "from . import n\nimport b.c as d\nfrom ..unknown import x\n",
        "src/a/n.py": "from .deep.o import p\n",
        "src/a/deep/__init__.py": "",
        "src/a/deep/o.py": "",
        "src/b/__init__.py": "",
        "src/b/c.pyi": "",
        "src/b/unused.py": "",
        "src/e.py": "",
    }
    found = closure(["src/a/m.py"], ["", "src"], list(texts), texts)
    assert found == set(texts) - {"src/b/unused.py", "src/e.py"}


def test_what_is_no_python_may_lead_anywhere() -> None:
    texts = {"a.py": "def (", "b.py": ""}
    assert closure(["a.py"], [""], list(texts), texts) == set(texts)


def _questions(
    root: Path, changes: tuple[str, ...] | list[str], *, variables: Mapping[str, str] | None = None, nonce: str = "n", order: str = "as-is"
) -> dict[str, Question]:
    for path, text in _FILES.items():
        _write(path, text)(root)
    for name in changes:
        CHANGES[name].make(root)
    component = Component(
        name="calc",
        root=root,
        source="src/calc",
        import_root="src",
        modules=("src/calc/__init__.py", "src/calc/core.py"),
        tests=("tests/test_calc.py",),
        data=("src/calc/table.json", "tests/conftest.py"),
        interpreter=root / ".venv/bin/python",
    )
    site = (str(root / _SITE),)
    surroundings = Surroundings(
        site_packages=site,
        ours=(),
        our_interpreter=root / "ours/bin/python",
        variables=variables or {},
        own={"narrow": Own(reads=("src/**/*.py",)), "uncached": Own(kept=False)},
    )
    fingerprints, tree = Fingerprinting(surroundings), ProjectTree(root, "run", Digests)
    ours = root / "ours/bin/python"
    gates: tuple[Gate, ...] = (
        TestsGate(nonce=nonce, order=order),
        LintingGate(program=(str(root / ".venv/bin/ruff"),)),
        TypeCheckingGate(checker="pyright", program=(str(root / ".venv/bin/pyright"),), obey_project=True),
        SecurityGate(interpreter=ours),
        DocumentationGate(interpreter=ours),
        ComplexityGate(interpreter=ours),
        VulnerabilitiesGate(interpreter=ours, site_packages=site),
        *(
            CustomGate(name=name, words=(str(root / ".venv/bin/own"),), format="exit-code", figure="failures")
            for name in (_OWN, "narrow", "uncached")
        ),
    )
    asked = ((gate, Subject(gate=gate, component=component, tree=tree, command=gate.command(component), name=gate.name)) for gate in gates)
    found = {gate.name: fingerprints.question(subject) for gate, subject in asked}
    return {name: question for name, question in found.items() if question is not None}
