"""One start per answer, further gates, a project's own gates, and flaky tests: the command line with real tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tests.end_to_end.conftest import CALCULATOR, REPOSITORY, Calculator
from tests.end_to_end.test_run_without_agent import TESTS

NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
TEST_FILE = "tests/test_operations.py"
RELEASING = ("uv ", "release ")


@pytest.fixture
def tested(calculator: Calculator) -> Calculator:
    (calculator.root / "tests").mkdir()
    (calculator.root / TEST_FILE).write_text(TESTS)
    return calculator


def add(project: Calculator, path: str, text: str) -> None:
    file = project.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((file.read_text() if file.exists() else "") + text)


def judging(report: dict[str, Any]) -> list[str]:
    """The tools of a run that judge the component, in the order of their ends; releasing it has tools of its own."""
    return [process["tool"] for process in report["run"]["processes"] if not process["tool"].startswith(RELEASING)]


def block(language: str, number: int = 0) -> str:
    """Return a block of the page that shows how to add a gate."""
    page = (REPOSITORY / "docs/how-to/add-a-gate.md").read_text()
    return [token.content for token in MarkdownIt().parse(page) if token.type == "fence" and token.info.split()[0] == language][number]


def test_a_staging_run_starts_each_tool_once_and_four_in_all(tested: Calculator) -> None:
    ended = tested.run("--target", "staging", env=NOWHERE)
    assert judging(ended.report) == ["pytest", "ruff", "basedpyright", "static checks"]
    assert all(process["exit_code"] == 0 for process in ended.report["run"]["processes"])
    assert {gate["gate"] for stage in ("testing", "refactoring") for gate in ended.stage(stage)["gates"]} == {
        *("test_pass_rate", "test_coverage", "flaky_tests", "linting", "type_checking", "security", "vulnerabilities", "complexity"),
        "suspected_defects",
    }
    assert ended.gate("security")["verdict"] == "passed"
    vulnerabilities = ended.gate("vulnerabilities")
    assert vulnerabilities["verdict"] == "errored"
    assert "could not be audited" in vulnerabilities["reason"]
    assert ended.code == 0, ended.out + ended.err


@pytest.mark.slow
def test_further_gates_start_nothing_more(tested: Calculator) -> None:
    stated = "documentation = {percent = 100, readme = 1, required = true}\ncomplexity = {complexity = 1}\n"
    rules = f"\n[tool.spec2prod.rules.development]\n{stated}"
    add(tested, "pyproject.toml", rules)
    ended = tested.run()
    assert ended.code == 1
    assert sorted(judging(ended.report)) == ["basedpyright", "pytest", "ruff", "static checks"]
    assert ended.gate("documentation")["measured"] == "5 of 5 public names documented, no README"
    assert ended.gate("documentation")["verdict"] == "failed"
    assert (ended.gate("complexity")["verdict"], ended.gate("complexity")["reason"]) == ("warned", "complexity is 2, needed <= 1")


@pytest.mark.slow
def test_benchmarks_are_measured_in_the_tests_own_run_and_compared_with_the_last_promoted_one(tested: Calculator) -> None:
    add(tested, TEST_FILE, "\n\ndef test_speed(benchmark) -> None:\n    assert benchmark(add, 1, 2) == 3\n")
    add(tested, "pyproject.toml", "\n[tool.spec2prod.rules.development.performance]\nresponse_ms = 5000\nslower_percent = 1000000\n")
    first = tested.run()
    assert first.code == 0, first.out + first.err
    assert "nothing earlier to compare with" in first.gate("performance")["measured"]
    assert sorted(judging(first.report)) == ["basedpyright", "pytest", "ruff", "security scan"]
    second = tested.run()
    assert "than in the last promoted run" in second.gate("performance")["measured"]
    assert not (tested.root / ".benchmarks").exists()
    kept = tested.root / ".spec2prod/performance/calculator_operations.json"
    kept.write_text(f'{{"{TEST_FILE}::test_speed": 1e-12}}')
    slower = tested.run()
    assert slower.code == 1
    assert slower.gate("performance")["verdict"] == "failed"
    assert kept.read_text().endswith("1e-12}"), "a run that was not promoted is no measure for the next"


@pytest.mark.slow
def test_a_flaky_test_warns_in_development_and_is_named_and_fails_staging(tested: Calculator) -> None:
    flaky = f'\n\ndef test_sometimes() -> None:\n    seen = Path("{tested.root}", "seen")\n'
    flaky += "    count = int(seen.read_text()) if seen.exists() else 0\n    seen.write_text(str(count + 1))\n    assert count % 3\n"
    add(tested, TEST_FILE, flaky)
    (tested.root / TEST_FILE).write_text("from pathlib import Path\n\n" + (tested.root / TEST_FILE).read_text())
    ended = tested.run()
    assert ended.code == 0, ended.out + ended.err
    assert ended.gate("flaky_tests")["verdict"] == "warned"
    assert ended.gate("test_pass_rate")["measured"] == "2 of 3 tests passed; run again: 1 flaky, the flaky ones set aside"
    assert ended.stage("testing")["verdict"] == "warned"
    assert ended.stage("testing")["outputs"]["run_again"]["flaky"] == [f"{TEST_FILE}::test_sometimes"]
    assert f"{TEST_FILE}::test_sometimes" in " ".join(ended.out.split()) or "test_sometimes" in ended.out
    assert judging(ended.report).count("pytest") == 3
    staging = tested.run("--target", "staging", env=NOWHERE)
    assert staging.code == 1
    assert staging.gate("flaky_tests")["verdict"] == "failed"
    assert staging.gate("test_pass_rate")["verdict"] == "passed"


@pytest.mark.slow
def test_a_failing_test_is_run_once_more_and_one_that_depends_on_the_order_is_named(tested: Calculator) -> None:
    source = tested.root / CALCULATOR
    source.write_text(source.read_text() + "\n\nSEEN: list[int] = []\n")
    (tested.root / TEST_FILE).write_text(
        "from test_components.calculator.operations import SEEN, add\n\n\n"
        "def test_leaves_something() -> None:\n    SEEN.append(1)\n    assert SEEN\n\n\n"
        "def test_needs_nothing_left() -> None:\n    assert SEEN == []\n\n\n"
        "def test_fails() -> None:\n    assert add(1, 1) == 3\n"
    )
    ended = tested.run()
    assert ended.code == 1
    assert ended.stage("testing")["outputs"]["run_again"] == {
        "failing": [f"{TEST_FILE}::test_fails"],
        "flaky": [],
        "order-dependent": [f"{TEST_FILE}::test_needs_nothing_left"],
    }
    assert ended.gate("test_pass_rate")["verdict"] == "failed"
    findings = ended.gate("test_pass_rate")["evidence"]["answer"]["findings"]
    assert {finding["code"] for finding in findings} == {"failed", "order-dependent"}
    assert ended.gate("flaky_tests")["verdict"] == "passed"


@pytest.mark.slow
def test_the_gates_that_the_page_describes_are_asked_and_judged(tested: Calculator) -> None:
    add(tested, "pyproject.toml", "\n" + block("toml"))
    add(tested, "tools/check_licences.py", "import sys\n\nsys.exit(0 if sys.argv[1].endswith('operations.py') else 'unknown')\n")
    mutate = "import json\nimport sys\n\nscore = {'totals': {'score': 41.5, 'mutants': len(sys.argv[3:])}}\n"
    add(tested, "tools/mutate.py", mutate + "open(sys.argv[2], 'w').write(json.dumps(score))\n")
    ended = tested.run("--target", "staging", env=NOWHERE)
    assert ended.code == 0, ended.out + ended.err
    assert ended.gate("licences")["verdict"] == "passed"
    mutants = ended.gate("mutants")
    assert (mutants["verdict"], mutants["measured"]) == ("warned", "totals.score is 41.5")
    assert "mutants" in {gate["gate"] for gate in ended.stage("testing")["gates"]}
    assert {"licences", "mutants"} <= set(judging(ended.report))
    assert tested.run().gate("test_pass_rate")["verdict"] == "passed", "development asks neither"


@pytest.mark.slow
def test_an_own_gate_that_could_not_be_asked_blocks_with_the_reason(tested: Calculator) -> None:
    own = '\n[tool.spec2prod.gates.absent]\ncommand = ["no-such-program"]\nformat = "junit"\n[tool.spec2prod.rules.development.absent]\n'
    add(tested, "pyproject.toml", own)
    ended = tested.run()
    assert ended.code == 4, ended.out + ended.err
    assert ended.gate("absent")["verdict"] == "errored"
    assert "no-such-program is not installed" in ended.gate("absent")["reason"]


def bring(tested: Calculator, tmp_path: Path, module: str) -> dict[str, str]:
    """Install a package with the page's entry point beside spec2prod; return the environment in which it is found."""
    site = tmp_path / "site"
    (site / "my_gates-1.0.dist-info").mkdir(parents=True)
    (site / "my_gates.py").write_text(module)
    (site / "my_gates-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: my-gates\nVersion: 1.0\n")
    (site / "my_gates-1.0.dist-info/entry_points.txt").write_text("[spec2prod.gates]\ntodo = my_gates:TodoGate\n")
    add(tested, "pyproject.toml", "\n" + block("toml", 2).replace("staging", "development"))
    return {"PYTHONPATH": str(site)}


@pytest.mark.slow
def test_the_gate_that_the_page_brings_in_a_package_is_asked_and_judged(tested: Calculator, tmp_path: Path) -> None:
    env = bring(tested, tmp_path, block("python"))
    ended = tested.run(env=env)
    assert ended.code == 0, ended.out + ended.err
    assert ended.gate("todo")["verdict"] == "passed"
    source = tested.root / CALCULATOR
    source.write_text(source.read_text() + "# TODO TODO TODO TODO\n")
    assert tested.run(env=env).gate("todo")["reason"] == "todos is 4, needed <= 3"


def test_a_packages_gate_that_cannot_be_loaded_is_refused_before_anything_runs(tested: Calculator, tmp_path: Path) -> None:
    ended = tested.run(env=bring(tested, tmp_path, "raise RuntimeError('broken')\n"))
    assert ended.code == 4
    assert "the gate todo (my_gates:TodoGate) cannot be loaded: RuntimeError: broken" in " ".join((ended.out + ended.err).split())
    assert "Traceback" not in ended.err
    assert ended.report["run"] is None
