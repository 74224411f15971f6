"""A thin client of the agent server's REST interface. It knows URLs, keys and retries; not what a task is."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import httpx

from spec2prod.adapters.openhands.passing import status_may_pass
from spec2prod.adapters.openhands.retry import Backoff, retry_after_s

# The server answers from memory; creating a conversation is its slowest call (0.5 s, measured).
_CALL_LIMIT_S = 30.0
_KEY_HEADER = "X-Session-API-Key"


class ServerRefusedError(Exception):
    """The server answered, and not as asked. `status` is its HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the agent server answered {status}: {' '.join(text.split())[:300]}")
        self.status = status


class ServerSilentError(Exception):
    """No answer came, in spite of retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a conversation is. `status` is the server's word; `calls` counts answered calls of the model.

    `models` are those that answered, in the order in which they were first asked.
    """

    status: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    models: tuple[str, ...] = ()


IDLE = Progress(status="idle")


def at_least(found: Progress, known: Progress) -> Progress:
    """Return what a server tells, and what it told before where that was more."""
    return replace(
        found,
        calls=max(found.calls, known.calls),
        input_tokens=max(found.input_tokens, known.input_tokens),
        output_tokens=max(found.output_tokens, known.output_tokens),
        cost_usd=max(found.cost_usd, known.cost_usd),
    )


def plus(found: Progress, more: Progress, less: Progress) -> Progress:
    """Return figures with those of `more` added and those of `less` taken away."""
    return replace(
        found,
        calls=found.calls + more.calls - less.calls,
        input_tokens=found.input_tokens + more.input_tokens - less.input_tokens,
        output_tokens=found.output_tokens + more.output_tokens - less.output_tokens,
        cost_usd=found.cost_usd + more.cost_usd - less.cost_usd,
    )


def read_progress(conversation: Mapping[str, Any]) -> Progress:
    """Read a conversation's state; the figures are summed over all uses (agent, condenser)."""
    metrics = tuple(((conversation.get("stats") or {}).get("usage_to_metrics") or {}).values())
    usages = [metric.get("accumulated_token_usage") or {} for metric in metrics]
    return Progress(
        status=str(conversation["execution_status"]),
        calls=sum(len(metric.get("response_latencies") or ()) for metric in metrics),
        input_tokens=sum(int(usage.get("prompt_tokens", 0)) for usage in usages),
        output_tokens=sum(int(usage.get("completion_tokens", 0)) for usage in usages),
        cost_usd=sum(float(metric.get("accumulated_cost", 0.0)) for metric in metrics),
        models=tuple(
            dict.fromkeys(str(each["model_name"]) for each in metrics if each.get("model_name") and each.get("response_latencies"))
        ),
    )


