"""What releasing turns outward to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spec2prod.domain.component import Component
    from spec2prod.domain.plan import Target
    from spec2prod.domain.release import Artifact, Attestation, Deployment, Entry, ProductionRules


class Builder(Protocol):
    """Packs a component into an artifact."""

    async def build(self, component: Component) -> Artifact:
        """Return the artifact; the same tree gives the same bytes.

        Raises:
            DeliveryError: where the component cannot be packed.
        """
        ...


class ReleaseTarget(Protocol):
    """An environment that keeps releases, and serves one of each component."""

    def history(self, component: str) -> tuple[Entry, ...]:
        """Return what happened to a component here, the oldest first.

        Raises:
            DeliveryError: where it cannot be read.
        """
        ...

    def stored(self, artifact: Artifact) -> Artifact:
        """Return the artifact as it lies here, its bytes checked against its digest.

        Raises:
            DeliveryError: where it is not here, or not what it was.
        """
        ...

    async def deploy(self, artifact: Artifact, component: Component, run_id: str) -> Deployment:
        """Install, look at its health, switch to it; unless it is healthy, everything is as it was before.

        Nothing is done again where the same digest is current and healthy.
        """
        ...


class Attestations(Protocol):
    """What people say about artifacts."""

    def of(self, component: str) -> tuple[Attestation, ...]:
        """Return every attestation that can be read, the oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What releasing turns outward to. `pause` waits for seconds, `jitter` returns a number from 0 to 1."""

    builder: Builder
    targets: Mapping[Target, ReleaseTarget]
    attestations: Attestations
    production: ProductionRules
    pause: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
