"""Where releasing meets its adapters: for a run, and for the commands that look at releases, go back, and attest."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spec2prod.adapters import programs
from spec2prod.adapters.attestations import AttestationFiles
from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.environments.commands import Uv
from spec2prod.adapters.environments.layout import Layout
from spec2prod.adapters.environments.process import Means, ProcessTarget
from spec2prod.adapters.environments.seen import Seen
from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.host.watch import belongings
from spec2prod.adapters.tree import ProjectTree
from spec2prod.adapters.wheel import WheelBuilder
from spec2prod.application.ports import Clock, Delivery, Host, Tree
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.plan import Target
from spec2prod.domain.release import Attestation, Deployment, Listed, ProductionRules, listed, standing
from spec2prod.errors import UsageError

ENVIRONMENTS = (Target.STAGING, Target.PRODUCTION)
# What the installer needs to reach an index: the user's own mirrors, proxies, certificates and cache.
_INSTALLER = (
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_OFFLINE"),
    *(
        "UV_CACHE_DIR",
        "UV_CONFIG_FILE",
        "UV_KEYRING_PROVIDER",
        "UV_NATIVE_TLS",
        "UV_SYSTEM_CERTS",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "NETRC",
    ),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE"),
)


def delivery(tree: Tree, settings: Settings, host: Host, clock: Clock, seen: Seen | None = None) -> Delivery:
    """Return what a run needs to release; `seen` is what earlier runs have seen of releases."""
    return Delivery(
        builder=WheelBuilder(tree),
        targets={name: _target(name, tree, host, clock, seen) for name in ENVIRONMENTS},
        attestations=AttestationFiles(tree.root),
        production=production_rules(settings),
        pause=asyncio.sleep,
        jitter=random.random,
    )


def production_rules(settings: Settings) -> ProductionRules:
    """Return what production asks of time and people, with the origins."""
    return ProductionRules(
        soak_days=settings.production.soak_days,
        attestations=settings.production.required_attestations,
        soak_origin=settings.origin("production.soak_days"),
        attestations_origin=settings.origin("production.required_attestations"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The releases of a project, for the commands that are no run."""

    root: Path
    required_attestations: tuple[str, ...]

    def components(self, environment: Target) -> tuple[str, ...]:
        """Return the components that an environment knows of."""
        return Layout(self.root, environment).components()

    def releases(self, environment: Target, component: str) -> tuple[Listed, ...]:
        """Return a component's releases there, the oldest first."""
        return listed(self._target(environment).history(component))

    def one(self, environment: Target, component: str | None) -> str:
        """Return the component that is meant: the named one, or the only one.

        Raises:
            UsageError: where it is not known there, or several are.
        """
        known = self.components(environment)
        if component in known or (component is None and len(known) == 1):
            return component or known[0]
        if not known:
            step = f"spec2prod run --target {environment} releases one"
            raise UsageError(f"nothing was ever released to {environment}", next_step=step)
        what = f"{component} was never released to {environment}" if component else f"{environment} has several components"
        raise UsageError(f"{what}: {', '.join(known)}", next_step="name one of them: --component NAME")

    async def roll_back(self, environment: Target, component: str) -> Deployment:
        """Go back to the release before."""
        return await self._target(environment).roll_back(component)

    async def lift_hold(self, environment: Target, component: str) -> tuple[str, ...]:
        """Let automation promote again what a rollback put on hold."""
        return await self._target(environment).lift_hold(component)

    def attest(self, name: str, component: str, by: str, message: str) -> tuple[Attestation, Path]:
        """Keep somebody's word about the release that staging serves.

        Raises:
            UsageError: where production does not ask for it, nobody says it, or staging serves no release of the component.
        """
        if name not in self.required_attestations:
            asked = ", ".join(self.required_attestations) or "none"
            raise UsageError(f"production asks for no attestation {name!r}", next_step=f"it asks for: {asked}")
        if not by.strip() or not message.strip():
            raise UsageError("an attestation says who, and what was looked at", next_step='--by WHO --message "…"')
        digest = standing(self._target(Target.STAGING).history(component)).current
        if not digest:
            raise UsageError(f"staging serves no release of {component}", next_step="release it to staging first")
        at = SystemClock().now()
        attestation = Attestation(name=name, component=component, digest=digest, by=by.strip(), at=at, message=message.strip())
        return attestation, AttestationFiles(self.root).write(attestation)

    def _target(self, environment: Target) -> ProcessTarget:
        return _target(environment, ProjectTree(self.root, "releases"), ProcessHost(), SystemClock())


def shelf(root: Path) -> Shelf:
    """Return the releases of the project at `root`; its settings must be right."""
    rules = production_rules(read_settings(root, {}, os.environ))
    return Shelf(root=root, required_attestations=rules.attestations)


def environment_of(name: str) -> Target:
    """Return the environment of that name.

    Raises:
        UsageError: for any other name.
    """
    found = next((each for each in ENVIRONMENTS if each == name), None)
    if found is None:
        raise UsageError(f"no environment is called {name!r}", next_step=f"use one of {', '.join(ENVIRONMENTS)}")
    return found


def _target(name: Target, tree: Tree, host: Host, clock: Clock, seen: Seen | None = None) -> ProcessTarget:
    uv = Uv(program=programs.uv_program(), env=_of_installer(os.environ))
    means = Means(tree=tree, host=host, clock=clock, uv=uv, seen=seen, ours=belongings)
    return ProcessTarget(Layout(tree.root, name), means)


def _of_installer(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in environ if name in _INSTALLER or name.startswith(("UV_INDEX_", "UV_HTTP_"))}
