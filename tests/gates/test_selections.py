"""What a project's own configuration leaves for a linter or a type checker to say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from spec2prod.gates.checker_selection import sets_aside
from spec2prod.gates.ruff_selection import leaves_nothing

LINT: list[tuple[Mapping[str, object], bool]] = [
    ({}, False),
    ({"select": ["E"]}, False),
    ({"select": []}, True),
    ({"select": [], "extend-select": ["D"]}, False),
    ({"ignore": ["ALL"]}, True),
    ({"extend-ignore": ["ALL"]}, True),
    ({"select": ["E"], "ignore": ["ALL"]}, False),  # the more specific one wins
    ({"select": ["ALL"], "ignore": ["ALL"]}, True),
    ({"select": ["E", "F"], "ignore": ["E"]}, False),
    ({"per-file-ignores": {"*": ["ALL"]}}, True),
    ({"per-file-ignores": {"src/**": ["ALL"]}}, True),
    ({"per-file-ignores": {"tests/**": ["ALL"]}}, False),
    ({"per-file-ignores": {"*": ["E501"]}}, False),
    ({"per-file-ignores": {"!tests/**": ["ALL"]}}, True),
    ({"select": "E"}, True),  # no list: ruff refuses it, and so is never asked
]


@pytest.mark.parametrize(("lint", "nothing"), LINT, ids=str)
def test_whether_ruffs_configuration_leaves_a_rule(lint: Mapping[str, object], nothing: bool) -> None:  # noqa: FBT001
    assert leaves_nothing(lint, "src/sums/more.py") is nothing


CHECKERS: list[tuple[str, Mapping[str, object], bool]] = [
    ("pyright", {}, False),
    ("pyright", {"ignore": []}, False),
    ("pyright", {"ignore": ["**"]}, True),
    ("pyright", {"ignore": ["src"]}, True),
    ("basedpyright", {"ignore": ["./src/*/more.py"]}, True),
    ("basedpyright", {"ignore": ["**/more.py"]}, True),
    ("basedpyright", {"ignore": ["sums", "src/su"]}, False),
    ("mypy", {"ignore_errors": True}, True),
    ("mypy", {"ignore_errors": False}, False),
    ("mypy", {"overrides": [{"module": "sums.*", "ignore_errors": True}]}, True),
    ("mypy", {"overrides": [{"module": ["a", "sums.more"], "ignore_errors": True}]}, True),
    ("mypy", {"overrides": [{"module": "sums.*"}, {"module": "a", "ignore_errors": True}]}, False),
    # each of these was tried with ty 0.0.105
    ("ty", {}, False),
    ("ty", {"rules": {"all": "ignore"}}, True),
    ("ty", {"rules": {"all": "warn"}}, False),
    ("ty", {"rules": {"all": "ignore", "unresolved-reference": "error"}}, False),
    ("ty", {"rules": {"unresolved-reference": "ignore"}}, False),
    ("ty", {"overrides": [{"include": ["src"], "rules": {"all": "ignore"}}]}, True),
    ("ty", {"overrides": [{"include": ["src/sums/*.py"], "rules": {"all": "ignore"}}]}, True),
    ("ty", {"overrides": [{"include": ["**/sums"], "rules": {"all": "ignore"}}]}, True),
    ("ty", {"overrides": [{"include": ["sums"], "rules": {"all": "ignore"}}]}, False),
    ("ty", {"overrides": [{"include": ["src/**"], "exclude": ["src/sums/more.py"], "rules": {"all": "ignore"}}]}, False),
    ("ty", {"rules": {"all": "ignore"}, "overrides": [{"include": ["src"], "rules": {"all": "error"}}]}, False),
    ("ty", {"rules": {"division-by-zero": "error"}, "overrides": [{"include": ["src"], "rules": {"all": "ignore"}}]}, True),
    ("ty", {"src": {"exclude": ["src"]}}, False),  # a file that is named is checked all the same
    ("ty", {"rules": "ignore", "overrides": {"include": 1}}, False),
]


@pytest.mark.parametrize(("checker", "table", "aside"), CHECKERS, ids=str)
def test_whether_a_checkers_configuration_sets_a_module_aside(checker: str, table: Mapping[str, object], aside: bool) -> None:  # noqa: FBT001
    assert sets_aside(checker, table, "src/sums/more.py", "sums.more") is aside
