"""The verdicts that the ancestor got wrong, each through the command line, spread over the layouts that people use.

Each run costs seconds, so that one run serves several rows where they do not disturb one another.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end import layouts
from tests.end_to_end.conftest import Ended
from tests.end_to_end.layouts import CODE, NO_TYPES, PLAIN, Project, at_once

# put together here, so that no scanner takes this file for one that leaks
CLOUD_KEY = "AKI" + "A" + "QX7Z2M4N6P8R1S3T"
WORD = "tr0ub4dor" + "-and-3-more"
PEM = "-----BEGIN " + "RSA PRIVATE " + "KEY-----"
STRICT_SECURITY = "[tool.spec2prod.rules.development.security]\nrequired = true\n"
BY_HAND = "run it by hand: cd "


def addresses(ended: Ended, gate: str) -> set[str]:
    """Return where a gate found something."""
    findings = ended.gate(gate)["evidence"]["answer"]["findings"]
    return {f"{each['path']}:{each['line']}" if each["line"] else each["path"] for each in findings}


def verdict(ended: Ended, gate: str) -> str:
    """Return a gate's verdict."""
    return str(ended.gate(gate)["verdict"])


def test_planted_secrets_fail_tracked_or_not_and_nothing_is_rewritten(tmp_path: Path) -> None:
    project = layouts.src_package(tmp_path / "project")
    project.write(
        {
            "pyproject.toml": PLAIN + NO_TYPES + STRICT_SECURITY,
            "src/app/sums/keys.py": f'"""Keys."""\n\nCLOUD = "{CLOUD_KEY}"\npass' + f'word = "{WORD}"\n',
            "src/app/sums/private.pem": f"{PEM}\n",
            ".secrets.baseline": json.dumps({"version": "1.5.0", "plugins_used": [], "results": {}}),
        }
    )
    project.git("init", "--quiet")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "With secrets")
    project.write(
        {
            "src/app/sums/untracked.env": "DATABASE_PASS" + f"WORD={WORD}\n",
            "tests/app/sums/conftest.py": f'CLOUD = "{CLOUD_KEY}"\n',
        }
    )
    before = project.files()
    ended = project.run("sums")
    assert ended.code == 1, ended.out
    assert ended.gate("security")["verdict"] == "failed"
    planted = {"src/app/sums/keys.py:3", "src/app/sums/keys.py:4", "src/app/sums/private.pem:1", "src/app/sums/untracked.env:1"}
    assert planted | {"tests/app/sums/conftest.py:1"} <= addresses(ended, "security")
    assert project.files() == before
    told = ended.out + ended.err + json.dumps(ended.report)
    assert CLOUD_KEY not in told
    assert WORD not in told


