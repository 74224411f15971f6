"""Where the agent meets its adapter: none, not ready, or OpenHands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spec2prod.adapters.host.watch import belongings
from spec2prod.application.ports import Breaker, Quota, TestWriter
from spec2prod.bootstrap.folders import cache_folder
from spec2prod.bootstrap.place import Place, place_of
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.request import new_run_id
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.candidate import TaskOutcome, TestRequest
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.plan import Mode
from spec2prod.errors import AgentUnavailableError

if TYPE_CHECKING:
    from spec2prod.adapters.openhands.environment import Environment
    from spec2prod.adapters.openhands.options import OpenHandsOptions
    from spec2prod.adapters.openhands.writer import OpenHandsWriter
    from spec2prod.domain.quota import QuotaRules


class Nobody:
    """The writer of a run that asks for no tests: the agent's adapter is not even imported for it."""

    async def start(self) -> None:
        """Begin nothing."""

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Refuse."""
        raise AgentUnavailableError(f"generation is off, but {len(requests)} modules were submitted", next_step="--enable-openhands")

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Refuse."""
        raise AgentUnavailableError(f"generation is off: there is no task {task_id}", next_step="--enable-openhands")

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Refuse."""
        del feedback
        raise AgentUnavailableError(f"generation is off: there is no task {task_id}, round {number}", next_step="--enable-openhands")

    async def stop(self) -> None:
        """End nothing."""


class Unready(Nobody):
    """The writer of a run on a machine where an agent cannot work: it says so, and the run goes on without tests of its."""

    def __init__(self, trouble: AgentUnavailableError) -> None:
        """Take what is in the way."""
        self._trouble = trouble

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Refuse."""
        del requests
        raise self._trouble


class Shared(NamedTuple):
    """What all runs on one database share about the agent: breakers by endpoint, turns; and who hears of waiting. Else each has its own."""

    breakers: Callable[[str], Breaker] | None = None
    quota: Quota | None = None
    tell: Callable[[str], None] = lambda _text: None


ALONE = Shared()


def ready_writer(place: Place, mode: Mode, shared: Shared = ALONE) -> TestWriter:
    """Return the agent, after a cheap look at the machine; the writer itself looks at its environment, key and model."""
    from spec2prod.adapters import examination

    trouble = examination.before_generation(place.component.root)
    if trouble is not None:
        return Unready(AgentUnavailableError(f"{trouble.name}: {trouble.told}", next_step=trouble.next_step))
    return openhands_writer(place, mode, shared)


def writer_for(name: str, component_path: Path | None, config: Mapping[str, Any]) -> OpenHandsWriter:
    """Return a writer for a component, found as a run finds it: the guide's generator is made of it."""
    settings = read_settings(project_root(component_path), config, os.environ)
    place = place_of(name, component_path, settings, new_run_id())
    return openhands_writer(place, Mode.ASYNC)


def agent_options(settings: Settings, mode: Mode = Mode.ASYNC) -> OpenHandsOptions:
    """Return how the agent is driven, with the keys that the environment holds."""
    from spec2prod.adapters.openhands.options import Endpoint, OpenHandsOptions

    chosen = settings.openhands
    return OpenHandsOptions(
        model=chosen.model or "",
        api_key=os.environ.get(chosen.api_key_env, ""),
        base_url=chosen.base_url or "",
        max_output_tokens=chosen.max_output_tokens,
        input_cost_per_token=chosen.input_cost_per_token,
        output_cost_per_token=chosen.output_cost_per_token,
        server_url=chosen.server_url or "",
        server_key=os.environ.get(chosen.server_key_env, "") if chosen.server_key_env else "",
        timeout_s=settings.timeout_seconds,
        poll_interval_s=settings.poll_interval_seconds,
        max_iterations=chosen.max_iterations,
        max_tokens=chosen.max_tokens,
        max_cost_usd=chosen.max_cost_usd,
        max_concurrent=chosen.max_concurrent if mode is Mode.ASYNC else 1,
        endpoint_slots=chosen.endpoint_slots,
        max_usd_per_hour=chosen.max_usd_per_hour,
        time_left_s=settings.time_limit_seconds,
        fallbacks=tuple(
            Endpoint(
                model=each.model,
                api_key=os.environ.get(each.api_key_env, ""),
                base_url=each.base_url or "",
                input_cost_per_token=each.input_cost_per_token,
                output_cost_per_token=each.output_cost_per_token,
            )
            for each in chosen.fallbacks
        ),
    )


def quota_rules(settings: Settings) -> QuotaRules:
    """Return what the agent's conversations have together, over all runs that share a database."""
    from spec2prod.domain.quota import QuotaRules

    return QuotaRules(endpoint_slots=settings.openhands.endpoint_slots, usd_per_hour=settings.openhands.max_usd_per_hour)


def openhands_writer(place: Place, mode: Mode, shared: Shared = ALONE) -> OpenHandsWriter:
    """Return the agent of one run; nothing is started yet."""
    from spec2prod.adapters.openhands.workplace import Workplace
    from spec2prod.adapters.openhands.writer import OpenHandsWriter
    from spec2prod.adapters.sandbox import find_sandbox

    workplace = Workplace(
        run_id=place.run_id,
        run_folder=place.tree.run_folder,
        tree=place.tree,
        interpreter=place.component.interpreter,
        environment=find_openhands(),
        box=find_sandbox(),
        ours=belongings,
    )
    options = agent_options(place.settings, mode)
    return OpenHandsWriter(options, workplace, breakers=shared.breakers, quota=shared.quota, tell=shared.tell)


def install_openhands(say: Callable[[str], None]) -> Environment:
    """Build the agent server's environment in the user's cache directory."""
    import uv

    from spec2prod.adapters.openhands import environment

    return environment.install(cache_folder(), uv=Path(uv.find_uv_bin()), python=Path(sys.executable), say=say)


def find_openhands() -> Environment | None:
    """Return the installed environment, if there is one."""
    from spec2prod.adapters.openhands import environment

    return environment.find(cache_folder())
