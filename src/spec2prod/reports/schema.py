"""The report's JSON Schema: what `report.schema.json` publishes."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from spec2prod.reports.document import Report


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the report, as it is published in `report.schema.json`: every field is there, and no other."""
    made = TypeAdapter(Report).json_schema(mode="serialization")
    parts = {name: _closed(part) for name, part in made.pop("$defs").items()}
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "$defs": parts, **_closed(made), "title": "spec2prod report, format 1"}


def _closed(part: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a part as one that allows no other field; an enumeration has none."""
    return {"additionalProperties": False, **part} if "properties" in part else part
