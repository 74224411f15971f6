r"""What a scripted model says: tasks, their turns, and how it misbehaves. A script is data.

A script file is JSON:

    {
      "format": 1,
      "name": "calculator",
      "about": "free text, for readers",
      "behaviour": {"seconds_per_call": 0.5},
      "find": {"test_file": "<regular expression>", "workspace": "<regular expression>"},
      "tasks": [
        {
          "match": "test_components.calculator.operations",
          "turns": [
            {"say": "First a look around.", "run": "ls"},
            {"write": "{workspace}/{test_file}", "text": ["line 1", "line 2"]},
            {"run": "python -m pytest -q {test_file}"},
            {"finish": "The tests are written."}
          ]
        }
      ]
    }

`match` (a text, or a list of texts any of which will do) is looked for in what the user says in the conversation; the
first task that matches is played; the empty text matches all. A turn does one thing: `write` (with `text`, a text or a list
of lines), `run`, `think`, `finish`, or `call` (any tool, with `arguments`); `say` beside it is told in the same breath, and
alone it is an answer in words without a tool. After the last turn the model calls `finish`.

`{test_file}` and `{workspace}` in a turn stand for what `find` captures in the prompt (see `conversation.FIND`).
`find` may also name further words: `"find": {"ticket": "ticket (\\d+)"}` makes `{ticket}` usable. `behaviour` is described
at `Behaviour`; its keys are the names of that class's fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

FORMAT = 1


class ScriptError(ValueError):
    """A script that cannot be played; the message begins with its address: file, then the place in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the endpoint behaves beside answering. Every default is good behaviour.

    `seconds_per_call` delays each answer. The first `rate_limited` calls are answered 429 with `Retry-After:
    retry_after` (seconds), the first `server_errors` calls after those with 500. `silent` accepts a call and never
    answers it. `garbled` is "body" (bytes that are not JSON) or "arguments" (tool calls whose arguments are no JSON).
    `wrong` writes a failing test in place of every file, `text_only` never uses a tool, `loops` runs one command for ever.
    """

    seconds_per_call: float = 0.0
    rate_limited: int = 0
    retry_after: int = 1
    server_errors: int = 0
    silent: bool = False
    garbled: str = ""
    wrong: bool = False
    text_only: bool = False
    loops: bool = False


GARBLED = ("", "body", "arguments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One answer of the model: words, a tool call, or both.

    `tool` is empty for words alone; a `malformed` call carries arguments that are no JSON.
    """

    say: str = ""
    tool: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    malformed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The turns for conversations in which the user says one of `match`."""

    match: tuple[str, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A model, written down. `find` maps a placeholder's name to the regular expression whose group 1 is its value."""

    name: str
    tasks: tuple[Task, ...]
    behaviour: Behaviour = field(default_factory=Behaviour)
    find: Mapping[str, str] = field(default_factory=dict)
    about: str = ""

    @property
    def model(self) -> str:
        """Return the model's name as the endpoint knows it; it always begins with `scripted`."""
        return f"scripted-{self.name}"


