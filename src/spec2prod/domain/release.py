"""A release: what is promoted, what an environment remembers of it, and what production asks of it.

Source of the rules and of the retries: the promotion page's tables. An environment's history is a list of entries, and where it
stands is folded from them: nothing else has to be kept in step with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path, PurePosixPath

from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Judgement, Verdict

SHORT = 12  # characters of a digest that people read
_TESTS = frozenset({"tests", "test"})
_SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A wheel, built once. `digest` is the SHA-256 (hex) of its bytes, `modules` are the import names that it must answer to.

    `note` says where its version is not the project's own, and why.
    """

    component: str
    version: str
    digest: str
    path: Path
    modules: tuple[str, ...]
    dependencies: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """One look at a release: `errored` is "could not verify". `detail` is a sentence, `wall_ms` are milliseconds."""

    name: str
    verdict: Verdict
    detail: str
    wall_ms: float = 0.0


class Kind(StrEnum):
    """What happened to an environment."""

    RELEASED = "released"
    TAKEN_BACK = "taken_back"
    ROLLED_BACK = "rolled_back"
    HOLD_LIFTED = "hold_lifted"
    FOUND = "found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an environment's history: what happened to the release `digest`, and which one is `current` after it.

    `at` is ISO 8601 in UTC; an empty `current` is none. `found` is written where the link tells another release than the
    history: somebody, or a crash, came between the two.
    """

    kind: Kind
    component: str
    digest: str
    version: str
    at: str
    current: str
    verdict: Verdict
    run_id: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an environment stands for one component; empty texts are none.

    `since` is when `current` became current, `previous` where a rollback leads, `held` what automation must not promote again.
    """

    current: str = ""
    since: str = ""
    previous: str = ""
    held: tuple[str, ...] = ()
    rolled_back: bool = False


def standing(entries: Iterable[Entry]) -> Standing:
    """Fold a component's history."""
    now = Standing()
    for entry in entries:
        now = _after(now, entry)
    return now


def _after(before: Standing, entry: Entry) -> Standing:
    held = tuple(digest for digest in before.held if digest != entry.digest)
    if entry.kind is Kind.ROLLED_BACK:
        return Standing(current=entry.current, since=entry.at, held=(*held, entry.digest), rolled_back=True)
    if entry.kind in {Kind.RELEASED, Kind.FOUND}:
        previous = before.previous if entry.current == before.current else before.current
        return Standing(current=entry.current, since=entry.at, previous=previous, held=before.held)
    if entry.kind is Kind.TAKEN_BACK and entry.current != before.current:
        return Standing(current=entry.current, since=entry.at, held=before.held)
    kept = held if entry.kind is Kind.HOLD_LIFTED else before.held
    return Standing(current=before.current, since=before.since, previous=before.previous, held=kept, rolled_back=before.rolled_back)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """How an attempt to release ended.

    `current` is the release that the environment serves after it; `transient` says that the same attempt may pass next time;
    `rolled_back` that the release was tried, and taken back.
    """

    environment: str
    digest: str
    version: str
    verdict: Verdict
    came_from: str
    current: str
    checks: tuple[HealthCheck, ...] = ()
    errors: tuple[str, ...] = ()
    place: str = ""
    wheel: str = ""
    rolled_back: bool = False
    already_current: bool = False
    transient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a stage tries again what may pass next time. Times are seconds."""

    retries: int
    base_s: float
    factor: float
    longest_s: float

    def delay_s(self, attempt: int, jitter: float) -> float:
        """Return the pause after the failed attempt (1 is the first); `jitter` from 0 to 1 takes up to half of it away."""
        return min(self.longest_s, self.base_s * self.factor ** (attempt - 1)) * (1 - jitter / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionRules:
    """What production asks beside the gates. `soak_origin` and `attestations_origin` say which file or default set it."""

    soak_days: float = 7.0
    attestations: tuple[str, ...] = ("security_review", "documentation", "monitoring", "rollback_rehearsed")
    soak_origin: str = "default"
    attestations_origin: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Somebody's word about one artifact: for any other digest it counts for nothing."""

    name: str
    component: str
    digest: str
    by: str
    at: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What of a project goes into a component's wheel, and what only comes along to test it. Paths are relative to the project.

    `files` are packed. `inside` are the tests among them: they run where they are installed. `outside` are the other tests;
    `luggage` is what they need beside them.
    """

    files: tuple[str, ...]
    inside: tuple[str, ...]
    outside: tuple[str, ...]
    luggage: tuple[str, ...]


def shipment(component: Component, files: Collection[str]) -> Shipment:
    """Sort a project's files.

    A package goes whole, with its data and the tests in it, as any build backend would take it; of a single module goes the module.
    The `__init__.py` of each package above comes too: without it the imports would mean something else than where they were tested.
    """
    present = frozenset(files)
    inside = tuple(test for test in component.tests if _is_inside(component, test, present))
    packed = {path for path in present if _folder(component) and path.startswith(f"{_folder(component)}/")}
    packed |= {*component.modules, *inside, *_inits_above(component, present)}
    outside = tuple(test for test in component.tests if test not in packed)
    return Shipment(
        files=tuple(sorted(packed)),
        inside=tuple(test for test in component.tests if test in packed),
        outside=outside,
        luggage=tuple(sorted(_luggage(outside, present) - packed - set(component.modules))),
    )


def _folder(component: Component) -> str:
    """Return the package's folder; empty for a module, and for what is the whole import root."""
    is_module, is_root = component.source in component.modules, component.source in {".", component.import_root}
    return "" if is_module or is_root else component.source


