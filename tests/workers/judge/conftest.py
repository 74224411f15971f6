"""The judge's worker as a process, asked as its client asks it; no sandbox around it, so that what it leaves can be looked for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

WORKER = Path(__file__).resolve().parents[3] / "src" / "spec2prod" / "workers" / "judge"


@dataclass
class Told:
    """What the worker said, sorted."""

    events: list[dict[str, Any]]
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    mutants: dict[str, dict[str, Any]] = field(default_factory=dict)
    kills: dict[tuple[str, str], str] = field(default_factory=dict)  # by the mutant's line and words, and the test
    collected: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for event in self.events:
            kind = event["event"]
            if kind == "test":
                self.tests[event["test"].partition("::")[2]] = event
            elif kind == "mutant":
                self.mutants[event["id"]] = event
            elif kind == "kill":
                mutant = self.mutants[event["mutant"]]
                self.kills[f"{mutant['line']}:{mutant['column']} {mutant['words']}", event["test"].partition("::")[2]] = event["outcome"]
            elif kind == "collected":
                self.collected[event["group"]] = event
            elif kind == "refused":
                self.refused[event["group"]] = event["reason"]
            elif kind == "trouble":
                self.troubles[event["test"]] = event["reason"]

    def kinds(self, test: str) -> set[str]:
        """Return the kinds of evidence on one test."""
        return {piece["kind"] for piece in self.tests[test]["evidence"]}

    def outcomes(self, words: str, test: str) -> set[str]:
        """Return what one test did on the mutants of these words."""
        return {outcome for (mutant, name), outcome in self.kills.items() if mutant.endswith(" " + words) and name == test}

    def of_function(self, words: str, function: str) -> set[str]:
        """Return what the cases of one test function did on the mutants of these words."""
        return {
            outcome for (mutant, name), outcome in self.kills.items() if mutant.endswith(" " + words) and name.partition("[")[0] == function
        }

    @property
    def spent(self) -> dict[str, int]:
        """Return how many lanes and forks there were, and how often a test was run in them."""
        spent: dict[str, int] = self.events[-1]["spent"]
        return spent

    def fates(self, test: str) -> dict[str, str]:
        """Return what one test did, by the mutant's words."""
        return {words: outcome for (words, name), outcome in self.kills.items() if name == test}


Ask = Callable[..., Told]


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Return what writes files into a fresh project, judges the test files of it, and returns all that was told."""

    def asked(
        files: Mapping[str, str], modules: Sequence[str], *, mutate: str = "none", interpreter: str = sys.executable, **more: Any
    ) -> Told:
        root = tmp_path_factory.mktemp("judged")
        project = root / "project"
        for name, text in files.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text)
        tests = [name for name in files if Path(name).name.startswith("test_")]
        limits = {"test_s": 8.0, "mutant_s": 1.0, **more.pop("limits", {})}
        request = {
            "root": str(project),
            "import_root": ".",
            "scratch": str(root / "scratch"),
            "nonce": "n",
            "modules": list(modules),
            "groups": [{"name": name, "files": [name]} for name in tests],
            "mutate": mutate,
            "limits": limits,
            **more,
        }
        argv = [interpreter, "-W", "error::SyntaxWarning", str(WORKER)]
        done = subprocess.run(argv, input=json.dumps(request) + "\n", capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        told = Told([json.loads(line) for line in done.stdout.splitlines()])
        assert (told.events[-1]["event"], told.events[-1].get("nonce")) == ("done", "n"), told.events[-1]
        return told

    return asked
