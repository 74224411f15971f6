"""What doctor makes of a program's words, of a folder, and of an endpoint that answers in its own way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from spec2prod.adapters.examination import Probe, State, ask_all, before_generation, look_at_port, look_at_state_folder, read_version
from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.openhands.minimal_call import ask_endpoint, call_model
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.bootstrap.agent import Unready
from spec2prod.domain.command import Command, Completed
from spec2prod.errors import AgentUnavailableError

KEY = "k" * 20


def ended(exit_code: int | None = 0, stdout: str = "", stderr: str = "", *, not_found: bool = False) -> Completed:
    command = Command(tool="tool", argv=("tool", "--version"), cwd=Path("/"))
    return Completed(command=command, exit_code=exit_code, stdout=stdout, stderr=stderr, not_found=not_found)


@pytest.mark.parametrize(
    ("completed", "state", "told"),
    [
        (ended(stdout="ruff 0.14.1\n"), State.OK, "0.14.1"),
        (ended(stderr="pytest 9.2.0\n"), State.OK, "9.2.0"),
        (ended(stdout="Coverage.py, version 7.17.3 with C extension"), State.OK, "7.17.3"),
        (ended(stdout="hello"), State.BROKEN, "tool ended well, but told no version"),
        (ended(1, stderr="/usr/bin/python: No module named pytest"), State.MISSING, "not installed for tool"),
        (ended(-11), State.BROKEN, "tool ended with killed by signal 11"),
        (ended(None, not_found=True), State.MISSING, "tool is not there"),
    ],
)
def test_a_version_is_read_and_nothing_else_counts(completed: Completed, state: State, told: str) -> None:
    assert read_version(completed) == (state, told)


def test_programs_are_really_started() -> None:
    probes = (
        Probe(name="python", argv=(sys.executable, "--version"), next_step="x"),
        Probe(name="nothing", argv=("no-such-program-anywhere",), next_step="install it", required=False),
    )
    python, nothing = asyncio.run(ask_all(ProcessHost(), probes))
    assert (python.state, python.told, python.next_step) == (State.OK, sys.version.split()[0], "")
    assert (nothing.state, nothing.next_step, nothing.stops) == (State.MISSING, "install it", False)


def test_a_state_folder_that_is_a_file_is_broken_and_stops_generation(tmp_path: Path) -> None:
    assert look_at_state_folder(tmp_path).state is State.OK
    assert before_generation(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".spec2prod").write_text("")
    row = before_generation(tmp_path)
    assert row is not None
    assert (row.name, row.state) == (".spec2prod", State.BROKEN)
    assert row.next_step


def test_a_port_on_loopback_is_really_used() -> None:
    assert look_at_port().told.startswith("127.0.0.1:")


def test_a_machine_that_is_not_ready_refuses_tests_and_says_why() -> None:
    trouble = AgentUnavailableError("disk space: only 0.1 GB free", next_step="free some")
    with pytest.raises(AgentUnavailableError, match="disk space") as caught:
        asyncio.run(Unready(trouble).submit([]))
    assert caught.value.next_step == "free some"


@contextmanager
def endpoint(status: int, body: str, headers: dict[str, str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """Serve one answer on loopback to whatever is asked; give its address, and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append("GET")
            self._answer()

        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._answer()

        def _answer(self) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
        server.shutdown()


def options(base_url: str, model: str = "openai/m") -> OpenHandsOptions:
    return OpenHandsOptions(model=model, api_key=KEY, base_url=base_url)


OK = '{"choices": [{}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}'


@pytest.mark.parametrize(
    ("status", "body", "answered", "says"),
    [
        (200, OK, True, "9 tokens in, 1 out"),
        (200, "<html>", False, "not as OpenAI's chat completions do"),
        (200, '{"choices": []}', False, "not as OpenAI's chat completions do"),
        (401, "", False, "refused the key (401)"),
        (404, "", False, "has no model openai/m (404)"),
        (429, "slow down", False, "answered 429: slow down"),
        (500, f"leaked {KEY}", False, "answered 500: leaked [hidden]"),
    ],
)
def test_a_call_is_told_as_it_went(status: int, body: str, answered: bool, says: str) -> None:  # noqa: FBT001
    with endpoint(status, body) as (address, asked):
        call = asyncio.run(call_model(options(address)))
    assert call.answered is answered
    assert says in call.told
    assert KEY not in call.told + call.next_step
    assert len(asked) == 1
    assert '"max_tokens":1' in asked[0]
    assert answered or call.next_step


def test_a_newer_model_is_asked_with_the_limit_that_it_wants() -> None:
    with endpoint(400, "use max_completion_tokens instead") as (address, asked):
        call = asyncio.run(call_model(options(address)))
    assert call.answered is False
    assert ["max_completion_tokens" in each for each in asked] == [False, True]


def test_limits_that_the_endpoint_tells_are_told() -> None:
    with endpoint(200, OK, {"x-ratelimit-limit-requests": "60"}) as (address, _):
        assert "its limits: requests 60 per window" in asyncio.run(call_model(options(address))).told


@pytest.mark.parametrize("model", ["", "other/m"])
def test_what_cannot_be_asked_in_this_form_is_not_called(model: str) -> None:
    with endpoint(200, OK) as (address, asked):
        call = asyncio.run(call_model(options(address, model)))
    assert (call.answered, asked) == (None, [])
    assert "not called" in call.told


@pytest.mark.parametrize(("status", "answered"), [(200, True), (404, True), (401, False), (403, False)])
def test_an_endpoint_is_asked_for_its_models_alone(status: int, answered: bool) -> None:  # noqa: FBT001
    with endpoint(status, "{}") as (address, asked):
        assert asyncio.run(ask_endpoint(options(address))).answered is answered
    assert asked == ["GET"]


def test_an_endpoint_where_nobody_listens_is_told() -> None:
    with endpoint(200, "") as (address, _):
        pass
    assert asyncio.run(ask_endpoint(options(address))).answered is False
    assert asyncio.run(call_model(options(address))).answered is False
