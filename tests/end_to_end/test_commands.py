"""`init`, `plan`, `gates`, `config`, `doctor` as processes in real projects, and what a run makes of drafts and waivers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from spec2prod.gates.catalogue import CATALOGUE
from spec2prod.testing import ScriptedModel
from spec2prod.testing.script import Script, Task, Turn
from tests.end_to_end.conftest import SPEC, Calculator, Ended, environment, unmeasured

SHOP = '"""A shop."""\n\n\ndef price(items: list[int]) -> int:\n    """Return the sum of the items."""\n    return sum(items)\n'
TEST = "from shop.pricing import price\n\n\ndef test_price() -> None:\n    assert price([1, 2]) == 3\n"
PYPROJECT = '[project]\nname = "shop"  # kept\nversion = "0.1.0"\n\n[tool.pytest.ini_options]\npythonpath = ["src"]'
WAIVER = '\n[[tool.spec2prod.waivers]]\ngate = "test_coverage"\nreason = "legacy"\napprover = "Ann"\nexpires = {}\n'


SAYS_OK = Script(name="ok", tasks=(Task(match=("Say ok.",), turns=(Turn(say="ok"),)),))


class Project:
    """A project of its own, and the command line in its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        return file

    def call(self, *words: str, env: dict[str, str] | None = None, stdin: str | None = None) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "spec2prod", *words],
            cwd=self.root,
            env=environment(env),
            capture_output=True,
            text=True,
            input=stdin,
            timeout=240,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def document(self, *words: str, env: dict[str, str] | None = None) -> dict[str, Any]:
        ended = self.call(*words, "--json", env=env)
        told: dict[str, Any] = json.loads(ended.out)
        return told | {"exit": ended.code}

    def files(self) -> dict[str, bytes]:
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    for path, text in {
        "src/shop/__init__.py": "",
        "src/shop/pricing.py": SHOP,
        "tests/test_pricing.py": TEST,
        "pyproject.toml": PYPROJECT,
        ".gitignore": "*.pyc",
    }.items():
        project.put(path, text)
    return project


def test_init_adds_a_commented_start_and_changes_nothing_else(shop: Project) -> None:
    before = shop.files()
    ended = shop.call("init")
    assert ended.code == 0, ended.err
    after = shop.files()
    assert set(after) - set(before) == {"specs/shop.md"}
    assert after["pyproject.toml"].startswith(before["pyproject.toml"] + b"\n\n[tool.spec2prod]\n")
    assert b'[tool.spec2prod.components.shop]\npath = "src/shop"\nspecification = "specs/shop.md"\n' in after["pyproject.toml"]
    assert after[".gitignore"] == b"*.pyc\n.spec2prod/\nworkflow_report_*.json\n"
    assert "component shop: src/shop, 2 modules, 1 test file" in ended.out
    assert "spec2prod run --spec specs/shop.md --component shop" in ended.out
    assert "`price(items)`: Return the sum of the items." in after["specs/shop.md"].decode()


def test_a_second_init_changes_nothing(shop: Project) -> None:
    shop.call("init")
    before = shop.files()
    again = shop.call("init", "--yes")
    assert (again.code, shop.files()) == (0, before)
    assert "nothing to write" in again.out
    assert "kept pyproject.toml" in again.out


def test_init_states_a_specification_that_is_there_and_drafts_no_second_one(shop: Project) -> None:
    (shop.root / "docs").mkdir()
    (shop.root / "docs/twice.md").write_text("## Requirements\n- REQ-1: Adds\n- REQ-1: Adds again\n")  # refused: nothing is made of it
    (shop.root / "docs/shop-spec.md").write_text("# Shop\n\n## Requirements\n\n- REQ-1: Sells\n")
    ended = shop.call("init")
    assert ended.code == 0, ended.err
    assert "  its specification is there: docs/shop-spec.md, 1 requirement; it is named like the component" in ended.out
    assert "spec2prod run --spec docs/shop-spec.md --component shop" in ended.out
    assert 'specification = "docs/shop-spec.md"' in (shop.root / "pyproject.toml").read_text()
    assert not (shop.root / "specs/shop.md").exists()


