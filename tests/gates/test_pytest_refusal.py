"""Where pytest does not begin, the missing plugin is named with the command that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.gates.pytest_refusal import refusal

PYTHON = Path("/env/bin/python")
USAGE = """\
ERROR: usage: pytest.main() [options] [file_or_dir] [file_or_dir] [...]
pytest.main(): error: unrecognized arguments: {}
  inifile: /project/pyproject.toml
  rootdir: /project
"""


@pytest.mark.parametrize(
    ("stderr", "reason", "next_step"),
    [
        (
            USAGE.format("--cov=parse --cov-report=term-missing"),
            "addopts in pyproject.toml asks for --cov=parse --cov-report=term-missing, and pytest-cov is not installed in /env/bin/python",
            "/env/bin/python -m pip install pytest-cov",
        ),
        (USAGE.format("-n4 --dist load"), "asks for -n4 --dist, and pytest-xdist is", "/env/bin/python -m pip install pytest-xdist"),
        (USAGE.format("--covered"), "asks for --covered, which no plugin installed in", "take it out of addopts in pyproject.toml"),
        ("ERROR: Missing required plugins: b>=3, a\n", "required_plugins asks for b>=3 and a", "-m pip install 'b>=3' a"),
        ("ERROR: Error importing plugin \"foo.x\": No module named 'foo'\n", "the module foo is not there", "brings foo"),
        (
            "ImportError in conftest\nE   ModuleNotFoundError: No module named 'hypothesis'\n",
            "the module hypothesis",
            "hypothesis",
        ),
    ],
)
def test_what_is_missing_is_named_with_what_helps(stderr: str, reason: str, next_step: str) -> None:
    found = refusal(stderr, PYTHON)
    assert found is not None
    assert reason in found.reason
    assert next_step in found.next_step


def test_what_pytest_says_of_something_else_is_left_to_others() -> None:
    assert refusal("ERROR: file or directory not found: tests/test_x.py\n", PYTHON) is None
