"""Why pytest did not even begin: a plugin that the project's own options ask for, or that a conftest imports, is not installed.

Pure: pytest's standard error goes in. Which package brings an option is known for the plugins that are used most; of another one the
option is named.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_UNKNOWN = re.compile(r"^\S.*: error: unrecognized arguments: (.+)$", re.MULTILINE)
_SETTINGS = re.compile(r"^ +inifile: (.+)$", re.MULTILINE)
_REQUIRED = re.compile(r"^ERROR: Missing required plugins: (.+)$", re.MULTILINE)
_PLUGIN = re.compile(r"^ERROR: Error importing plugin \"[^\"]+\": No module named '([\w.]+)'$", re.MULTILINE)
_MODULE = re.compile(r"^E +ModuleNotFoundError: No module named '([\w.]+)'$", re.MULTILINE)
# The beginning of an option, as the plugin's own manual names it, and the package that brings it.
_BROUGHT_BY = {
    "--cov": "pytest-cov",
    "--no-cov": "pytest-cov",
    "--numprocesses": "pytest-xdist",
    "--dist": "pytest-xdist",
    "--maxprocesses": "pytest-xdist",
    "--timeout": "pytest-timeout",
    "--asyncio": "pytest-asyncio",
    "--benchmark": "pytest-benchmark",
    "--reruns": "pytest-rerunfailures",
    "--only-rerun": "pytest-rerunfailures",
    "--random-order": "pytest-random-order",
    "--randomly": "pytest-randomly",
    "--html": "pytest-html",
    "--self-contained-html": "pytest-html",
    "--mypy": "pytest-mypy",
    "--ruff": "pytest-ruff",
    "--flake8": "pytest-flake8",
    "--black": "pytest-black",
    "--ds": "pytest-django",
    "--reuse-db": "pytest-django",
    "--snapshot": "syrupy",
    "--hypothesis": "hypothesis",
    "--xdoctest": "xdoctest",
    "--instafail": "pytest-instafail",
}
_SHORT = {"-n": "pytest-xdist"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why pytest refused to begin, in words, and what helps."""

    reason: str
    next_step: str


def refusal(stderr: str, interpreter: Path) -> Refusal | None:
    """Return why pytest did not begin, and the command that helps; None where what it says is something else."""
    if found := _REQUIRED.search(stderr):
        names = [name.strip() for name in found[1].split(",")]
        return _missing(names, f"required_plugins asks for {' and '.join(names)}", interpreter)
    if found := _UNKNOWN.search(stderr):
        settings = _SETTINGS.search(stderr)
        return _unknown(found[1], Path(settings[1]).name if settings else "", interpreter)
    if (found := _PLUGIN.search(stderr)) or (found := _MODULE.search(stderr)):
        module = found[1].partition(".")[0]
        step = f"install the package that brings {module}: {interpreter} -m pip install …"
        return Refusal(reason=f"the module {module} is not there in {interpreter}", next_step=step)
    return None


def _unknown(told: str, settings: str, interpreter: Path) -> Refusal:
    """Tell of options; values that stand apart (`--dist load`) are among what pytest does not know."""
    words = told.split()
    options = [word for word in words if word.startswith("-")] or words
    where = f"addopts in {settings or 'PYTEST_ADDOPTS'}"
    packages = sorted({brought for option in options if (brought := _package(option))})
    asked = f"{where} asks for {' '.join(options)}"
    if packages:
        return _missing(packages, asked, interpreter)
    step = f"install the plugin that brings it beside {interpreter}, or take it out of {where}"
    return Refusal(reason=f"{asked}, which no plugin installed in {interpreter} knows", next_step=step)


def _package(option: str) -> str:
    if not option.startswith("--"):
        return _SHORT.get(option[:2], "")
    return next((package for begin, package in _BROUGHT_BY.items() if re.match(rf"{begin}(?![a-z0-9])", option)), "")


def _missing(packages: Sequence[str], asked: str, interpreter: Path) -> Refusal:
    names, verb = " and ".join(packages), "is" if len(packages) == 1 else "are"
    step = f"{interpreter} -m pip install {' '.join(map(shlex.quote, packages))}"
    return Refusal(reason=f"{asked}, and {names} {verb} not installed in {interpreter}", next_step=step)
