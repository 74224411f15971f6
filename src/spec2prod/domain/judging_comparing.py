"""The same tests run in other ways: what differs is the test's fault where only its surroundings changed, else the judge's own error.

Source: ACCEPTANCE.md, filters 3, 6 and 8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from spec2prod.domain.judging import OBJECTIONS, Beforehand, JudgedCase, Measured
from spec2prod.domain.specification import Specification
from spec2prod.domain.suite import CaseResult

_PLAIN = frozenset({"passed", "failed"})


def harmless(measured: Measured, candidates: Collection[str]) -> tuple[str, ...]:
    """Return the candidates that may also be run by pytest itself: they ended by themselves, and nothing was seen that objects."""
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
        tied[function] = tied.get(function, frozenset()) | live
        if unknown:
            doubts[function] = f"it names {unknown[0]}, which {specification.path} does not state"
        if function in existing and case.outcome == "passed":
            met |= live
    return Beforehand(requirements=tied, doubts=doubts, met=frozenset(met), existing=frozenset(existing))


def _is_objectionable(measured: Measured, name: str) -> bool:
    seen: Mapping[str, object] = dict.fromkeys(piece.kind for case in measured.of(name) for piece in case.evidence)
    at_import = measured.at_import.get(name.partition("::")[0], ())
    return any(kind in OBJECTIONS for kind in (*seen, *(piece.kind for piece in at_import)))


def _has_run(repeated: Measured, case: JudgedCase) -> bool:
    """Whether the repetition says anything of a case: where the judge met trouble of its own, it does not."""
    return case.function.partition("::")[0] not in repeated.refused and case.id not in repeated.troubles
