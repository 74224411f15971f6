"""A project's own gates in its settings: what is said of them is checked in full before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.config.rules import rules_for
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.plan import Target
from spec2prod.domain.specification import Specification
from spec2prod.domain.verdict import Rule
from spec2prod.errors import SettingsError

SPEC = Specification(path="spec.md", title="", requirements=())
LICENCES = '[tool.spec2prod.gates.licences]\ncommand = ["check-licences"]\nformat = "exit-code"\n'
MUTANTS = '[tool.spec2prod.gates.mutants]\ncommand = ["mutate"]\nformat = "json"\npath = "score"\nfigure = "score"\nbetter = "higher"\n'


def settings(root: Path, text: str) -> Settings:
    (root / "pyproject.toml").write_text(text)
    return read_settings(root)


def rule(root: Path, text: str, gate: str, target: Target = Target.STAGING) -> Rule | None:
    return next((each for each in rules_for(target, settings(root, text), SPEC) if each.gate == gate), None)


@pytest.mark.parametrize("rules", ["", "required = true\n"])
def test_a_gate_that_counts_failures_asks_for_none_unless_told_otherwise(tmp_path: Path, rules: str) -> None:
    asked = rule(tmp_path, LICENCES + "[tool.spec2prod.rules.staging.licences]\n" + rules, "licences")
    assert asked is not None
    assert [str(limit) for limit in asked.limits] == ["failures <= 0"]
    assert asked.required


def test_a_rule_is_asked_from_its_target_on(tmp_path: Path) -> None:
    text = LICENCES + "[tool.spec2prod.rules.staging.licences]\nrequired = false\n"
    assert rule(tmp_path, text, "licences", Target.DEVELOPMENT) is None
    assert rule(tmp_path, text, "licences", Target.PRODUCTION) is not None


def test_more_may_be_better_and_the_origin_is_told(tmp_path: Path) -> None:
    asked = rule(tmp_path, MUTANTS + "[tool.spec2prod.rules.staging.mutants]\nscore = 80\n", "mutants")
    assert asked is not None
    assert [str(limit) for limit in asked.limits] == ["score >= 80"]
    assert asked.limits[0].origin == "pyproject.toml: tool.spec2prod.rules.staging.mutants.score"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.spec2prod.rules.staging.lintin]\nissues = 1\n", "rules.staging.lintin: no such setting; did you mean linting?"),
        (LICENCES, "gates.licences: no rule asks it: add [tool.spec2prod.rules.development.licences]"),
        (
            LICENCES + "[tool.spec2prod.rules.staging.licences]\nissues = 1\n",
            "licences.issues: the gate has no such figure; it has failures",
        ),
        (MUTANTS + "[tool.spec2prod.rules.staging.mutants]\nrequired = true\n", "mutants: say how much score is needed"),
        (LICENCES.replace("exit-code", "json") + "[tool.spec2prod.rules.staging.licences]\nx = 1\n", "needs `path` and `figure`"),
        (LICENCES + 'path = "a"\n[tool.spec2prod.rules.staging.licences]\n', "are for JSON answers alone"),
        (LICENCES + 'better = "higher"\n[tool.spec2prod.rules.staging.licences]\n', "lower is better"),
        (LICENCES.replace("licences", "linting") + "[tool.spec2prod.rules.staging.linting]\nissues = 1\n", "comes with spec2prod"),
        (LICENCES.replace('["check-licences"]', "[]") + "[tool.spec2prod.rules.staging.licences]\n", "gates.licences.command"),
        (LICENCES.replace("exit-code", "text") + "[tool.spec2prod.rules.staging.licences]\n", "gates.licences.format"),
        (LICENCES + '[tool.spec2prod.rules.staging.licences]\nfailures = "0"\n', "licences.failures"),
    ],
)
def test_what_is_wrong_is_told_with_its_address(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(tmp_path, text)
    assert says in str(refused.value)


def test_further_gates_have_rules_of_their_own(tmp_path: Path) -> None:
    text = "[tool.spec2prod.rules.development.complexity]\ncomplexity = 8\n[tool.spec2prod.rules.staging.performance]\nmemory_mb = 100\n"
    complexity = rule(tmp_path, text, "complexity", Target.DEVELOPMENT)
    performance = rule(tmp_path, text, "performance")
    assert complexity is not None
    assert [str(limit) for limit in complexity.limits] == ["complexity <= 8"]
    assert performance is not None
    assert [str(limit) for limit in performance.limits] == ["response_ms <= 5000", "memory_mb <= 100", "slower_percent <= 10"]
    assert not performance.required
