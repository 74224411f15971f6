"""The driver `process`: a virtual environment per release, a link to the current one. No root and no service is needed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from spec2prod.adapters.environments.commands import Uv
from spec2prod.adapters.environments.health import Looking
from spec2prod.adapters.environments.layout import Layout, remove
from spec2prod.adapters.environments.record import pack, read_record, stored_wheel
from spec2prod.adapters.environments.seen import Seen
from spec2prod.application.ports import Clock, Host, Tree
from spec2prod.domain.command import Belongings, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.release import Artifact, Deployment, Entry, HealthCheck, Kind, Standing, listed, standing
from spec2prod.domain.verdict import Verdict, worst
from spec2prod.errors import DeliveryError

_KEPT = 5  # old releases of each component, beside the current one
# What a package index says on a bad day; an answer such as "no version of it exists" is none of these.
_BAD_DAY = re.compile(
    r"failed to fetch|error sending request|connect|network|timed? ?out|temporar|dns|reset by peer|\b(429|5\d\d)\b", re.IGNORECASE
)
# Of these, what another attempt will not change.
_SAME_TOMORROW = re.compile(r"certificate|unknownissuer|\b(401|403)\b|unauthorized|forbidden|connectivity is disabled", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the driver works with."""

    tree: Tree
    host: Host
    clock: Clock
    uv: Uv
    seen: Seen | None = None
    ours: Callable[[], Belongings] = Belongings


