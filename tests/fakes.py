"""Fakes on the application's ports: one each, deterministic, with nothing behind them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from spec2prod.adapters.journal import InMemoryJournal
from spec2prod.application.ports import Event, Gate, Judge, Ports, ToJudge, Tree
from spec2prod.domain.candidate import TaskOutcome, TestRequest
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.judged import Judged, JudgedTest
from spec2prod.domain.judging import Filter, JudgedVerdict
from spec2prod.domain.question import Question
from spec2prod.domain.screening import screen
from spec2prod.domain.suite import EMPTY_SUITE, SuiteReport
from spec2prod.domain.verdict import Answer, Finding, Measurement, Unanswered
from spec2prod.errors import AgentUnavailableError, OutputError, Spec2prodError


class FakeClock:
    """A clock that moves only when somebody works: `spend` and nothing else advances it."""

    def __init__(self) -> None:
        self.ms = 0.0

    def now(self) -> str:
        return "2026-01-01T00:00:00.000+00:00"

    def elapsed_ms(self) -> float:
        return self.ms


class FakeTree:
    """A project in a dictionary."""

    def __init__(self, files: Mapping[str, str], root: Path = Path("/project")) -> None:
        self.files = dict(files)
        self.kept: dict[str, str] = {}
        self.copies: list[FakeTree] = []
        self._root = root

    @property
    def root(self) -> Path:
        return self._root

    def digest(self, paths: Collection[str]) -> str:
        told = "\0".join(f"{path}={self.files.get(path)}" for path in sorted(paths))
        return hashlib.sha256(told.encode()).hexdigest()

    def state(self, names: Collection[str]) -> dict[str, str]:
        return {name: self.digest([name.removeprefix("file:")]) for name in names}

    def changed_within(self, names: Collection[str], seconds: float) -> str:
        del names, seconds
        return ""

    def list_files(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def exists(self, path: str) -> bool:
        return path in self.files

    async def copy(self, name: str) -> Tree:
        copied = FakeTree(self.files, self._root / ".copies" / name)
        self.copies.append(copied)
        return copied

    def write_new(self, path: str, text: str) -> None:
        if path in self.files:
            raise OutputError("something stands there already", where=path)
        self.files[path] = text

    def replace(self, path: str, text: str) -> None:
        self.files[path] = text

    def remove(self, path: str) -> None:
        self.files.pop(path, None)

    def keep(self, name: str, text: str) -> str:
        self.kept[name] = text
        return name


type Script = Callable[[Command, FakeTree], Completed]


class FakeHost:
    """Answers a command by its tool's name; counts what was started."""

    def __init__(self, tree: FakeTree, scripts: Mapping[str, Script] | None = None) -> None:
        self.tree = tree
        self.scripts = dict(scripts or {})
        self.started: list[Command] = []
        self._processes: list[Completed] = []

    @property
    def processes(self) -> Sequence[Completed]:
        return self._processes

    async def run(self, command: Command) -> Completed:
        self.started.append(command)
        await asyncio.sleep(0)
        where = next((each for each in self.tree.copies if each.root == command.cwd), self.tree)
        script = self.scripts.get(command.tool)
        completed = script(command, where) if script else Completed(command=command, exit_code=0)
        self._processes.append(completed)
        return completed


@dataclass
class FakeGate:
    """A question whose answers are given: by the files that stand in the tree, or always the same."""

    name: str
    answers: Callable[[Component], tuple[Answer, ...]]
    measures: tuple[str, ...] = ()
    reads_tests: bool = True
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.measures = self.measures or (self.name,)

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        self.asked.append(tuple(only))
        return Command(tool=self.name, argv=(self.name, *only), cwd=component.root)

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        return self.answers(replace(component, tests=tuple(completed.command.argv[1:]) or component.tests))


@dataclass
class FakeSuite(FakeGate):
    """The tests' question; `reports` gives the whole answer for a component."""

    reports: Callable[[Component], SuiteReport] = lambda _: EMPTY_SUITE

    def report(self, component: Component, completed: Completed) -> SuiteReport:
        del completed
        return self.reports(component)

    def again(self, component: Component, node_ids: Sequence[str]) -> Command:
        return Command(tool="again", argv=("pytest", *node_ids), cwd=component.root)


@dataclass
class FakeLinter(FakeGate):
    """The linter, with a command that mends."""

    def fix(self, component: Component, only: Sequence[str] = ()) -> Command:
        return Command(tool="fix", argv=("fix", *only), cwd=component.root)


class FakeWriter:
    """An agent that brings what it was given, in the order of `delays` (turns of the event loop)."""

    def __init__(
        self,
        brings: Callable[[TestRequest], TaskOutcome] | None = None,
        error: Spec2prodError | None = None,
        mends: Callable[[TestRequest, Feedback, int], TaskOutcome] | None = None,
    ) -> None:
        self.brings = brings
        self.mends = mends
        self.told: list[tuple[str, Feedback, int]] = []
        self.error = error
        self.requests: dict[str, TestRequest] = {}
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        self.calls.append("submit")
        if self.error or self.brings is None:
            raise self.error or AgentUnavailableError("no model is set", next_step="set LLM_MODEL")
        self.requests |= {f"task-{request.module}": request for request in requests}
        return {request.module: f"task-{request.module}" for request in requests}

    async def outcome(self, task_id: str) -> TaskOutcome:
        self.calls.append("outcome")
        await asyncio.sleep(0)
        assert self.brings is not None
        return self.brings(self.requests[task_id])

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        self.calls.append("follow_up")
        self.told.append((task_id, feedback, number))
        await asyncio.sleep(0)
        assert self.mends is not None
        return self.mends(self.requests[task_id], feedback, number)

    async def stop(self) -> None:
        self.calls.append("stop")


