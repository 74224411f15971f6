"""A client for the endpoint, and requests as an agent sends them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message

from spec2prod.testing import ScriptedModel

PROMPT = "Write tests for test_components.calculator.operations.\nTest file: tests/test_new.py\nWorking directory: /somewhere/else"


def tool(name: str, required: dict[str, object], description: str = "") -> dict[str, object]:
    parameters = {"type": "object", "properties": required, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = [
    tool("terminal", {"command": {"type": "string"}, "security_risk": {"enum": ["HIGH", "LOW"]}, "summary": {"type": "string"}}),
    tool("file_editor", {"command": {"type": "string"}, "path": {"type": "string"}}, "Your current working directory is: /from/the/tool\n"),
    tool("think", {"thought": {"type": "string"}}),
    tool("finish", {"message": {"type": "string"}}),
]


def chat(answers: int = 0, prompt: str = PROMPT, **more: object) -> dict[str, object]:
    """Return a request in a conversation that holds so many answers already."""
    past = [{"role": "assistant", "content": "…"}, {"role": "tool", "content": "ok", "tool_call_id": "x"}] * answers
    messages = [{"role": "system", "content": "Be good."}, {"role": "user", "content": [{"type": "text", "text": prompt}]}, *past]
    return {"model": "scripted", "messages": messages, "tools": TOOLS, "unheard_of": {"field": 1}, **more}


@dataclass
class Reply:
    status: int
    headers: Message
    body: bytes

    def json(self) -> dict[str, object]:
        value: dict[str, object] = json.loads(self.body)
        return value

    @property
    def message(self) -> dict[str, object]:
        choices = self.json()["choices"]
        assert isinstance(choices, list)
        message: dict[str, object] = choices[0]["message"]
        return message

    @property
    def call(self) -> tuple[str, dict[str, object]]:
        """Return the tool called, and its arguments."""
        calls = self.message["tool_calls"]
        assert isinstance(calls, list)
        return calls[0]["function"]["name"], json.loads(calls[0]["function"]["arguments"])


@dataclass
class Client:
    model: ScriptedModel
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, value: object) -> Reply:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self._send(urllib.request.Request(f"{self.model.base_url}/chat/completions", body, self.headers))  # noqa: S310  # loopback

    def get(self, path: str) -> Reply:
        return self._send(urllib.request.Request(self.model.base_url + path, headers=self.headers))  # noqa: S310  # loopback

    def _send(self, request: urllib.request.Request) -> Reply:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # loopback
                return Reply(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())


type Serve = Callable[..., Client]