class ProcessTarget:
    """One environment."""

    def __init__(self, layout: Layout, means: Means) -> None:
        self._layout = layout
        self._means = means
        self._look = Looking(means.host, means.ours)

    def history(self, component: str) -> tuple[Entry, ...]:
        """Return what happened to a component here, the oldest first."""
        return self._layout.history(component)

    def stored(self, artifact: Artifact) -> Artifact:
        """Return the artifact as it lies here, its bytes checked."""
        return replace(artifact, path=stored_wheel(self._layout.release(artifact.digest), artifact))

    async def deploy(self, artifact: Artifact, component: Component, run_id: str) -> Deployment:
        """Install, look, switch; unless the release is healthy, everything is as it was before."""
        async with self._changing():
            here = self._standing(artifact.component)
            return await self._kept_current(artifact, here) or await self._released(artifact, component, here, run_id)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """Keep others out while something changes, begin with a tidy place, and tell what the disk refuses."""
        try:
            async with self._layout.locked():
                self._layout.clear_up()
                yield
        except OSError as error:
            step = "check permissions and free space of the project's folder"
            raise DeliveryError(f"{self._layout.name} could not be written: {error}", next_step=step) from error

    async def _kept_current(self, artifact: Artifact, here: Standing) -> Deployment | None:
        """Return that the same digest is served already, if it is healthy."""
        if here.current != artifact.digest:
            return None
        seen, folder = self._means.seen, self._current(artifact)
        try:
            record = read_record(folder)
            check = (seen.find(folder, record) if seen else None) or await self._look.at_imports(folder, record)
        except DeliveryError:
            return None  # it is not whole, and so released anew
        if check.verdict is not Verdict.PASSED:
            return None
        if seen:
            seen.keep(folder, record, check)
        return replace(self._told(artifact, Verdict.PASSED, here.current, (check,)), already_current=True)

    async def _released(self, artifact: Artifact, component: Component, here: Standing, run_id: str) -> Deployment:
        part = self._layout.part(artifact.digest)
        try:
            trouble = await self._installed(part, artifact, component)
            if trouble is not None:
                return self._not_installed(artifact, here, trouble)
            record = pack(part, artifact, component, self._means.tree, at=self._means.clock.now(), run_id=run_id)
            checks = await self._look.at_all_of(part, record)
            if _healthy(checks):
                self._layout.publish(part, artifact.digest)
                self._layout.begin(artifact.component, artifact.digest, here.current)
                checks = (*checks, await self._switched(artifact.component, artifact.digest, here.current))
                self._discard_unless_well(artifact, checks)
            told = await self._concluded(artifact, here, checks, run_id)
            self._layout.settle(artifact.component)
            return told
        finally:
            remove(part)

    async def _installed(self, part: Path, artifact: Artifact, component: Component) -> Completed | None:
        """Make the environment and install into it; return the command that did not end well."""
        uv, root = self._means.uv, self._means.tree.root
        made = await self._means.host.run(uv.venv(part, component.interpreter, root))
        if made.exit_code != 0:
            return made
        done = await self._means.host.run(uv.install(part, artifact.path, root, offline=not artifact.dependencies))
        return None if done.exit_code == 0 else done

    def _not_installed(self, artifact: Artifact, here: Standing, trouble: Completed) -> Deployment:
        """Tell why nothing was installed: a "no" of the index is an answer, a broken line is not."""
        said = " ".join((trouble.stderr or trouble.stdout).split())[-600:]
        bad_day = trouble.timed_out or trouble.not_found or (trouble.exit_code or 0) < 0 or bool(_BAD_DAY.search(said))
        verdict = Verdict.ERRORED if bad_day or trouble.command.tool == "uv venv" else Verdict.FAILED
        sentence = f"the release could not be installed: {trouble.ending() if trouble.exit_code is None else said or trouble.ending()}"
        told = self._told(artifact, verdict, here.current, (), errors=(sentence,))
        transient = bad_day and not trouble.not_found and not _SAME_TOMORROW.search(said)
        return replace(told, transient=transient, current=here.current)

    async def _switched(self, component: str, digest: str, before: str) -> HealthCheck:
        """Switch, look through the link, and go back unless it is well; so too where this call is ended from outside."""
        self._layout.switch(component, digest)
        well = False
        try:
            served = self._layout.link(component)
            check = await self._look.at_imports(served, read_record(served), "imports after the switch")
            well = check.verdict is Verdict.PASSED
        finally:
            if not well:
                self._layout.switch(component, before)
        return check

    async def _concluded(self, artifact: Artifact, here: Standing, checks: tuple[HealthCheck, ...], run_id: str) -> Deployment:
        """Note the release, or that it was taken back."""
        verdict = worst(check.verdict for check in checks)
        if verdict is Verdict.PASSED:
            self._note(Kind.RELEASED, artifact, artifact.digest, verdict, run_id)
            self._prune(artifact.component)
            if self._means.seen:
                folder = self._current(artifact)
                self._means.seen.keep(folder, read_record(folder), next(check for check in checks if check.name == "imports"))
            return self._told(artifact, verdict, here.current, checks)
        back = await self._gone_back(artifact, here)
        errors = (*_sentences(checks), *_sentences(back[1]))
        self._note(Kind.TAKEN_BACK, artifact, back[0], verdict, run_id, errors)
        told = self._told(artifact, verdict, here.current, (*checks, *back[1]), errors=errors)
        return replace(told, rolled_back=True, current=back[0])

    async def _gone_back(self, artifact: Artifact, here: Standing) -> tuple[str, tuple[HealthCheck, ...]]:
        """Let the release before be served, and look at it; without one, nothing is."""
        before = here.current if here.current != artifact.digest else here.previous
        if not before or not self._layout.release(before).exists():
            self._layout.switch(artifact.component, "")
            return "", ()
        self._layout.switch(artifact.component, before)
        folder = self._layout.link(artifact.component)
        return before, (await self._look.at_imports(folder, read_record(folder), "imports of the release before"),)

    async def roll_back(self, component: str) -> Deployment:
        """Go back to the release before the current one, and hold the one that was left.

        Raises:
            DeliveryError: where there is none to go back to, or the last change was a rollback already.
        """
        async with self._changing():
            here = self._standing(component)
            record = read_record(self._layout.release(self._way_back(component, here)))
            left = read_record(self._layout.release(here.current))
            folder = self._layout.release(record.digest)
            checks = await self._look.at_all_of(folder, record)
            if _healthy(checks):
                checks = (*checks, await self._switched(component, record.digest, here.current))
            verdict, errors = worst(check.verdict for check in checks), _sentences(checks)
            if verdict is Verdict.PASSED:
                self._layout.note(self._entry(Kind.ROLLED_BACK, component, left.digest, left.version, record.digest, verdict))
            current = record.digest if verdict is Verdict.PASSED else here.current
            return Deployment(
                environment=self._layout.name,
                digest=record.digest,
                version=record.version,
                verdict=verdict,
                came_from=here.current,
                current=current,
                checks=checks,
                errors=errors,
                place=str(self._layout.link(component)),
                wheel=str(folder / "release" / record.wheel),
            )

    def _way_back(self, component: str, here: Standing) -> str:
        name = self._layout.name
        if not here.current:
            raise DeliveryError(f"{component} is not released in {name}", next_step="spec2prod releases")
        if here.rolled_back:
            step = "release something new; or let the held release in again: spec2prod rollback --release-hold"
            raise DeliveryError(f"{component} was rolled back in {name} already, and a rollback is not rolled back", next_step=step)
        if not here.previous or not self._layout.release(here.previous).exists():
            raise DeliveryError(f"{name} has no release of {component} before the current one", next_step="spec2prod releases")
        return here.previous

    async def lift_hold(self, component: str) -> tuple[str, ...]:
        """Let automation promote again what a rollback put on hold; return the digests."""
        async with self._changing():
            here = self._standing(component)
            versions = {each.digest: each.version for each in listed(self.history(component))}
            for digest in here.held:
                self._layout.note(self._entry(Kind.HOLD_LIFTED, component, digest, versions[digest], here.current, Verdict.PASSED))
            return here.held

    def _standing(self, component: str) -> Standing:
        """Return where it stands by the link; what was not brought to its end is taken back, what the history does not know of noted."""
        told = standing(self.history(component))
        self._layout.take_back(component, told.current)
        served = self._layout.current(component)
        if served == told.current:
            return told
        version = read_record(self._layout.release(served)).version if served else ""
        self._layout.note(self._entry(Kind.FOUND, component, served, version, served, Verdict.ERRORED))
        return standing(self.history(component))

    def _note(  # noqa: PLR0913, PLR0917 - the fields of one entry
        self, kind: Kind, artifact: Artifact, current: str, verdict: Verdict, run_id: str, reasons: tuple[str, ...] = ()
    ) -> None:
        entry = self._entry(kind, artifact.component, artifact.digest, artifact.version, current, verdict)
        self._layout.note(replace(entry, run_id=run_id, reasons=reasons))

    def _entry(self, kind: Kind, component: str, digest: str, version: str, current: str, verdict: Verdict) -> Entry:  # noqa: PLR0913, PLR0917 - as above
        at = self._means.clock.now()
        return Entry(kind=kind, component=component, digest=digest, version=version, at=at, current=current, verdict=verdict)

    def _prune(self, component: str) -> None:
        """Keep the current release, the one before, and a few older ones; other components' stay."""
        keep: set[str] = set()
        for each in {*self._layout.components(), component}:
            history = self.history(each)
            now = standing(history)
            stood = [entry.current for entry in reversed(history) if entry.current]
            keep |= {now.current, now.previous, *list(dict.fromkeys(stood))[: _KEPT + 1]}
        self._layout.clear_up(keep)

    def _discard_unless_well(self, artifact: Artifact, checks: Sequence[HealthCheck]) -> None:
        """Take a release that is bad where it lies out of the way, so that nothing can be switched to it."""
        if not _healthy(checks):
            remove(self._layout.release(artifact.digest))

    def _current(self, artifact: Artifact) -> Path:
        return self._layout.release(artifact.digest)

    def _told(
        self, artifact: Artifact, verdict: Verdict, came_from: str, checks: tuple[HealthCheck, ...], *, errors: tuple[str, ...] = ()
    ) -> Deployment:
        stored = self._layout.release(artifact.digest) / "release" / artifact.path.name
        return Deployment(
            environment=self._layout.name,
            digest=artifact.digest,
            version=artifact.version,
            verdict=verdict,
            came_from=came_from,
            current=artifact.digest,
            checks=checks,
            errors=errors,
            place=str(self._layout.link(artifact.component)),
            wheel=str(stored if verdict is Verdict.PASSED else artifact.path),
        )


def _healthy(checks: Sequence[HealthCheck]) -> bool:
    return worst(check.verdict for check in checks) is Verdict.PASSED


def _sentences(checks: Sequence[HealthCheck]) -> tuple[str, ...]:
    return tuple(f"{check.name}: {check.detail}" for check in checks if check.verdict is not Verdict.PASSED)