def test_init_makes_a_pyproject_only_with_consent(shop: Project) -> None:
    (shop.root / "pyproject.toml").unlink()
    (shop.root / ".git").mkdir()
    ended = shop.call("init", stdin="y\n")  # a pipe is nobody who could agree
    assert ended.code == 0
    assert "pyproject.toml" not in shop.files()
    assert "spec2prod init --yes" in ended.out
    assert shop.call("init", "--yes").code == 0
    assert b"[tool.spec2prod.components.shop]" in shop.files()["pyproject.toml"]
    assert shop.call("config", "show").code == 0


def test_init_keeps_line_endings_rights_and_links(shop: Project) -> None:
    file = shop.put("config/real.toml", PYPROJECT.replace("\n", "\r\n") + "\r\n")
    file.chmod(0o640)
    (shop.root / "pyproject.toml").unlink()
    (shop.root / "pyproject.toml").symlink_to("config/real.toml")
    assert shop.call("init").code == 0
    assert (shop.root / "pyproject.toml").is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert b"\n" not in file.read_bytes().replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "text",
    ['[project]\nname = "x"\nversion = "1"\n[tool\n', "tool = {ruff = {}}\n", "\ufeff[project]\n"],
    ids=["broken", "closed", "marked"],
)
def test_init_refuses_a_pyproject_that_it_could_damage(shop: Project, text: str) -> None:
    shop.put("pyproject.toml", text)
    before = shop.files()
    ended = shop.call("init")
    assert (ended.code, shop.files()) == (2, before)
    assert "pyproject.toml" in ended.err
    assert "next:" in ended.err


