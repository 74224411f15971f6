"""A test that the agent proposes: what was asked, what came, and whether it earned its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """One module's task for the agent.

    `module` and `test_file` are relative POSIX paths; `test_file` does not exist yet, and is the only file that
    is taken from the agent. `generator` says who is asked. `uncovered` are 1-based lines of the module, empty where nothing was measured.
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
    `next_step` is the command that goes on.
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


def is_scripted(model: str) -> bool:
    """Whether a model is a script: `spec2prod.testing` names its models so, and every report says it."""
    return model.rpartition("/")[2].startswith("scripted")


class CandidateVerdict(StrEnum):
    """Whether a proposed test is taken."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One proposed test, judged. `name` is the test's name, empty where the whole file was judged.

    `filter` names what decided (provenance, static, run, order, coverage, gates, suite), `reason` says it in words.
    `gained` are the module's lines that this test alone adds.
    """

    module: str
    test_file: str
    name: str
    verdict: CandidateVerdict
    filter: str
    reason: str
    gained: tuple[int, ...] = ()
