"""A scripted model behind a real OpenAI-compatible endpoint on loopback.

    with ScriptedModel(load_script("calculator")) as model:
        subprocess.run(command, env=os.environ | model.environment())
    assert model.answered == 7

Every answer comes over HTTP from a script; `model` and the answers' own `model` field begin with `scripted`, so that
nobody takes them for a language model's.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from spec2prod.testing import wire
from spec2prod.testing.conversation import UnplayableError, answers_so_far, next_turn
from spec2prod.testing.script import Behaviour, Script

_HOST = "127.0.0.1"
_LARGEST_REQUEST = 64 * 1024 * 1024


class ScriptedModel:
    """Serves one script from its start to its stop.

    `behaviour` replaces the script's own; with a `key` each request must carry it as a bearer token; `port` 0 takes a
    free one. `calls` counts the completions asked for (with the right key), `answered` those that got an answer.
    """

    def __init__(self, script: Script, *, behaviour: Behaviour | None = None, key: str = "", port: int = 0) -> None:
        self.script = script
        self.behaviour = behaviour or script.behaviour
        self.key = key
        self.calls = 0
        self.answered = 0
        self._port = port
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: _Server | None = None

    @property
    def base_url(self) -> str:
        """Return the address for `LLM_BASE_URL`, while it is served."""
        if self._server is None:
            message = "the scripted model is not being served: call start() first"
            raise RuntimeError(message)
        return f"http://{_HOST}:{self._server.server_address[1]}/v1"

    @property
    def model(self) -> str:
        """Return the name for `LLM_MODEL`: LiteLLM reads `openai/` as the protocol."""
        return f"openai/{self.script.model}"

    def environment(self) -> dict[str, str]:
        """Return the variables that point OpenHands, or anything on LiteLLM, at this model."""
        return {"LLM_MODEL": self.model, "LLM_BASE_URL": self.base_url, "LLM_API_KEY": self.key or "scripted"}

    def start(self) -> Self:
        """Begin to serve, in threads of this process.

        Raises:
            OSError: where the port is taken.
        """
        self._stopping.clear()
        self._server = _Server((_HOST, self._port), self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name=self.script.model, daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving; calls that still wait are dropped without an answer. Safe to call twice."""
        self._stopping.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def count_call(self) -> int:
        """Return which call this is, from 1."""
        with self._lock:
            self.calls += 1
            return self.calls

    def count_answer(self) -> None:
        """Note that a call got its answer."""
        with self._lock:
            self.answered += 1

    def wait(self, seconds: float | None) -> bool:
        """Wait, for ever with None, but not beyond `stop`; return whether it goes on."""
        return not self._stopping.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], model: ScriptedModel) -> None:
        self.model = model
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: a client that went away is its own affair, and anything else reached it as a 500."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "spec2prod-scripted"
    timeout = 600  # seconds that an idle connection is kept
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
        """Say nothing: the caller counts."""

    def do_GET(self) -> None:
        """Answer the list of models."""
        if not self._knows_key():
            return
        if self._path() == "/v1/models":
            self._send(HTTPStatus.OK, wire.models(self.server.model.script.model))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"unknown URL {self.path}", "invalid_request_error")

    def do_POST(self) -> None:
        """Answer a chat completion."""
        body = self._body()
        if not self._knows_key():
            return
        if self._path() != "/v1/chat/completions":
            self._refuse(HTTPStatus.NOT_FOUND, f"unknown URL {self.path}", "invalid_request_error")
        elif not self._misbehaves(self.server.model.count_call()):
            self._answer(body)

    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        return self.rfile.read(min(int(length), _LARGEST_REQUEST)) if length.isdigit() else b""

    def _knows_key(self) -> bool:
        key = self.server.model.key
        given = self.headers.get("Authorization", "")
        if not key or hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
            return True
        self._refuse(HTTPStatus.UNAUTHORIZED, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        return False

    def _misbehaves(self, call: int) -> bool:
        """Do as the behaviour says; return whether that was all."""
        model, behaviour = self.server.model, self.server.model.behaviour
        if call <= behaviour.rate_limited:
            headers = {"Retry-After": str(behaviour.retry_after)}
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "Rate limit reached.", "rate_limit_error", "rate_limit_exceeded", headers)
        elif call <= behaviour.rate_limited + behaviour.server_errors:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "The server had an error.", "server_error")
        elif behaviour.silent or not model.wait(behaviour.seconds_per_call):
            model.wait(None)
            self.close_connection = True
        else:
            return False
        return True

    def _answer(self, body: bytes) -> None:
        model = self.server.model
        if model.behaviour.garbled == "body":
            model.count_answer()
            self._write(HTTPStatus.OK, "application/json", b"\x00\xfe<<< this is not JSON {]")
            return
        try:
            request = _request(body)
            whole = _completion(model, request, len(body))
        except (UnplayableError, ValueError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error), "invalid_request_error")
            return
        model.count_answer()  # before it is sent: who has the answer in hand must find it counted
        if request.get("stream") is True:
            self._stream(whole, request)
        else:
            self._send(HTTPStatus.OK, whole)

    def _stream(self, whole: Mapping[str, object], request: Mapping[str, object]) -> None:
        options = request.get("stream_options")
        events = wire.stream(whole, include_usage=isinstance(options, dict) and options.get("include_usage") is True)
        self._write(HTTPStatus.OK, "text/event-stream; charset=utf-8", "".join(events).encode())

    def _refuse(
        self, status: HTTPStatus, message: str, kind: str, code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self._send(status, wire.error(message, kind, code), headers)

    def _send(self, status: HTTPStatus, value: Mapping[str, object], headers: Mapping[str, str] | None = None) -> None:
        self._write(status, "application/json", json.dumps(value).encode(), headers)

    def _write(self, status: HTTPStatus, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _request(body: bytes) -> Mapping[str, object]:
    """Read a request; unknown fields are nobody's business."""
    try:
        value = json.loads(body)
    except ValueError as error:
        message = f"the request is not JSON ({error})"
        raise UnplayableError(message) from error
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        message = "messages must be a list"
        raise UnplayableError(message)
    return value


def _completion(model: ScriptedModel, request: Mapping[str, object], asked: int) -> dict[str, object]:
    return wire.completion(
        next_turn(model.script, model.behaviour, request),
        model=model.script.model,
        number=answers_so_far(request),
        created=int(time.time()),
        asked=asked,
    )
