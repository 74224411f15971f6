"""The host of all processes. `ProcessHost` and what belongs to it are imported when they are named: a head start needs neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec2prod.adapters.host.starting import ALLOWED
from spec2prod.adapters.host.watcher import MARK

if TYPE_CHECKING:
    from spec2prod.adapters.host.processes import COULD_NOT_START, KeptOutput, ProcessHost

__all__ = ["ALLOWED", "COULD_NOT_START", "MARK", "KeptOutput", "ProcessHost"]


def __getattr__(name: str) -> object:
    """Return what lies behind a name that costs an event loop to import."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from spec2prod.adapters.host import processes  # noqa: PLC0415 - as said above

    return getattr(processes, name)