@pytest.fixture(scope="module")
def half_installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec2prod whose type checker, linter and secret scanner did not get installed."""
    return layouts.half_installed(tmp_path_factory.mktemp("half") / "environment", {"basedpyright", "ruff", "detect_secrets"})


def test_a_tool_that_is_not_installed_is_errored_with_the_way_out(tmp_path: Path, half_installed: Path) -> None:
    project = layouts.flat_package(tmp_path / "project")
    project.write({"pyproject.toml": PLAIN + STRICT_SECURITY})
    ended = project.run("sums", env={"PATH": layouts.bare_path(tmp_path / "bin")}, python=half_installed)
    assert ended.code == 4, ended.out + ended.err
    assert [verdict(ended, name) for name in ("linting", "type_checking", "security")] == ["errored"] * 3
    assert ended.gate("linting")["reason"] == "ruff is not installed (ruff not found)"
    assert "install ruff" in ended.gate("linting")["next_step"]
    assert "basedpyright" in ended.gate("type_checking")["reason"]
    assert "detect_secrets" in ended.gate("security")["reason"]
    assert all(ended.gate(name)["next_step"] for name in ("linting", "type_checking", "security"))
    assert "install ruff" in ended.out


def test_a_component_that_does_not_exist_is_refused_with_near_names_and_no_tool_is_started(tmp_path: Path) -> None:
    project = layouts.workspace(tmp_path / "project")
    ended = project.run("sumz")
    assert ended.code == 2
    error = ended.report["error"]
    assert error["slug"] == "component-not-found"
    assert "src/sumz/" in error["message"]
    assert "Did you mean sums (packages/sums/src/sums)?" in error["next_step"]
    assert ended.report["run"] is None
    assert "sums" in ended.out


def test_deleted_tests_leave_no_coverage_behind_and_evidence_names_what_it_measured(tmp_path: Path) -> None:
    project = layouts.flat_package(tmp_path / "project")
    project.git("init", "--quiet")
    project.write({"sums/table.csv": "1,2\n"})
    good = project.run("sums")
    assert verdict(good, "test_coverage") == "passed"
    for test in (project.root / "tests").iterdir():
        if test.is_file():
            test.unlink()
    project.write({"sums/table.csv": "1,3\n"})
    ended = project.run("sums")
    assert ended.code == 1
    assert (verdict(ended, "test_pass_rate"), ended.gate("test_pass_rate")["measured"]) == ("failed", "nothing")
    assert ended.gate("test_coverage")["measured"] == "nothing"
    assert verdict(ended, "test_coverage") in {"failed", "errored", "warned"}
    assert "write tests in tests" in ended.gate("test_pass_rate")["next_step"]
    for gate in ("security", "type_checking"):  # one reads tests, one does not; the data belongs to both
        assert good.gate(gate)["evidence"]["digest"] != ended.gate(gate)["evidence"]["digest"]


def test_where_nothing_is_collected_nothing_has_passed(tmp_path: Path) -> None:
    project = layouts.src_module(tmp_path / "project")
    project.write({"src/test_sums.py": "def helper() -> None:\n    return None\n"})
    ended = project.run("sums")
    assert ended.code == 4
    for name in ("test_pass_rate", "test_coverage"):
        assert verdict(ended, name) == "errored"
        assert ended.gate(name)["reason"] == "pytest collected no test"
        assert BY_HAND in ended.gate(name)["next_step"]


def nine_of_ten_fail(project: Project) -> None:
    """Leave one of ten tests that passes."""
    tests = "\n\n".join(f"def test_{number}() -> None:\n    assert add(1, 1) == {number}\n" for number in range(10))
    project.write({"packages/sums/tests/test_sums.py": "from sums import add\n\n\n" + tests})


def test_failing_tests_fail_everywhere_and_the_other_component_of_the_workspace_does_not_suffer(tmp_path: Path) -> None:
    project = layouts.workspace(tmp_path / "project")
    nine_of_ten_fail(project)
    failing, other = at_once(partial(project.run, "sums"), partial(project.run, "words", "--async"))
    assert (other.code, other.report["success"]) == (0, True), other.out

    assert failing.code == 1
    report = failing.report
    assert (report["success"], report["exit_code"]) == (False, 1)
    assert report["stage_results"]["testing"]["success"] is False
    assert "testing" in report["stages_failed"]
    assert "testing" not in report["stages_completed"]
    rate, coverage = failing.gate("test_pass_rate"), failing.gate("test_coverage")
    assert rate["verdict"] == "failed"
    assert rate["measured"].startswith("1 of 10 tests passed")
    assert (coverage["verdict"], coverage["measured"]) == ("passed", "100 % of 2 lines")
    assert "1 of 10 tests passed" in failing.out
    assert "100 % of 2 lines" in failing.out
    assert "Not promoted to development" in failing.out

    # a failed run is recorded like any other
    assert set(report["stage_timings"]) == {"specification", "testing", "refactoring"}
    assert all(milliseconds > 0 for milliseconds in report["stage_timings"].values())
    assert report["total_execution_time_ms"] >= report["stage_timings"]["testing"] > 0
    page = Path(report["metrics_dashboard"]).read_text()
    assert "1 of 10 tests passed" in page
    assert "Not promoted to development" in page


TARGETS = ("development", "staging", "production")
THREE_QUARTERS = CODE + '\n\ndef double(a: int) -> int:\n    """Double."""\n    return a + a\n'


@pytest.fixture(scope="module")
def climbs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Return one module's runs to each target, measured once. Nothing is delivered: the type checker that staging requires is missing."""
    project = layouts.flat_module(tmp_path_factory.mktemp("climbs") / "project")
    layouts.own_environment(project)
    others = {"other.py": "import os\n", "tests/test_other.py": "import sys\n\n\ndef test_other() -> None:\n    assert False\n"}
    project.write({"sums.py": THREE_QUARTERS, **others})
    return {target: project.run("sums", "--target", target) for target in TARGETS}


