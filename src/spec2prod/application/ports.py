"""The turns outward: what the application needs, as protocols. Adapters meet them in `bootstrap` alone.

Each call on a port that costs something goes through one `journal.step`, so that a replay is free and a crash
repeats at most the step in flight.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from spec2prod.domain.candidate import TaskOutcome, TestRequest
from spec2prod.domain.circuit import Circuit
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.defect import Defect, Disposition
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.judged import Judged
from spec2prod.domain.plan import Stage, Target
from spec2prod.domain.question import Kept, Question, Reads
from spec2prod.domain.quota import Asking, Turn
from spec2prod.domain.release import Artifact, Attestation, Deployment, Entry, ProductionRules
from spec2prod.domain.run import Replayed
from spec2prod.domain.specification import Specification
from spec2prod.domain.suite import SuiteReport
from spec2prod.domain.verdict import Answer, Measurement, Verdict


class Journal(Protocol):
    """Runs each step once: a durable engine answers a finished step from its record.

    A name must say what the step depends on: it is the key of the record. Values are recorded, also a gate's "no"; exceptions, and
    values that say that something could not be asked, are not: the step is done again by the next attempt.
    """

    async def step[**P, T](self, name: str, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `call` as the step `name`, or return what it returned before.

        Raises:
            StepClashError: where the name was used for another question.
            TakenOverError: where another process has taken up this run.
        """
        ...

    def ended_at(self, name: str) -> float | None:
        """Return when an earlier attempt ended the step (seconds since 1970), None where none has."""
        ...

    async def intend(self, path: str, original: str | None, text: str) -> None:
        """Note, before a file of the project is written, what stands there and what will: the next attempt takes it back first."""
        ...

    @property
    def attempt(self) -> int:
        """Return which attempt at this run this is, from 1."""
        ...

    @property
    def resumed_from(self) -> str:
        """Return when the first attempt began, ISO 8601 in UTC; empty where this is the first."""
        ...

    @property
    def replayed(self) -> Sequence[Replayed]:
        """Return the steps that were answered from an earlier attempt's record, in the order in which they were asked."""
        ...


class Clock(Protocol):
    """Time, from one place."""

    def now(self) -> str:
        """Return the time of day, ISO 8601 in UTC."""
        ...

    def elapsed_ms(self) -> float:
        """Return milliseconds since the clock was made; never goes back."""
        ...


class Host(Protocol):
    """Starts processes."""

    async def run(self, command: Command) -> Completed:
        """Run to the end and never raise for what the process does; a cancelled call leaves no process behind."""
        ...

    @property
    def processes(self) -> Sequence[Completed]:
        """Return every process that was started, in the order of their ends."""
        ...


class Tree(Protocol):
    """The project's files."""

    def digest(self, paths: Collection[str]) -> str:
        """Return the SHA-256 (hex) over names and contents of the given relative paths; absent ones count as absent."""
        ...

    def read(self, path: str) -> str | None:
        """Return a file's text (undecodable bytes replaced), None where there is no such file."""
        ...

    def list_files(self) -> tuple[str, ...]:
        """Return every file of the project, relative and sorted, without caches and environments."""
        ...

    def exists(self, path: str) -> bool:
        """Whether something stands at this relative path."""
        ...

    async def copy(self, name: str) -> Tree:
        """Return an isolated copy of the project's tree under the run's folder, without caches and environments."""
        ...

    def write_new(self, path: str, text: str) -> None:
        """Write a file that does not exist yet: whole or not at all.

        Raises:
            OutputError: where something stands at `path`, or it cannot be written.
        """
        ...

    def replace(self, path: str, text: str) -> None:
        """Write a file, replacing what stood there: whole or not at all.

        Raises:
            OutputError: where it cannot be written.
        """
        ...

    def remove(self, path: str) -> None:
        """Take a file away, if it is there.

        Raises:
            OutputError: where it cannot be taken away.
        """
        ...

    def keep(self, name: str, text: str) -> str:
        """Keep a text in the run's own folder; return its path relative to the project."""
        ...

    def state(self, names: Collection[str]) -> Mapping[str, str]:
        """Return the digest of each input: `file:` a file, `listing:` the names in a folder, `importables:` what can be imported there.

        Unlike other calls this one also takes absolute paths: a tool may read what lies outside the project.
        """
        ...

    def changed_within(self, names: Collection[str], seconds: float) -> str:
        """Return one of these inputs' files that was written since then, empty where none was."""
        ...

    @property
    def root(self) -> Path:
        """Return the folder that relative paths start from."""
        ...


