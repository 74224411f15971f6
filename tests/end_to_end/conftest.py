"""The command line on real components: real tools, the real agent server, and a scripted model behind a real endpoint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from spec2prod.bootstrap.agent import find_openhands
from spec2prod.testing import Behaviour, ScriptedModel, load_script

REPOSITORY = Path(__file__).resolve().parents[2]
SPEC = "specs/calculator_operations.md"
CALCULATOR = "src/test_components/calculator/operations.py"
LLM = ("LLM_MODEL", "LLM_API_KEY", "LLM_BASE_URL")


@dataclass(frozen=True)
class Ended:
    """A finished command with its report."""

    code: int
    out: str
    err: str
    report: dict[str, Any] = field(default_factory=dict)

    def stage(self, name: str) -> dict[str, Any]:
        stage: dict[str, Any] = self.report["stage_results"][name]
        return stage

    def gate(self, name: str) -> dict[str, Any]:
        gates: list[dict[str, Any]] = [gate for stage in self.report["stage_results"].values() for gate in stage["gates"]]
        return next(gate for gate in gates if gate["gate"] == name)

    @property
    def tools(self) -> list[str]:
        return sorted(process["tool"] for process in self.report["run"]["processes"])


class Calculator:
    """A project of its own with the guide's calculator, and the command line in its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path in (SPEC, CALCULATOR):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / path, root / path)
        shutil.copy(REPOSITORY / "tools/demo.toml", root / "pyproject.toml")

    def command(self, *extra: str, component: str = "calculator_operations") -> list[str]:
        return [sys.executable, "-m", "spec2prod", "run", "--spec", SPEC, "--component", component, "--target", "development", *extra]

    def run(self, *extra: str, env: Mapping[str, str] | None = None, component: str = "calculator_operations") -> Ended:
        done = subprocess.run(
            self.command(*extra, component=component),
            cwd=self.root,
            env=environment(env),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr, self.report(component))

    def report(self, component: str = "calculator_operations") -> dict[str, Any]:
        file = self.root / f"workflow_report_{component}.json"
        told: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return told

    def files(self) -> dict[str, bytes]:
        """What the project holds, apart from what a run may leave."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and ".spec2prod" not in path.parts and not path.name.startswith("workflow_report_")
        }

    def left_behind(self) -> list[str]:
        """Processes that still work for this project: the agent server, a shell, a tool."""
        return [
            " ".join(process.info["cmdline"] or ())
            for process in psutil.process_iter(["cmdline"])
            if str(self.root) in " ".join(process.info["cmdline"] or ())
        ]


def environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """Our environment without a model, plus what is given."""
    return {name: value for name, value in os.environ.items() if name not in LLM} | dict(extra or {})


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition: a bound on patience, not a measurement."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.05)
    raise TimeoutError


def unmeasured(env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a child is not measured by coverage: its imports and files are its own."""
    return {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}


@pytest.fixture
def calculator(tmp_path: Path) -> Calculator:
    return Calculator(tmp_path / "project")


@pytest.fixture(scope="session")
def _installed() -> None:
    if find_openhands() is None:
        pytest.skip("the agent server is not installed: run `spec2prod openhands install`")


@pytest.fixture
def model(_installed: None) -> Iterator[ScriptedModel]:
    with ScriptedModel(load_script("calculator")) as scripted:
        yield scripted


@pytest.fixture
def misbehaving(_installed: None) -> Iterator[Any]:
    """Return a function that starts a scripted model with a behaviour."""
    models: list[ScriptedModel] = []

    def start(key: str = "", **behaviour: Any) -> ScriptedModel:
        models.append(ScriptedModel(load_script("calculator"), behaviour=Behaviour(**behaviour), key=key).start())
        return models[-1]

    yield start
    for each in models:
        each.stop()
