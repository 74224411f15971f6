"""OpenHands as a `TestWriter`: one server, one conversation for each module, all at once and in the background."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spec2prod.adapters.openhands.body import conversation_body
from spec2prod.adapters.openhands.breaker import Circuit, CircuitBreaker
from spec2prod.adapters.openhands.client import AgentClient, ServerRefusedError, ServerSilentError
from spec2prod.adapters.openhands.copies import snapshot
from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.failure import Failure
from spec2prod.adapters.openhands.limits import money_unwatched
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.preflight import look_at_model
from spec2prod.adapters.openhands.prompt import task_text
from spec2prod.adapters.openhands.pursuit import Ending, Pursuit, circuit_open
from spec2prod.adapters.openhands.redaction import redact
from spec2prod.adapters.openhands.retry import Backoff
from spec2prod.adapters.openhands.server import AgentServer, Box, ServerPlan
from spec2prod.adapters.openhands.target import interpreter_folders
from spec2prod.adapters.openhands.tasks import Account, Found, WorkingCopy, outcome_of, recall, remember, take_stock, task_id
from spec2prod.application.ports import Tree
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.errors import AgentUnavailableError, Spec2prodError, UsageError

_PARTING_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where the agent works. `run_folder` (absolute) gets logs and conversations; `workspaces` in it holds the copies
    that `tree.copy` makes. `environment` is None where the agent server is not installed."""

    run_id: str
    run_folder: Path
    tree: Tree
    interpreter: Path
    environment: Environment | None
    box: Box

    @property
    def folder(self) -> Path:
        """Return the agent's own part of the run's folder."""
        return self.run_folder / "openhands"


