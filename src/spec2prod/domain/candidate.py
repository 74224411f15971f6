"""A test that the agent proposes: what was asked, what came, and whether it earned its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """One module's task for the agent.

    `module` and `test_file` are relative POSIX paths; `test_file` does not exist yet, and is the only file that
    is taken from the agent. `specification` shows the IDs of `requirements`, those that a test can show.
    `generator` says who is asked. `uncovered` are 1-based lines of the module, empty where nothing was measured.
    """

    __test__ = False  # its name starts with Test; pytest must not collect it

    module: str
    dotted: str
    test_file: str
    specification: str
    uncovered: tuple[int, ...] = ()
    existing_tests: tuple[str, ...] = ()
    coverage_goal: float = 80.0
    attempt: int = 1
    generator: str = "openhands"
    requirements: tuple[str, ...] = ()


PAID = "openhands"
"""The generator that costs money: a language model's. What costs nothing must not make the rest look cheap."""

CHARACTERISING = frozenset({"pynguin"})
"""Generators whose tests show what the code does, not what it should do: they are never evidence for a requirement."""


class TaskStatus(StrEnum):
    """How an agent's task ended. Only `delivered` brought a file; none of them is a verdict on the tests."""

    DELIVERED = "delivered"
    NO_FILE = "no_file"
    LIMIT = "limit"
    ERRORED = "errored"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutcome:
    """What an agent's task brought.

    `text` is the content of the agreed test file, None where the agent did not write it. `reason` says why
    there is none, or what else went wrong. `strayed` lists other files that the agent changed in its copy; none
    of them is taken. `cost_usd` is in US dollars as the server counted it, tokens are the model's.
    `wall_ms` is from submission to the end, in milliseconds. `model` is the one that answered last, empty where none did;
    `tried` says of each model that was given up why. A `resumable` task is paused at a limit, with all that it has done:
    `next_step` is the command that goes on. Without `is_priced` no price is known for what answered: then 0 is no sum.
    """

    task_id: str
    module: str
    test_file: str
    status: TaskStatus
    text: str | None = None
    reason: str = ""
    next_step: str = ""
    strayed: tuple[str, ...] = ()
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    wall_ms: float = 0.0
    attempts: int = 1
    model: str = ""
    tried: tuple[str, ...] = ()
    resumable: bool = False
    is_priced: bool = True


def is_scripted(model: str) -> bool:
    """Whether a model is a script: `spec2prod.testing` names its models so, and every report says it."""
    return model.rpartition("/")[2].startswith("scripted")


class CandidateVerdict(StrEnum):
    """What becomes of a proposed test. Only an `accepted` one is taken.

    A `redundant` one is sound and adds nothing; at one for `review` a person has to look; a `suspected_defect` fails where a requirement
    asks for what it asserts; `errored` means that nothing true can be said about it.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REDUNDANT = "redundant"
    REVIEW = "review"
    SUSPECTED_DEFECT = "suspected_defect"
    ERRORED = "errored"

    @property
    def told(self) -> str:
        """Return it as people say it."""
        return {"review": "for review"}.get(self, self.replace("_", " "))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One proposed test, judged. `name` is the test's name, empty where the whole file was judged; `line` is 1-based, 0 where unknown.

    `filter` names what decided (screen, isolation, perturbation, coverage, mutation, grounding, triage, confirmation, gates, provenance),
    `filter_number` is its number among the judge's filters, None of what is none of them. `reason` says it in words, `evidence` what
    was seen. `kills` are the changes to the code that its assertions notice, `stops` those at which it only stops with an exception,
    `only` those of both that nothing else that is kept notices. `gained` are the module's lines that it is the first to run.
    `round` counts how often the agent had brought this file.
    """

    module: str
    test_file: str
    name: str
    verdict: CandidateVerdict
    filter: str
    reason: str
    filter_number: int | None = None
    line: int = 0
    evidence: tuple[str, ...] = ()
    kills: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    gained: tuple[int, ...] = ()
    requirements: tuple[str, ...] = ()
    round: int = 1

    @property
    def decided_by(self) -> str:
        """Return who decided, with the filter's number where it is one of the judge's."""
        return self.filter if self.filter_number is None else f"filter {self.filter_number}, {self.filter}"


_URGENCY = (
    *(CandidateVerdict.SUSPECTED_DEFECT, CandidateVerdict.ERRORED, CandidateVerdict.REVIEW),
    *(CandidateVerdict.ACCEPTED, CandidateVerdict.REJECTED, CandidateVerdict.REDUNDANT),
)


def by_urgency(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return them as people want to read them: first what somebody must look at, then what was taken, then the rest."""
    return tuple(sorted(candidates, key=lambda each: _URGENCY.index(each.verdict)))


def counted(candidates: Iterable[Candidate]) -> str:
    """Return how many came to which verdict, in words: ``5 accepted, 2 rejected, 1 redundant``."""
    counts = Counter(each.verdict for each in candidates)
    told = (CandidateVerdict.ACCEPTED, *(each for each in _URGENCY if each is not CandidateVerdict.ACCEPTED and counts[each]))
    return ", ".join(f"{counts[each]} {each.told}{_plural(each, counts[each])}" for each in told)


def _plural(verdict: CandidateVerdict, count: int) -> str:
    return "s" if verdict is CandidateVerdict.SUSPECTED_DEFECT and count > 1 else ""
