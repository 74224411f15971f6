"""Write the pages of docs/reference/ that are made from the code: `make docs`. The tests compare them."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from pydantic import BaseModel

from spec2prod import errors
from spec2prod.cli import parser
from spec2prod.config import published, schema
from spec2prod.config.rules import DEFAULTS, rules_for
from spec2prod.config.settings import Settings
from spec2prod.domain.plan import Target
from spec2prod.domain.specification import Specification
from spec2prod.gates.catalogue import CATALOGUE, Question

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
MEANINGS = {
    errors.ExitCode.PROMOTED: "promoted: every required gate said yes",
    errors.ExitCode.GATE_FAILED: "a gate failed",
    errors.ExitCode.USAGE: "usage, specification or settings",
    errors.ExitCode.PENDING: "pending: an approval or a soak is still to come",
    errors.ExitCode.COULD_NOT_ASK: "a tool or service could not be asked",
    errors.ExitCode.ROLLED_BACK: "released, then rolled back",
    errors.ExitCode.TIME_LIMIT: "time limit",
    errors.ExitCode.INTERRUPTED: "interrupted",
}


def kinds[T](base: type[T]) -> Iterator[type[T]]:
    """Give every kind below `base`, depth first, in the order of the source."""
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def first_line(kind: type) -> str:
    """Return the first sentence of a class's docstring, on one line."""
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


def exit_codes() -> str:
    """Return the page of exit codes and errors."""
    codes = "".join(f"| {code.value} | {MEANINGS[code]} |\n" for code in errors.ExitCode)
    named = [kind for kind in kinds(errors.Spec2prodError) if kind.__module__ == errors.__name__]
    rows = "".join(f"| `{kind.slug}` | {kind.exit_code.value} | {first_line(kind)} |\n" for kind in named)
    return (
        "# Exit codes and errors\n\nMade from `src/spec2prod/errors.py` by `make docs`.\n\n"
        f"| code | meaning |\n|---|---|\n{codes}\n"
        "## Errors\nEach names its address and the next step.\n\n"
        f"| error | exit code | meaning |\n|---|---|---|\n{rows}"
    )


def help_of(*words: str) -> str:
    """Return what a command's `--help` prints, 100 columns wide."""
    told = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}), redirect_stdout(told), suppress(SystemExit):
        parser().parse_args([*words, "--help"])
    return told.getvalue()