@dataclass
class FakeJudge:
    """A judge that accepts whatever the screen lets pass; `verdicts` says otherwise of a test, by its name: the verdict, and why.

    `broken` is raised instead of an answer, `void` voids it. `asked` remembers the files and the suite of each judgement.
    """

    verdicts: Mapping[str, tuple[JudgedVerdict, str]] = field(default_factory=dict)
    broken: Spec2prodError | None = None
    void: str = ""
    suite_kills: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    survivors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requirements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()
    asked: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)

    def question(self, asked: ToJudge) -> Question:
        files = {f"file:{path}": asked.tree.digest([path]) for path in asked.tree.list_files()}
        return Question(name="judge", component=asked.component.name, inputs={**files, "suite": " ".join(asked.component.tests)})

    def kills_question(self, component: Component, tree: Tree, test_file: str) -> Question:
        files = {f"file:{path}": tree.digest([path]) for path in (*component.modules, *component.data, test_file)}
        return Question(name="kills", component=component.name, inputs=files)

    async def judge(self, asked: ToJudge, tell: Callable[[str], None]) -> Judged:
        self.asked.append((asked.files, asked.component.tests))
        tell("collecting the tests")
        await asyncio.sleep(0)
        if self.broken:
            raise self.broken
        rows = tuple(row for file in asked.files for row in self._rows(file, asked.tree.read(file) or "", asked.component))
        return Judged(
            component=asked.component.name,
            specification=asked.specification.path,
            tests=rows,
            suite=len(self.suite_kills),
            mutants=len(rows),
            void=self.void,
            suite_kills=self.suite_kills,
            survivors=self.survivors,
        )

    def _rows(self, file: str, text: str, component: Component) -> list[JudgedTest]:
        screened = screen(text)
        assert not isinstance(screened, str), "what the screen refuses as a whole is not judged"
        told = [(each.name, each.line, each.objection) for each in screened] + [(name, 0, "") for name in self.strangers]
        return [self._row(file, name, line, objection, component) for name, line, objection in told]

    def _row(self, file: str, name: str, line: int, objection: str, component: Component) -> JudgedTest:
        verdict, sentence = self.verdicts.get(name, (JudgedVerdict.ACCEPTED, f"fails if line {line} is changed"))
        decided = Filter.MUTATION if verdict is not JudgedVerdict.SUSPECTED_DEFECT else Filter.TRIAGE
        if objection:
            verdict, sentence, decided = JudgedVerdict.REJECTED, objection, Filter.SCREEN
        if self.void:
            verdict, sentence, decided = JudgedVerdict.ERRORED, f"the judgement is void: {self.void}", Filter.CONFIRMATION
        is_accepted = verdict is JudgedVerdict.ACCEPTED
        return JudgedTest(
            file=file,
            name=name,
            line=line,
            verdict=verdict.value,
            filter=decided.name.lower(),
            filter_number=decided.value,
            sentence=sentence,
            kills=(f"{component.modules[0]}: the change that {name} notices",) if is_accepted else (),
            gained=(f"{component.modules[0]}: the change that {name} notices",) if is_accepted else (),
            requirements=self.requirements.get(name, ()),
            message="" if is_accepted else f"E   {sentence}",
        )


class FakeHistory:
    """What earlier runs have taught, as it is given; remembers what was learnt."""

    def __init__(
        self,
        expected: Mapping[str, float] | None = None,
        rates: Mapping[str, float] | None = None,
        memory: Mapping[str, float] | None = None,
    ) -> None:
        self.expected, self.rates, self.memory = dict(expected or {}), dict(rates or {}), dict(memory or {})
        self.learnt: list[tuple[str, float]] = []
        self.peaks: list[tuple[str, float]] = []
        self.verdicts: list[tuple[str, bool]] = []

    def expected_ms(self, name: str) -> float | None:
        return self.expected.get(name)

    def learn(self, name: str, ms: float) -> None:
        self.learnt.append((name, ms))

    def expected_mb(self, name: str) -> float | None:
        return self.memory.get(name)

    def learn_memory(self, name: str, mb: float) -> None:
        self.peaks.append((name, mb))

    def failure_rate(self, gate: str) -> float:
        return self.rates.get(gate, 0.5)

    def learn_verdict(self, gate: str, *, red: bool) -> None:
        self.verdicts.append((gate, red))

    def keep(self) -> None:
        """Keep nothing: it is in memory."""


class Told:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


def measured(gate: str, paths: Sequence[str] = (), **values: float) -> Measurement:
    """Return a measurement of one gate, with one finding a path."""
    return Measurement(
        gate=gate, values=values, checked=1, findings=tuple(Finding(path=path, line=1, code="X1", message="bad") for path in paths)
    )


def unanswered(gate: str, reason: str = "tool missing") -> Unanswered:
    """Return the answer of a tool that could not be asked."""
    return Unanswered(gate=gate, reason=reason, next_step=f"install {gate}")


def ports_on(  # noqa: PLR0913 - what a run turns outward to
    tree: FakeTree,
    *gates: Gate,
    suite: FakeSuite,
    linter: FakeLinter,
    host: FakeHost | None = None,
    writer: FakeWriter | None = None,
    judge: Judge | None = None,
) -> Ports:
    """Put fakes together."""
    return Ports(
        journal=InMemoryJournal(),
        clock=FakeClock(),
        host=host or FakeHost(tree),
        tree=tree,
        gates={gate.name: gate for gate in (suite, linter, *gates)},
        suite=suite,
        linter=linter,
        writer=writer or FakeWriter(),
        listener=Told(),
        judge=judge or FakeJudge(),
    )
