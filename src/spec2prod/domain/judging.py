"""A candidate test before the judge: what was measured of it, and which verdict follows, with its filter and a sentence.

Source of the filters and verdicts: ACCEPTANCE.md. Pure: measurements go in, judgements come out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from spec2prod.domain.mutation import Kill, KillMatrix, Mutant, merged, position
from spec2prod.domain.mutation_choice import choose


class JudgedVerdict(StrEnum):
    """What becomes of a candidate."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REDUNDANT = "redundant"
    REVIEW = "review"
    SUSPECTED_DEFECT = "suspected_defect"
    ERRORED = "errored"


class Filter(IntEnum):
    """Who decided; the numbers of ACCEPTANCE.md."""

    PROVENANCE = 0
    SCREEN = 1
    ISOLATION = 2
    PERTURBATION = 3
    COVERAGE = 4
    MUTATION = 5
    GROUNDING = 6
    TRIAGE = 7
    CONFIRMATION = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Something that was seen while a test ran: its `kind` (see `OBJECTIONS`), and what exactly."""

    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCase:
    """One run of one case, alone. `id` is its node ID, `function` the same without parameters.

    `outcome` is pytest's word, or timeout, vanished, killed. `how` says of a failure whether an assertion or something else
    caused it. `lines` are the component's lines it ran, by module; `seconds` is its wall time.
    """

    id: str
    function: str
    outcome: str
    how: str = ""
    exception: str = ""
    message: str = ""
    seconds: float = 0.0
    lines: Mapping[str, frozenset[int]] = field(default_factory=dict)
    arcs: Mapping[str, frozenset[tuple[int, int]]] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that the judge measured. `refused` are files that could not be collected, with the reason; `troubles` are tests
    on which the judge disagreed with itself: an error of the judgement, never a verdict. `at_import` is what was seen
    while a file was imported. `too_many` are functions of which only the first cases were run.
    """  # noqa: D205 - one thought

    cases: tuple[JudgedCase, ...] = ()
    matrix: KillMatrix = field(default_factory=KillMatrix)
    refused: Mapping[str, str] = field(default_factory=dict)
    at_import: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)
    too_many: tuple[str, ...] = ()
    statements: Mapping[str, frozenset[int]] = field(default_factory=dict)
    python: str = ""

    def of(self, function: str) -> tuple[JudgedCase, ...]:
        """Return the cases of one test function."""
        return tuple(case for case in self.cases if case.function == function)

    @property
    def by_function(self) -> KillMatrix:
        """Return the matrix with test functions in place of their cases: a function kills what one of its cases kills."""
        function_of = {case.id: case.function for case in self.cases}
        rows: dict[str, dict[str, Kill]] = {}
        crashes = {
            mutant: {function_of.get(test, test): exception for test, exception in row.items()}
            for mutant, row in self.matrix.crashes.items()
        }
        for mutant, row in self.matrix.outcomes.items():
            grouped: dict[str, list[Kill]] = {}
            for test, kill in row.items():
                grouped.setdefault(function_of.get(test, test), []).append(kill)
            rows[mutant] = {function: merged(kills) for function, kills in grouped.items()}
        repairs = {mutant: frozenset(function_of.get(test, test) for test in row) for mutant, row in self.matrix.repairs.items()}
        return replace(self.matrix, outcomes=rows, crashes=crashes, repairs=repairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict on one test function: who decided, a sentence for people, and what was seen.

    `kills` are the IDs of all mutants that its assertions kill, `stops` those at which it stops with an exception and that nobody's
    assertion kills; `gained` those of both that only it notices among what is kept.
    """

    test: str
    verdict: JudgedVerdict
    filter: Filter
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    kills: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beforehand:
    """What others know of the candidates, each by test function.

    `objections` of the screen (filter 1), and what it saw that a person must look at (`suspicions`); `unstable` from perturbed
    repeats (filter 3); `doubts` about the requirements that it names (filter 6), for a person too; `requirements` whose existing
    IDs it is tied to. `met` are requirements that have evidence already, and `existing` the test functions of the suite: what they
    kill needs no other test. `stating` are those that assert that something equals a value,
    `agreeing` those that state an example of the specification.
    """

    objections: Mapping[str, str] = field(default_factory=dict)
    unstable: Mapping[str, str] = field(default_factory=dict)
    suspicions: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)
    requirements: Mapping[str, frozenset[str]] = field(default_factory=dict)
    met: frozenset[str] = frozenset()
    existing: frozenset[str] = frozenset()
    stating: frozenset[str] = frozenset()
    agreeing: frozenset[str] = frozenset()

    @property
    def doubtful(self) -> Mapping[str, str]:
        """Return what a person must look at, whoever saw it."""
        return {**self.suspicions, **self.doubts}


# What a piece of evidence says against a test. Kinds that are not here (fork, subprocess, loopback, collaborator_patched) are told only.
NOTHING_DONE = "removed statement"
NOTHING_RETURNED = "return value"  # the operator that has a function return None
OBJECTIONS: Mapping[str, str] = {
    "network": "it reaches for the network",
    "source_read": "it reads the source of the component",
    "write": "it writes outside its own temporary folder",
    "leaked_process": "it leaves a process behind",
    "threads": "it leaves a thread behind",
    "environment": "it leaves an environment variable changed",
    "cwd": "it leaves the working folder changed",
    "sys.path": "it leaves the import path changed",
    "sys.modules": "it leaves imported modules replaced",
    "signals": "it leaves a signal handler changed",
    "component_changed": "it leaves the component changed",
    "unit_patched": "it patches the unit under test",
    "code_replaced": "it replaces code of a function",
    "pytest_patched": "it patches pytest",
    "pytest_changed": "it leaves pytest changed",
    "foreign_signal": "it signals processes that are not its own",
    "forged": "it wrote a result of its own making",
    "tracing": "it takes the tracing hooks of the interpreter",
    "introspection": "it searches the memory of the judge's harness",
}
# What a piece of evidence gives a person to look at: the code may be made to keep it, or the test may have to tidy up.
DOUBTS: Mapping[str, str] = {"component_state": "it leaves the state of the component changed"}
OUTCOMES: Mapping[str, str] = {
    "failed": "it fails",
    "error": "it cannot be set up",
    "skipped": "it skips itself",
    "xfailed": "it expects to fail",
    "xpassed": "it expects to fail, and passes",
    "timeout": "it hangs",
    "vanished": "it did not report back",
    "killed": "it had to be stopped",
}


def judged(measured: Measured, candidates: Collection[str], beforehand: Beforehand | None = None) -> tuple[Judgement, ...]:
    """Return a verdict on every candidate, in the order of their names."""
    known = beforehand or Beforehand()
    names = sorted(set(candidates) - known.existing)
    early = {name: found for name in names if (found := _early(measured, name, known)) is not None}
    left = [name for name in names if name not in early]
    late = _chosen(measured, left, _with_doubts(measured, left, early, known))
    return tuple(early.get(name) or late[name] for name in names)


def _early(measured: Measured, name: str, known: Beforehand) -> Judgement | None:
    """Ask the filters that look at one test alone, the cheap ones first."""
    if objection := known.objections.get(name):
        return _rejected(name, Filter.SCREEN, objection)
    cases = measured.of(name)
    file = name.partition("::")[0]
    if reason := _unjudgeable(measured, name, file, cases):
        return Judgement(test=name, verdict=JudgedVerdict.ERRORED, filter=Filter.ISOLATION, sentence=reason)
    evidence = tuple(dict.fromkeys((*measured.at_import.get(file, ()), *(piece for case in cases for piece in case.evidence))))
    if objection := next((_objection(piece) for piece in evidence if piece.kind in OBJECTIONS), ""):
        return _rejected(name, Filter.ISOLATION, objection, evidence)
    if bad := next((case for case in cases if case.outcome != "passed"), None):
        return _failing(name, bad, evidence, known)
    return _unfit(name, cases, evidence, known)


def _with_doubts(measured: Measured, names: list[str], early: Mapping[str, Judgement], known: Beforehand) -> Beforehand:
    """Add what the measurement gives a person to look at: state that is left changed, and tests that contradict a requirement's."""
    left = {name: told for name in names for case in measured.of(name) for piece in case.evidence if (told := _doubt(piece))}
    matrix = measured.by_function
    contradicted: dict[str, str] = {}
    for other, judgement in early.items():
        repairing = frozenset(mutant for mutant, row in matrix.repairs.items() if other in row and _is_small(matrix, mutant))
        if judgement.verdict is not JudgedVerdict.SUSPECTED_DEFECT or not repairing:
            continue
        demanded = ", ".join(sorted(known.requirements[other]))
        told = f"it contradicts {other.partition('::')[2]} ({demanded}): each change that makes that one pass makes this one fail"
        contradicted |= dict.fromkeys(
            (name for name in names if name not in known.agreeing and repairing <= matrix.killed_by([name])), told
        )
    return replace(known, suspicions={**known.suspicions, **left}, doubts={**contradicted, **known.doubts})


def _is_small(matrix: KillMatrix, mutant: str) -> bool:
    """Whether few tests mind a change: one that breaks much may make a failing test pass, and repairs nothing."""
    row = matrix.outcomes.get(mutant, {})
    minding = sum(kill is not Kill.SURVIVED for kill in row.values())
    return minding <= max(_FEW, len(row) // 3)


def _doubt(piece: Evidence) -> str:
    return DOUBTS[piece.kind] + f" ({piece.detail})" if piece.kind in DOUBTS else ""


def _unfit(name: str, cases: tuple[JudgedCase, ...], evidence: tuple[Evidence, ...], known: Beforehand) -> Judgement | None:
    """Say why a test that passes is of no use; None where the matrix must decide."""
    if name in known.unstable:
        return _rejected(name, Filter.PERTURBATION, known.unstable[name], evidence)
    if not any(lines for case in cases for lines in case.lines.values()):
        return _rejected(name, Filter.COVERAGE, "it runs no line of the component", evidence)
    return None


def _unjudgeable(measured: Measured, name: str, file: str, cases: tuple[JudgedCase, ...]) -> str:
    """Say why nothing true can be said about a test; empty where something can."""
    if file in measured.refused:
        return f"its file could not be collected: {last_line(measured.refused[file])}"
    trouble = next((measured.troubles[case.id] for case in cases if case.id in measured.troubles), "")
    if trouble:
        return f"the judge disagrees with itself: {last_line(trouble)}"
    if name in measured.too_many:
        return f"it has more cases than the judge runs ({len(cases)} were run)"
    return "" if cases else "it was not collected"


def _failing(name: str, bad: JudgedCase, evidence: tuple[Evidence, ...], known: Beforehand) -> Judgement:
    """Tell a test that reveals a defect from one that is wrong: it must be tied to a requirement, and state what is false."""
    told = OUTCOMES.get(bad.outcome, bad.outcome) + (f": {last_line(bad.message)}" if bad.message else "")
    grounded = known.requirements.get(name, frozenset())
    if bad.outcome == "failed" and bad.how == "assertion" and grounded and name not in known.unstable:
        demanded = " and ".join(sorted(grounded))
        sentence = f"the code may be wrong: what it asserts for {demanded} does not hold: {last_line(bad.message) or 'no message'}"
        return Judgement(test=name, verdict=JudgedVerdict.SUSPECTED_DEFECT, filter=Filter.TRIAGE, sentence=sentence, evidence=evidence)
    return _rejected(name, Filter.ISOLATION, told, evidence)


def _chosen(measured: Measured, names: list[str], known: Beforehand) -> dict[str, Judgement]:
    """Keep the tests that add something: a mutant that nothing kept notices, or the first evidence for a requirement."""
    seen = _seen(measured, names, known)
    sound = [
        name for name in names if name not in known.doubtful and seen.kills[name] and (name in known.stating or not seen.is_shallow(name))
    ]
    tags = {name: frozenset(map(_tag, known.requirements.get(name, frozenset()) - known.met)) for name in names}
    worth = {name: seen.kills[name] | seen.stops[name] | tags[name] for name in sound}
    kept = {each.test: each.gained for each in choose(worth, seen.beforehand)}
    told: dict[str, Judgement] = {}
    for name in names:
        verdict, sentence = _late(name, kept.get(name), known, seen)
        told[name] = Judgement(
            test=name,
            verdict=verdict,
            filter=_decided_by(verdict, name, known) if seen.kills[name] else Filter.MUTATION,
            sentence=sentence,
            evidence=tuple(dict.fromkeys(piece for case in measured.of(name) for piece in case.evidence)),
            kills=seen.in_order(seen.kills[name]),
            stops=seen.in_order(seen.stops[name]),
            gained=seen.in_order(kept.get(name, frozenset()) & (seen.kills[name] | seen.stops[name])),
        )
    return told


def _decided_by(verdict: JudgedVerdict, name: str, known: Beforehand) -> Filter:
    """Return who decided a late verdict: a review may be owed to what was seen before anything ran."""
    if verdict is not JudgedVerdict.REVIEW or name not in known.doubtful:
        return Filter.MUTATION
    return Filter.GROUNDING if name in known.doubts else Filter.SCREEN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What each candidate notices: `kills` by an assertion, `stops` by an exception where nobody's assertion kills the mutant."""

    matrix: KillMatrix
    mutants: Mapping[str, Mutant]
    kills: Mapping[str, frozenset[str]]
    stops: Mapping[str, frozenset[str]]
    beforehand: frozenset[str]

    def in_order(self, mutants: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(mutants, key=lambda each: position(self.mutants[each])))

    def is_shallow(self, name: str) -> bool:
        """Whether a test notices only that nothing is returned, though it ran other changes too: it looks at no value."""
        ran = [mutant for mutant, row in self.matrix.outcomes.items() if row.get(name) is Kill.SURVIVED]
        unseen = sum(self.mutants[each].operator != NOTHING_RETURNED and not self.mutants[each].module_level for each in ran)
        noticed = {self.mutants[each].operator for each in self.kills[name]}
        return (noticed == {NOTHING_RETURNED} and unseen > 0) or (noticed == {NOTHING_RETURNED, NOTHING_DONE} and unseen > _MANY)

    def stops_with(self, name: str, mutants: Iterable[str]) -> str:
        """Return ``stops with ValueError if line 16 `0` becomes `1` ``."""
        ordered = self.in_order(mutants)
        first, rest = self.mutants[ordered[0]], _more(len(ordered) - 1)
        return f"stops with {self.matrix.crashes[ordered[0]][name]} if {_condition(first, self.mutants)}{rest}"


def _seen(measured: Measured, names: list[str], known: Beforehand) -> _Seen:
    """Weigh the matrix. An exception is the weaker kill: any call of broken code may raise, so an assertion on the mutant outdoes it."""
    matrix = measured.by_function
    kills = {name: matrix.killed_by([name]) for name in names}
    suite = matrix.killed_by(known.existing)
    asserted = suite.union(*(kills[name] for name in names if name not in known.doubtful))
    return _Seen(
        matrix=matrix,
        mutants={each.id: each for each in matrix.mutants},
        kills=kills,
        stops={name: matrix.crashed_by([name]) - asserted for name in names},
        beforehand=suite | matrix.crashed_by(known.existing) - asserted,
    )


def _late(name: str, gained: frozenset[str] | None, known: Beforehand, seen: _Seen) -> tuple[JudgedVerdict, str]:
    kills, stops = seen.kills[name], seen.stops[name]
    if not kills:
        nothing = "its assertions notice none of the changes made to the code that it runs"
        if not stops:
            return JudgedVerdict.REJECTED, nothing
        return JudgedVerdict.REVIEW, f"{nothing}; it only {seen.stops_with(name, stops)}"
    if name in known.doubtful:
        return JudgedVerdict.REVIEW, known.doubtful[name]
    if seen.is_shallow(name) and name not in known.stating:
        return JudgedVerdict.REVIEW, f"it notices only that nothing comes back, no change of what does: {fails_if(kills, seen.mutants)}"
    if gained is None:
        return JudgedVerdict.REDUNDANT, f"others notice all that it would notice: {fails_if(kills, seen.mutants)}"
    first = sorted(each.removeprefix(_TAG) for each in gained if each.startswith(_TAG))
    reasons = [fails_if(alone, seen.mutants)] if (alone := gained & kills) else []
    reasons += [seen.stops_with(name, alone)] if (alone := gained & stops) else []
    reasons += [f"is the first evidence for {', '.join(first)}"] if first else []
    return JudgedVerdict.ACCEPTED, "; ".join(reasons)


def fails_if(killed: Iterable[str], mutants: Mapping[str, Mutant]) -> str:
    """Return the reason in words: ``fails if line 72 `<` becomes `<=` (and if 3 more changes are made)``."""
    ordered = sorted((mutants[each] for each in killed), key=position)
    return f"fails if {_condition(ordered[0], mutants)}{_more(len(ordered) - 1)}"


def _condition(mutant: Mutant, mutants: Mapping[str, Mutant]) -> str:
    """Return the change in words, with its file where several files have some."""
    is_one_of_several = any(each.module != mutant.module for each in mutants.values())
    return mutant.condition + (f" in {mutant.module}" if is_one_of_several else "")


def _more(count: int) -> str:
    return f" (and on {count} more change{'s' if count > 1 else ''})" if count else ""


_MANY = 4  # changes of values that a test ran and did not notice, where all it noticed is that something is gone
_FEW = 2  # tests that may mind a change that repairs the code: those that were written from the code as it is
_TAG = "requirement "


def _tag(requirement: str) -> str:
    return _TAG + requirement


def _rejected(name: str, by: Filter, reason: str, evidence: tuple[Evidence, ...] = ()) -> Judgement:
    return Judgement(test=name, verdict=JudgedVerdict.REJECTED, filter=by, sentence=reason, evidence=evidence)


def _objection(piece: Evidence) -> str:
    return OBJECTIONS[piece.kind] + (f" ({piece.detail})" if piece.detail else "")


def last_line(text: str) -> str:
    """Return the line of a traceback that says what was wrong: pytest marks it with `E`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (marked or lines or [""])[0][:200] if marked else (lines[-1][:200] if lines else "")
