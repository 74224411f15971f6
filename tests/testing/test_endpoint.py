"""The endpoint as a client meets it: every test speaks HTTP to it."""

from __future__ import annotations

import json
import threading
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from http.client import RemoteDisconnected

import pytest

from spec2prod.testing import ScriptedModel, load_script
from tests.testing.client import Serve, chat


def test_a_completion_has_the_shape_that_openai_gives_it(serve: Serve) -> None:
    reply = serve().post(chat())
    whole = reply.json()
    assert (reply.status, whole["object"], whole["model"]) == (200, "chat.completion", "scripted-calculator")
    assert whole["choices"][0]["finish_reason"] == "tool_calls"  # type: ignore[index]
    assert reply.message["content"] == "I read the module before I write tests for it."
    assert reply.call[0] == "terminal"


def test_the_usage_adds_up_and_grows_with_the_conversation(serve: Serve) -> None:
    client = serve()
    short, long = (client.post(chat(answers)).json()["usage"] for answers in (0, 3))
    assert isinstance(short, dict)
    assert isinstance(long, dict)
    assert short["prompt_tokens"] + short["completion_tokens"] == short["total_tokens"]
    assert long["prompt_tokens"] > short["prompt_tokens"]


def test_required_arguments_that_the_script_does_not_know_are_filled_in(serve: Serve) -> None:
    _, arguments = serve().post(chat()).call
    assert arguments["security_risk"] == "LOW"
    assert isinstance(arguments["summary"], str)


def test_the_agreed_file_is_written_under_the_working_directory_of_the_prompt(serve: Serve) -> None:
    name, arguments = serve().post(chat(1)).call
    assert (name, arguments["command"], arguments["path"]) == ("file_editor", "create", "/somewhere/else/tests/test_new.py")
    assert "def test_divide_by_zero_is_refused() -> None:" in str(arguments["file_text"])


def test_the_working_directory_is_taken_from_the_tools_where_the_prompt_names_none(serve: Serve) -> None:
    _, arguments = serve().post(chat(1, "test_components.calculator.operations, test file: `tests/test_new.py`")).call
    assert arguments["path"] == "/from/the/tool/tests/test_new.py"


def test_the_turn_follows_the_conversation_and_not_the_endpoints_memory(serve: Serve) -> None:
    client = serve()
    order = [client.post(chat(answers)).call[0] for answers in (3, 0, 1, 1, 2, 0, 9)]
    assert order == ["finish", "terminal", "file_editor", "file_editor", "terminal", "terminal", "finish"]


def test_conversations_at_once_do_not_mix(serve: Serve) -> None:
    client = serve()
    with ThreadPoolExecutor(16) as pool:
        replies = pool.map(lambda answers: (answers, client.post(chat(answers)).call[0]), [0, 1, 2, 3] * 8)
    expected = ["terminal", "file_editor", "terminal", "finish"]
    assert all(name == expected[answers] for answers, name in replies)
    assert (client.model.calls, client.model.answered) == (32, 32)


