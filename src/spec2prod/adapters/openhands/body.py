"""The body that creates a conversation. Pure; unknown fields are ignored by the server in silence, so keep to known ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spec2prod.adapters.openhands.options import OpenHandsOptions


def conversation_body(
    options: OpenHandsOptions, *, conversation: str, working_folder: Path, text: str, model: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what `POST /api/conversations` needs: without `tools` the agent could only talk. `model` is a `model_body`."""
    return {
        "conversation_id": conversation,
        "workspace": {"kind": "LocalWorkspace", "working_dir": str(working_folder)},
        "agent_settings": {
            "agent_kind": "openhands",
            "llm": model or model_body(options),
            "tools": [{"name": "terminal"}, {"name": "file_editor"}],
        },
        "max_iterations": options.max_iterations,
        "stuck_detection": True,
        "autotitle": False,
        "initial_message": {"role": "user", "content": [{"type": "text", "text": text}], "run": True},
    }


def message_of(body: Mapping[str, Any]) -> str:
    """Return the task that a conversation is created with."""
    return str(body["initial_message"]["content"][0]["text"])


def model_body(options: OpenHandsOptions, *, number: int = 0, left_s: float = math.inf) -> dict[str, Any]:
    """Return how a model is asked. `number` is its place among the endpoints: each has figures of its own.

    No call waits longer than the run has time, `left_s` seconds.
    """
    wanted: dict[str, Any] = {
        "usage_id": f"endpoint-{number}",
        "model": options.model,
        "base_url": options.base_url or None,
        # An endpoint without keys still gets one: the client library refuses to speak without.
        "api_key": options.api_key or "none",
        "timeout": max(1, math.ceil(min(options.llm_timeout_s, left_s))),
        # One try for each step (the server counts tries here, not retries): going on after a failure is ours,
        # so that it is counted, ends at our limits, and one breaker sees it.
        "num_retries": 1,
        "retry_min_wait": 1,
        "retry_max_wait": 2,
        "max_output_tokens": options.max_output_tokens,
        **_prices(options),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _prices(options: OpenHandsOptions) -> dict[str, float]:
    """Return both prices or none: the server counts no money at all where only one is given (measured)."""
    if options.input_cost_per_token is None and options.output_cost_per_token is None:
        return {}
    return {"input_cost_per_token": options.input_cost_per_token or 0.0, "output_cost_per_token": options.output_cost_per_token or 0.0}
