"""`spec2prod run --target staging` and beyond, `releases`, `rollback`, `attest`: on the calculator, with nothing replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import CALCULATOR, Calculator, Ended, environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]
STAGING, PRODUCTION = "staging_deployment", "production_deployment"
TESTS = """\
import pytest

from test_components.calculator.operations import add, divide, multiply, subtract


def test_operations() -> None:
    assert (add(1, 2), subtract(3, 1), multiply(2, 3), divide(6, 3)) == (3, 2, 6, 2)


def test_zero() -> None:
    with pytest.raises(ValueError, match="zero"):
        divide(1, 0)
"""
BAD = """

from pathlib import Path

TABLE = (Path(__file__).parent / "table.txt").read_text()
"""
OWN_RULES = """
[tool.spec2prod.production]
soak_days = 0
required_attestations = ["monitoring"]
"""


@pytest.fixture
def tested(calculator: Calculator) -> Calculator:
    (calculator.root / "tests").mkdir()
    (calculator.root / "tests" / "test_operations.py").write_text(TESTS)
    (calculator.root / "README.md").write_text("# Calculator\n\nIt adds, subtracts, multiplies and divides.\n")
    return calculator


def climb(project: Calculator, target: str = "staging", component: str = "calculator_operations") -> Ended:
    return project.run("--target", target, "--no-fix", "--async", component=component)


def spec2prod(project: Calculator, *arguments: str) -> Ended:
    command = [sys.executable, "-m", "spec2prod", *arguments]
    done = subprocess.run(
        command, cwd=project.root, env=environment({"COLUMNS": "300"}), capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def served(project: Calculator, component: str = "calculator_operations", name: str = "staging") -> str:
    """The digest that an environment serves; empty where it serves nothing."""
    link = project.root / ".spec2prod/environments" / name / "current" / component
    return link.resolve().name if link.exists() else ""


def digest(ended: Ended, stage: str = STAGING) -> str:
    told: str = ended.stage(stage)["outputs"]["digest"]
    return told


def edit(project: Calculator, more: str) -> None:
    source = project.root / CALCULATOR
    source.write_text(source.read_text() + more)


def test_good_bad_and_back_again(tested: Calculator) -> None:
    first = climb(tested)
    assert first.code == 0, first.out + first.err
    assert first.stage(STAGING)["outputs"]["switched"] == {"from": None, "to": digest(first)}
    assert (tested.root / ".spec2prod/environments/staging/releases" / digest(first) / "bin/python").exists()
    assert {"uv venv", "uv pip install", "release import", "release tests"} <= set(first.tools)

    edit(tested, "\n\nLIMIT = 10\n")
    second = climb(tested)
    assert second.code == 0, second.out + second.err
    assert served(tested) == digest(second) != digest(first)

    before = (tested.root / CALCULATOR).read_text()
    (tested.root / CALCULATOR).with_name("table.txt").write_text("it lies beside the source, and in no wheel")
    edit(tested, BAD)
    third = climb(tested)
    assert third.code == 5, third.out + third.err
    assert third.gate("test_pass_rate")["verdict"] == "passed"
    assert third.stage(STAGING)["outputs"]["switched"] == {"from": digest(second), "to": digest(second)}
    assert "table.txt" in str(third.stage(STAGING)["errors"])
    assert served(tested) == digest(second)

    listed = spec2prod(tested, "releases", "--environment", "staging")
    assert listed.code == 0
    rows = {line.replace("*", "").split()[0]: line for line in listed.out.splitlines()[1:]}
    assert "*" in rows[digest(second)[:12]]
    assert "taken back" in rows[digest(third)[:12]]

    back = spec2prod(tested, "rollback", "--environment", "staging", "--component", "calculator_operations")
    assert back.code == 0, back.out + back.err
    assert served(tested) == digest(first)
    rows = {line.replace("*", "").split()[0]: line for line in spec2prod(tested, "releases").out.splitlines()[1:]}
    assert second.report["context_session_id"][:8] in rows[digest(second)[:12]]
    assert "rolled back" in rows[digest(second)[:12]]
    assert "current since" in rows[digest(first)[:12]]
    again = spec2prod(tested, "rollback")
    assert again.code == 4
    assert "a rollback is not rolled back" in again.err

    (tested.root / CALCULATOR).write_text(before)
    held = climb(tested)
    assert held.code == 3, held.out + held.err
    assert "--release-hold" in held.out
    assert served(tested) == digest(first)
    assert spec2prod(tested, "rollback", "--release-hold").code == 0
    assert climb(tested).code == 0
    assert served(tested) == digest(second)


def test_production_is_pending_until_what_it_asks_for_is_there_and_gets_the_same_bytes(tested: Calculator) -> None:
    pending = climb(tested, "production")
    assert pending.code == 3, pending.out + pending.err
    assert pending.stage(STAGING)["verdict"] == "passed"
    stage = pending.stage(PRODUCTION)
    assert stage["verdict"] == "pending"
    assert [gate["gate"] for gate in stage["gates"]] == [
        "staging_soak",
        "security_review",
        "documentation",
        "monitoring",
        "rollback_rehearsed",
    ]
    assert all(gate["next_step"] for gate in stage["gates"])
    assert served(tested, name="production") == ""

    with (tested.root / "pyproject.toml").open("a") as settings:
        settings.write(OWN_RULES)
    refused = spec2prod(tested, "attest", "security_review", "--component", "calculator_operations", "--by", "Ada", "--message", "read it")
    assert refused.code == 2
    said = spec2prod(
        tested, "attest", "monitoring", "--component", "calculator_operations", "--by", "Ada", "--message", "the dashboard is there"
    )
    assert said.code == 0, said.out + said.err
    reached = climb(tested, "production")
    assert reached.code == 0, reached.out + reached.err
    assert reached.stage(STAGING)["outputs"]["already_current"] is True
    assert served(tested, name="production") == served(tested) == digest(pending) == digest(reached, PRODUCTION)
    wheels = [Path(reached.stage(name)["outputs"]["wheel"]).read_bytes() for name in (STAGING, PRODUCTION)]
    assert wheels[0] == wheels[1]
    history = (tested.root / ".spec2prod/environments/production/history/calculator_operations.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in history] == ["released"]


def test_a_tree_that_gates_refuse_is_not_released(tested: Calculator) -> None:
    source = tested.root / CALCULATOR
    source.write_text(source.read_text().replace("return a + b", "return a - b"))
    ended = climb(tested)
    assert ended.code == 1
    assert served(tested) == ""
    assert "nothing was ever released" in spec2prod(tested, "releases").out
    assert spec2prod(tested, "rollback").code == 2


def test_two_components_of_one_project_have_releases_of_their_own(tested: Calculator) -> None:
    (tested.root / "src/greeting").mkdir()
    (tested.root / "src/greeting/__init__.py").write_text(
        '"""Greetings."""\n\n\ndef greet(name: str) -> str:\n    """Greet somebody."""\n    return f"Hello, {name}"\n'
    )
    (tested.root / "tests/test_greeting.py").write_text(
        'from greeting import greet\n\n\ndef test_greet() -> None:\n    assert greet("Ada") == "Hello, Ada"\n'
    )
    one, two = climb(tested), climb(tested, component="greeting")
    assert (one.code, two.code) == (0, 0), one.out + two.out + two.err
    assert served(tested) == digest(one)
    assert served(tested, "greeting") == digest(two)
    unsaid = spec2prod(tested, "rollback")
    assert unsaid.code == 2
    assert "calculator_operations, greeting" in unsaid.err
