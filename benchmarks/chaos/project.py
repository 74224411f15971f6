"""The project that runs are killed in, and how one looks when nobody disturbs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
SPEC = "specs/calculator_operations.md"
SOURCE = "src/test_components/calculator/operations.py"
COMPONENT = "calculator_operations"
REPORT = f"workflow_report_{COMPONENT}.json"
_FAULT = "import os\n"  # something for the linter to mend, so that a run changes the source
_TESTS = """\
import time

from test_components.calculator.operations import add, divide, multiply, subtract


def test_all() -> None:
    time.sleep(0.3)
    assert add(1, 2) == 3
    assert subtract(1, 2) == -1
    assert multiply(2, 3) == 6
    assert divide(6, 3) == 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a run ended: its exit code, each gate's verdict, what became of the agent's tests, and the project's files."""

    exit_code: int
    verdicts: Mapping[str, str]
    candidates: tuple[tuple[str, str], ...]
    files: Mapping[str, str]


class Project:
    """A calculator of its own, and the command line in it."""

    def __init__(self, root: Path, environment: Mapping[str, str], *, agent: bool) -> None:
        """Lay it out. `environment` is added to ours; `agent` has the tests written by the model that it names."""
        self.root = root
        self._agent = agent
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "SPEC2PROD_"))}
        self._environment |= environment
        for path in (SPEC, SOURCE):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text((REPOSITORY / path).read_text(encoding="utf-8"), encoding="utf-8")
        (root / SOURCE).write_text(_FAULT + (root / SOURCE).read_text(encoding="utf-8"), encoding="utf-8")
        (root / "pyproject.toml").write_text((REPOSITORY / "tools/demo.toml").read_text(encoding="utf-8"), encoding="utf-8")
        if not agent:
            (root / "tests").mkdir()
            (root / "tests/test_operations.py").write_text(_TESTS, encoding="utf-8")

    def start(self) -> subprocess.Popen[bytes]:
        """Begin a run, or go on with the one that was killed."""
        words = ["run", "--spec", SPEC, "--component", COMPONENT, "--target", "development", "--async"]
        if self._agent:
            words.append("--enable-openhands")
        with (self.root / ".spec2prod.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "spec2prod", *words], cwd=self.root, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def end(self, exit_code: int) -> End:
        """Tell how the last run ended."""
        report = self.report()
        gates = {f"{stage}.{gate['gate']}": gate["verdict"] for stage, each in report["stage_results"].items() for gate in each["gates"]}
        stages = {stage: each["verdict"] for stage, each in report["stage_results"].items()}
        candidates = sorted((each["name"], each["verdict"]) for each in report["run"]["candidates"])
        return End(exit_code=exit_code, verdicts=gates | stages, candidates=tuple(candidates), files=self.files())

    def report(self) -> dict[str, Any]:
        """Return the last run's report.

        Raises:
            RuntimeError: where there is none, with what the run said instead.
        """
        try:
            told: dict[str, Any] = json.loads((self.root / REPORT).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError) as error:
            said = (self.root / ".spec2prod.log").read_text(encoding="utf-8", errors="replace")[-800:]
            message = f"there is no report; the run said: {said}"
            raise RuntimeError(message) from error
        return told

    def files(self) -> dict[str, str]:
        """Return the project's own files, without what runs keep and report."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        relative = ((path, path.relative_to(self.root).as_posix()) for path in found)
        passing = (".spec2prod", "workflow_report_")
        kept = {name: path for path, name in relative if not name.startswith(passing) and "__pycache__" not in name}
        return {name: path.read_text(encoding="utf-8", errors="replace") for name, path in sorted(kept.items())}

    def half_written(self) -> list[str]:
        """Return what looks like a file that was not finished: temporary ones in the project, a report that is no JSON."""
        found = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*.tmp") if ".spec2prod" not in path.parts]
        report = self.root / REPORT
        try:
            json.loads(report.read_text(encoding="utf-8") if report.exists() else "{}")
        except ValueError:
            found.append(REPORT)
        return found

    def working(self) -> list[str]:
        """Return the processes that still work in this project, or for it."""
        return [" ".join(each.info["cmdline"]) for each in psutil.process_iter(["cmdline", "cwd", "status"]) if self._is_ours(each)]

    def _is_ours(self, process: psutil.Process) -> bool:
        words, folder = " ".join(process.info["cmdline"] or ()), process.info["cwd"] or ""
        return process.info["status"] != psutil.STATUS_ZOMBIE and (str(self.root) in words or folder.startswith(str(self.root)))
