"""What the judge's verdicts are made of: what was measured of each case, what others know beforehand, a judgement with its sentence.

Source of the filters and verdicts: ACCEPTANCE.md. Values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from spec2prod.domain.judged import Filter, JudgedVerdict
from spec2prod.domain.mutation import Kill, KillMatrix, merged


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
    kill needs no other test. `opposite` are those doubts that say that it states the opposite of an example of the specification: they
    hold where the test fails, too. `stating` are those that assert that something equals a value, `comparing` those that ask for more than
    truth, presence or a kind, `agreeing` those that state an example of the specification, `may_skip` those
    that skip themselves on machines that lack something. `examples` leads from the planted test
    of each example to where it stands.
    """

    objections: Mapping[str, str] = field(default_factory=dict)
    unstable: Mapping[str, str] = field(default_factory=dict)
    suspicions: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)
    opposite: Mapping[str, str] = field(default_factory=dict)
    requirements: Mapping[str, frozenset[str]] = field(default_factory=dict)
    met: frozenset[str] = frozenset()
    existing: frozenset[str] = frozenset()
    stating: frozenset[str] = frozenset()
    comparing: frozenset[str] = frozenset()
    agreeing: frozenset[str] = frozenset()
    may_skip: frozenset[str] = frozenset()
    examples: Mapping[str, str] = field(default_factory=dict)

    @property
    def doubtful(self) -> Mapping[str, str]:
        """Return what a person must look at, whoever saw it."""
        return {**self.suspicions, **self.doubts}


OUT_OF_TIME = "the time for changes was over"  # what the judge's worker says of a mutant that it did not come to
# What a piece of evidence says against a test; the others (fork, subprocess, loopback, random, assigned, collaborator_patched) are told.
NOTHING_DONE = "removed statement"
DECLARATION = "declaration"  # the operator that changes what a module declares; tried only on tests that notice nothing else
NOTHING_RETURNED = "return value"  # the operator that has a function return None
OBJECTIONS: Mapping[str, str] = {
    "network": "it reaches for the network",
    "source_read": "it reads the source of the component",
    "write": "it writes outside its own temporary folder",
    "leftover": "it leaves a file behind in the common temporary folder, under a name of its own choice",
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
    "unsteady": "it draws random numbers, and passes by luck",
    "tracing": "it takes the tracing hooks of the interpreter",
    "introspection": "it searches the memory of the judge's harness",
}
FOREIGN = "foreign_copy"  # a module that bears the name of one of the component's, and comes from elsewhere
STARTED = "subprocess"  # it started a program: told only, unless that is all that it did
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


def last_line(text: str) -> str:
    """Return the line of a traceback that says what was wrong: pytest marks it with `E`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (marked or lines or [""])[0][:200] if marked else (lines[-1][:200] if lines else "")
