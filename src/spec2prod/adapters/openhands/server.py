"""The agent server as a child process: started early, watched while it starts, and ended without a trace."""

from __future__ import annotations

import asyncio
import secrets
import time

import httpx

from spec2prod.adapters.openhands.child import GRACE_S, Child, ServerPlan, prepare
from spec2prod.errors import AgentUnavailableError

_PORT_TRIES = 3
_LOOK_EVERY_S = 0.05


class AgentServer:
    """One child. `url` and `key` are good once `start` has returned."""

    def __init__(self, plan: ServerPlan) -> None:
        """`plan` says what to start; nothing starts yet."""
        self.key = secrets.token_urlsafe(32)
        self.url = ""
        self.started_s = 0.0
        self._plan = plan
        self._child: Child | None = None

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._child is not None and self._child.process.poll() is None

    @property
    def last_words(self) -> str:
        """Return the last lines of the log, on one line."""
        return self._child.last_words if self._child else ""

    async def start(self) -> None:
        """Start it, and return when it answers. A clash over its port is tried again on another.

        Raises:
            AgentUnavailableError: where it dies early or does not answer within the start limit.
        """
        begun = time.monotonic()
        try:
            for _ in range(_PORT_TRIES):
                self._child = await asyncio.to_thread(prepare, self._plan)
                self._child.launch(self._plan, self.key)
                if await self._answers(begun + self._plan.start_limit_s):
                    self.url, self.started_s = self._child.url, time.monotonic() - begun
                    return
                await self.stop()
        except BaseException:
            await self.stop()
            raise
        message = f"the agent server found no free port in {_PORT_TRIES} tries"
        raise AgentUnavailableError(message, next_step=f"read {self._plan.log}")

    async def stop(self) -> None:
        """End the child and all that it started, however deep. Safe to call twice, or before `start`."""
        child, self._child = self._child, None
        if child is not None:
            # Shielded: a second Ctrl-C must not leave the half of it running.
            await asyncio.shield(asyncio.to_thread(child.end))

    async def _answers(self, deadline: float) -> bool:
        """Wait for it. False where another process had the port: everything else that goes wrong raises."""
        child = self._child
        if child is None:
            return False
        async with httpx.AsyncClient(base_url=child.url, timeout=2.0, trust_env=False) as http:
            while not (child.listens and await _is_healthy(http)):
                if child.process.poll() is not None:
                    return self._died(child)
                if time.monotonic() > deadline:
                    self._refuse(f"did not answer within {self._plan.start_limit_s:g} s", child)
                await asyncio.sleep(_LOOK_EVERY_S)
        return True

    def _died(self, child: Child) -> bool:
        child.reader.join(GRACE_S)
        if child.port_was_taken:
            return False
        self._refuse(f"died at its start (exit {child.process.returncode})", child)
        return False

    def _refuse(self, what: str, child: Child) -> None:
        message = f"the agent server {what}: {child.last_words or 'it said nothing'}"
        raise AgentUnavailableError(message, where=str(self._plan.log), next_step="read the log, then spec2prod openhands install")


async def _is_healthy(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health")).is_success
    except httpx.TransportError:
        return False