def test_a_stream_carries_the_same_answer_in_pieces(serve: Serve) -> None:
    client = serve()
    reply = client.post(chat(stream=True, stream_options={"include_usage": True}))
    assert reply.headers["Content-Type"].startswith("text/event-stream")
    events = reply.body.decode().strip().split("\n\n")
    assert events.pop() == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    whole = client.post(chat())
    assert "".join(delta.get("content", "") for delta in deltas) == whole.message["content"]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [{key: call[key] for key in ("id", "type", "function")} for call in calls] == whole.message["tool_calls"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["usage"]["total_tokens"] > 0


def test_a_stream_without_usage_ends_with_the_ending(serve: Serve) -> None:
    assert b'"usage"' not in serve().post(chat(stream=True)).body


def test_the_models_are_listed(serve: Serve) -> None:
    models = serve().get("/models").json()
    assert [model["id"] for model in models["data"]] == ["scripted-calculator"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_a_wrong_key_is_refused_in_openais_shape_and_not_counted(serve: Serve, headers: dict[str, str]) -> None:
    client = serve(key="right", headers=headers)
    for reply in (client.post(chat()), client.get("/models")):
        assert reply.status == 401
        assert reply.json()["error"]["code"] == "invalid_api_key"  # type: ignore[index]
    assert client.model.calls == 0


def test_the_right_key_is_let_in(serve: Serve) -> None:
    client = serve(key="right", headers={"Authorization": "Bearer right"})
    assert (client.post(chat()).status, client.get("/models").status) == (200, 200)


def test_an_unknown_address_is_not_found(serve: Serve) -> None:
    assert serve().get("/embeddings").status == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"messages": "none"}', b"\xff\xfe", b""])
def test_a_request_that_makes_no_sense_is_a_bad_request(serve: Serve, body: bytes) -> None:
    reply = serve().post(body)
    assert (reply.status, reply.json()["error"]["type"]) == (400, "invalid_request_error")  # type: ignore[index]


def test_a_prompt_that_no_task_matches_is_refused_with_what_was_looked_for(serve: Serve) -> None:
    client = serve()
    reply = client.post(chat(prompt="Write a poem."))
    assert reply.status == 400
    assert "test_components.calculator.operations" in reply.body.decode()
    assert (client.model.calls, client.model.answered) == (1, 0)


def test_rate_limit_then_server_errors_then_an_answer(serve: Serve) -> None:
    client = serve(rate_limited=2, retry_after=7, server_errors=1)
    replies = [client.post(chat()) for _ in range(4)]
    assert [reply.status for reply in replies] == [429, 429, 500, 200]
    assert replies[0].headers["Retry-After"] == "7"
    assert replies[2].json()["error"]["type"] == "server_error"  # type: ignore[index]
    assert (client.model.calls, client.model.answered) == (4, 1)


def test_a_garbled_body_is_no_json(serve: Serve) -> None:
    reply = serve(garbled="body").post(chat())
    assert reply.status == 200
    with pytest.raises(ValueError, match="decode"):
        reply.json()


def test_garbled_arguments_are_no_json_in_an_answer_that_is(serve: Serve) -> None:
    call = serve(garbled="arguments").post(chat()).message["tool_calls"][0]  # type: ignore[index]
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(call["function"]["arguments"])


def test_a_wrong_model_writes_a_test_that_fails(serve: Serve) -> None:
    _, arguments = serve(wrong=True).post(chat(1)).call
    names: dict[str, object] = {}
    exec(str(arguments["file_text"]), names)  # noqa: S102  # the text is our own
    with pytest.raises(AssertionError):
        names["test_scripted_to_be_wrong"]()  # type: ignore[operator]


def test_a_text_only_model_never_uses_a_tool(serve: Serve) -> None:
    client = serve(text_only=True)
    assert all("tool_calls" not in client.post(chat(answers)).message for answers in range(5))


def test_a_looping_model_runs_the_same_command_for_ever(serve: Serve) -> None:
    client = serve(loops=True)
    calls = [client.post(chat(answers)).call for answers in (0, 7, 70)]
    assert calls[0] == calls[1] == calls[2]
    assert calls[0][0] == "terminal"


def test_without_tools_the_model_only_talks(serve: Serve) -> None:
    reply = serve().post(chat(tools=[]))
    assert "tool_calls" not in reply.message
    assert reply.json()["choices"][0]["finish_reason"] == "stop"  # type: ignore[index]


@pytest.mark.parametrize("how", [{"silent": True}, {"seconds_per_call": 3600.0}])
def test_a_silent_or_slow_model_holds_the_call_until_it_is_stopped(serve: Serve, how: dict[str, object]) -> None:
    client = serve(**how)
    seen: list[BaseException] = []

    def ask() -> None:
        try:
            client.post(chat())
        except (RemoteDisconnected, urllib.error.URLError, ConnectionError) as error:
            seen.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not client.model.calls:
        asking.join(0.01)
    assert asking.is_alive()
    client.model.stop()
    asking.join(10)
    assert (len(seen), client.model.calls, client.model.answered) == (1, 1, 0)


def test_the_environment_names_a_scripted_model_and_its_address() -> None:
    with ScriptedModel(load_script("calculator"), key="secret") as model:
        environment = model.environment()
    assert environment["LLM_MODEL"] == "openai/scripted-calculator"
    assert environment["LLM_BASE_URL"].startswith("http://127.0.0.1:")
    assert environment["LLM_API_KEY"] == "secret"


def test_a_model_that_is_not_served_has_no_address_and_may_be_stopped_twice() -> None:
    model = ScriptedModel(load_script("calculator")).start()
    model.stop()
    model.stop()
    with pytest.raises(RuntimeError, match="not being served"):
        _ = model.base_url
