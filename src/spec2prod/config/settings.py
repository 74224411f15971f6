"""Read the settings in full before anything runs, and remember where each value came from.

Later wins: default, `[tool.spec2prod]` of pyproject.toml, environment, then the caller's own (the guide's config keys, or the command
line's flags). The environment wins over pyproject.toml for the model and its address, because OpenHands reads the same variables and
they belong together with the key, which is in the environment: a key must not travel to an address that a project's file chose
while its owner named another.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, get_args, get_origin

from pydantic import BaseModel, Field

from spec2prod.config.checking import checked
from spec2prod.config.own_gates import near
from spec2prod.config.schema import Table, TargetRules
from spec2prod.domain.locate import ComponentSetting
from spec2prod.domain.waiver import Waiver
from spec2prod.errors import SettingsError

_FILE = "pyproject.toml"
_TABLE = "tool.spec2prod"
# pydantic's words name Python's types; TOML has others
_PLAINLY = {
    "date_type": "must be a date without quotes, such as 2027-01-31",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "tuple_type": "must be a list",
}
_FROM_ENVIRONMENT = {
    "openhands.model": "LLM_MODEL",
    "openhands.base_url": "LLM_BASE_URL",
    "database_url": "SPEC2PROD_DATABASE_URL",
}


class Settings(Table):
    """The settings in force. `origins` holds where each value that is no default came from, by its dotted name."""

    origins: Mapping[str, str] = Field(default_factory=dict)

    def origin(self, name: str) -> str:
        """Return where a value came from: `default`, `pyproject.toml: tool.spec2prod.x`, `environment: LLM_MODEL`, or `caller`."""
        return self.origins.get(name, "default")

    def component_settings(self) -> dict[str, ComponentSetting]:
        """Return what is said of components, in the domain's words."""
        return {
            name: ComponentSetting(path=table.path, tests=table.tests, specification=table.specification)
            for name, table in self.components.items()
        }

    def waivers_given(self) -> tuple[Waiver, ...]:
        """Return the waivers, in the domain's words."""
        return tuple(
            Waiver(gate=table.gate, reason=table.reason, approver=table.approver, expires=table.expires, component=table.component or "")
            for table in self.waivers
        )

    def gate_names(self) -> tuple[str, ...]:
        """Return the gates that rules and waivers may name."""
        targets = (self.rules.development, self.rules.staging, self.rules.production)
        return tuple(dict.fromkeys([*TargetRules.model_fields, *(name for rules in targets for name in rules.own)]))


def read_settings(
    root: Path,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    overrides_from: str = "caller",
) -> Settings:
    """Return the settings of the project at `root`.

    `overrides` are top-level settings or dotted ones (`openhands.model`); None as a value means "not given".
    `overrides_from` is their origin as the report shows it. `environ` is the environment; none by default.

    Raises:
        SettingsError: lists every wrong name, type and value at once, each with its address.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, value in _leaves(_of_project(root)):
        _put(values, name, value)
        origins[name] = f"{_FILE}: {_TABLE}.{unescaped(name)}"
    for name, variable in _FROM_ENVIRONMENT.items():
        if (environ or {}).get(variable):
            _put(values, name, (environ or {})[variable])
            origins[name] = f"environment: {variable}"
    for name, value in _given(overrides or {}):
        _put(values, name, value)
        origins[name] = overrides_from
    table, wrong = checked(values)
    if wrong:
        raise _listed([(_address(each["loc"], origins), _sentence(each["loc"], each["type"], each["msg"])) for each in wrong])
    read = {name: getattr(table, name) for name in Table.model_fields}
    return Settings.model_construct(**read, origins=origins)  # it is all validated already


def _of_project(root: Path) -> dict[str, Any]:
    try:
        tools = tomllib.loads((root / _FILE).read_bytes().decode()).get("tool", {})
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot be read: {error}", where=_FILE, next_step="Mend the file: it must be TOML in UTF-8.") from None
    table = tools.get("spec2prod", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError("must be a table", where=f"{_FILE}: {_TABLE}", next_step=f"Write [{_TABLE}], with one setting a line.")
    return table


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names with their values; an empty table is a value too."""
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{escaped(name)}.")
        else:
            yield f"{above}{escaped(name)}", value


def _given(overrides: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{name}.")
        elif value is not None:
            yield name, value


def _put(values: dict[str, Any], name: str, value: object) -> None:
    """Set a dotted name; where something else than a table is in the way, the check tells."""
    *tables, last = name.split(".")
    for table in tables:
        inner = values.setdefault(unescaped(table), {})
        if not isinstance(inner, dict):
            return
        values = inner
    values[unescaped(last)] = value


def escaped(name: str) -> str:
    """Hide a dot inside a name (`components."a.b"`) from the dotted form."""
    return name.replace("%", "%25").replace(".", "%2E")


def unescaped(name: str) -> str:
    """Return a name as it was written."""
    return name.replace("%2E", ".").replace("%25", "%")


def _listed(wrong: Sequence[tuple[str, str]]) -> SettingsError:
    """Return all that is wrong as one error: the address in `where` if there is one mistake, else one line each."""
    step = f"Mend {'it' if len(wrong) == 1 else 'them'} and start again; nothing has run."
    if len(wrong) == 1:
        return SettingsError(wrong[0][1], where=wrong[0][0], next_step=step)
    return SettingsError(f"{len(wrong)} settings are wrong" + "".join(f"\n  {where}: {text}" for where, text in wrong), next_step=step)


def _address(location: tuple[int | str, ...], origins: Mapping[str, str]) -> str:
    """Return where the wrong value was written: the longest beginning of its name that has an origin tells."""
    parts = [escaped(str(part)) for part in location]
    known = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    origin = next((origins[name] for name in known if name in origins), f"{_FILE}: {_TABLE}")
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return f"{_FILE}: {_TABLE}.{name}" if origin.startswith(_FILE) else f"{name} ({origin})"


def _sentence(location: tuple[int | str, ...], kind: str, message: str) -> str:
    if kind != "extra_forbidden":
        return _PLAINLY.get(kind, message[:1].lower() + message[1:])
    return f"no such setting{near(str(location[-1]), _names(location[:-1]))}"


def _names(location: tuple[int | str, ...]) -> list[str]:
    """Return the settings that the table at `location` has."""
    kind: object = Table
    for part in location:
        kind = _inside(kind, part)
    return list(kind.model_fields) if _is_table(kind) else []


def _inside(kind: object, part: int | str) -> object:
    """Return what stands under one name of a table, or in one place of a list."""
    if _is_table(kind):
        return kind.model_fields[str(part)].annotation if part in kind.model_fields else None
    arguments = get_args(kind)
    if not arguments:
        return None
    return arguments[1] if get_origin(kind) is dict else arguments[0]


def _is_table(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
