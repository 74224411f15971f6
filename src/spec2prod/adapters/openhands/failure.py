"""What went wrong when the model was asked, in a user's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spec2prod.adapters.openhands.passing import asked_wait_s, failure_may_pass, nobody_answers, tool_crashed

_LONGEST = 300
_WORDS = {
    "rate_limit": ("the model at {endpoint} is rate-limited (429)", "try again later"),
    "quota": ("the account at {endpoint} has nothing left", "check the provider's budget"),
    "transient": ("the model at {endpoint} failed", "try again later"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a conversation stopped. `kind` is the agent server's word (auth, rate_limit, transient, quota, config, …).

    `limit` is set where it stopped at its own cap of iterations. `of_model` marks failures that the model's
    endpoint caused: only those count against it. `asked_s` is how long the endpoint asks to wait, in seconds.
    """

    kind: str
    reason: str
    next_step: str = ""
    retriable: bool = False
    limit: bool = False
    of_model: bool = True
    asked_s: float | None = None


def read_failure(event: Mapping[str, Any], *, model: str, endpoint: str) -> Failure:
    """Read a ConversationErrorEvent of the agent server."""
    code, whole = str(event.get("code", "")), str(event.get("detail", ""))
    detail, classification = _short(whole), event.get("classification") or {}
    kind = str(classification.get("kind", "unknown"))
    retriable = failure_may_pass(kind, code, whole, correctable=bool(classification.get("retryable")))
    if code == "MaxIterationsReached":
        return Failure(kind="limit", reason=detail, limit=True, of_model=False)
    if kind == "auth":
        return refused(401, endpoint)
    if nobody_answers(detail):
        return unreachable(endpoint)
    if code == "NotFoundError":
        return Failure(kind=kind, reason=f"{endpoint} has no model {model} (404): {detail}", next_step="check LLM_MODEL and LLM_BASE_URL")
    words, next_step = _WORDS.get(kind, (f"the conversation ended with {code or 'an error'}", "read the conversation in the run's folder"))
    of_model = kind not in {"agent_action", "internal"} and not tool_crashed(code)
    reason = f"{words.format(endpoint=endpoint)}: {detail}"
    return Failure(kind=kind, reason=reason, next_step=next_step, retriable=retriable, of_model=of_model, asked_s=asked_wait_s(whole))


def refused(status: int, endpoint: str) -> Failure:
    """Return the failure of a key that the endpoint does not take."""
    return Failure(kind="auth", reason=f"the model at {endpoint} refused the key ({status})", next_step="check LLM_API_KEY")


def unreachable(endpoint: str) -> Failure:
    """Return the failure of an endpoint where nobody answers."""
    return Failure(kind="transient", reason=f"no model answers at {endpoint}", next_step="check LLM_BASE_URL", retriable=True)


def open_circuit(endpoint: str, rest_s: float) -> Failure:
    """Return the failure of an endpoint that is left alone: it was not asked."""
    reason = f"the model at {endpoint} failed several times in a row and is left alone for {rest_s:.0f} s"
    return Failure(kind="open_circuit", reason=reason, next_step="check the model's endpoint, then try again", of_model=False)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
