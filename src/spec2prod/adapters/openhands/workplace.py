"""Where the agent works, and what is in its way before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spec2prod.adapters.openhands.breaker import Circuit, CircuitBreaker
from spec2prod.adapters.openhands.child import Box, ServerPlan
from spec2prod.adapters.openhands.endings import of_open_circuit
from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.target import interpreter_folders
from spec2prod.application.ports import Tree
from spec2prod.errors import AgentUnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where the agent works.

    `run_folder` (absolute) gets logs and conversations; `workspaces` in it holds the copies that `tree.copy` makes.
    `environment` is None where the agent server is not installed.
    """

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


def obstacle(options: OpenHandsOptions, environment: Environment | None, breaker: CircuitBreaker) -> AgentUnavailableError | None:
    """Return what is in the way for certain, without asking anybody; None where nothing is."""
    if not options.model:
        return AgentUnavailableError("no model is set", where="LLM_MODEL", next_step="set LLM_MODEL, for example openai/<model>")
    if not options.api_key and not options.base_url:
        message = "neither a key nor an endpoint of a model is set"
        return AgentUnavailableError(message, where="LLM_API_KEY", next_step="set LLM_API_KEY or LLM_BASE_URL")
    if not options.server_url and environment is None:
        return not_installed()
    if breaker.circuit is Circuit.OPEN:
        ending = of_open_circuit(options.endpoint, breaker.rest_left_s)
        return AgentUnavailableError(ending.reason, next_step=ending.next_step)
    return None


def not_installed() -> AgentUnavailableError:
    """Return the error of a missing environment."""
    return AgentUnavailableError("the agent server is not installed", next_step="spec2prod openhands install")


def server_plan(options: OpenHandsOptions, place: Workplace) -> ServerPlan:
    """Return what to start.

    Raises:
        AgentUnavailableError: where it is not installed, or the project's interpreter does not start.
    """
    if place.environment is None:
        raise not_installed()
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