def test_a_single_module_with_its_test_file_is_judged_as_it_is(climbs: dict[str, Ended]) -> None:
    ended = climbs["development"]
    assert ended.code == 0, ended.out
    assert (verdict(ended, "linting"), ended.gate("linting")["measured"]) == ("passed", "0 issues in 2 files")
    assert ended.gate("test_pass_rate")["measured"] == "1 of 1 test passed"


def test_three_quarters_covered_passes_development_and_staging_and_fails_production(climbs: dict[str, Ended]) -> None:
    ended = [climbs[target] for target in TARGETS]
    assert [each.gate("test_coverage")["measured"] for each in ended] == ["75 % of 4 lines"] * 3
    assert [verdict(each, "test_coverage") for each in ended] == ["passed", "passed", "failed"]
    assert [verdict(each, "type_checking") for each in ended] == ["errored"] * 3
    assert [each.report["success"] for each in ended] == [True, False, False]
    assert "percent is 75, needed >= 80" in ended[2].gate("test_coverage")["reason"]


def test_generation_that_could_not_be_had_is_shown_with_what_was_asked_and_why_not(tmp_path: Path) -> None:
    project = layouts.src_package(tmp_path / "project")
    project.write({"src/app/sums/basic.py": THREE_QUARTERS})
    before = project.files()
    ended = project.run("sums", "--async", "--enable-openhands", env={"SPEC2PROD_CACHE_DIR": str(tmp_path / "empty")})
    assert project.files() == before
    generation = ended.stage("openhands_test_generation")
    assert (generation["verdict"], generation["success"]) == ("errored", False)
    assert generation["errors"]
    assert ended.report["run"]["generation"]["asked"] == ["src/app/sums/basic.py"]
    assert ended.report["run"]["generation"]["unanswered"]["src/app/sums/basic.py"]
    assert "openhands_test_generation" in ended.report["stages_failed"]
    assert "openhands_test_generation" in ended.out
    assert verdict(ended, "linting") == "passed"
    assert "refactoring" in ended.report["stages_completed"], "the run goes on"


MISBEHAVING = {
    "garbage": (
        {"ruff": "echo garbage", "pyright": "exit 0"},
        {"conftest.py": "import os\n\nos._exit(0)\n"},
        {
            "linting": "ruff's answer could not be read; ruff ended with exit 0: garbage",
            "type_checking": "its answer could not be read",
            "test_pass_rate": "the test process ended before it answered",
        },
    ),
    "killed": (
        {"ruff": "kill -9 $$", "pyright": "kill -9 $$"},
        {"conftest.py": "import os\nimport signal\n\nos.kill(os.getpid(), signal.SIGKILL)\n"},
        {
            "linting": "ruff ended with killed by signal 9",
            "type_checking": "pyright ended with killed by signal 9",
            "test_pass_rate": "killed by signal 9",
        },
    ),
    "silent": (
        {"ruff": "exit 0", "pyright": 'echo \'{"generalDiagnostics": [], "summary": {"filesAnalyzed": 0, "errorCount": 0}}\''},
        {"conftest.py": "def pytest_collection_modifyitems(items: list[object]) -> None:\n    items.clear()\n"},
        {
            "linting": "ruff's answer could not be read; ruff ended with exit 0",
            "type_checking": "pyright checked no file",
            "test_pass_rate": "pytest collected no test",
        },
    ),
}