def bundled_scripts() -> tuple[str, ...]:
    """Return the names of the scripts that come with the package."""
    folder = files(__package__) / "scripts"
    return tuple(sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json")))


def load_script(path: str | Path) -> Script:
    """Read a script from a JSON file, or a bundled one by its name.

    Raises:
        ScriptError: with the file and the place in it, where it is missing, no JSON, or says something unknown.
    """
    if str(path) in bundled_scripts():
        return parse_script((files(__package__) / "scripts" / f"{path}.json").read_text(encoding="utf-8"), f"{path}.json")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(bundled_scripts())
        message = f"{path}: cannot be read ({error}); the bundled scripts are: {known}"
        raise ScriptError(message) from error
    return parse_script(text, str(path))


def parse_script(text: str, where: str = "script") -> Script:
    """Read a script from JSON text; `where` is its address in errors.

    Raises:
        ScriptError: as `load_script`.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        address = f"{where}:{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else where
        message = f"{address}: is not JSON ({error})"
        raise ScriptError(message) from error
    return _script(_Node(value, where))


@dataclass(frozen=True, slots=True)
class _Node:
    """A value out of a script, with its address."""

    value: object
    where: str

    def refuse(self, needed: str) -> NoReturn:
        message = f"{self.where}: {needed}"
        raise ScriptError(message)

    def mapping(self, known: tuple[str, ...] = ()) -> dict[str, _Node]:
        if not isinstance(self.value, dict):
            self.refuse("must be an object")
        unknown = [key for key in self.value if known and key not in known]
        if unknown:
            self.refuse(f"unknown key {unknown[0]!r}; known are {', '.join(known)}")
        return {key: _Node(value, f"{self.where}: {key}") for key, value in self.value.items()}

    def sequence(self) -> list[_Node]:
        if not isinstance(self.value, list) or not self.value:
            self.refuse("must be a list with at least one entry")
        return [_Node(value, f"{self.where}[{index}]") for index, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.refuse("must be a text")
        return self.value

    def texts(self) -> tuple[str, ...]:
        return (self.value,) if isinstance(self.value, str) else tuple(each.text() for each in self.sequence())


def _script(node: _Node) -> Script:
    keys = node.mapping(("format", "name", "about", "behaviour", "find", "tasks"))
    if "format" not in keys or keys["format"].value != FORMAT:
        node.refuse(f"format must be {FORMAT}")
    if "name" not in keys or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", keys["name"].text()):
        node.refuse("name must be there, of small letters, digits and hyphens")
    if "tasks" not in keys:
        node.refuse("tasks must be there")
    return Script(
        name=keys["name"].text(),
        about="\n".join(keys["about"].texts()) if "about" in keys else "",
        behaviour=_behaviour(keys["behaviour"]) if "behaviour" in keys else Behaviour(),
        find={name: _pattern(each) for name, each in keys["find"].mapping().items()} if "find" in keys else {},
        tasks=tuple(_task(each) for each in keys["tasks"].sequence()),
    )


def _pattern(node: _Node) -> str:
    try:
        groups = re.compile(node.text()).groups
    except re.error as error:
        node.refuse(f"is no regular expression ({error})")
    if not groups:
        node.refuse("needs a group: (…) captures the value")
    return node.text()


def _behaviour(node: _Node) -> Behaviour:
    defaults = Behaviour()
    known = tuple(each.name for each in fields(Behaviour))
    values = {name: _checked(each, getattr(defaults, name)) for name, each in node.mapping(known).items()}
    if values.get("garbled", "") not in GARBLED:
        node.refuse('garbled must be "body" or "arguments"')
    return replace(defaults, **values)  # type: ignore[arg-type]  # each value was checked against its default's type


def _checked(node: _Node, default: object) -> object:
    if isinstance(default, bool) or isinstance(node.value, bool):
        good = isinstance(default, bool) and isinstance(node.value, bool)
    elif isinstance(default, float):
        good = isinstance(node.value, int | float) and node.value >= 0
    else:
        good = isinstance(node.value, type(default)) and (not isinstance(node.value, int) or node.value >= 0)
    if not good:
        node.refuse(f"must be a {type(default).__name__}, and not below zero")
    return node.value


def _task(node: _Node) -> Task:
    keys = node.mapping(("match", "turns"))
    if "turns" not in keys:
        node.refuse("turns must be there")
    return Task(
        match=keys["match"].texts() if "match" in keys else ("",),
        turns=tuple(_turn(each) for each in keys["turns"].sequence()),
    )


def _write(keys: Mapping[str, _Node], action: _Node) -> Turn:
    if "text" not in keys:
        action.refuse("needs text beside it")
    lines = keys["text"].texts()
    text = lines[0] if isinstance(keys["text"].value, str) else "\n".join((*lines, ""))
    return Turn(tool="file_editor", arguments={"command": "create", "path": action.text(), "file_text": text})


def _call(keys: Mapping[str, _Node], action: _Node) -> Turn:
    arguments = {name: each.value for name, each in keys["arguments"].mapping().items()} if "arguments" in keys else {}
    return Turn(tool=action.text(), arguments=arguments)


_ACTIONS: Mapping[str, tuple[tuple[str, ...], Callable[[Mapping[str, _Node], _Node], Turn]]] = {
    "write": (("text",), _write),
    "run": ((), lambda _, action: Turn(tool="terminal", arguments={"command": action.text()})),
    "think": ((), lambda _, action: Turn(tool="think", arguments={"thought": action.text()})),
    "finish": ((), lambda _, action: Turn(tool="finish", arguments={"message": action.text()})),
    "call": (("arguments",), _call),
}


def _turn(node: _Node) -> Turn:
    keys = node.mapping(("say", "write", "text", "run", "think", "finish", "call", "arguments"))
    chosen = [name for name in _ACTIONS if name in keys]
    extras = _ACTIONS[chosen[0]][0] if chosen else ()
    stray = [name for name in keys if name not in {"say", *chosen, *extras}]
    if len(chosen) > 1 or stray or not keys:
        node.refuse("a turn does one thing: say, write + text, run, think, finish, or call + arguments")
    say = keys["say"].text() if "say" in keys else ""
    return replace(_ACTIONS[chosen[0]][1](keys, keys[chosen[0]]), say=say) if chosen else Turn(say=say)
