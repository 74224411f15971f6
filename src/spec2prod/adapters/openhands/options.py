"""What may be set about the agent: its model, its limits, and where its server is."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    llm_timeout_s: int = 120
    llm_retries: int = 3
    llm_retry_wait_s: float = 2.0
    start_limit_s: float = 120.0

    @property
    def endpoint(self) -> str:
        """Return where the model is asked: its URL, or its provider's name."""
        return self.base_url or self.model.partition("/")[0]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be written anywhere."""
        return tuple(secret for secret in (self.api_key, self.server_key) if secret)
