"""Scripts: read with an address for each mistake, and played from the conversation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.openhands.prompt import task_text
from spec2prod.domain.candidate import TestRequest
from spec2prod.testing import Behaviour, ScriptError, bundled_scripts, load_script, parse_script
from spec2prod.testing.conversation import UnplayableError, complete, next_turn
from tests.testing.client import chat, tool


def script_of(*turns: object, **more: object) -> str:
    return json.dumps({"format": 1, "name": "mine", "tasks": [{"turns": list(turns)}], **more})


def test_every_bundled_script_can_be_read_and_is_named_after_its_file() -> None:
    assert "calculator" in bundled_scripts()
    assert all(load_script(name).name == name for name in bundled_scripts())


def test_the_models_name_begins_with_scripted() -> None:
    assert parse_script(script_of({"say": "hello"})).model == "scripted-mine"


def test_each_kind_of_turn_calls_its_tool() -> None:
    turns = (
        {"write": "/a.py", "text": ["x = {}", "y = 1"]},
        {"write": "/b.py", "text": "as it is"},
        {"run": "ls"},
        {"think": "hm"},
        {"finish": "done"},
        {"call": "file_editor", "arguments": {"command": "view", "path": "/a.py"}, "say": "A look."},
        {"say": "words"},
    )
    task = parse_script(script_of(*turns)).tasks[0]
    assert [turn.tool for turn in task.turns] == ["file_editor", "file_editor", "terminal", "think", "finish", "file_editor", ""]
    assert [turn.arguments.get("file_text") for turn in task.turns[:2]] == ["x = {}\ny = 1\n", "as it is"]
    assert (task.turns[5].say, task.turns[6].say) == ("A look.", "words")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"s\.json:1:2: is not JSON"),
        ("[]", r"s\.json: must be an object"),
        ('{"format": 2}', r"s\.json: format must be 1"),
        ('{"format": 1, "name": "Not Good"}', "name must be there"),
        ('{"format": 1, "name": "x"}', "tasks must be there"),
        ('{"format": 1, "name": "x", "tasks": []}', "tasks: must be a list with at least one entry"),
        ('{"format": 1, "name": "x", "tasks": [{}]}', r"tasks\[0\]: turns must be there"),
        ('{"format": 1, "name": "x", "tasks": [{"turns": [{"say": "a"}], "match": 3}]}', r"tasks\[0\]: match: must be a list"),
        ('{"format": 1, "name": "x", "task": []}', "unknown key 'task'; known are format, name"),
        (script_of({"run": "ls"}, {"run": 3}), r"s\.json: tasks\[0\]: turns\[1\]: run: must be a text"),
        (script_of({"run": "ls", "finish": "x"}), "a turn does one thing"),
        (script_of({"run": "ls", "text": "x"}), "a turn does one thing"),
        (script_of({}), "a turn does one thing"),
        (script_of({"write": "x"}), r"turns\[0\]: write: needs text"),
        (script_of({"say": "x"}, find={"a": "("}), "find: a: is no regular expression"),
        (script_of({"say": "x"}, find={"a": "b"}), "find: a: needs a group"),
        (script_of({"say": "x"}, behaviour={"silent": 1}), "behaviour: silent: must be a bool"),
        (script_of({"say": "x"}, behaviour={"rate_limited": -1}), "behaviour: rate_limited: must be a int, and not below zero"),
        (script_of({"say": "x"}, behaviour={"seconds_per_call": "2"}), "behaviour: seconds_per_call: must be a float"),
        (script_of({"say": "x"}, behaviour={"garbled": "all"}), "garbled must be"),
        (script_of({"say": "x"}, behaviour={"rude": True}), "unknown key 'rude'"),
    ],
)
def test_a_mistake_is_told_with_its_address(text: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        parse_script(text, "s.json")


def test_a_missing_or_binary_file_is_told_with_the_scripts_there_are(tmp_path: Path) -> None:
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.json", binary, tmp_path):
        with pytest.raises(ScriptError, match="bundled scripts are: calculator"):
            load_script(path)


def test_a_script_from_a_file_brings_its_behaviour(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(script_of({"say": "x"}, behaviour={"seconds_per_call": 2, "wrong": True}))
    assert load_script(path).behaviour == Behaviour(seconds_per_call=2, wrong=True)


def test_the_first_task_that_matches_is_played() -> None:
    tasks = [{"match": ["b.py", "b2"], "turns": [{"say": "B"}]}, {"match": "a.py", "turns": [{"say": "A"}]}, {"turns": [{"say": "any"}]}]
    script = parse_script(json.dumps({"format": 1, "name": "x", "tasks": tasks}))
    said = [next_turn(script, script.behaviour, chat(prompt=prompt)).say for prompt in ("a.py", "a.py and b2", "c.py")]
    assert said == ["A", "B", "any"]


@pytest.mark.parametrize(
    "prompt",
    [
        "Existing tests: tests/test_old.py\nTest file: tests/x/test_new.py",
        "Write src/test_components/a.py's tests.\nThe agreed test file (write no other): `tests/x/test_new.py`.",
        "- test_file: tests/x/test_new.py",
        "Write the tests for src/a.py to the test file\n\n    /work/copy/tests/x/test_new.py\n\nin the working directory /work/copy.",
        "Please make tests/x/test_new.py good",
    ],
)
def test_the_agreed_test_file_is_found_in_many_wordings(prompt: str) -> None:
    script = parse_script(script_of({"run": "pytest {test_file}"}))
    assert next_turn(script, script.behaviour, chat(prompt=prompt)).arguments["command"] == "pytest tests/x/test_new.py"


def test_the_prompt_that_our_own_adapter_writes_is_understood() -> None:
    request = TestRequest(
        module="src/test_components/calculator/operations.py",
        dotted="test_components.calculator.operations",
        test_file="tests/test_components/test_new.py",
        specification="# Title\n\nIn the test file tests/test_trap.py, working directory /trap.",
        existing_tests=("tests/test_old.py",),
    )
    script = load_script("calculator")
    turns = [next_turn(script, script.behaviour, chat(answers, task_text(request, "/the/copy"))) for answers in range(3)]
    assert turns[1].arguments["path"] == "/the/copy/tests/test_components/test_new.py"
    assert turns[2].arguments["command"] == "PYTHONPATH=src python -m pytest -q tests/test_components/test_new.py"


def test_braces_that_are_no_placeholder_stay_as_they_are() -> None:
    script = parse_script(script_of({"run": "python -c 'print({1: f\"{2}\"})' {test_file}"}))
    assert next_turn(script, script.behaviour, chat()).arguments["command"] == "python -c 'print({1: f\"{2}\"})' tests/test_new.py"


def test_a_script_may_look_for_words_of_its_own() -> None:
    script = parse_script(script_of({"run": "cat {ticket}"}, find={"ticket": r"ticket (\d+)"}))
    assert next_turn(script, script.behaviour, chat(prompt="for ticket 42")).arguments["command"] == "cat 42"


def test_what_the_prompt_does_not_name_is_an_error_and_no_guess() -> None:
    script = parse_script(script_of({"run": "pytest {test_file}"}))
    with pytest.raises(UnplayableError, match="neither the prompt nor a tool's description"):
        next_turn(script, script.behaviour, chat(prompt="write something"))


def test_a_missing_argument_gets_a_value_of_its_type() -> None:
    schema = {
        "required": ["a", "b", "c", "d", "e", "f", "g"],
        "properties": {
            "a": {"type": ["integer", "null"]},
            "b": {"type": "boolean"},
            "c": {"anyOf": [{"type": "array"}, {"type": "null"}]},
            "d": {"type": "number", "default": 2.5},
            "e": {"enum": ["x", "y"]},
            "f": {"type": "object"},
        },
    }
    assert complete({"a": 9}, schema) == {"a": 9, "b": False, "c": [], "d": 2.5, "e": "x", "f": {}, "g": None}


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_whatever_a_request_holds_it_is_answered_or_refused(value: object) -> None:
    script = parse_script(script_of({"run": "pytest {test_file}"}))
    request = {"messages": [value, {"role": "user", "content": value}], "tools": [value, tool("terminal", {}), {"function": value}]}
    try:
        ended = next_turn(script, script.behaviour, request).tool
    except UnplayableError as error:
        ended = str(error)
    assert ended == "terminal" or "needs {test_file}" in ended
