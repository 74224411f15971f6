"""Whether the agent can be asked at all: its server, started in the background, and its models, looked at meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from spec2prod.adapters.openhands.client import AgentClient
from spec2prod.adapters.openhands.endpoints import told
from spec2prod.adapters.openhands.failure import Failure
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.preflight import look_at_models
from spec2prod.adapters.openhands.servers import Connection
from spec2prod.adapters.openhands.workplace import Workplace, obstacle
from spec2prod.application.ports import Breaker
from spec2prod.errors import AgentUnavailableError


class Readiness:
    """One start-up, begun once: what stands in its way, and what became of it."""

    def __init__(self, options: OpenHandsOptions, place: Workplace, connection: Connection, breaker_of: Callable[[str], Breaker]) -> None:
        """Nothing starts yet."""
        self.connection = connection
        self._options, self._place, self._breaker_of = options, place, breaker_of
        self._ready: asyncio.Task[AgentClient] | None = None
        self._looked: asyncio.Task[Mapping[int, Failure]] | None = None

    async def begin(self) -> None:
        """Begin to start up, unless that was done, or something stands in the way."""
        if self._ready is None and await asyncio.to_thread(self.obstacle) is None:
            self._ready = asyncio.create_task(self.connection.open(), name="agent-server")
            self._looked = asyncio.create_task(self._look_at_models(), name="agent-model")

    def obstacle(self) -> AgentUnavailableError | None:
        """Return why nothing can be asked, as far as is known by now."""
        return obstacle(self._options, self._place.environment, self._breaker_of, self._refused())

    async def refused(self) -> Mapping[int, Failure]:
        """Return why models cannot be used, by their place in the chain, once all were looked at."""
        return await asyncio.shield(self._looked) if self._looked else {}

    async def reachable(self) -> AgentClient:
        """Wait for the server.

        Raises:
            AgentUnavailableError: where it cannot be had.
        """
        if self._ready is None:
            raise self.obstacle() or AgentUnavailableError("the agent server was not started", next_step="please report this")
        return await asyncio.shield(self._ready)

    @property
    def background(self) -> tuple[asyncio.Task[object], ...]:
        """Return what goes on in the background, for who ends it."""
        return tuple(task for task in (self._looked, self._ready) if task is not None)

    def _refused(self) -> Mapping[int, Failure]:
        """Return what the background has found out so far about the models."""
        looked = self._looked
        return looked.result() if looked is not None and looked.done() and not looked.cancelled() else {}

    async def _look_at_models(self) -> Mapping[int, Failure]:
        # A configured server may stand in another network: what we can reach says nothing about it.
        refused = {} if self._options.server_url else await look_at_models(self._options)
        for at in refused:
            await told(self._breaker_of(self._options.chain[at].circuit).failed)
        return refused
