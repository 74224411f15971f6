"""What a caller asks for, unread and unchecked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spec2prod.domain.plan import Mode, Target
from spec2prod.errors import UsageError

_ALIASES = {"dev": Target.DEVELOPMENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks for, unread and unchecked. `overrides` are the guide's configuration keys."""

    spec: Path
    component: str
    target: str
    async_mode: bool
    component_path: Path | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    overrides_from: str = "caller"

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
