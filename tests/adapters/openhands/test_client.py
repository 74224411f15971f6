"""The REST client against a real HTTP server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spec2prod.adapters.openhands.client import AgentClient, Progress, ServerRefusedError, ServerSilentError, read_progress
from spec2prod.adapters.openhands.retry import Backoff


@dataclass
class Answers:
    """What the server answers, in order (the last one again and again), and what it was asked."""

    queue: list[tuple[int, dict[str, str], object]] = field(default_factory=list)
    asked: list[tuple[str, str, str, object]] = field(default_factory=list)
    url: str = ""

    def will(self, status: int, body: object = None, **headers: str) -> None:
        """Add an answer."""
        self.queue.append((status, headers, body))


@pytest.fixture
def answers() -> Iterator[Answers]:
    """Serve queued answers."""
    told = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            told.asked.append((self.command, self.path, self.headers.get("X-Session-API-Key", ""), json.loads(body or b"null")))
            status, headers, answer = told.queue.pop(0) if len(told.queue) > 1 else told.queue[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_DELETE = do_GET  # noqa: N815 - the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


class Waits:
    """Notes how long it was asked to wait, and does not."""

    def __init__(self) -> None:
        """Begin with no waits."""
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Note a wait."""
        self.seconds.append(seconds)


def _client(url: str, waits: Waits) -> AgentClient:
    return AgentClient(url, "the key", backoff=Backoff(random=lambda: 0.0), sleep=waits)


@pytest.mark.asyncio
async def test_creating_is_told_apart_from_finding_again(answers: Answers) -> None:
    answers.will(201)
    answers.will(200)
    async with _client(answers.url, Waits()) as client:
        assert await client.create({"conversation_id": "c"}) is True
        assert await client.create({"conversation_id": "c"}) is False
    assert answers.asked[0] == ("POST", "/api/conversations", "the key", {"conversation_id": "c"})


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.asyncio
async def test_what_may_pass_is_asked_again_with_growing_waits(answers: Answers, status: int) -> None:
    answers.will(status)
    answers.will(status)
    answers.will(200, {"execution_status": "idle"})
    waits = Waits()
    async with _client(answers.url, waits) as client:
        assert await client.progress("c") == Progress(status="idle")
    assert waits.seconds == [1.0, 2.0]


@pytest.mark.asyncio
async def test_the_third_failure_is_told(answers: Answers) -> None:
    answers.will(503, "down")
    waits = Waits()
    async with _client(answers.url, waits) as client:
        with pytest.raises(ServerRefusedError, match="503") as caught:
            await client.progress("c")
    assert caught.value.status == 503
    assert len(answers.asked) == 3
    assert len(waits.seconds) == 2


@pytest.mark.asyncio
async def test_retry_after_is_honoured_up_to_a_minute(answers: Answers) -> None:
    answers.will(429, Retry_After="17")
    answers.will(429, Retry_After="3600")
    answers.will(200, {"execution_status": "idle"})
    waits = Waits()
    async with _client(answers.url, waits) as client:
        await client.progress("c")
    assert waits.seconds == [17.0, 60.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
@pytest.mark.asyncio
async def test_other_refusals_are_told_at_once(answers: Answers, status: int) -> None:
    answers.will(status, "no")
    waits = Waits()
    async with _client(answers.url, waits) as client:
        with pytest.raises(ServerRefusedError, match=str(status)):
            await client.create({})
    assert len(answers.asked) == 1
    assert waits.seconds == []


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_is_asked_three_times() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    waits = Waits()
    async with _client(f"http://127.0.0.1:{port}", waits) as client:
        with pytest.raises(ServerSilentError, match="no answer from the agent server"):
            await client.server_info()
    assert waits.seconds == [1.0, 2.0]


@pytest.mark.asyncio
async def test_events_are_read_page_by_page(answers: Answers) -> None:
    answers.will(200, {"items": [{"id": 1}], "next_page_id": "two"})
    answers.will(200, {"items": [{"id": 2}], "next_page_id": None})
    async with _client(answers.url, Waits()) as client:
        assert await client.events("c", kind="ActionEvent") == ({"id": 1}, {"id": 2})
    assert "page_id=two" in answers.asked[1][1]
    assert all("kind=ActionEvent" in path for _, path, _, _ in answers.asked)


@pytest.mark.asyncio
async def test_running_what_runs_already_is_no_error(answers: Answers) -> None:
    answers.will(409)
    async with _client(answers.url, Waits()) as client:
        await client.run("c")
    assert answers.asked[0][:2] == ("POST", "/api/conversations/c/run")


@pytest.mark.asyncio
async def test_interrupting_or_deleting_what_is_gone_is_no_error(answers: Answers) -> None:
    answers.will(404)
    async with _client(answers.url, Waits()) as client:
        await client.interrupt("c")
        await client.delete("c")
    assert [asked[0] for asked in answers.asked] == ["POST", "DELETE"]


@pytest.mark.asyncio
async def test_a_server_on_another_disk_does_not_see_our_files(answers: Answers) -> None:
    answers.will(404)
    answers.will(200, "text")
    async with _client(answers.url, Waits()) as client:
        assert await client.sees("/here/a.py") is False
        assert await client.sees("/here/a.py") is True


def test_figures_are_summed_over_all_uses_of_the_model() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 20}
    metric = {"accumulated_cost": 0.5, "accumulated_token_usage": usage, "response_latencies": [1, 2]}
    conversation = {"execution_status": "running", "stats": {"usage_to_metrics": {"default": metric, "condenser": metric}}}
    assert read_progress(conversation) == Progress(status="running", calls=4, input_tokens=200, output_tokens=40, cost_usd=1.0)
