"""The same tests run in other ways: what differs is the test's fault where only its surroundings changed, else the judge's own error.

Source: ACCEPTANCE.md, filters 3, 6 and 8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from spec2prod.domain.judging import DOUBTS, OBJECTIONS, Beforehand, JudgedCase, Measured
from spec2prod.domain.specification import Specification
from spec2prod.domain.suite import CaseResult

_PLAIN = frozenset({"passed", "failed"})
# What sets or reads times that the judge cannot shift, or shifts them itself: of whoever names these, the date says nothing.
_OWN_TIMES = (
    "mtime", "st_ctime", "st_atime", "getctime", "getatime", "utime", "clock_gettime", "freezegun", "freeze_time", "time_machine",
    "CURRENT_TIMESTAMP", "subprocess", "multiprocessing", "cookiejar",
)  # fmt: skip


def harmless(measured: Measured, candidates: Collection[str]) -> tuple[str, ...]:
    """Return the candidates that may also be run by pytest itself: they ended by themselves, and nothing was seen that objects.

    Who leaves other state behind than it found would disturb others there, and theirs would be the blame.
    """
    names = [name for name in sorted(candidates) if not _is_objectionable(measured, name)]
    return tuple(name for name in names if (cases := measured.of(name)) and all(case.outcome in _PLAIN for case in cases))


def unstable(measured: Measured, repeated: Measured, how: str) -> dict[str, str]:
    """Return the test functions that ended otherwise when they were run `how`, with the reason in words (filter 3)."""
    outcomes = {case.id: case.outcome for case in repeated.cases}
    found: dict[str, str] = {}
    for case in measured.cases:
        other = outcomes.get(case.id, "not collected")
        if case.function not in found and other != case.outcome and _has_run(repeated, case):
            found[case.function] = f"its outcome depends on its surroundings: {case.outcome} at first, {other} {how}"
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """The candidates once more, each way by itself: in other surroundings, on another date, and with a clock that tells the right date
    though it was replaced like the one that does not. `ways` are the words for the first two.
    """  # noqa: D205 - one thought

    surroundings: Measured
    date: Measured
    clock: Measured
    ways: tuple[str, str]


def swaying(measured: Measured, together: Measured, repeats: Repeats | None, own_times: Collection[str]) -> dict[str, str]:
    """Return the test functions that do not end the same each time, with the reason in words (filter 3).

    `together` is the run in which everything differed at once; where it shows nothing, no other is needed. `own_times` are the files of
    which the date says nothing. A test that the replaced clock alone disturbs is no worse for it.
    """
    if repeats is None:
        return {}
    surroundings = unstable(measured, repeats.surroundings, repeats.ways[0])
    disturbed = unstable(measured, repeats.clock, "").keys() | {
        case.function for case in measured.cases if case.function.partition("::")[0] in own_times
    }
    dated = {name: why for name, why in unstable(measured, repeats.date, repeats.ways[1]).items() if name not in disturbed}
    rest = unstable(measured, together, f"{repeats.ways[0]} {repeats.ways[1]}")
    return {name: why for name, why in rest.items() if name not in disturbed} | dated | surroundings


def has_own_times(text: str) -> bool:
    """Whether a file's text names times that the judge cannot shift."""
    return any(word in text for word in _OWN_TIMES)


def ordered(first: Iterable[CaseResult], second: Iterable[CaseResult], names: Collection[str], ways: tuple[str, str]) -> dict[str, str]:
    """Return the test functions on which two plain pytest runs in different orders disagree, with the reason in words (filter 3)."""
    outcomes = {case.node_id: case.outcome for case in second}
    found: dict[str, str] = {}
    for case in first:
        function, other = case.node_id.partition("[")[0], outcomes.get(case.node_id, "not run")
        if function in names and function not in found and other != case.outcome:
            found[function] = f"its outcome depends on the order: {case.outcome} {ways[0]}, {other} {ways[1]}"
    return found


def confirmed(measured: Measured, plain: Iterable[CaseResult], names: Collection[str], how: str) -> Measured:
    """Note where pytest itself sees it otherwise: an error of the judgement, never a verdict on the test (filter 8)."""
    outcomes = {case.node_id: case.outcome for case in plain}
    troubles = {
        case.id: f"{case.outcome} alone, {outcomes.get(case.id, 'not run')} {how}"
        for case in measured.cases
        if case.function in names and outcomes.get(case.id) != case.outcome
    }
    return replace(measured, troubles={**troubles, **measured.troubles})


def grounded(plain: Iterable[CaseResult], specification: Specification | None, existing: Collection[str]) -> Beforehand:
    """Return which tests are tied to which requirements of a specification (filter 6).

    An ID that it does not state is a doubt that a person must look at; one whose text has changed since counts for nothing.
    """
    if specification is None:
        return Beforehand(existing=frozenset(existing))
    stated = {each.id: each for each in (*specification.requirements, *specification.testing_requirements)}
    tied: dict[str, frozenset[str]] = {}
    doubts: dict[str, str] = {}
    met: set[str] = set()
    for case in plain:
        function = case.node_id.partition("[")[0]
        live = frozenset(name for name, text in case.requirements.items() if name in stated and text in {"", stated[name].text_hash})
        unknown = sorted(case.requirements.keys() - stated.keys())
        stale = sorted(case.requirements.keys() & stated.keys() - live)
        tied[function] = tied.get(function, frozenset()) | live
        if unknown:
            doubts[function] = f"it names {unknown[0]}, which {specification.path} does not state"
        elif stale:
            doubts[function] = f"it was written for {stale[0]} as it read before: {specification.path} states it otherwise now"
        if function in existing and case.outcome == "passed":
            met |= live
    return Beforehand(requirements=tied, doubts=doubts, met=frozenset(met), existing=frozenset(existing))


def _is_objectionable(measured: Measured, name: str) -> bool:
    seen: Mapping[str, object] = dict.fromkeys(piece.kind for case in measured.of(name) for piece in case.evidence)
    at_import = measured.at_import.get(name.partition("::")[0], ())
    return any(kind in OBJECTIONS or kind in DOUBTS for kind in (*seen, *(piece.kind for piece in at_import)))


def _has_run(repeated: Measured, case: JudgedCase) -> bool:
    """Whether the repetition says anything of a case: where the judge met trouble of its own, it does not."""
    return case.function.partition("::")[0] not in repeated.refused and case.id not in repeated.troubles
