"""Our own answer: `spec2prod judge`, as a user calls it, once a module."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.acceptance.processor_time import run
from benchmarks.acceptance.subjects import Project

TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was said of one candidate, by `file::function`."""

    verdict: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Every answer of one call or of one peer; seconds of wall clock and of CPU with all children. `failure` says why there are none."""

    answers: dict[str, Answer] = field(default_factory=dict)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    mutants: int = 0
    failure: str = ""


def judge(project: Project, files: Sequence[Path], *, timeout_s: float = TIMEOUT_S) -> Answers:
    """Judge the files beside the project's suite, without the cache."""
    command = [sys.executable, "-m", "spec2prod", "judge", "--json", "--no-cache", "--component", project.name]
    command += ["--spec", project.specification, *map(str, files)]
    done = run(command, cwd=project.root, env=os.environ, timeout_s=timeout_s)
    if done.timed_out:
        return Answers(wall_s=done.wall_s, cpu_s=done.cpu_s, failure=f"no answer after {timeout_s:g} s")
    if not done.stdout.startswith("{"):
        return Answers(wall_s=done.wall_s, cpu_s=done.cpu_s, failure=done.stderr.strip()[-800:] or f"exit code {done.code}")
    told: dict[str, Any] = json.loads(done.stdout)
    answers = {
        f"{Path(each['file']).name}::{each['name']}": Answer(verdict=each["verdict"], reason=f"{each['filter']}: {each['sentence']}")
        for each in told["tests"]
    }
    return Answers(answers=answers, wall_s=done.wall_s, cpu_s=done.cpu_s, mutants=told["mutants"], failure=told["void"])
