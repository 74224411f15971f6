"""Where the agent works, and what is in its way before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spec2prod.adapters.openhands.child import Box, ServerPlan
from spec2prod.adapters.openhands.endpoints import ruled_out
from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.failure import Failure
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.target import interpreter_folders
from spec2prod.application.ports import Breaker, Tree
from spec2prod.domain.command import Belongings
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
    ours: Callable[[], Belongings] = Belongings

    @property
    def folder(self) -> Path:
        """Return the agent's own part of the run's folder."""
        return self.run_folder / "openhands"

    @property
    def notes(self) -> Path:
        """Return where it is noted what is known of each task (`ledger`)."""
        return self.folder / "tasks"


def obstacle(
    options: OpenHandsOptions, environment: Environment | None, breaker_of: Callable[[str], Breaker], refused: Mapping[int, Failure]
) -> AgentUnavailableError | None:
    """Return what is in the way for certain, without asking anybody; None where nothing is. `refused` are endpoints found unusable."""
    if not options.model:
        return AgentUnavailableError("no model is set", where="LLM_MODEL", next_step="set LLM_MODEL, for example openai/<model>")
    if not any(each.api_key or each.base_url for each in options.chain):
        message = "neither a key nor an endpoint of a model is set"
        return AgentUnavailableError(message, where="LLM_API_KEY", next_step="set LLM_API_KEY or LLM_BASE_URL")
    if not options.server_url and environment is None:
        return not_installed()
    failure = ruled_out(options, breaker_of, refused)
    return AgentUnavailableError(failure.reason, next_step=failure.next_step) if failure else None


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
        ours=place.ours(),
    )
