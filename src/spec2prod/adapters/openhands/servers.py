"""Where a writer gets its agent server from: one of its own, started again where it died, or a configured one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from spec2prod.adapters.openhands.claim import Claim
from spec2prod.adapters.openhands.client import AgentClient, ServerRefusedError, ServerSilentError
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.server import AgentServer
from spec2prod.adapters.openhands.workplace import Workplace, server_plan
from spec2prod.errors import AgentUnavailableError

_REVIVALS = 2


class Connection:
    """The way to one agent server. Begun once; good until `close`."""

    def __init__(
        self,
        options: OpenHandsOptions,
        place: Workplace,
        *,
        sleep: Callable[[float], Awaitable[None]],
        left_s: Callable[[], float],
        tell: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Nothing starts yet; `sleep` and `left_s` are handed to the client, `tell` hears of a server's start."""
        self._tell = tell
        self._options = options
        self._place = place
        self._sleep = sleep
        self._left_s = left_s
        self._claim = Claim(place.folder)
        self._server: AgentServer | None = None
        self._client: AgentClient | None = None
        self._turn = asyncio.Lock()
        self._revivals = 0

    @property
    def started_s(self) -> float:
        """Return the seconds that a server of our own took to start; 0 before it has."""
        return self._server.started_s if self._server else 0.0

    @property
    def death(self) -> str:
        """Return the last words of a server of our own that died, empty where none did."""
        return self._server.last_words if self._server and not self._server.alive else ""

    async def open(self) -> AgentClient:
        """Reach a configured server, or start one on what an interrupted run left.

        Raises:
            AgentUnavailableError: where it cannot be reached, installed or started.
        """
        options = self._options
        if options.server_url:
            self._client = AgentClient(options.server_url, options.server_key, sleep=self._sleep, left_s=self._left_s)
            await _greet(self._client, options.server_url)
            return self._client
        await asyncio.to_thread(self._claim.take)
        self._server = AgentServer(await asyncio.to_thread(server_plan, options, self._place))
        return await self._start(self._server)

    async def reopened(self, silent: AgentClient) -> AgentClient | None:
        """Start a server of our own again where it died (twice at most); None where that is not why it is silent."""
        async with self._turn:
            if self._client is not silent:
                return self._client
            if self._server is None or self._server.alive or self._revivals >= _REVIVALS:
                return None
            self._revivals += 1
            await self._server.stop()
            await silent.close()
            return await self._start(self._server)

    async def close(self) -> None:
        """End what was opened. Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        if self._server is not None:
            await self._server.stop()
        self._claim.release()

    async def _start(self, server: AgentServer) -> AgentClient:
        self._tell("starting the agent server")
        await server.start()
        self._tell(f"the agent server is ready, after {server.started_s:.1f} s")
        self._client = AgentClient(server.url, server.key, sleep=self._sleep, left_s=self._left_s)
        return self._client


async def _greet(client: AgentClient, url: str) -> None:
    """Make sure that a configured server answers, and takes our key.

    Raises:
        AgentUnavailableError: where it does not.
    """
    try:
        await client.sees("/nonexistent")
    except ServerRefusedError as error:
        message = f"the agent server at {url} refused us ({error.status})"
        raise AgentUnavailableError(message, next_step="check the server's URL and key") from error
    except ServerSilentError as error:
        raise AgentUnavailableError(str(error), next_step="check the server's URL, and that it runs") from error
