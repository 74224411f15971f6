"""How an answer looks on the wire: OpenAI's chat completions, whole or in pieces. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from spec2prod.testing.script import Turn

CHARACTERS_PER_TOKEN = 4
MALFORMED = '{"command": "never closed'


def completion(turn: Turn, *, model: str, number: int, created: int, asked: int) -> dict[str, object]:
    """Return a chat completion.

    `number` counts the conversation's answers (it makes the calls' IDs unique in it), `created` is in seconds since
    1970, `asked` is the request's length in characters. Tokens are told as a quarter of the characters: a steady
    figure, not a tokenizer's.
    """
    calls = [_tool_call(turn, number)] if turn.tool else []
    message: dict[str, object] = {"role": "assistant", "content": turn.say or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
    said = len(json.dumps(message))
    return {
        "id": f"chatcmpl-scripted-{number}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", "logprobs": None}],
        "usage": usage(asked, said),
    }


def usage(asked: int, said: int) -> dict[str, int]:
    """Return token figures for lengths in characters."""
    prompt, answer = 1 + asked // CHARACTERS_PER_TOKEN, 1 + said // CHARACTERS_PER_TOKEN
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def stream(whole: Mapping[str, object], *, include_usage: bool) -> Iterator[str]:
    """Yield a completion as server-sent events: role, words, calls, the ending, then `[DONE]`."""
    choice = whole["choices"][0]  # type: ignore[index]  # made by `completion` above
    message = choice["message"]
    deltas: list[dict[str, object]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": message["content"]}] if message["content"] else []
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(message.get("tool_calls", ()))]
    base = {key: whole[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    for delta in deltas:
        yield _event({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if include_usage:
        yield _event({**base, "choices": [], "usage": whole["usage"]})
    yield "data: [DONE]\n\n"


def models(model: str) -> dict[str, object]:
    """Return the list of models: this one."""
    return {"object": "list", "data": [{"id": model, "object": "model", "created": 0, "owned_by": "spec2prod"}]}


def error(message: str, kind: str, code: str | None = None) -> dict[str, object]:
    """Return an error in OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _event(value: Mapping[str, object]) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _tool_call(turn: Turn, number: int) -> dict[str, object]:
    arguments = MALFORMED if turn.malformed else json.dumps(dict(turn.arguments))
    return {"id": f"call_scripted_{number}", "type": "function", "function": {"name": turn.tool, "arguments": arguments}}