class Gate(Protocol):
    """One question, as two pure functions (law 4). `measures` names the gates that one answer serves."""

    @property
    def name(self) -> str:
        """Return the question's name: tests, linting, type_checking, …, or a project's own."""
        ...

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the gates it answers; tests answer several from one run."""
        ...

    @property
    def reads_tests(self) -> bool:
        """Whether the component's tests are part of what is measured, beside its modules."""
        ...

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the command that asks; `only` narrows it to some of the component's files."""
        ...

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return one answer per name in `measures`, in that order."""
        ...


@runtime_checkable
class Sharing(Gate, Protocol):
    """A question that one process can answer beside others of the same `house`: one start per answer."""

    @property
    def house(self) -> str:
        """Return whose process answers it."""
        ...

    def together(self, commands: Sequence[Command]) -> Command:
        """Return one command that asks what all of these ask."""
        ...


@runtime_checkable
class Placed(Gate, Protocol):
    """A question that says itself in which stage it is asked: testing, or refactoring."""

    @property
    def stage(self) -> Stage:
        """Return the stage."""
        ...


@runtime_checkable
class Tracing(Gate, Protocol):
    """A question whose process may read anything, and tells what it was heard to read."""

    def reads(self, component: Component, completed: Completed) -> Reads | None:
        """Return what the process read; None where it did not tell."""
        ...


@runtime_checkable
class Comparing(Gate, Protocol):
    """A question whose answer is compared with what changes from run to run: an old answer is compared anew."""

    def compared(self, answer: Measurement) -> Measurement:
        """Return a kept answer as this run has to tell it."""
        ...


@runtime_checkable
class Suite(Gate, Protocol):
    """The question `tests`, which also tells its answer test by test and line by line."""

    def report(self, component: Component, completed: Completed) -> SuiteReport:
        """Return the whole answer; an empty report where there is none to read."""
        ...

    def again(self, component: Component, node_ids: Sequence[str]) -> Command:
        """Return the command that runs these tests (or whole files) once more, in the order given, and no others."""
        ...


def in_one_process(gates: Sequence[Gate]) -> tuple[tuple[Gate, ...], ...]:
    """Return the gates in groups that one process each can answer, in their order."""
    houses: dict[str, list[Gate]] = {}
    for gate in gates:
        houses.setdefault(gate.house if isinstance(gate, Sharing) else f"gate {gate.name}", []).append(gate)
    return tuple(tuple(group) for group in houses.values())


def command_of(gates: Sequence[Gate], component: Component) -> Command:
    """Return the one command that asks all gates of a group about the whole component."""
    first = gates[0]
    if len(gates) == 1 or not isinstance(first, Sharing):
        return first.command(component)
    return first.together([gate.command(component) for gate in gates])


class Linter(Gate, Protocol):
    """The question `linting`, which can also mend."""

    def fix(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the command that mends what can be mended safely."""
        ...


class Breaker(Protocol):
    """Watches one endpoint for all its callers: after enough failures in a row it is left alone for a while (`domain.circuit`)."""

    @property
    def circuit(self) -> Circuit:
        """Return the present state."""
        ...

    @property
    def rest_left_s(self) -> float:
        """Return the seconds until a trial call may pass; 0 where one may."""
        ...

    def allows(self, caller: str) -> bool:
        """Whether `caller` may call now. Of a half-open circuit the first asker gets the one trial, and may ask again for it."""
        ...

    def succeeded(self) -> None:
        """Note a call that was answered: the circuit closes."""
        ...

    def failed(self) -> None:
        """Note a call that failed: the circuit may open, and a failed trial opens it again."""
        ...

    def abandoned(self, caller: str) -> None:
        """Note that a caller ended without an answer either way: its trial is free again."""
        ...