class OpenHandsWriter:
    """Hands tasks to OpenHands' agent server. Whatever goes wrong in a task is in its outcome."""

    def __init__(
        self,
        options: OpenHandsOptions,
        place: Workplace,
        *,
        breaker: CircuitBreaker | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`breaker` may be shared by all writers of one endpoint; `clock` returns monotonic seconds."""
        self._options = options
        self._place = place
        self._breaker = breaker or CircuitBreaker(clock=clock)
        self._backoff = backoff or Backoff(tries=options.llm_retries + 1, base_s=2.0)
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(options.max_concurrent)
        self._server: AgentServer | None = None
        self._client: AgentClient | None = None
        self._ready: asyncio.Task[AgentClient] | None = None
        self._looked: asyncio.Task[Failure | None] | None = None
        self._requests: dict[str, TestRequest] = {}
        self._tasks: dict[str, asyncio.Task[TaskOutcome]] = {}

    @property
    def server_started_s(self) -> float:
        """Return the seconds that the server took to start; 0 before it has."""
        return self._server.started_s if self._server else 0.0

    async def start(self) -> None:
        """Begin to start up, and return at once; trouble shows in `submit` and in the outcomes."""
        if self._ready is None and not self._obstacle():
            self._ready = asyncio.create_task(self._start_up(), name="agent-server")
            self._looked = asyncio.create_task(self._look_at_model(), name="agent-model")

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Hand tasks over without waiting for them; return module → task ID.

        Raises:
            AgentUnavailableError: where nothing can be submitted at all.
        """
        obstacle = self._obstacle() or self._known_trouble()
        if obstacle is not None:
            raise obstacle
        await self.start()
        names = {request.module: task_id(self._place.run_id, request) for request in requests}
        for request in requests:
            name = names[request.module]
            if name not in self._tasks:
                self._requests[name] = request
                self._tasks[name] = asyncio.create_task(self._task(request, name), name=f"agent-task {request.module}")
        return names

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Wait for a task's end. Whatever goes wrong in it is in the outcome.

        Raises:
            UsageError: where no such task was submitted.
        """
        if task_id not in self._tasks:
            message = f"no task {task_id} was submitted"
            raise UsageError(message)
        task = self._tasks[task_id]
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
        # Cancelled before its first step: it could not tell so itself.
        return self._told(self._requests[task_id], task_id, _CANCELLED, Found(), Account())

    async def stop(self) -> None:
        """End everything that still runs. Safe to call twice, or before `start`."""
        for task in (*self._tasks.values(), self._ready, self._looked):
            if task is not None:
                task.cancel()
        background = (task for task in (*self._tasks.values(), self._ready, self._looked) if task is not None)
        await asyncio.gather(*background, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        if self._server is not None:
            await self._server.stop()

    def _obstacle(self) -> AgentUnavailableError | None:
        """Return what is in the way for certain, without asking anybody."""
        options = self._options
        if not options.model:
            return AgentUnavailableError("no model is set", where="LLM_MODEL", next_step="set LLM_MODEL, for example openai/<model>")
        if not options.api_key and not options.base_url:
            return AgentUnavailableError(
                "neither a key nor an endpoint is set", where="LLM_API_KEY", next_step="set LLM_API_KEY or LLM_BASE_URL"
            )
        if not options.server_url and self._place.environment is None:
            return AgentUnavailableError("the agent server is not installed", next_step="spec2prod openhands install")
        if self._breaker.circuit is Circuit.OPEN:
            ending = circuit_open(self._breaker, options.endpoint)
            return AgentUnavailableError(ending.reason, next_step=ending.next_step)
        return None

    def _known_trouble(self) -> AgentUnavailableError | None:
        """Return what the background has found out so far."""
        if self._looked is not None and self._looked.done() and not self._looked.cancelled():
            failure = self._looked.result()
            return AgentUnavailableError(failure.reason, next_step=failure.next_step) if failure else None
        return None

    async def _look_at_model(self) -> Failure | None:
        # A configured server may stand in another network: what we can reach says nothing about it.
        failure = None if self._options.server_url else await look_at_model(self._options)
        if failure is not None:
            self._breaker.failed()
        return failure

    async def _start_up(self) -> AgentClient:
        if self._options.server_url:
            self._client = AgentClient(self._options.server_url, self._options.server_key, sleep=self._sleep)
            await _greet(self._client, self._options.server_url)
            return self._client
        self._server = AgentServer(await asyncio.to_thread(self._server_plan))
        await self._server.start()
        self._client = AgentClient(self._server.url, self._server.key, sleep=self._sleep)
        return self._client

    def _server_plan(self) -> ServerPlan:
        place, options = self._place, self._options
        if place.environment is None:
            message = "the agent server is not installed"
            raise AgentUnavailableError(message, next_step="spec2prod openhands install")
        return ServerPlan(
            environment=place.environment,
            folder=place.folder,
            workspaces=place.run_folder / "workspaces",
            box=place.box,
            path=(place.interpreter.parent,),
            readable=interpreter_folders(place.interpreter),
            hidden=options.secrets,
            max_concurrent=options.max_concurrent,
            start_limit_s=options.start_limit_s,
        )

    async def _task(self, request: TestRequest, name: str) -> TaskOutcome:
        begun = self._clock()
        work = _Work(request=request, name=name)
        try:
            async with self._slots:
                ending, found, said = await self._work(work)
        except asyncio.CancelledError:
            # Only `stop` cancels, and it wants to hear how far the task came.
            await _within(self._part(work))
            ending, found, said = _CANCELLED, Found(), ""
        except Exception as error:  # noqa: BLE001 - the port's promise: whatever goes wrong is in the outcome
            ending, found, said = self._mishap(error), await asyncio.to_thread(_left, work), ""
        return self._told(request, name, ending, found, work.account((self._clock() - begun) * 1000), said)

    async def _work(self, work: _Work) -> tuple[Ending, Found, str]:
        work.copy = await self._copy(work)
        client = await self._reachable()
        failure = await asyncio.shield(self._looked) if self._looked else None
        if failure is not None:
            return Ending(status=TaskStatus.ERRORED, reason=failure.reason, next_step=failure.next_step), Found(), ""
        if self._options.server_url and not await client.sees(str(work.copy.root / work.request.module)):
            return _other_disk(self._options.server_url, work.copy.root), Found(), ""
        work.pursuit = self._pursuit(work.name, client)
        text = task_text(work.request, str(work.copy.root))
        ending = await work.pursuit.follow(
            conversation_body(self._options, conversation=work.name, working_folder=work.copy.root, text=text)
        )
        if money_unwatched(self._options, work.pursuit.progress):
            ending = replace(
                ending,
                reason="; ".join(
                    filter(None, (ending.reason, f"no price is known for {self._options.model}: its money limit was not watched"))
                ),
            )
        found = await asyncio.to_thread(take_stock, work.copy, work.request.test_file)
        return ending, found, await self._keep_conversation(client, work.name)

    def _pursuit(self, name: str, client: AgentClient) -> Pursuit:
        return Pursuit(
            name, client=client, options=self._options, breaker=self._breaker, backoff=self._backoff, clock=self._clock, sleep=self._sleep
        )

    async def _copy(self, work: _Work) -> WorkingCopy:
        """Return the task's copy: the one of an interrupted run, or a new one, with a folder for the test to lie in."""
        note = self._place.folder / "tasks" / f"{work.name}.json"
        note.parent.mkdir(parents=True, exist_ok=True)
        known = await asyncio.to_thread(recall, note)
        if known is not None:
            return known
        tree = await self._place.tree.copy(f"agent-{work.request.dotted}-{work.request.attempt}-{work.name[:8]}")
        # The agent's editor does not make folders, and fails on them in words that models do not understand (measured).
        (tree.root / work.request.test_file).parent.mkdir(parents=True, exist_ok=True)
        copy = WorkingCopy(root=tree.root, before=await asyncio.to_thread(snapshot, tree.root))
        await asyncio.to_thread(remember, note, copy)
        return copy

    async def _reachable(self) -> AgentClient:
        if self._ready is None:
            await self.start()
        if self._ready is None:
            raise self._obstacle() or AgentUnavailableError("the agent server was not started")
        return await asyncio.shield(self._ready)

    async def _keep_conversation(self, client: AgentClient, name: str) -> str:
        """Write the conversation's events into the run's folder, for diagnosis; return what the agent said last."""
        try:
            events, said = await client.events(name), await client.last_message(name)
        except (ServerRefusedError, ServerSilentError) as error:
            events, said = ({"kind": "NotKept", "detail": str(error)},), ""
        lines = "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in events)
        file = self._place.folder / "conversations" / f"{name}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(file.write_text, redact(lines, self._options.secrets), encoding="utf-8")
        return said

    async def _part(self, work: _Work) -> None:
        if work.pursuit is not None and self._client is not None:
            await work.pursuit.interrupt()

    def _mishap(self, error: Exception) -> Ending:
        """Return the ending of a task that an error ended."""
        if isinstance(error, Spec2prodError):
            return Ending(status=TaskStatus.ERRORED, reason=str(error), next_step=error.next_step)
        if isinstance(error, ServerSilentError) and self._server is not None and not self._server.alive:
            reason = f"the agent server died: {self._server.last_words}"
            return Ending(status=TaskStatus.ERRORED, reason=reason, next_step=f"read {self._place.folder / 'server.log'}")
        if isinstance(error, ServerSilentError | ServerRefusedError):
            return Ending(status=TaskStatus.ERRORED, reason=str(error), next_step="read the agent server's log")
        return Ending(status=TaskStatus.ERRORED, reason=f"{type(error).__name__}: {error}", next_step="please report this")

    def _told(self, request: TestRequest, name: str, ending: Ending, found: Found, account: Account, said: str = "") -> TaskOutcome:  # noqa: PLR0913, PLR0917
        outcome = outcome_of(request, name, ending, found, account, said)
        return replace(outcome, reason=redact(outcome.reason, self._options.secrets))


_CANCELLED = Ending(status=TaskStatus.CANCELLED, reason="the run was stopped")


@dataclass(slots=True, kw_only=True)
class _Work:
    """What a task has come to so far."""

    request: TestRequest
    name: str
    copy: WorkingCopy | None = None
    pursuit: Pursuit | None = None

    def account(self, wall_ms: float) -> Account:
        if self.pursuit is None:
            return Account(wall_ms=wall_ms)
        return Account(progress=self.pursuit.progress, attempts=self.pursuit.attempts, wall_ms=wall_ms)


def _left(work: _Work) -> Found:
    return take_stock(work.copy, work.request.test_file) if work.copy and work.pursuit else Found()


def _other_disk(url: str, root: Path) -> Ending:
    reason = f"the agent server at {url} does not see {root}"
    return Ending(
        status=TaskStatus.ERRORED, reason=reason, next_step="share the project's folder with it under the same path, or use no server URL"
    )


async def _greet(client: AgentClient, url: str) -> None:
    """Make sure that a configured server answers, and takes our key."""
    try:
        await client.sees("/nonexistent")
    except ServerRefusedError as error:
        message = f"the agent server at {url} refused us ({error.status})"
        raise AgentUnavailableError(message, next_step="check the server's URL and key") from error
    except ServerSilentError as error:
        raise AgentUnavailableError(str(error), next_step="check the server's URL, and that it runs") from error


async def _within(parting: Awaitable[None]) -> None:
    """Take leave, but not for ever: a server that no longer answers is about to be ended anyway."""
    try:
        await asyncio.wait_for(parting, _PARTING_LIMIT_S)
    except (TimeoutError, ServerRefusedError, ServerSilentError):
        return