NOTHING_CHECKED = {
    "excludes every file": (
        '[tool.ruff]\nexclude = ["*"]\n[tool.basedpyright]\nexclude = ["**"]\n',
        {"linting": "ruff checked no file", "type_checking": "basedpyright checked no file"},
    ),
    "excludes every module": (NO_TYPES + '[tool.ruff]\nextend-exclude = ["sums"]\n', {"linting": "ruff checked no module of sums"}),
    "selects no rule": (
        '[tool.ruff.lint]\nselect = []\n[tool.basedpyright]\nignore = ["**"]\n',
        {"linting": "selects no rule for the modules of sums", "type_checking": "sets every module aside"},
    ),
}
WRONG = '"""More."""\n\nimport os\n\nTEXT: int = "no number"\n'


@pytest.fixture(scope="module")
def unasked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Run all of these beside one another."""
    projects = {case: layouts.flat_package(tmp_path_factory.mktemp("unasked") / "project") for case in (*MISBEHAVING, *NOTHING_CHECKED)}
    for case, (programs, files, _) in MISBEHAVING.items():
        layouts.own_environment(projects[case])
        projects[case].write({"pyproject.toml": PLAIN + '[tool.spec2prod]\ntype_checker = "pyright"\n', **files})
        for name, script in programs.items():
            projects[case].program(name, script + "\n")
    for case, (configuration, _) in NOTHING_CHECKED.items():
        files = {"sums/more.py": WRONG, "tests/test_more.py": "from sums import more as more\n"}
        projects[case].write({"pyproject.toml": PLAIN + configuration, **files})
    return dict(zip(projects, at_once(*(partial(project.run, "sums") for project in projects.values())), strict=True))


@pytest.mark.parametrize("case", MISBEHAVING)
def test_tools_that_crash_are_killed_or_check_nothing_are_errored(unasked: dict[str, Ended], case: str) -> None:
    ended = unasked[case]
    assert ended.code == 4, ended.out
    for gate, reason in MISBEHAVING[case][2].items():
        assert verdict(ended, gate) == "errored"
        assert reason in ended.gate(gate)["reason"]
        assert BY_HAND in ended.gate(gate)["next_step"] or "look at" in ended.gate(gate)["next_step"]
    assert verdict(ended, "security") == "passed"


@pytest.mark.parametrize("case", NOTHING_CHECKED)
def test_a_configuration_that_leaves_nothing_to_check_is_errored(unasked: dict[str, Ended], case: str) -> None:
    ended = unasked[case]
    assert ended.code == 4, ended.out
    for gate, reason in NOTHING_CHECKED[case][1].items():
        assert verdict(ended, gate) == "errored"
        assert reason in ended.gate(gate)["reason"]
        assert "look at" in ended.gate(gate)["next_step"]


@pytest.mark.slow
def test_what_changes_while_it_is_measured_is_no_evidence_data_files_included(tmp_path: Path) -> None:
    project = layouts.flat_package(tmp_path / "project")
    change = "file.write_text(file.read_text() + '1')"
    writes = f"import pathlib\n\n\ndef test_more() -> None:\n    file = pathlib.Path('sums/table.csv')\n    {change}\n"
    project.write({"sums/table.csv": "1,2\n", "tests/test_more.py": writes})
    ended = project.run("sums")
    assert ended.code == 4, ended.out
    assert verdict(ended, "test_pass_rate") == "errored"
    assert "changed while they were being measured" in ended.gate("test_pass_rate")["reason"]
    assert verdict(ended, "security") == "passed", "nothing changes any more when it is asked"
