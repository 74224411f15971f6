from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Measurement, Unanswered
from spec2prod.gates.vulnerabilities import VulnerabilitiesGate

if TYPE_CHECKING:
    from tests.gates.conftest import Ask

NOWHERE = "http://127.0.0.1:9"
GATE = VulnerabilitiesGate(
    interpreter=Path(sys.executable),
    site_packages=("/environment/site-packages",),
    env={"HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE},
)
COMPONENT = Component(name="pkg", root=Path("/"), source="pkg", import_root=".", modules=("pkg/a.py",), interpreter=Path("/python"))
# the form that pip-audit documents for `--format json`
RECORDED = {
    "dependencies": [
        {
            "name": "flask",
            "version": "0.5",
            "vulns": [
                {
                    "id": "PYSEC-2019-179",
                    "fix_versions": ["1.0"],
                    "aliases": ["CVE-2019-1010083", "GHSA-5wv5-4vpf-pj6m"],
                    "description": "The Pallets Project Flask before 1.0 is affected by: unexpected memory usage.",
                },
                {"id": "PYSEC-2018-66", "fix_versions": [], "aliases": [], "description": "Denial of service."},
            ],
        },
        {"name": "jinja2", "version": "3.0.2", "vulns": []},
        {"name": "ours", "skip_reason": "Dependency not found on PyPI and could not be audited: ours (0.1.0)"},
    ],
    "fixes": [],
}


def ended(answer: object) -> Completed:
    told = {"format": 1, "vulnerabilities": {"trouble": "", "answer": json.dumps(answer)}}
    return Completed(command=GATE.command(COMPONENT), exit_code=0, answer=json.dumps(told))


def test_a_recorded_answer_is_read() -> None:
    (answer,) = GATE.read(COMPONENT, ended(RECORDED))
    assert isinstance(answer, Measurement)
    assert (answer.values, answer.checked) == ({"vulnerabilities": 2.0}, 2)
    assert answer.summary == "2 known in 2 packages, 1 could not be audited"
    assert [(each.path, each.code, each.message) for each in answer.findings] == [
        ("flask==0.5", "PYSEC-2018-66", "no fixed version"),
        ("flask==0.5", "PYSEC-2019-179", "fixed in 1.0 (also CVE-2019-1010083, GHSA-5wv5-4vpf-pj6m)"),
    ]


def test_it_is_said_in_words_that_spec2prods_own_environment_was_audited_in_place_of_a_projects() -> None:
    ours = dataclasses.replace(COMPONENT, root=Path("/project"), interpreter=GATE.interpreter)
    (answer,) = GATE.read(ours, ended(RECORDED))
    assert isinstance(answer, Measurement)
    said = ", in the environment that spec2prod itself is installed in: the project has none of its own (.venv)"
    assert answer.summary == "2 known in 2 packages, 1 could not be audited" + said


def test_a_project_whose_own_environment_holds_spec2prod_is_audited_as_its_own() -> None:
    own = Path("/project/.venv/bin/python")
    gate = dataclasses.replace(GATE, interpreter=own)
    (answer,) = gate.read(dataclasses.replace(COMPONENT, root=Path("/project"), interpreter=own), ended(RECORDED))
    assert isinstance(answer, Measurement)
    assert answer.summary == "2 known in 2 packages, 1 could not be audited"


def test_an_index_that_knows_no_package_has_audited_nothing_though_it_says_no_error() -> None:
    (answer,) = GATE.read(COMPONENT, ended({"dependencies": RECORDED["dependencies"][2:], "fixes": []}))
    assert isinstance(answer, Unanswered)
    assert answer.reason.startswith("could not be audited: the service knows 0 of 1 package (Dependency not found")


def test_another_environment_is_never_audited_in_place_of_the_components() -> None:
    (answer,) = VulnerabilitiesGate(interpreter=GATE.interpreter, site_packages=()).read(COMPONENT, ended(RECORDED))
    assert isinstance(answer, Unanswered)
    assert answer.reason == "could not be audited: no site-packages folder belongs to /python"


def test_a_service_that_cannot_be_reached_is_no_answer(ask: Ask, tmp_path: Path) -> None:
    package = tmp_path / "six-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: six\nVersion: 1.0\n")
    gate = VulnerabilitiesGate(interpreter=GATE.interpreter, site_packages=(str(tmp_path),), env=GATE.env)
    (answer,), _ = ask(gate, COMPONENT)
    assert isinstance(answer, Unanswered)
    assert answer.reason.startswith("could not be audited: the vulnerability service cannot be reached (")
    assert "where the vulnerability service can be reached" in answer.next_step
