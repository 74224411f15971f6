"""The project that runs are killed in, and how one looks when nobody disturbs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
SPEC = "specs/calculator_operations.md"
SOURCE = "src/test_components/calculator/operations.py"
COMPONENT = "calculator_operations"
REPORT = f"workflow_report_{COMPONENT}.json"
FAULT = "import os\n"  # something for the linter to mend, so that a run changes the source
EXAMPLES = """
## Examples
- `add(1, 2)` → `3`
- `subtract(1, 2)` → `-1`
- `multiply(2, 3)` → `6`
- `divide(6, 3)` → `2.0`
- `divide(1, 0)` raises `ValueError`
"""
SETTINGS = """
[tool.spec2prod]
type_checker = "mypy"

[tool.spec2prod.rules.staging.vulnerabilities]
asked = false  # it asks a public service, which is not there
"""
ENVIRONMENT = ".spec2prod/environments/staging"
BATCH = ("area", "price", "speed", "weight")
"""The components of a batch."""
_BATCH_SPEC = """\
# {name}

## Requirements
- Multiplies two numbers
- Says how one goes into the other

## Examples
- `{name}.{name}(2, 3)` → `6`
- `{name}.share(6, 3)` → `2.0`
"""
_BATCH_CODE = '''\
"""{name}."""


def {name}(a: int, b: int) -> int:
    """Multiply."""
    return a * b


def share(a: int, b: int) -> float:
    """Divide."""
    return a / b
'''
_BATCH_SETTINGS = (
    '[tool.ruff]\nline-length = 100\n\n[tool.spec2prod]\ntype_checker = "ty"\n'  # no such program: the runs are a second shorter
)
_BATCH_COMPONENT = '\n[tool.spec2prod.components.{name}]\npath = "{name}.py"\n'
WRITERS = {"spec": ("--generator", "spec"), "agent": ("--enable-openhands",)}
"""Who writes the tests, and how that is asked for: the specification's examples, or the real agent server and a scripted model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a run ended: its exit code, each gate's verdict, what became of the proposed tests, the project's files, what is released."""

    exit_code: int
    verdicts: Mapping[str, str]
    candidates: tuple[tuple[str, str], ...]
    files: Mapping[str, str]
    released: tuple[str, ...] = ()


class Project:
    """A calculator of its own without tests, and the command line in it."""

    def __init__(self, root: Path, environment: Mapping[str, str], *, writer: str) -> None:
        """Lay it out. `environment` is added to ours; `writer` is one of `WRITERS`."""
        self.root = root
        self._log = root.parent / "log"  # not in the project: what changes there asks the judge anew
        self._words = WRITERS[writer]
        self._environment = surroundings(environment)
        for path, more in ((SPEC, EXAMPLES if writer == "spec" else ""), (SOURCE, "")):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text((REPOSITORY / path).read_text(encoding="utf-8") + more, encoding="utf-8")
        (root / SOURCE).write_text(FAULT + (root / SOURCE).read_text(encoding="utf-8"), encoding="utf-8")
        (root / "pyproject.toml").write_text((REPOSITORY / "tools/demo.toml").read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")

    def start(self) -> subprocess.Popen[bytes]:
        """Begin a run, or go on with the one that was killed."""
        words = ("run", "--spec", SPEC, "--component", COMPONENT, "--target", "staging", "--async", *self._words)
        with self._log.open("ab") as log:
            argv = [sys.executable, "-m", "spec2prod", *words]
            return subprocess.Popen(argv, cwd=self.root, env=self._environment, stdout=log, stderr=subprocess.STDOUT)

    def said(self) -> str:
        """Return what the runs said last."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def end(self, exit_code: int) -> End:
        """Tell how the last run ended."""
        return replace(end_of(self.report(), exit_code, self.files()), released=self.released())

    def report(self) -> dict[str, Any]:
        """Return the last run's report.

        Raises:
            RuntimeError: where there is none, with what the run said instead.
        """
        try:
            told: dict[str, Any] = json.loads((self.root / REPORT).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError) as error:
            message = f"there is no report; the run said: {self.said()}"
            raise RuntimeError(message) from error
        return told

    def files(self) -> dict[str, str]:
        """Return the project's own files, without what runs keep and report."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        relative = ((path, path.relative_to(self.root).as_posix()) for path in found)
        passing = (".spec2prod", "workflow_report_")
        kept = {name: path for path, name in relative if not name.startswith(passing) and "__pycache__" not in name}
        return {name: path.read_text(encoding="utf-8", errors="replace") for name, path in sorted(kept.items())}

    def released(self) -> tuple[str, ...]:
        """Return what the environment serves and keeps: the current release, the wheels by their digests, and each entry of its history."""
        place = self.root / ENVIRONMENT
        current = [f"current: {each.readlink().name}" for each in (place / "current").glob("*")]
        kept = [f"release: {each.name}" for each in sorted((place / "releases").glob("*"))]
        told = [json.loads(line) for each in (place / "history").glob("*.jsonl") for line in each.read_text(encoding="utf-8").splitlines()]
        return (*current, *kept, *(f"{each['kind']}: {each['digest']} {each['verdict']}" for each in told))

    def half_written(self) -> list[str]:
        """Return what is there and not whole: a report that is no JSON."""
        report = self.root / REPORT
        try:
            json.loads(report.read_text(encoding="utf-8") if report.exists() else "{}")
        except ValueError:
            return [REPORT]
        return []


def files_of_batch() -> dict[str, str]:
    """Return a project of several small components, path by path."""
    files = {"pyproject.toml": _BATCH_SETTINGS + "".join(_BATCH_COMPONENT.format(name=name) for name in BATCH)}
    for name in BATCH:
        files |= {f"{name}.py": FAULT + _BATCH_CODE.format(name=name), f"specs/{name}.md": _BATCH_SPEC.format(name=name)}
    return files


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return our environment without a model and settings, plus what is given."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "SPEC2PROD_"))} | dict(environment)


def end_of(report: Mapping[str, Any], exit_code: int, files: Mapping[str, str]) -> End:
    """Tell how a run ended that has this report."""
    stages = report["stage_results"]
    gates = {f"{stage}.{gate['gate']}": gate["verdict"] for stage, each in stages.items() for gate in each["gates"]}
    verdicts = gates | {stage: each["verdict"] for stage, each in stages.items()}
    candidates = sorted((each["name"], each["verdict"]) for each in report["run"]["candidates"])
    return End(exit_code=exit_code, verdicts=verdicts, candidates=tuple(candidates), files=files)


def working_in(folder: Path) -> list[str]:
    """Return the processes that still work in a folder, or for something in it."""

    def is_ours(process: psutil.Process) -> bool:
        words, where = " ".join(process.info["cmdline"] or ()), process.info["cwd"] or ""
        return process.info["status"] != psutil.STATUS_ZOMBIE and (str(folder) in words or where.startswith(str(folder)))

    return [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline", "cwd", "status"]) if is_ours(each)]
