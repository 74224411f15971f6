"""Those who are told how a run goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spec2prod.domain.plan import Stage
    from spec2prod.domain.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that listeners may tell. `text` is one sentence; `verdict` is set where one was reached."""

    kind: str
    stage: Stage | None
    text: str
    at_ms: float
    verdict: Verdict | None = None


class Listener(Protocol):
    """Is told, and never answers."""

    def tell(self, event: Event) -> None:
        """Take note of an event."""
        ...
