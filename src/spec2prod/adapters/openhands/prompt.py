"""The agent's task, in words: the promise first, then the gap, then the code. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import PurePosixPath

from spec2prod.domain.candidate import TestRequest

_STRICT = "pytest may warn of the marker: leave it as it is. Where pytest refuses it, add `-o markers=requirement` to the command."


def task_text(request: TestRequest, working_folder: str) -> str:
    """Return the task, to be done in a folder with that absolute path.

    The specification stands first: tests that are made from the code alone repeat its mistakes.
    """
    return "\n".join((*_promise(request), *_gap(request), *_rules(request, working_folder), *_code(request)))


def _promise(request: TestRequest) -> tuple[str, ...]:
    return (
        f"Write pytest tests for the Python module `{request.dotted}`. They must show that it keeps this specification.",
        "",
        "<specification>",
        request.specification.strip(),
        "</specification>",
        "",
    )


def _gap(request: TestRequest) -> tuple[str, ...]:
    if not request.uncovered:
        return (f"No coverage was measured yet. Aim at {request.coverage_goal:g} % of the module's lines.", "")
    return (
        f"These lines of `{request.module}` are run by no test yet: {line_ranges(request.uncovered)}.",
        f"Aim at {request.coverage_goal:g} % of its lines: begin with what the specification promises about these.",
        "",
    )


def _rules(request: TestRequest, working_folder: str) -> tuple[str, ...]:
    rules = _numbered(
        *(_file_rules(request), _import_rules(request), _worth_rules()),
        *(_marker_rules(request), _clean_rules(), _run_rules(request)),
    )
    existing = f"Tests that exist already (do not repeat them): {', '.join(request.existing_tests)}." if request.existing_tests else ""
    return (
        f"Your working directory is {working_folder} (the root of a copy of the project).",
        "",
        "Rules:",
        *rules,
        *((existing,) if existing else ()),
        "",
    )


def _numbered(*rules: tuple[str, ...]) -> tuple[str, ...]:
    """Return the rules with their numbers; a rule without words is none."""
    said = [rule for rule in rules if rule]
    return tuple(line for number, (first, *rest) in enumerate(said, 1) for line in (f"{number}. {first}", *(f"   {each}" for each in rest)))


def _file_rules(request: TestRequest) -> tuple[str, ...]:
    return (
        f"Write exactly one test file: `{request.test_file}`, under your working directory. It does not exist yet.",
        "Nothing else that you write is kept: do not create, change or delete any other file, and do not install anything.",
    )


def _import_rules(request: TestRequest) -> tuple[str, ...]:
    return (f"Import the module as `{request.dotted}` and test its public behaviour. Do not copy its code into the test.",)


def _worth_rules() -> tuple[str, ...]:
    return (
        "Every test asserts a result that the specification asks for, and would fail if the module broke that promise.",
        "No test without an assertion, no `assert True`, no skipped tests.",
        "Where code and specification disagree, follow the specification, leave the test failing, and say so at the end.",
    )


def _marker_rules(request: TestRequest) -> tuple[str, ...]:
    if not request.requirements:
        return ()
    first = request.requirements[0]
    return (
        f'A test that shows a requirement carries its ID: `@pytest.mark.requirement("{first}")`, one marker for each that it shows.',
        f"The IDs stand before the requirements in the specification: {', '.join(request.requirements)}.",
        "Name a requirement only where the test would fail if the module broke it. A test that shows none has no marker; invent no ID.",
    )


def _clean_rules() -> tuple[str, ...]:
    return ("No network, no waiting, no randomness without a seed; files only under pytest's `tmp_path`.",)


def _run_rules(request: TestRequest) -> tuple[str, ...]:
    return (
        f"Before you finish, run it: `{run_command(request)}`. Mend your mistakes: a test must come out the same alone and in any order.",
        *((_STRICT,) if request.requirements else ()),
    )


def _code(request: TestRequest) -> tuple[str, ...]:
    return (f"The code is in `{request.module}`. Read that file first, then write the tests.", "")


def run_command(request: TestRequest) -> str:
    """Return the shell line that runs the new tests; the copy's own source comes before any installed one."""
    return f"PYTHONPATH={import_root(request)} python -m pytest -q {request.test_file}"


def import_root(request: TestRequest) -> str:
    """Return the folder that makes `dotted` importable: what is left of the module's path without its import name."""
    parts = PurePosixPath(request.module).with_suffix("").parts
    name = parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
    depth = len(name) - len(request.dotted.split("."))
    return "/".join(name[:depth]) or "."


def line_ranges(lines: Iterable[int]) -> str:
    """Return line numbers as a reader writes them: `3-5, 9`."""
    ordered = sorted(set(lines))
    starts = [line for before, line in pairwise((None, *ordered)) if line is not None and (before is None or line != before + 1)]
    ends = [line for line, after in pairwise((*ordered, None)) if line is not None and (after is None or after != line + 1)]
    return ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True))
