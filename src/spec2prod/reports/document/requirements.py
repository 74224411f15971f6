"""Which requirement is shown by which test, and the defects that are suspected."""

from typing import TypedDict

from spec2prod.domain.trace import Status


class ShownTest(TypedDict):
    """One test that names a requirement; `is_stale` says that it was written for another text.

    `kills` are the mutants it fails for, as the run (or `spec2prod judge`) `judged_by` measured at `judged_at`; these are empty where
    no judge has measured it.
    """

    node_id: str
    file: str
    line: int
    outcome: str
    is_stale: bool
    is_flaky: bool
    kills: tuple[str, ...]
    judged_by: str
    judged_at: str


class TracedRequirement(TypedDict):
    """One requirement with its tests; `reason` says why it has its status, `text_hash` names the text that evidence is for."""

    id: str
    text: str
    line: int
    priority: str
    text_hash: str
    status: Status
    reason: str
    tests: tuple[ShownTest, ...]


class UnknownId(TypedDict):
    """A test that names a requirement which the specification does not have; `near` is what it may have meant."""

    id: str
    node_id: str
    file: str
    line: int
    near: str


class Matrix(TypedDict):
    """Which requirement is shown by which test; `orphans` are tests that name none, `is_judged` says whether mutants took part."""

    path: str
    rows: tuple[TracedRequirement, ...]
    unknown: tuple[UnknownId, ...]
    orphans: tuple[str, ...]
    is_judged: bool


class DoubtfulExample(TypedDict):
    """What looks like an example and is not used, with the reason."""

    where: str
    source: str
    reason: str


class GivenExamples(TypedDict):
    """The specification's examples: how many could become tests, those that no test uses, and doubts."""

    found: int
    unused: tuple[str, ...]
    doubts: tuple[DoubtfulExample, ...]


class Requirements(TypedDict):
    """The matrix requirement, test, mutant, result; `asked` says whether the gate `requirements` was asked, `why` the reason.

    `next_step` is the command that judges the tests which no judge has measured, empty where there are none.
    """

    asked: bool
    why: str
    next_step: str
    matrix: Matrix
    examples: GivenExamples


class Promised(TypedDict):
    """A requirement as the specification `path` stated it, at this line (1-based), when a defect was noted."""

    id: str
    text: str
    path: str
    line: int


class OpenDefect(TypedDict):
    """A suspected defect that nobody has disposed of: `test` in `source` fails, and `sentence` says what contradicts what.

    `requirements` are pairs of an ID and the hash of the text that the test was written for; `promises` tell what those said when it was
    noted, as far as the specification had them.
    """

    id: str
    module: str
    test_file: str
    test: str
    source: str
    requirements: tuple[tuple[str, str], ...]
    promises: tuple[Promised, ...]
    sentence: str
    message: str
    run_id: str
    seen_at: str
    next_step: str
