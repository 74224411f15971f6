"""A session with a memory: what an earlier run has answered is not asked, what could not be asked or was flaky is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from spec2prod.application import testing
from spec2prod.application.ports import Memory, Ports, Subject, Tree
from spec2prod.application.session import Session
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.flaky import FLAKY, OPEN, PASS_RATE
from spec2prod.domain.plan import Mode, Plan, Stage, Target
from spec2prod.domain.question import Kept, Question
from spec2prod.domain.specification import Specification
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.verdict import Rule
from spec2prod.errors import StoreError
from tests.fakes import FakeGate, FakeHost, FakeLinter, FakeSuite, FakeTree, measured, ports_on, unanswered

_COMPONENT = Component(
    name="api", root=Path("/project"), source="a.py", import_root=".", modules=("a.py",), tests=("test_a.py",), interpreter=Path("/python")
)


class Remembered:
    """A cache in a dictionary; `broken` is what it says instead of an answer."""

    def __init__(self, broken: StoreError | None = None) -> None:
        self.answers: dict[str, Kept] = {}
        self.broken = broken

    def find(self, question: Question, tree: Tree) -> Kept | None:
        del tree
        if self.broken:
            raise self.broken
        kept = self.answers.get(question.key)
        return None if kept is None or kept.flaky or kept.never else kept

    def keep(self, question: Question, trace: Mapping[str, str], kept: Kept, tree: Tree) -> None:
        del trace, tree
        self.answers[question.key] = kept


class ByFiles:
    """Fingerprints of a component's files."""

    def question(self, subject: Subject) -> Question:
        paths = [f"file:{path}" for path in subject.component.files if not subject.only or path in subject.only]
        return Question(name=subject.name, component="api", inputs=subject.tree.state(paths))


def _ports(tree: FakeTree, cache: Remembered, *gates: FakeGate, suite: FakeSuite | None = None, forced: str = "") -> Ports:
    tests = suite or FakeSuite(name="tests", answers=lambda _: (measured(PASS_RATE, percent=100.0),), measures=(PASS_RATE,))
    linter = FakeLinter(name="linting", answers=lambda _: (measured("linting", issues=0.0),))
    plain = ports_on(tree, *gates, suite=tests, linter=linter, host=FakeHost(tree))
    return replace(plain, memory=Memory(fingerprints=ByFiles(), cache=cache, forced=frozenset(filter(None, [forced]))))


def _session(ports: Ports, run_id: str) -> Session:
    rules = tuple(Rule(gate=name, limits=()) for gate in ports.gates.values() for name in gate.measures)
    plan = Plan(
        run_id=run_id,
        component=_COMPONENT,
        specification=Specification(path="s.md", title="S"),
        target=Target.DEVELOPMENT,
        mode=Mode.SYNC,
        stages=(Stage.TESTING, Stage.REFACTORING),
        rules=rules,
        generate=False,
        generation_required=False,
        auto_fix=False,
        coverage_goal=80.0,
        model="",
        scripted_model=False,
    )
    return Session(plan, ports)


def _asked(ports: Ports, run_id: str) -> Session:
    session = _session(ports, run_id)
    asyncio.run(session.ask(Stage.REFACTORING, *(gate for gate in ports.gates.values() if gate.name != "tests")))
    return session


def test_an_unchanged_question_starts_no_process_and_tells_who_measured_it() -> None:
    tree, cache = FakeTree({"a.py": "1", "test_a.py": "2"}), Remembered()
    first = _asked(_ports(tree, cache), "run-1")
    ports = _ports(tree, cache)
    second = _asked(ports, "run-2")
    assert list(ports.host.processes) == []
    assert second.evidence["linting"] == replace(first.evidence["linting"], from_cache="run-1")
    assert (first.recall.hits, first.recall.misses, second.recall.hits, second.recall.misses) == (0, 1, 1, 0)


