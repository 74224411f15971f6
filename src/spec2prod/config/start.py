"""The text of a commented start: what `spec2prod init` adds to a project's pyproject.toml."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from spec2prod.config.rules import DEFAULTS
from spec2prod.domain.discovery import Proposal
from spec2prod.domain.plan import Target

_HEAD = """\
[tool.spec2prod]
# What spec2prod asks of this project. Everything that is not set has its default:
# `spec2prod config show --origin` shows all of it, `spec2prod gates` explains the gates.
#
# python = ".venv"          # the component's environment, unless it is .venv
# auto_fix_linting = false  # let the linter mend nothing
# type_checker = "mypy"     # or "pyright", "basedpyright", "ty"; else the one that this file configures
"""
_WAIVER = """\
# A "no" that somebody answers for, until a day; always shown. The gate's rule must say `waivable = true` at every target of the climb.
# [[tool.spec2prod.waivers]]
# gate = "type_checking"
# reason = "why"
# approver = "who"
# expires = 2027-01-31
"""


def section(proposals: Iterable[Proposal], specification_of: Callable[[Proposal], str]) -> str:
    """Return the section, with its components; the commented lines show defaults and may be taken in as they are."""
    components = (_component(each, specification_of(each)) for each in proposals)
    return "\n".join([_HEAD, *components, _rules(), _WAIVER])


def minimal_project(name: str) -> str:
    """Return the least that a pyproject.toml needs to hold."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "project"
    return f'[project]\nname = "{plain}"\nversion = "0.1.0"\n'


def _component(proposal: Proposal, specification: str) -> str:
    """Return one component's table; a name that is no bare key is quoted."""
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", proposal.name)
    key = proposal.name if bare else json.dumps(proposal.name, ensure_ascii=False)
    path, spec = (json.dumps(each, ensure_ascii=False) for each in (proposal.source, specification))
    return f"[tool.spec2prod.components.{key}]\npath = {path}\nspecification = {spec}\n"


def _rules() -> str:
    lines = ["# What each target asks; a climb keeps what the lower targets ask."]
    for target in (Target.STAGING, Target.PRODUCTION):
        coverage = next(rule for rule in DEFAULTS[target] if rule.gate == "test_coverage")
        lines += [f"# [tool.spec2prod.rules.{target}.test_coverage]"]
        lines += [f"# {limit.value} = {limit.threshold:g}" for limit in coverage.limits]
        lines += [f"# required = {str(coverage.required).lower()}"]
    return "\n".join([*lines, ""])
