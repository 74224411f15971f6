"""What a caller asks for, unread and unchecked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spec2prod.domain.plan import Mode, Stage, Target
from spec2prod.domain.schedule import Priority
from spec2prod.errors import UsageError

_ALIASES = {"dev": Target.DEVELOPMENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks for, unread and unchecked. `overrides` are the guide's configuration keys.

    `root` is the project's folder; unless given, it is found from the component's path, or from here. `output` is where the report
    goes. `new` asks for a run of its own in spite of an interrupted one, `wait` is off where another run of the component is not to
    be waited for, `resume` is the ID of a run to go on with, which forgets what it did from the stage `again_from` on. `priority` is its
    own among the runs that share this machine.
    """

    spec: Path
    component: str
    target: str
    async_mode: bool
    component_path: Path | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    overrides_from: str = "caller"
    root: Path | None = None
    output: Path | None = None
    new: bool = False
    wait: bool = True
    resume: str = ""
    again_from: Stage | None = None
    priority: Priority = Priority.NORMAL

    @property
    def mode(self) -> Mode:
        """Return the mode."""
        return Mode.ASYNC if self.async_mode else Mode.SYNC


def target_of(name: str) -> Target:
    """Return the target of that name; `dev` is development.

    Raises:
        UsageError: for any other name.
    """
    try:
        return _ALIASES.get(name) or Target(name)
    except ValueError:
        known = ", ".join(Target)
        raise UsageError(f"no target is called {name!r}", next_step=f"use one of {known} (or dev)") from None


def new_run_id() -> str:
    """Return a name that no other run has."""
    return str(uuid.uuid4())