def _is_inside(component: Component, test: str, present: Collection[str]) -> bool:
    folder = str(PurePosixPath(component.source).parent)
    beside = component.source in component.modules and str(PurePosixPath(test).parent) == folder and f"{folder}/__init__.py" in present
    return beside or bool(_folder(component) and test.startswith(f"{_folder(component)}/"))


def _inits_above(component: Component, present: Collection[str]) -> set[str]:
    root = PurePosixPath(component.import_root)
    above = {str(folder / "__init__.py") for module in component.modules for folder in PurePosixPath(module).parents if folder != root}
    return {path for path in above if path in present and PurePosixPath(path).is_relative_to(root)}


def _luggage(tests: Sequence[str], present: Collection[str]) -> set[str]:
    """Return the test folders around the tests with all that is in them, and every `conftest.py` above."""
    folders = {folder for test in tests if (folder := _test_folder(test))}
    around = {path for path in present if any(path.startswith(f"{folder}/") for folder in folders)}
    conftests = {str(folder / "conftest.py") for test in tests for folder in PurePosixPath(test).parents}
    return around | (conftests & set(present)) | set(tests)


def _test_folder(test: str) -> str:
    named = (folder for folder in reversed(PurePosixPath(test).parents) if folder.name in _TESTS)
    return str(next(named, ""))


def production_gates(
    rules: ProductionRules, staging: Standing, artifact: Artifact, attestations: Sequence[Attestation], now: str
) -> tuple[Judgement, ...]:
    """Judge what time and people bring: pending until they did."""
    return (_soak(rules, staging, artifact, now), *(_attested(rules, name, artifact, attestations) for name in rules.attestations))


def _soak(rules: ProductionRules, staging: Standing, artifact: Artifact, now: str) -> Judgement:
    since = _time(staging.since) if staging.current == artifact.digest else None
    days = max(0.0, (_required_time(now) - since).total_seconds() / _SECONDS_A_DAY) if since else 0.0
    done = since is not None and days >= rules.soak_days
    ready = (since or _required_time(now)) + timedelta(days=rules.soak_days)
    return Judgement(
        gate="staging_soak",
        verdict=Verdict.PASSED if done else Verdict.PENDING,
        reason="" if done else f"{_days(days)} of {rules.soak_days:g} days in staging",
        measured=f"{_days(days)} days in staging",
        needed=f"days >= {rules.soak_days:g} ({rules.soak_origin})",
        required=True,
        next_step="" if done else f"run again after {ready.isoformat(timespec='minutes')}; a new digest starts the time over",
    )


def _attested(rules: ProductionRules, name: str, artifact: Artifact, attestations: Sequence[Attestation]) -> Judgement:
    named = [each for each in attestations if each.name == name and each.component == artifact.component]
    valid = next((each for each in reversed(named) if each.digest == artifact.digest), None)
    others = f" ({len(named)} for another digest)" if named and not valid else ""
    step = f'spec2prod attest {name} --component {artifact.component} --by WHO --message "…"'
    return Judgement(
        gate=name,
        verdict=Verdict.PASSED if valid else Verdict.PENDING,
        reason="" if valid else f"nobody attested it for {artifact.digest[:SHORT]}{others}",
        measured=f"attested by {valid.by} at {valid.at}: {valid.message}" if valid else "nothing",
        needed=f"an attestation for this digest ({rules.attestations_origin})",
        required=True,
        next_step="" if valid else step,
        attested=True,
    )


def _days(days: float) -> str:
    """Write days rounded down: 6.99 is not 7."""
    return f"{int(days * 10) / 10:g}"


def _time(text: str) -> datetime | None:
    try:
        return _required_time(text)
    except ValueError:
        return None


def _required_time(text: str) -> datetime:
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row of an environment's releases, as people read it: what its release was, and what came `later`.

    `at`, `run_id`, `verdict`, `kind` and `reasons` are of the release itself, or of the attempt at it; `later` are what was done with it
    since, the oldest first. `since` is when what is current became so: its release, or a rollback to it.
    """

    digest: str
    component: str
    version: str
    at: str
    run_id: str
    verdict: Verdict
    kind: Kind
    is_current: bool
    is_held: bool
    since: str = ""
    reasons: tuple[str, ...] = ()
    later: tuple[Entry, ...] = ()


def listed(entries: Sequence[Entry]) -> tuple[Listed, ...]:
    """Return a component's releases, in the order in which each was released last, the newest last."""
    now = standing(entries)
    by_digest: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        if entry.digest:
            by_digest.setdefault(entry.digest, []).append(place)
    made = {digest: _made([(place, entries[place]) for place in places]) for digest, places in by_digest.items()}
    return tuple(
        _row(entries[made[digest]], [entries[place] for place in by_digest[digest] if place > made[digest]], now)
        for digest in sorted(made, key=made.__getitem__)
    )


def _made(told: Sequence[tuple[int, Entry]]) -> int:
    """Return the place of the entry that tells how a digest was released last; of one that was only found there, the first."""
    releases = [place for place, entry in told if entry.kind in {Kind.RELEASED, Kind.TAKEN_BACK}]
    return releases[-1] if releases else told[0][0]


def _row(entry: Entry, later: Sequence[Entry], now: Standing) -> Listed:
    is_current = entry.digest == now.current
    return Listed(
        digest=entry.digest,
        component=entry.component,
        version=entry.version,
        at=entry.at,
        run_id=entry.run_id,
        verdict=entry.verdict,
        kind=entry.kind,
        is_current=is_current,
        is_held=entry.digest in now.held,
        since=now.since if is_current else "",
        reasons=entry.reasons,
        later=tuple(later),
    )