def test_a_changed_file_is_asked_about_again() -> None:
    tree, cache = FakeTree({"a.py": "1", "test_a.py": "2"}), Remembered()
    _asked(_ports(tree, cache), "run-1")
    tree.files["a.py"] = "other"
    ports = _ports(tree, cache)
    assert _asked(ports, "run-2").evidence["linting"].from_cache == ""
    assert len(ports.host.processes) == 1


def test_what_is_forced_is_asked_again() -> None:
    tree, cache = FakeTree({"a.py": "1", "test_a.py": "2"}), Remembered()
    _asked(_ports(tree, cache), "run-1")
    for forced in ("linting", "refactoring"):
        ports = _ports(tree, cache, forced=forced)
        _asked(ports, "run-2")
        assert len(ports.host.processes) == 1
    ports = _ports(tree, cache, forced="testing")
    _asked(ports, "run-3")
    assert list(ports.host.processes) == []


def test_what_could_not_be_asked_is_not_kept() -> None:
    tree, cache = FakeTree({"a.py": "1", "test_a.py": "2"}), Remembered()
    broken = FakeGate(name="security", answers=lambda _: (unanswered("security"),))
    _asked(_ports(tree, cache, broken), "run-1")
    assert [kept.tool for kept in cache.answers.values()] == ["linting"]


def test_what_changed_while_it_was_measured_is_not_kept() -> None:
    tree, cache = FakeTree({"a.py": "1", "test_a.py": "2"}), Remembered()
    ports = _ports(tree, cache)

    def changing(command: Command, there: FakeTree) -> Completed:
        there.files["a.py"] += "+"
        return Completed(command=command, exit_code=0)

    host = ports.host
    assert isinstance(host, FakeHost)
    host.scripts["linting"] = changing
    _asked(ports, "run-1")
    assert cache.answers == {}


def test_a_cache_that_breaks_is_told_once_and_everything_is_asked() -> None:
    tree = FakeTree({"a.py": "1", "test_a.py": "2"})
    other = FakeGate(name="security", answers=lambda _: (measured("security", high=0.0),))
    ports = _ports(tree, Remembered(StoreError("the disk is full")), other)
    session = _asked(ports, "run-1")
    told = [event.text for event in ports.listener.events if event.kind == "cache"]  # type: ignore[attr-defined]  # it is a Told
    assert told == ["the cache is left out of this run: the disk is full"]
    assert {"linting", "security"} <= session.evidence.keys()


def test_a_red_suite_is_kept_when_it_is_settled_and_a_flaky_one_never_counts_again() -> None:
    tree, cache = FakeTree({"a.py": "1", "test_a.py": "2"}), Remembered()
    _tested(_ports(tree, cache, suite=_red(again="failed")), "run-1")
    ports = _ports(tree, cache, suite=_red(again="failed"))
    session = _tested(ports, "run-2")
    assert list(ports.host.processes) == []
    assert list(session.standings.values()) == ["failing"]
    assert session.suite.cases
    tree.files["a.py"] = "flaky"
    _tested(_ports(tree, cache, suite=_red(again="passed")), "run-3")
    ports = _ports(tree, cache, suite=_red(again="passed"))
    _tested(ports, "run-4")
    assert len(ports.host.processes) == 3


def _tested(ports: Ports, run_id: str) -> Session:
    session = _session(ports, run_id)
    asyncio.run(testing.measure(session))
    return session


def _red(again: str) -> FakeSuite:
    rate = measured(PASS_RATE, percent=50.0)

    class Red(FakeSuite):
        def report(self, component: Component, completed: Completed) -> SuiteReport:
            del component
            outcome = again if completed.command.tool == "again" else "failed"
            red = CaseResult(node_id="test_a.py::one", name="one", file="test_a.py", line=1, outcome=outcome)
            green = CaseResult(node_id="test_a.py::two", name="two", file="test_a.py", line=2, outcome="passed")
            return SuiteReport(cases=(red, green), statements={}, executed={})

    return Red(name="tests", answers=lambda _: (replace(rate, checked=2), OPEN), measures=(PASS_RATE, FLAKY))
