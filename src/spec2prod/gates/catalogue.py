"""The questions that can be put to a component, as values, with one sentence each; help and docs are made from this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: its name, the gates that its answer serves, the figures that rules may speak about, a sentence."""

    name: str
    measures: tuple[str, ...]
    values: tuple[str, ...]
    sentence: str


CATALOGUE = (
    Question(
        name="tests",
        measures=("test_pass_rate", "test_coverage"),
        values=("percent",),
        sentence="Do the component's tests pass, and which share of its lines do they execute? One pytest run answers both.",
    ),
    Question(
        name="linting",
        measures=("linting",),
        values=("issues",),
        sentence="Does ruff, under the project's own configuration, find nothing to complain about in modules and tests?",
    ),
    Question(
        name="type_checking",
        measures=("type_checking",),
        values=("errors",),
        sentence="Do the modules' types hold, by the checker that the project configures, else by basedpyright in standard mode?",
    ),
    Question(
        name="security",
        measures=("security",),
        values=("critical", "high", "medium", "low"),
        sentence="Are there secrets in the component's files, or code that invites attack? detect-secrets and bandit answer.",
    ),
    Question(
        name="vulnerabilities",
        measures=("vulnerabilities",),
        values=("vulnerabilities",),
        sentence="Does the component's environment hold packages with known vulnerabilities? pip-audit asks a public service.",
    ),
)
