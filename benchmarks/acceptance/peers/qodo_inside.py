"""Runs in Qodo Cover's environment: hands each candidate to its own `UnitTestValidator.validate_test`, with the model stubbed.

What is Qodo Cover's: putting the test into the suite's file, running the suite, comparing the coverage of the whole report, taking the
test out again. What is ours: the stub that answers in the model's place (put tests at the end, without indentation; no summary of errors).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from cover_agent.settings.config_schema import CoverageType  # type: ignore[import-not-found]
from cover_agent.unit_test_validator import UnitTestValidator  # type: ignore[import-not-found]

RUNS, LIMIT_S = 1, 60  # its own usual number of runs; its usual limit is 30 s


class Model:
    """Answers what the validator asks of a model."""

    def __init__(self, lines: int) -> None:
        """`lines` is the length of the suite's file."""
        self._lines = lines

    def analyze_suite_test_headers_indentation(self, **_: object) -> tuple[str, int, int, str]:
        """Say that tests are not indented."""
        return "test_headers_indentation: 0\n", 0, 0, ""

    def analyze_test_insert_line(self, **_: object) -> tuple[str, int, int, str]:
        """Say that tests go to the end, and imports behind the first line."""
        last = f"relevant_line_number_to_insert_tests_after: {self._lines}\nrelevant_line_number_to_insert_imports_after: 1\n"
        return f"{last}testing_framework: pytest\n", 0, 0, ""

    def analyze_test_failure(self, **_: object) -> tuple[str, int, int, str]:
        """Summarise nothing."""
        return "", 0, 0, ""


def validator(copy: Path, task: dict[str, Any]) -> UnitTestValidator:
    """Make its validator, with the coverage of the suite as it stands."""
    suite = copy / task["suite"]
    source = copy / task["source"]
    file = source if source.is_file() else max(source.rglob("*.py"), key=lambda path: path.stat().st_size)
    covered = source.name if source.is_dir() else source.stem
    command = f"{sys.executable} -m pytest -q -p no:cacheprovider --cov={covered} --cov-report=xml {task['suite']}"
    made = UnitTestValidator(
        source_file_path=str(file),
        test_file_path=str(suite),
        project_root=str(copy),
        code_coverage_report_path=str(copy / "coverage.xml"),
        test_command=command,
        test_command_dir=str(copy),
        included_files=[],
        coverage_type=CoverageType.COBERTURA.value,
        desired_coverage=100,
        additional_instructions="",
        llm_model="stub",
        use_report_coverage_feature_flag=True,
        diff_coverage=False,
        comparison_branch="",
        num_attempts=RUNS,
        agent_completion=Model(len(suite.read_text(encoding="utf-8").split("\n"))),
        max_run_time_sec=LIMIT_S,
        generate_log_files=False,
    )
    made.initial_test_suite_analysis()
    made.run_coverage()
    return made


def told(copy: Path, task: dict[str, Any], text: str) -> tuple[str, str]:
    """Return its answer on one candidate."""
    try:
        found = validator(copy, task).validate_test({"test_code": text, "new_imports_code": "", "test_name": "", "test_behavior": ""})
    except Exception as error:  # noqa: BLE001 - whatever stops it is its answer
        return "errored", f"{type(error).__name__}: {error}"[:300]
    return ("accepted", "coverage rose") if found["status"] == "PASS" else ("rejected", str(found["reason"])[:200])


def main() -> None:
    """Ask about every candidate; one line of JSON each."""
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = Path(sys.argv[1]).with_name("answers.jsonl")
    for number, each in enumerate(task["candidates"]):
        copy = Path(task["copies"]) / str(number)
        shutil.copytree(task["template"], copy)
        os.environ["PYTHONPATH"] = str(copy / task["import_root"])
        verdict, reason = told(copy, task, each["text"])
        with answers.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": each["name"], "verdict": verdict, "reason": reason}) + "\n")
        shutil.rmtree(copy, ignore_errors=True)


if __name__ == "__main__":
    main()