def test_init_says_so_where_there_is_no_code(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    ended = Project(tmp_path).call("init")
    assert ended.code == 0
    assert "no component was found" in ended.out


@pytest.mark.slow
def test_a_draft_warns_in_development_and_is_refused_beyond_until_it_is_confirmed(shop: Project) -> None:
    shop.call("init")
    run = ("run", "--spec", "specs/shop.md", "--component", "shop", "--target")
    ended = shop.call(*run, "development")
    assert "specs/shop.md:3: is a draft" in ended.out
    report = json.loads((shop.root / "workflow_report_shop.json").read_text())
    assert report["stage_results"]["specification"]["verdict"] == "warned"
    refused = shop.call(*run, "staging")
    assert refused.code == 2
    assert "specs/shop.md:3: is a draft that nobody has confirmed" in refused.out + refused.err
    draft = shop.root / "specs/shop.md"
    draft.write_text("".join(line for line in draft.read_text().splitlines(keepends=True) if not line.startswith(">")))
    assert shop.call("plan", *run[1:], "staging").code == 0


@pytest.mark.parametrize("mode", [pytest.param((), id="sync", marks=pytest.mark.slow), pytest.param(("--async",), id="async")])
def test_what_the_plan_says_is_what_the_run_does(calculator: Calculator, mode: tuple[str, ...]) -> None:
    project = Project(calculator.root)
    project.put(
        "tests/test_operations.py",
        "from test_components.calculator.operations import add\n\n\ndef test_add() -> None:\n    assert add(1, 1) == 2\n",
    )
    before = project.files()
    flags = ("--spec", SPEC, "--component", "calculator_operations", "--target", "development", "--no-fix", *mode)
    plan = project.document("plan", *flags)
    assert project.files() == before
    assert plan["component"]["found_by"] == "its name: the only import path that ends in calculator_operations"
    report = project.document("run", *flags)
    planned = sorted((asks["tool"], settled(asks["command"])) for stage in plan["stages"] for asks in stage["asks"])
    ran = sorted((process["tool"], settled(process["argv"])) for process in report["run"]["processes"])
    assert planned == ran
    assert [stage["stage"] for stage in plan["stages"]] == ["specification", "testing", "refactoring"]
    assert {stage["stage"] for stage in plan["stages"]} == set(report["stage_results"])
    assert plan["rules"] == [
        {name: rule[name] for name in ("gate", "required", "waivable", "limits")} for rule in report["run"]["plan"]["rules"]
    ]


def settled(argv: list[str]) -> list[str]:
    """Leave out what differs from start to start: the scratch folder, and a nonce."""
    return [
        Path(word).name if "/answer.json" in word or word.endswith((".json",)) else word.partition("=")[0] if "nonce" in word else word
        for word in argv
    ]


def test_a_plan_refuses_what_a_run_refuses(calculator: Calculator) -> None:
    ended = Project(calculator.root).call("plan", "--spec", "specs/none.md", "--component", "calculator_operations")
    assert ended.code == 2
    assert "specs/none.md: no such file" in ended.err


@pytest.mark.slow
def test_a_waiver_is_shown_while_it_holds_and_refused_after(calculator: Calculator) -> None:
    """The specification asks for 80 %, and the test reaches less."""
    project = Project(calculator.root)
    project.put(
        "tests/test_operations.py",
        "from test_components.calculator.operations import add\n\n\ndef test_add() -> None:\n    assert add(1, 1) == 2\n",
    )
    plain = (calculator.root / "pyproject.toml").read_text()
    may = "\n[tool.spec2prod.rules.development.test_coverage]\nwaivable = true\n"
    project.put("pyproject.toml", plain + may + WAIVER.format("2999-12-31"))
    ended = calculator.run()
    assert ended.code == 0, ended.out + ended.err
    coverage = ended.gate("test_coverage")
    assert (coverage["verdict"], coverage["waiver"]) == ("waived", "waived by Ann until 2999-12-31: legacy")
    assert "test_coverage: waived by Ann until 2999-12-31: legacy" in ended.out
    project.put("pyproject.toml", plain + may + WAIVER.format("2020-01-01"))
    expired = calculator.run()
    assert (expired.code, expired.gate("test_coverage")["verdict"]) == (1, "failed")
    assert "the waiver by Ann does not count: it expired on 2020-01-01" in expired.out
    project.put("pyproject.toml", plain + WAIVER.format("2999-12-31"))
    assert "does not count: test_coverage may not be waived here" in calculator.run().out
    flags = ("--spec", SPEC, "--component", "calculator_operations", "--target", "development")
    (waiver,) = project.document("plan", *flags)["waivers"]
    assert waiver["refused"] == (
        "test_coverage may not be waived here: waivable = true is needed in its rule, at every target of the climb "
        "(rules.<target>.test_coverage.waivable is not true for development)"
    )


def test_gates_are_listed_and_each_is_explained_from_the_catalogue(shop: Project) -> None:
    listed = shop.document("gates")
    assert [each["name"] for each in listed["questions"]] == [question.name for question in CATALOGUE]
    for each in listed["questions"]:
        assert each["question"] and each["tool"] and each["fix"], each["name"]  # noqa: PT018 - one thought
        assert all(set(targets) == {"development", "staging", "production"} for targets in each["gates"].values())
    assert "[tool.spec2prod.rules.<target>.security] critical, high, medium, low, required, waivable" in shop.call("gates", "security").out
    unknown = shop.call("gates", "lintng")
    assert (unknown.code, "Did you mean linting?" in unknown.err) == (2, True)


def test_config_show_tells_origins_and_no_secret(shop: Project) -> None:
    shop.call("init")
    key = "a-key-" + "that-nobody-shows"
    env = {"LLM_MODEL": "openai/m", "LLM_API_KEY": key, "LLM_BASE_URL": "http://127.0.0.1:9/v1"}
    ended = shop.call("config", "show", "--origin", "--coverage-threshold", "91", env=env)
    assert 'components.shop.path = "src/shop"  # pyproject.toml: tool.spec2prod.components.shop.path' in ended.out
    assert 'openhands.model = "openai/m"  # environment: LLM_MODEL' in ended.out
    assert "coverage_threshold = 91  # command line" in ended.out
    assert "rules.staging.linting.issues = at most 0  # default" in ended.out
    assert key not in ended.out + ended.err + json.dumps(shop.document("config", "show", env=env))


def test_the_schema_is_printed_and_accepts_what_init_wrote(shop: Project) -> None:
    schema = json.loads(shop.call("config", "schema").out)
    assert {"components", "rules", "waivers", "openhands"} <= set(schema["properties"])


def rows(project: Project, *words: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
    told = project.document("doctor", *words, env=env)
    return told["exit"], {row["name"]: row for row in told["rows"]}


def test_doctor_starts_every_tool_and_tells_its_version(shop: Project) -> None:
    before = shop.files()
    code, told = rows(shop, "--component", "shop")
    required = {"component shop", "interpreter", "pytest", "coverage", "ruff", "basedpyright", "detect-secrets", "bandit", "uv"}
    assert {name for name in required if told[name]["state"] != "ok"} == set()
    assert told["pytest"]["told"] == pytest.__version__
    assert {told[name]["state"] for name in ("disk space", ".spec2prod", "loopback port", "settings", "database")} == {"ok"}
    assert code == 0
    assert told["model"]["state"] == "missing"
    assert told["model"]["required"] is False
    assert shop.files() == before


@pytest.mark.slow
def test_doctor_finds_an_environment_without_pytest(shop: Project) -> None:
    venv.create(shop.root / ".venv", with_pip=False)
    code, told = rows(shop)
    assert code == 4
    assert {told[name]["state"] for name in ("pytest", "coverage")} == {"missing"}
    assert told["pytest"]["next_step"] == f"{shop.root / '.venv/bin/python'} -m pip install pytest"
    assert told["interpreter"]["state"] == "ok"
    ended = shop.call("doctor")
    assert ended.code == 4
    assert "Not ready: pytest, coverage." in ended.out


@pytest.mark.slow
def test_doctor_finds_what_is_broken(shop: Project) -> None:
    shop.put(".venv/pyvenv.cfg", "")
    program = shop.put("bin/broken", "#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    shop.put("pyproject.toml", PYPROJECT + '\n[tool.spec2prod]\npython = "bin/broken"\ntimeout_seconds = "x"\n')
    code, told = rows(shop)
    assert code == 4
    assert told["settings"]["state"] == "broken"
    assert "timeout_seconds" in told["settings"]["told"]
    assert told["interpreter"]["state"] == "broken"
    gate = '[tool.spec2prod.gates.licences]\ncommand = ["no-such-program"]\nformat = "exit-code"\n'
    rule = "[tool.spec2prod.rules.staging.licences]\nrequired = true\n"
    shop.put("pyproject.toml", PYPROJECT + '\n[tool.spec2prod]\npython = "bin/broken"\n' + gate + rule)
    code, told = rows(shop)
    assert (code, told["interpreter"]["state"], told["pytest"]["state"]) == (4, "broken", "broken")
    assert (told["gate licences"]["state"], told["gate licences"]["required"]) == ("missing", True)
    assert "exit 3" in told["interpreter"]["told"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_doctor_finds_a_project_that_cannot_be_written(shop: Project) -> None:
    shop.root.chmod(0o555)
    try:
        code, told = rows(shop)
    finally:
        shop.root.chmod(0o755)
    assert (code, told[".spec2prod"]["state"]) == (4, "broken")


@pytest.mark.slow
def test_doctor_looks_at_the_model_without_spending_and_calls_it_only_when_asked(shop: Project) -> None:
    with ScriptedModel(SAYS_OK, key="right-" + "key") as model:
        env = model.environment()
        code, told = rows(shop, env=env)
        assert (told["model endpoint"]["state"], model.calls) == ("ok", 0)
        assert "model call" not in told
        code, told = rows(shop, "--call", env=env)
        assert (code, told["model call"]["state"], model.calls) == (0, "ok", 1)
        code, told = rows(shop, "--call", env=env | {"LLM_API_KEY": "wrong"})
        assert (told["model endpoint"]["state"], told["model call"]["state"]) == ("broken", "broken")
        assert "wrong" not in json.dumps(told)
        assert code == 0  # no run here needs it
        shop.put("pyproject.toml", PYPROJECT + "\n[tool.spec2prod]\nenable_openhands_test_generation = true\n")
        assert rows(shop, env=env | {"LLM_API_KEY": "wrong"})[0] == 4
    assert rows(shop, "--call", env=env)[1]["model call"]["told"].startswith("no model answers at")
    other = rows(shop, "--call", env={"LLM_MODEL": "other/model", "LLM_API_KEY": "k"})[1]["model call"]
    assert other["state"] == "missing"
    assert "not called: other is asked by OpenHands itself" in other["told"]


@pytest.mark.parametrize(
    "words", [("init",), ("gates",), ("config", "show", "--origin"), pytest.param(("doctor",), marks=pytest.mark.slow)], ids=" ".join
)
def test_twenty_columns_are_enough(shop: Project, words: tuple[str, ...]) -> None:
    assert shop.call(*words, env={"COLUMNS": "20"}).code == 0


@pytest.mark.parametrize("words", [("init",), ("plan",), ("gates",), ("config", "show"), ("config", "schema"), ("doctor",)], ids=" ".join)
def test_help_teaches_and_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    code = (
        "import contextlib, sys\nfrom spec2prod.cli import main\nwith contextlib.suppress(SystemExit):\n"
        f"    main([*{words!r}, '--help'])\n"
        "print(sorted({'rich', 'httpx', 'pydantic', 'jinja2', 'asyncio', 'psutil', 'tomllib'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=unmeasured(os.environ), capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[]"
    assert words[-1] in done.stdout
