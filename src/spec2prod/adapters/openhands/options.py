"""What may be set about the agent: its model, its limits, and where its server is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from spec2prod.domain.quota import QuotaRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one module's conversation may use: seconds, steps, tokens in and out together, US dollars (None: any number)."""

    timeout_s: float
    max_iterations: int
    max_tokens: int
    max_cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a paused task is given on top: seconds, steps, tokens, US dollars."""

    seconds: float = 0.0
    iterations: int = 0
    tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Another model to go on with where the one before it fails; prices are US dollars per token."""

    model: str
    api_key: str = field(default="", repr=False)
    base_url: str = ""
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHandsOptions:
    """How to drive the agent. Model names follow litellm ("openai/…", "anthropic/…").

    `timeout_s` is the wall clock of one module's conversation, in seconds, counted from its creation; `max_tokens`
    counts the model's input and output tokens of one module together; prices are US dollars per token. Without
    prices the server knows only listed models, and `max_cost_usd` cannot be watched for any other: the outcome says so.
    `llm_retries` is how often one module's conversation goes on after a failure of its model that may pass, the first time
    after about `llm_retry_wait_s` seconds, then twice as long each time.
    `server_url` names a running agent server instead of a child; it must see the run's folder at the same path.
    `poll_interval_s` is the longest pause between two looks at a conversation.
    `endpoint_slots` is how many conversations one endpoint has at a time, `max_usd_per_hour` what any hour may cost, in US dollars, over
    all who share a quota; None where there is no limit.
    `fallbacks` are gone on with, in their order, where the model fails in a way that may not pass soon.
    `time_left_s` is what the run still has, in seconds from the writer's making: nothing is begun or waited for beyond it;
    None where it has all the time. A conversation is not begun in less than `shortest_task_s`.
    """

    model: str = ""
    api_key: str = field(default="", repr=False)
    base_url: str = ""
    max_output_tokens: int = 4096
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None
    server_url: str = ""
    server_key: str = field(default="", repr=False)
    timeout_s: float = 300.0
    poll_interval_s: float = 2.0
    max_iterations: int = 50
    max_tokens: int = 2_000_000
    max_cost_usd: float | None = None
    max_concurrent: int = 4
    endpoint_slots: int | None = None
    max_usd_per_hour: float | None = None
    llm_timeout_s: int = 120
    llm_retries: int = 3
    llm_retry_wait_s: float = 2.0
    start_limit_s: float = 120.0
    fallbacks: tuple[Endpoint, ...] = ()
    time_left_s: float | None = None
    shortest_task_s: float = 2.0

    @property
    def endpoint(self) -> str:
        """Return where the model is asked: its URL, or its provider's name."""
        return self.base_url or self.model.partition("/")[0]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be written anywhere."""
        keys = (self.api_key, self.server_key, *(each.api_key for each in self.fallbacks))
        return tuple(dict.fromkeys(key for key in keys if key))

    @property
    def circuit(self) -> str:
        """Return under what name a breaker watches this model: its address and itself, for one address serves many."""
        return f"{self.endpoint} {self.model}"

    @property
    def identity(self) -> str:
        """Return a digest of what a conversation must be told when it changes: model, address and key."""
        return hashlib.sha256(f"{self.model}\n{self.base_url}\n{self.api_key}".encode()).hexdigest()[:16]

    @property
    def chain(self) -> tuple[OpenHandsOptions, ...]:
        """Return these options once for each endpoint, the preferred one first."""
        return (self, *(self._on(each) for each in self.fallbacks))

    @property
    def limits(self) -> Limits:
        """Return the limits of one conversation."""
        return Limits(
            timeout_s=self.timeout_s, max_iterations=self.max_iterations, max_tokens=self.max_tokens, max_cost_usd=self.max_cost_usd
        )

    @property
    def quota(self) -> QuotaRules:
        """Return what is limited over all conversations together."""
        return QuotaRules(endpoint_slots=self.endpoint_slots, usd_per_hour=self.max_usd_per_hour)

    def within(self, limits: Limits | None) -> OpenHandsOptions:
        """Return the same options with a task's own limits where they are larger."""
        if limits is None:
            return self
        money = (self.max_cost_usd, limits.max_cost_usd)
        return replace(
            self,
            timeout_s=max(self.timeout_s, limits.timeout_s),
            max_iterations=max(self.max_iterations, limits.max_iterations),
            max_tokens=max(self.max_tokens, limits.max_tokens),
            max_cost_usd=None if None in money else max(each for each in money if each is not None),
        )

    def _on(self, endpoint: Endpoint) -> OpenHandsOptions:
        return replace(
            self,
            model=endpoint.model,
            api_key=endpoint.api_key,
            base_url=endpoint.base_url,
            input_cost_per_token=endpoint.input_cost_per_token,
            output_cost_per_token=endpoint.output_cost_per_token,
        )
