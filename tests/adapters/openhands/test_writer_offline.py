"""The writer where no agent server is needed: what it refuses at once, and what it finds out before spending."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.openhands.breaker import CircuitBreaker
from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.openhands.writer import OpenHandsWriter
from spec2prod.domain.candidate import TaskStatus, TestRequest
from spec2prod.errors import AgentUnavailableError, UsageError
from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import load_script


@pytest.fixture
def installed(workplace: Workplace, tmp_path: Path) -> Workplace:
    """Return a workplace whose server is a program that starts and never answers."""
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n")
    (folder / "bin" / "agent-server").write_text("#!/bin/sh\nexec sleep 300\n")
    (folder / "bin" / "agent-server").chmod(0o755)
    return replace(workplace, environment=Environment(agent_server=folder / "bin" / "agent-server", version="1", folder=folder))


def _made_up(*words: str) -> str:
    """Return something that stands for a key; whole, a scanner would take it for one."""
    return "-".join(words)


def _dead_endpoint() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    ("options", "word", "next_step"),
    [
        (OpenHandsOptions(), "no model", "LLM_MODEL"),
        (OpenHandsOptions(model="openai/m"), "neither a key nor an endpoint", "LLM_API_KEY"),
        (OpenHandsOptions(model="openai/m", base_url="http://127.0.0.1:1"), "not installed", "spec2prod openhands install"),
    ],
)
@pytest.mark.asyncio
async def test_what_is_missing_is_told_at_once_with_the_next_step(
    options: OpenHandsOptions, word: str, next_step: str, workplace: Workplace, request_for_prices: TestRequest
) -> None:
    writer = OpenHandsWriter(options, workplace)
    await writer.start()
    with pytest.raises(AgentUnavailableError, match=word) as caught:
        await writer.submit([request_for_prices])
    assert next_step in caught.value.next_step
    await writer.stop()
    await writer.stop()


@pytest.mark.asyncio
async def test_an_open_circuit_refuses_at_once(installed: Workplace, request_for_prices: TestRequest) -> None:
    breaker = CircuitBreaker(clock=lambda: 0.0)
    for _ in range(5):
        breaker.failed()
    writer = OpenHandsWriter(OpenHandsOptions(model="openai/m", base_url="http://127.0.0.1:1"), installed, breakers=lambda _: breaker)
    with pytest.raises(AgentUnavailableError, match="left alone for 60 s"):
        await writer.submit([request_for_prices])


@pytest.mark.asyncio
async def test_a_dead_endpoint_is_found_before_anything_is_spent(installed: Workplace, request_for_prices: TestRequest) -> None:
    url = _dead_endpoint()
    writer = OpenHandsWriter(OpenHandsOptions(model="openai/m", base_url=url), installed)
    try:
        ids = await writer.submit([request_for_prices])
        outcome = await writer.outcome(ids[request_for_prices.module])
        assert outcome.status is TaskStatus.ERRORED
        assert outcome.reason == f"no model answers at {url}"
        assert outcome.llm_calls == 0
        with pytest.raises(AgentUnavailableError, match="no model answers"):
            await writer.submit([replace(request_for_prices, attempt=2)])
    finally:
        await writer.stop()


@pytest.mark.asyncio
async def test_a_refused_key_is_found_before_anything_is_spent(installed: Workplace, request_for_prices: TestRequest) -> None:
    wrong = _made_up("a", "wrong", "one")
    with ScriptedModel(load_script("calculator"), key=_made_up("the", "right", "one")) as model:
        writer = OpenHandsWriter(OpenHandsOptions(model=model.model, base_url=model.base_url, api_key=wrong), installed)
        try:
            ids = await writer.submit([request_for_prices])
            outcome = await writer.outcome(ids[request_for_prices.module])
        finally:
            await writer.stop()
        assert outcome.status is TaskStatus.ERRORED
        assert "refused the key (401)" in outcome.reason
        assert wrong not in outcome.reason
        assert model.calls == 0


@pytest.mark.asyncio
async def test_stopping_while_the_server_starts_cancels_the_task(installed: Workplace, request_for_prices: TestRequest) -> None:
    writer = OpenHandsWriter(OpenHandsOptions(model="openai/m", api_key="none"), installed)
    ids = await writer.submit([request_for_prices])
    again = await writer.submit([request_for_prices])
    assert ids == again
    await writer.stop()
    outcome = await writer.outcome(ids[request_for_prices.module])
    assert outcome.status is TaskStatus.CANCELLED
    assert outcome.text is None


@pytest.mark.asyncio
async def test_a_server_that_does_not_start_is_in_the_outcome(installed: Workplace, request_for_prices: TestRequest) -> None:
    assert installed.environment is not None
    installed.environment.agent_server.write_text("#!/bin/sh\necho 'no module named litellm'; exit 1\n")
    writer = OpenHandsWriter(OpenHandsOptions(model="openai/m", api_key="none"), installed)
    try:
        ids = await writer.submit([request_for_prices])
        outcome = await writer.outcome(ids[request_for_prices.module])
    finally:
        await writer.stop()
    assert outcome.status is TaskStatus.ERRORED
    assert "no module named litellm" in outcome.reason


@pytest.mark.asyncio
async def test_an_unknown_task_is_no_task(workplace: Workplace) -> None:
    with pytest.raises(UsageError, match="no task"):
        await OpenHandsWriter(OpenHandsOptions(), workplace).outcome("x")