class Quota(Protocol):
    """Gives conversations their turn: so many at a time at one endpoint, so much money in any hour (`domain.quota`)."""

    def ask(self, asking: Asking) -> Turn:
        """Ask for a turn, or ask again: the first question takes a place in the queue. Whoever has its turn may ask again, and keeps it.

        Raises:
            StoreError: where nobody knows.
        """
        ...

    def leave(self, task: str) -> None:
        """Give a turn back, or a place in the queue. Safe for a task that has neither."""
        ...

    def spent(self, task: str, usd: float) -> None:
        """Note what a task has cost so far, all in all, in US dollars. Saying it twice counts once."""
        ...


class History(Protocol):
    """What earlier runs have taught: how long things take, and how often a gate says no. Advice, never evidence."""

    def expected_ms(self, name: str) -> float | None:
        """Return how long it will take, in milliseconds (`domain.durations.estimate_ms`); None where it was never seen."""
        ...

    def learn(self, name: str, ms: float) -> None:
        """Note how long it took."""
        ...

    def failure_rate(self, gate: str) -> float:
        """Return how likely a gate is to say no, above 0 and below 1 (`domain.durations.failure_rate`)."""
        ...

    def learn_verdict(self, gate: str, *, red: bool) -> None:
        """Note what a gate said."""
        ...

    def keep(self) -> None:
        """Write down what was learnt since the last time; trouble with that is nobody's verdict, and raises nothing."""
        ...


class TestWriter(Protocol):
    """Writes missing tests in the background: the real one is OpenHands' agent server."""

    async def start(self) -> None:
        """Begin to start up, and return at once; trouble shows in `submit`."""
        ...

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Hand tasks over without waiting for them; return module → task ID.

        Raises:
            AgentUnavailableError: where nothing can be submitted at all (no key, no environment, circuit open).
        """
        ...

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Wait for a task's end. Whatever goes wrong in it is in the outcome."""
        ...

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Say in the task's own conversation what its judgement was, and wait for the end of round `number` (2 is the first).

        `text` is the test file as it then is; calls, tokens and money are those of all rounds so far, `wall_ms` is this round's.
        A round that was asked for before is the same round. Limits hold for all rounds together; where nothing is left of them,
        or the writer answers to nobody, the outcome says so in its reason and brings no text.
        """
        ...

    async def stop(self) -> None:
        """End everything that still runs. Safe to call twice, or before `start`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that listeners may tell. `text` is one sentence; `verdict` is set where one was reached."""

    kind: str
    stage: Stage | None
    text: str
    at_ms: float
    verdict: Verdict | None = None


class Listener(Protocol):
    """Is told, and never answers."""

    def tell(self, event: Event) -> None:
        """Take note of an event."""
        ...


class Builder(Protocol):
    """Packs a component into an artifact."""

    async def build(self, component: Component) -> Artifact:
        """Return the artifact; the same tree gives the same bytes.

        Raises:
            DeliveryError: where the component cannot be packed.
        """
        ...


class ReleaseTarget(Protocol):
    """An environment that keeps releases, and serves one of each component."""

    def history(self, component: str) -> tuple[Entry, ...]:
        """Return what happened to a component here, the oldest first.

        Raises:
            DeliveryError: where it cannot be read.
        """
        ...

    def stored(self, artifact: Artifact) -> Artifact:
        """Return the artifact as it lies here, its bytes checked against its digest.

        Raises:
            DeliveryError: where it is not here, or not what it was.
        """
        ...

    async def deploy(self, artifact: Artifact, component: Component, run_id: str) -> Deployment:
        """Install, look at its health, switch to it; unless it is healthy, everything is as it was before.

        Nothing is done again where the same digest is current and healthy.
        """
        ...


class Attestations(Protocol):
    """What people say about artifacts."""

    def of(self, component: str) -> tuple[Attestation, ...]:
        """Return every attestation that can be read, the oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What releasing turns outward to. `pause` waits for seconds, `jitter` returns a number from 0 to 1."""

    builder: Builder
    targets: Mapping[Target, ReleaseTarget]
    attestations: Attestations
    production: ProductionRules
    pause: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a gate is asked about: a component in a tree, or `only` some of its files; `command` asks, `name` is what it is kept under."""

    gate: Gate
    component: Component
    tree: Tree
    command: Command
    name: str
    only: tuple[str, ...] = ()


