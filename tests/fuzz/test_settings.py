"""Whatever stands in the settings: in force as it is written, or an error that names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.config import published
from spec2prod.config.settings import read_settings
from spec2prod.errors import SettingsError
from tests.fuzz.strategies import ANY_JSON, spoiled_text

SCHEMA: dict[str, Any] = json.loads(published.published())
# one value of each kind, in TOML
KINDS = {
    "string": '"text"',
    "integer": "7",
    "number": "7.5",
    "boolean": "true",
    "array": "[1]",
    "object": "{ x = 1 }",
    "date": "2027-01-31",
}
ACCEPTED_AS_WELL = {"number": {"integer"}, "string": {"date"}}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference leads to."""
    name = schema.get("$ref", "")
    found: dict[str, Any] = SCHEMA["$defs"][name.rpartition("/")[2]] if name else schema
    return found


def kinds(schema: dict[str, Any]) -> set[str]:
    """Return the kinds of values that a setting takes."""
    schema = resolved(schema)
    choices = [kind for each in schema.get("anyOf", []) for kind in kinds(each)]
    if schema.get("format") == "date":
        return {"date"}
    words = {"string"} if "enum" in schema or "const" in schema else set()
    return {schema["type"], *choices} if "type" in schema else {*choices, *words}


def leaves(schema: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every setting's name with its schema; `some` stands for a name that is free."""
    schema = resolved(schema)
    for name, inner in schema.get("properties", {}).items():
        yield (*above, name), inner
        yield from leaves(inner, (*above, name))
    free = schema.get("additionalProperties")
    if isinstance(free, dict):
        yield (*above, "some"), free
        yield from leaves(free, (*above, "some"))


SETTINGS = {".".join(name): kinds(schema) for name, schema in leaves(SCHEMA)}
WRONG = {
    name: [kind for kind in KINDS if kind not in right and not any(kind in ACCEPTED_AS_WELL.get(each, set()) for each in right)]
    for name, right in SETTINGS.items()
    if right
}


def refusal(root: Path, overrides: dict[str, object] | None = None) -> SettingsError | None:
    """Read settings; return how they were refused, None where they were taken."""
    try:
        read_settings(root, overrides)
    except SettingsError as error:
        return error
    return None


def test_the_schema_names_the_settings() -> None:
    assert {"coverage_threshold", "openhands.model", "rules.staging.test_coverage.percent", "components.some.path"} <= SETTINGS.keys()
    assert len(WRONG) > 50


@pytest.mark.parametrize("name", WRONG)
def test_a_setting_of_the_wrong_kind_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    for kind in WRONG[name]:
        (tmp_path / "pyproject.toml").write_text(f"[tool.spec2prod]\n{name} = {KINDS[kind]}\n")
        error = refusal(tmp_path)
        assert error is not None, kind
        assert f"tool.spec2prod.{name}" in str(error)
        assert error.next_step


GOOD = """\
[tool.spec2prod]
coverage_threshold = 80
[tool.spec2prod.rules.staging.linting]
issues = 3
[tool.spec2prod.components.a]
path = "a"
"""


@pytest.mark.no_cover  # measured, it takes twice as long, and what it runs the examples run, too
@given(text=spoiled_text(GOOD))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.mktemp("settings")
    (root / "pyproject.toml").write_bytes(text.encode(errors="surrogatepass"))
    error = refusal(root)
    assert error is None or ("pyproject.toml" in str(error) and error.next_step)


@pytest.mark.no_cover  # measured, it takes twice as long, and what it runs the examples run, too
@given(overrides=st.dictionaries(st.one_of(st.text(max_size=20), st.sampled_from(sorted(SETTINGS))), ANY_JSON, max_size=3))
def test_any_configuration_of_a_caller_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, overrides: dict[str, object]) -> None:
    error = refusal(tmp_path_factory.getbasetemp(), overrides)
    assert error is None or (error.message and error.next_step)
