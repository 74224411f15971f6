"""What a scripted model answers next: a pure function of the script and of the conversation as it was sent.

Nothing is remembered between calls. The turn to play is the number of answers that the conversation already holds, so
retries, restarts of the endpoint, and any number of conversations at once come out right by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from spec2prod.testing.script import Behaviour, Script, Task, Turn

_TEST_PATH = r"(?<![\w./-])(/?(?:[\w.-]+/)*[\w.-]*test[\w.-]*\.py)\b"

FIND: Mapping[str, tuple[str, ...]] = {
    # The first path of a test file within 120 characters after the words "exactly one (test) file", or after "test file"; failing
    # these, the first anywhere.
    "test_file": (
        rf"(?is)\bexactly one (?:test )?file\b.{{0,120}}?{_TEST_PATH}",
        rf"(?is)\btest[ _]file\b.{{0,120}}?{_TEST_PATH}",
        rf"(?i){_TEST_PATH}",
    ),
    # The first absolute path after such words on one line; the description of OpenHands' file editor has them too.
    "workspace": (
        r"(?i)\byour working (?:directory|folder) is[^\n/]*(/[^\s`'\"<>]+)",
        r"(?i)(?:working|current)[ _](?:directory|folder|dir)\b[^\n/]*(/[^\s`'\"<>]+)",
        r"(?i)\bworkspace\b[^\n/]*(/[^\s`'\"<>]+)",
    ),
}
"""How a placeholder's value is found: in what the user says first, then in the descriptions of the tools; group 1 is the value."""

WRONG_TEST = '''"""Written by a scripted model that was told to be wrong."""


def test_scripted_to_be_wrong() -> None:
    answer = 6 * 7
    assert answer == 41
'''


class UnplayableError(ValueError):
    """The conversation cannot be answered from the script; the message says what was looked for."""


def next_turn(script: Script, behaviour: Behaviour, request: Mapping[str, object]) -> Turn:
    """Return the answer to a chat completion request.

    Raises:
        UnplayableError: where no task matches, or a turn needs something that the prompt does not name.
    """
    if behaviour.text_only:
        return Turn(say="The tests should be easy to write. (This scripted model was told to use no tool.)")
    if behaviour.loops:
        return Turn(tool="terminal", arguments={"command": "pwd"})
    turn = _offered(_filled(_played(script, request), script, request), request)
    if behaviour.wrong and "file_text" in turn.arguments:
        turn = replace(turn, arguments={**turn.arguments, "file_text": WRONG_TEST})
    return replace(turn, malformed=behaviour.garbled == "arguments")


def answers_so_far(request: Mapping[str, object]) -> int:
    """Return how many answers of the model the conversation holds."""
    return sum(message.get("role") == "assistant" for message in _mappings(request.get("messages")))


def prompt_of(request: Mapping[str, object]) -> str:
    """Return all that the user said, in order."""
    said = (message for message in _mappings(request.get("messages")) if message.get("role") == "user")
    return "\n".join(_text(message.get("content")) for message in said)


def functions_of(request: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """Return the offered tools: name → its `function` object, description and parameters included."""
    functions = (_mapping(tool.get("function")) for tool in _mappings(request.get("tools")))
    return {str(function["name"]): function for function in functions if "name" in function}


def _played(script: Script, request: Mapping[str, object]) -> Turn:
    turns, number = _task(script, prompt_of(request)).turns, answers_so_far(request)
    return turns[number] if number < len(turns) else Turn(tool="finish", arguments={"message": "The script ends here."})


def _task(script: Script, prompt: str) -> Task:
    for task in script.tasks:
        if any(text in prompt for text in task.match):
            return task
    wanted = ", ".join(repr(text) for task in script.tasks for text in task.match)
    message = f"no task of the script {script.name!r} matches this conversation; looked for {wanted}"
    raise UnplayableError(message)


def _filled(turn: Turn, script: Script, request: Mapping[str, object]) -> Turn:
    texts = [turn.say, *(value for value in turn.arguments.values() if isinstance(value, str))]
    names = [name for name in (*FIND, *script.find) if any(f"{{{name}}}" in text for text in texts)]
    values = {f"{{{name}}}": _found(name, script, request) for name in dict.fromkeys(names)}
    arguments = {key: _put(value, values) if isinstance(value, str) else value for key, value in turn.arguments.items()}
    return replace(turn, say=_put(turn.say, values), arguments=arguments)


def _put(text: str, values: Mapping[str, str]) -> str:
    """Replace placeholders, and nothing else in braces: the texts are programs."""
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def _found(name: str, script: Script, request: Mapping[str, object]) -> str:
    patterns = (script.find[name],) if name in script.find else FIND[name]
    described = "\n".join(str(function.get("description", "")) for function in functions_of(request).values())
    for text in (prompt_of(request), described):
        for pattern in patterns:
            if match := re.search(pattern, text):
                return _relative(match[1].rstrip(".,;:)"), name, script, request)
    message = f"the script needs {{{name}}}, and neither the prompt nor a tool's description has what `find` looks for: {patterns[0]}"
    raise UnplayableError(message)


def _relative(value: str, name: str, script: Script, request: Mapping[str, object]) -> str:
    """Make an absolute test file relative to the workspace, so that `{workspace}/{test_file}` is right either way."""
    if name != "test_file" or not value.startswith("/"):
        return value
    return value.removeprefix(_found("workspace", script, request).rstrip("/") + "/")


def _offered(turn: Turn, request: Mapping[str, object]) -> Turn:
    """Turn a call of a tool that was not offered into words, and complete the arguments of one that was."""
    if not turn.tool:
        return turn
    function = functions_of(request).get(turn.tool)
    if function is None:
        said = str(turn.arguments.get("message", "")) if turn.tool == "finish" else f"The request offers no tool {turn.tool!r}."
        return Turn(say=turn.say or said)
    return replace(turn, arguments=complete(turn.arguments, _mapping(function.get("parameters"))))


def complete(arguments: Mapping[str, object], schema: Mapping[str, object]) -> dict[str, object]:
    """Add a value of the right type for each required argument that is missing (a risk estimate, a summary)."""
    properties, required = _mapping(schema.get("properties")), schema.get("required")
    names = [str(name) for name in required if name not in arguments] if isinstance(required, list) else []
    return {**arguments, **{name: _some_value(_mapping(properties.get(name))) for name in names}}


_BY_TYPE: Mapping[object, object] = {"string": "scripted", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}


def _some_value(schema: Mapping[str, object]) -> object:
    """Return a harmless value that fits a JSON schema: the lowest of a risk scale, else the first thing allowed."""
    if "default" in schema:
        return schema["default"]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return next((choice for choice in choices if str(choice).upper() == "LOW"), choices[0])
    for either in ("anyOf", "oneOf", "allOf"):
        if options := _mappings(schema.get(either)):
            return _some_value(options[0])
    kind = schema.get("type")
    return _BY_TYPE.get(kind[0] if isinstance(kind, list) and kind else kind)


def _text(content: object) -> str:
    """Return a message's text, whether it is a text or a list of parts."""
    return content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in _mappings(content))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, object]]:
    items: Iterable[object] = value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict)]
