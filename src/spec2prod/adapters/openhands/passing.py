"""What may pass next time, and what never will: decided here, and nowhere else. Pure.

Tried again are: no connection, no answer in time, 429, 5xx, and a tool of the agent's that crashed. A refused key, an unknown
model, an empty account and a request that is wrong stay what they are.
"""

from __future__ import annotations

import re

_TOO_MANY, _TIMED_OUT, _SERVER_ERRORS = 429, 408, range(500, 600)
_PASSING_KINDS = frozenset({"rate_limit", "transient"})
# The agent's terminal died (the server calls it a wrong configuration); its next start gets a new one.
_CRASHED_TOOLS = frozenset({"LibTmuxException"})
_NOBODY_THERE = ("connection error", "cannot connect", "name or service not known")
_ASKED = re.compile(r"(?i)\b(?:try again|retry)[ -]?(?:in|after)\D{0,3}(\d+(?:\.\d+)?)\s*(ms|s\b|seconds?|m\b|minutes?)?")
_UNITS = {"ms": 0.001, "m": 60.0, "minute": 60.0, "minutes": 60.0}


def status_may_pass(status: int) -> bool:
    """Whether an answer with this HTTP status may be another one next time."""
    return status in {_TOO_MANY, _TIMED_OUT} or status in _SERVER_ERRORS


def nobody_answers(detail: str) -> bool:
    """Whether these words say that no endpoint is there."""
    return any(sign in detail.lower() for sign in _NOBODY_THERE)


def tool_crashed(code: str) -> bool:
    """Whether an error of this code is a crash of the agent's tool, and not its model's."""
    return code in _CRASHED_TOOLS


def failure_may_pass(kind: str, code: str, detail: str, *, correctable: bool) -> bool:
    """Whether a conversation that failed may go on. `kind`, `code`, `detail` are the server's words.

    `correctable` is its word on what the model did wrong itself (a malformed call): that may be right next time.
    """
    if kind == "auth":
        return False
    return kind in _PASSING_KINDS or tool_crashed(code) or nobody_answers(detail) or (kind == "agent_action" and correctable)


def asked_wait_s(detail: str) -> float | None:
    """Return the seconds that an endpoint asks to wait in its message ("try again in 20s"), None where it asks for none."""
    found = _ASKED.search(detail)
    return float(found[1]) * _UNITS.get((found[2] or "s").lower(), 1.0) if found else None
