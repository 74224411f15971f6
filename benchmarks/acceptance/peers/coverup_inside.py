"""Runs in CoverUp's environment: hands each candidate to its own `improve_coverage`, with a model that answers with that candidate.

What is CoverUp's: the suite's coverage, the segments that lack some, running the test (five times, isolated, a minute at most), the
comparison of lines and branches, saving. What is ours: the stub in the model's place, a prompter that never asks again, and that a
candidate is measured once and offered to every segment: it is accepted where any of them takes it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from coverup import coverup  # type: ignore[import-not-found]
from coverup.segment import get_missing_coverage  # type: ignore[import-not-found]
from coverup.testrunner import measure_suite_coverage, measure_test_coverage  # type: ignore[import-not-found]


class Model:
    """Answers with one test."""

    def __init__(self, text: str) -> None:
        """`text` is the whole test file."""
        self._text = text

    async def chat(self, messages: list[Any], *, ctx: object) -> dict[str, Any]:
        """Return what a model would."""
        del messages, ctx
        return {"choices": [{"message": {"role": "assistant", "content": f"```python\n{self._text}\n```"}}]}


class Prompter:
    """Never asks a second time."""

    def initial_prompt(self, segment: object) -> list[Any]:
        """Begin a conversation."""
        del segment
        return []

    def error_prompt(self, segment: object, error: str) -> None:
        """Give up after a failure."""
        del segment
        Prompter.last = f"failed: {error.strip()[-200:]}"

    def missing_coverage_prompt(self, *words: object) -> None:
        """Give up where nothing was gained."""
        del words
        Prompter.last = "no coverage gained"

    last = ""


class Once:
    """Its own measurement of a test, once for all segments."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._found: Any = None

    async def __call__(self, **words: Any) -> Any:  # noqa: ANN401 - another's function
        """Measure, or tell again."""
        if self._found is None:
            try:
                self._found = await measure_test_coverage(**words)
            except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
                self._found = error
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def told(text: str, args: Any, segments: list[Any]) -> tuple[str, str]:  # noqa: ANN401 - its own arguments
    """Return its answer on one candidate."""
    coverup.measure_test_coverage = Once()
    Prompter.last = "nothing is uncovered: no test is asked for"
    saved = set(args.tests_dir.iterdir())
    try:
        for segment in segments:
            finished = asyncio.run(coverup.improve_coverage(args, Model(text), Prompter(), segment))
            if {each.name for each in args.tests_dir.iterdir() if each not in saved and each.name.startswith("test_coverup_")}:
                return "accepted", f"gains coverage in {segment.name}"
            if not finished:
                return "errored", "a module is missing"
    except Exception as error:  # noqa: BLE001 - whatever stops it is its answer
        return "errored", f"{type(error).__name__}: {error}"[:200]
    return "rejected", Prompter.last


def main() -> None:
    """Ask about every candidate; one line of JSON each."""
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = Path(sys.argv[1]).with_name("answers.jsonl")
    template, copies = Path(task["template"]), Path(task["copies"])
    os.environ["PYTHONPATH"] = str(template / task["import_root"])
    os.chdir(template)
    source = template / task["source"]
    package = source if source.is_dir() else template
    suite = measure_suite_coverage(
        tests_dir=Path("tests"), source_dir=package.relative_to(template), isolate_tests=True, branch_coverage=True
    )
    for number, each in enumerate(task["candidates"]):
        copy = copies / str(number)
        shutil.copytree(template, copy)
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy / task["import_root"])
        sys.path.insert(0, os.environ["PYTHONPATH"])
        args = coverup.parse_args(
            [
                "--package-dir",
                str(copy / package.relative_to(template)),
                "--tests-dir",
                "tests",
                "--model",
                "stub",
                "--log-file",
                str(copy / "log"),
            ]
        )
        coverup.state = coverup.State(suite)
        own = (
            {(copy / task["source"]).resolve()}
            if not source.is_dir()
            else {path.resolve() for path in (copy / task["source"]).rglob("*.py")}
        )
        segments = [segment for segment in get_missing_coverage(suite, line_limit=args.line_limit) if segment.path in own]
        verdict, reason = told(each["text"], args, segments)
        with answers.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": each["name"], "verdict": verdict, "reason": reason}) + "\n")
        sys.path.pop(0)
        os.chdir(template)
        shutil.rmtree(copy, ignore_errors=True)


if __name__ == "__main__":
    main()
