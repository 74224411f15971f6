"""The JSON Schema of `[tool.spec2prod]`, for editors and for whoever checks a project's settings: made from the models."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from spec2prod.config.schema import Table

FILE = "settings.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render() -> str:
    """Return the schema as JSON text with a final newline, made anew from the models."""
    schema = Table.model_json_schema()
    head = {"$schema": _DIALECT, "title": "The settings of spec2prod: [tool.spec2prod] of pyproject.toml"}
    return json.dumps(head | _plain(schema), indent=2, ensure_ascii=False) + "\n"


def published() -> str:
    """Return the schema as it is shipped."""
    return files(__package__).joinpath(FILE).read_text(encoding="utf-8")


def _plain(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Leave out what says nothing to a reader: titles made from names, and whole tables as defaults."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _plain(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str)) and not (name == "default" and isinstance(value, dict))
    }