def commands(*words: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give each command that does something, with its help."""
    text = help_of(*words)
    section = re.search(r"^commands:\n(.*?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    names = re.findall(r"^    ([a-z][a-z-]*)(?=\s|$)", section.group(1), re.MULTILINE) if section else []
    if not names:
        yield words, text
    for name in names:
        yield from commands(*words, name)


def command_line() -> str:
    """Return the page of the command line."""
    parts = [f"## spec2prod {' '.join(words)}\n```text\n{text.rstrip()}\n```\n" for words, text in commands()]
    return "# Command line\n\nMade from `spec2prod … --help` by `make docs`.\n\n" + "\n".join(parts)


def settings() -> str:
    """Return the page of settings: one table for each table of the models, and one for the rules."""
    parts = [
        f"## {title}\n{intro}\n\n| setting | type | default | meaning |\n|---|---|---|---|\n{rows}" for title, intro, rows in _tables()
    ]
    return (
        "# Settings\n\nMade from `src/spec2prod/config/schema.py` by `make docs`; as a JSON Schema: `spec2prod config schema`. "
        "What is in force, and where it comes from: `spec2prod config show --origin`.\n\n" + "\n".join([*parts, _rules()])
    )


def _tables() -> Iterator[tuple[str, str, str]]:
    """Give each table that has a name in TOML: that name, a sentence, and its rows."""
    models: list[type[BaseModel]] = [schema.Table, *(kind for kind in kinds(schema.Part) if kind is not schema.Table)]
    for model in models:
        title, _, intro = _sentence(model).partition("]`")
        own = [name for name, each in model.model_fields.items() if each.description]
        if title.startswith("`[") and own:
            yield title.strip("`[]"), intro.lstrip(":. ").capitalize(), "".join(_row(model, name) for name in own)


def _rules() -> str:
    """Return what each target asks of each gate by default, and which figures may be set."""
    rows = "".join(_gate_rows(gate) for gate in schema.TargetRules.model_fields)
    every = "".join(_row(schema.GateRule, name) for name in schema.GateRule.model_fields)
    return (
        "## tool.spec2prod.rules.<target>.<gate>\n"
        "What is given replaces the default of that figure; a climb keeps the tightest of what every target on its way asks.\n\n"
        "| gate | figure | development | staging | production | meaning |\n|---|---|---|---|---|---|\n"
        f"{rows}\nEvery gate has these too:\n\n| setting | type | default | meaning |\n|---|---|---|---|\n{every}"
    )


def _gate_rows(gate: str) -> str:
    model = type(schema.TargetRules.model_fields[gate].default)
    rows = []
    for figure in (name for name in model.model_fields if name not in schema.GateRule.model_fields):
        asked = " | ".join(_by_default(gate, figure, target) for target in Target)
        rows.append(f"| `{gate}` | `{figure}` | {asked} | {model.model_fields[figure].description} |\n")
    return "".join(rows)


def _by_default(gate: str, figure: str, target: Target) -> str:
    rule = next((rule for rule in DEFAULTS[target] if rule.gate == gate), None)
    limit = next((limit for limit in rule.limits if limit.value == figure), None) if rule else None
    if rule is None or limit is None:
        return "-"
    return f"{limit.threshold:g}" + ("" if rule.required else ", optional")


def _row(model: type[BaseModel], name: str) -> str:
    whole = _schema_of(model)
    described = whole["properties"][name]
    default = model.model_fields[name].get_default(call_default_factory=True)
    shown = "required" if model.model_fields[name].is_required() else "" if isinstance(default, BaseModel) else _toml(default)
    kind = _kind(described, whole.get("$defs", {}))
    return f"| `{name}` | {kind} | {shown} | {model.model_fields[name].description} |\n"


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _kind(described: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return a JSON Schema's type and bounds in words."""
    if "$ref" in described:
        target = definitions[str(described["$ref"]).rpartition("/")[2]]
        return "table" if target.get("type") == "object" else _kind(target, definitions)
    if "anyOf" in described:
        return " or ".join(_kind(each, definitions) for each in described["anyOf"] if each.get("type") != "null")
    if "enum" in described:
        return ", ".join(f"`{each}`" for each in described["enum"])
    if described.get("type") == "array":
        return f"list of {_kind(described['items'], definitions)}s"
    if isinstance(described.get("additionalProperties"), dict):
        return "tables by name"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}
    limits = ", ".join(f"{sign} {described[name]:g}" for name, sign in bounds.items() if name in described)
    return f"{described.get('format') or described.get('type')}" + (f", {limits}" if limits else "")


def _toml(value: object) -> str:
    if value is None or value in ({}, ()):
        return "none"
    return f"`{json.dumps(value)}`"


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def gates() -> str:
    """Return the page of gates: what each asks, who answers, and what each target needs unless the settings say otherwise."""
    parts = [_question(each) for each in CATALOGUE]
    return (
        "# Gates\n\nMade from `src/spec2prod/gates/catalogue.py` and `src/spec2prod/config/rules.py` by `make docs`. "
        "Thresholds are settings: see [Settings](settings.md). A gate of your own: [Add a gate](../how-to/add-a-gate.md).\n\n"
        + "\n".join(parts)
    )


def _question(question: Question) -> str:
    service = f" It asks {question.service}." if question.service else ""
    rows = "".join(f"| {gate} | {' | '.join(_needed(gate, target) for target in Target)} |\n" for gate in question.measures)
    return (
        f"## {question.name}\n{question.sentence}\n\nWho answers: {question.tool}.{service}\n\nFigures: "
        f"{', '.join(f'`{value}`' for value in question.values)}. To mend a no: {question.fix}\n\n"
        f"| gate | {' | '.join(Target)} |\n|---|{'---|' * len(Target)}\n{rows}"
    )


def _needed(gate: str, target: Target) -> str:
    rule = next((each for each in rules_for(target, Settings(), Specification(path="", title="")) if each.gate == gate), None)
    if rule is None:
        return "not asked"
    return ", ".join(str(limit).replace(">=", "≥").replace("<=", "≤") for limit in rule.limits) + ("" if rule.required else " (optional)")


PAGES = {"exit-codes.md": exit_codes, "gates.md": gates, "command-line.md": command_line, "settings.md": settings}


def main() -> None:
    """Write every page."""
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render())
    (ROOT / "src" / "spec2prod" / "config" / published.FILE).write_text(published.render())


if __name__ == "__main__":
    main()