class Fingerprints(Protocol):
    """Says exactly what an answer depends on."""

    def question(self, subject: Subject) -> Question | None:
        """Return a question with all its inputs; None where the settings say that its answer is not to be kept."""
        ...


class Cache(Protocol):
    """Answers of earlier runs."""

    def find(self, question: Question, tree: Tree) -> Kept | None:
        """Return the newest answer whose question and trace are the same, unless it is too old, or flaky.

        Raises:
            StoreError: where it cannot be looked up.
        """
        ...

    def keep(self, question: Question, trace: Mapping[str, str], kept: Kept, tree: Tree) -> None:
        """Keep an answer.

        Raises:
            StoreError: where it cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ToJudge:
    """Proposed test files in a copy of the project that nobody else writes to.

    `component` lies in that copy; its `tests` are the suite beside which `files` are judged, and hold none of them.
    """

    component: Component
    tree: Tree
    files: tuple[str, ...]
    specification: Specification


class Judge(Protocol):
    """Says of proposed tests whether they earn their place, and why."""

    def question(self, asked: ToJudge) -> Question:
        """Return exactly what the judgement depends on."""
        ...

    async def judge(self, asked: ToJudge, tell: Callable[[str], None]) -> Judged:
        """Return one verdict a test function; `tell` hears what it begins with. The copy is left as it was.

        A cancelled call leaves no process behind.

        Raises:
            Spec2prodError: where the judge could not do its work: never a verdict on a test.
        """
        ...


class Defects(Protocol):
    """The suspected defects of every component, and what people said about them. What was noted once counts in every later run."""

    @property
    def is_kept(self) -> bool:
        """Whether later runs will know them; else they last as long as this one."""
        ...

    def note(self, defect: Defect) -> Defect:
        """Keep a defect, and return it as it is known: one that was disposed of as a wrong test or requirement stays disposed of.

        One that was fixed and fails again is open again; what was said about it is kept.

        Raises:
            StoreError: where it cannot be written.
        """
        ...

    def open_of(self, component: str) -> tuple[Defect, ...]:
        """Return a component's open defects, the oldest first.

        Raises:
            StoreError: where they cannot be read.
        """
        ...

    def disposed_of(self, defect_id: str) -> Disposition | None:
        """Return what a person said about a defect (`domain.defect.defect_id` names it); None where it is open, or unknown.

        Raises:
            StoreError: where it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What earlier runs have measured. `forced` names stages and gates that are asked all the same.

    `agents` holds for each generator the digest of what its answer depends on beside its task: its model, its version, its options.
    """

    fingerprints: Fingerprints
    cache: Cache
    forced: frozenset[str] = frozenset()
    agents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a run turns outward to. `gates` maps a question's name to it, `tests` and `linting` among them.

    Without `delivery` nothing can be released, and a climb that wants to is `errored`. `cpu_slots` is how many processes `host` runs
    at a time, 0 where it does not limit them.
    """

    journal: Journal
    clock: Clock
    host: Host
    tree: Tree
    gates: Mapping[str, Gate]
    suite: Suite
    linter: Linter
    writer: TestWriter
    listener: Listener
    delivery: Delivery | None = None
    cpu_slots: int = 0
    history: History | None = None
    memory: Memory | None = None
    defects: Defects | None = None
    judge: Judge | None = None