class AgentClient:
    """Speaks to one agent server.

    Connection errors, timeouts, 429 and 5xx are retried: every call is one that may be repeated (a conversation
    is created under our own ID). Other answers of 400 and above raise at once.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        left_s: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """`url` is the server's root; `backoff` and `sleep` decide how and by what retries wait, never longer than `left_s()`."""
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._left_s = left_s
        # trust_env off: a proxy from our environment has no business between us and a server on loopback.
        self._http = httpx.AsyncClient(
            base_url=url, headers={_KEY_HEADER: key} if key else {}, timeout=_CALL_LIMIT_S, trust_env=not _is_loopback(url)
        )

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def server_info(self) -> Mapping[str, Any]:
        """Return the server's version, tools and capabilities."""
        return dict((await self._call("GET", "/server_info")).json())

    async def create(self, body: Mapping[str, Any]) -> bool:
        """Create a conversation under its own `conversation_id`; return whether it is new."""
        return (await self._call("POST", "/api/conversations", json=dict(body))).status_code == httpx.codes.CREATED

    async def progress(self, conversation: str) -> Progress:
        """Return a conversation's status and figures."""
        return read_progress((await self._call("GET", f"/api/conversations/{conversation}")).json())

    async def events(self, conversation: str, *, kind: str = "") -> tuple[Mapping[str, Any], ...]:
        """Return a conversation's events, oldest first, of one kind or all."""
        found: list[Mapping[str, Any]] = []
        page: str | None = ""
        while page is not None:
            wanted = {"limit": "100", "kind": kind, "page_id": page}
            params = {name: value for name, value in wanted.items() if value}
            answer = (await self._call("GET", f"/api/conversations/{conversation}/events/search", params=params)).json()
            found.extend(answer["items"])
            page = answer.get("next_page_id")
        return tuple(found)

    async def last_message(self, conversation: str) -> str:
        """Return what the agent said last, empty where it said nothing."""
        answer = await self._call("GET", f"/api/conversations/{conversation}/agent_final_response")
        return str(answer.json().get("response") or "")

    async def run(self, conversation: str) -> None:
        """Let a conversation go on. One that runs already is left alone."""
        try:
            await self._call("POST", f"/api/conversations/{conversation}/run")
        except ServerRefusedError as error:
            if error.status != httpx.codes.CONFLICT:
                raise

    async def say(self, conversation: str, text: str, *, run: bool = False) -> None:
        """Say something to a resting conversation; it does not answer before it runs, and `run` lets it."""
        message = {"role": "user", "content": [{"type": "text", "text": text}], "run": run}
        await self._call("POST", f"/api/conversations/{conversation}/events", json=message)

    async def switch_model(self, conversation: str, model: Mapping[str, Any]) -> None:
        """Let a resting conversation go on with another model; nothing is asked of it yet.

        One that a restarted server has only read from disk must be said something first: otherwise the server counts neither
        calls nor money of the new model (measured, 1.58.0).
        """
        await self._call("POST", f"/api/conversations/{conversation}/switch_llm", json={"llm": dict(model)})

    async def interrupt(self, conversation: str) -> None:
        """Stop a conversation at once, with the command it runs; it can go on later. One that is not there is no error."""
        await self._unless_missing("POST", f"/api/conversations/{conversation}/interrupt")

    async def delete(self, conversation: str) -> None:
        """Remove a conversation for good. One that is not there is no error."""
        await self._unless_missing("DELETE", f"/api/conversations/{conversation}")

    async def sees(self, path: str) -> bool:
        """Whether the server finds a file at this absolute path."""
        try:
            await self._call("GET", "/api/file/download", params={"path": path})
        except ServerRefusedError as error:
            if error.status in {httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST}:
                return False
            raise
        return True

    async def _unless_missing(self, method: str, path: str) -> None:
        try:
            await self._call(method, path)
        except ServerRefusedError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own options
        answer = await self._once(method, path, **options)
        for failures in range(1, self._backoff.tries):
            wait_s = self._backoff.wait_s(failures, _asked_s(answer))
            if not _may_pass(answer) or wait_s >= self._left_s():
                break
            await self._sleep(wait_s)
            answer = await self._once(method, path, **options)
        if isinstance(answer, httpx.Response):
            return _accepted(answer)
        message = f"no answer from the agent server at {self._http.base_url} ({type(answer).__name__})"
        raise ServerSilentError(message) from answer

    async def _once(self, method: str, path: str, **options: Any) -> httpx.Response | httpx.TransportError:  # noqa: ANN401
        try:
            return await self._http.request(method, path, **options)
        except httpx.TransportError as error:
            return error


def _may_pass(answer: httpx.Response | httpx.TransportError) -> bool:
    return not isinstance(answer, httpx.Response) or status_may_pass(answer.status_code)


def _asked_s(answer: httpx.Response | httpx.TransportError) -> float | None:
    return retry_after_s(answer.headers.get("Retry-After", "")) if isinstance(answer, httpx.Response) else None


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    raise ServerRefusedError(answer.status_code, answer.text)


def _is_loopback(url: str) -> bool:
    return httpx.URL(url).host in {"127.0.0.1", "localhost", "::1"}
