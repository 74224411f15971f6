"""What is said to the agent after a judgement, and how a round that was begun before is known again. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from spec2prod.adapters.openhands.redaction import redact
from spec2prod.domain.feedback import Feedback


def round_text(feedback: Feedback, number: int, secrets: Collection[str] = ()) -> str:
    """Return the message that begins a round. Its first line tells it apart from every other: a message is said once."""
    return redact(f"{_opening(number)}\n\n{feedback.text}", secrets)


def is_told(events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether anything was said to the agent yet, its task first of all."""
    return any(event.get("source") == "user" for event in events)


def said_at(events: Sequence[Mapping[str, Any]], number: int) -> int | None:
    """Return the place of a round's message among a conversation's events, None where it was not said yet."""
    return next((at for at, event in enumerate(events) if event.get("source") == "user" and _begins(event, number)), None)


def is_answered(events: Sequence[Mapping[str, Any]], at: int) -> bool:
    """Whether the agent did something after the event at this place."""
    return any(event.get("source") == "agent" for event in events[at + 1 :])


def _opening(number: int) -> str:
    return f"Round {number} of this task."


def _begins(event: Mapping[str, Any], number: int) -> bool:
    content = (event.get("llm_message") or {}).get("content") or ()
    return any(str(part.get("text", "")).startswith(f"{_opening(number)}\n") for part in content)
