"""What earlier runs have measured: looked up before a question is asked, added to afterwards. A run without a memory asks everything."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from spec2prod.application.ports import Event, Gate, Ports, Subject, Tracing, Tree
from spec2prod.domain.candidate import TestRequest
from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Stage
from spec2prod.domain.question import FILE, Kept, Question, Reads, digest_of, is_report
from spec2prod.errors import StoreError


class Recall:
    """One run's memory. `hits` and `misses` count the questions that were looked up, `kept` the answers that later runs may use.

    Where the memory breaks, it is told once, and everything is asked: a cache decides no verdict.
    """

    def __init__(self, run_id: str, ports: Ports) -> None:
        self._run_id = run_id
        self._ports = ports
        self._memory = ports.memory
        self.hits = 0
        self.misses = 0
        self.kept = 0

    def question(self, gate: Gate, component: Component, tree: Tree, only: Sequence[str] = ()) -> Question | None:
        """Return a gate's question to one tree; None where its answer is not kept, whatever it is."""
        if self._memory is None:
            return None
        command = gate.command(component, only)
        return self.question_of(Subject(gate=gate, component=component, tree=tree, command=command, name=gate.name, only=tuple(only)))

    def question_of(self, subject: Subject) -> Question | None:
        """Return any other question to a tree: the same gate, asked by another command."""
        return self._memory.fingerprints.question(subject) if self._memory else None

    def agent_question(self, request: TestRequest, component: Component, tree: Tree) -> Question | None:
        """Return what an agent's answer to a task depends on: the task, the component as it is, the model and its options."""
        if self._memory is None:
            return None
        agent = self._memory.agents.get(request.generator, "")
        inputs = {**tree.state({FILE + path for path in component.files}), "task": digest_of(asdict(request)), "agent": agent}
        return Question(name=str(Stage.GENERATION), component=component.name, inputs=inputs)

    def find(self, question: Question | None, tree: Tree, *names: str) -> Kept | None:
        """Return what was answered to the same question; None where it must be asked: also where one of `names` is forced."""
        return self._found(question, tree) if question and self._memory and not self._memory.forced & set(names) else None

    def look_up(self, question: Question | None, tree: Tree, *names: str) -> Kept | None:
        """Find an answer, and count whether there was one."""
        kept = self.find(question, tree, *names)
        if kept is None:
            self.misses += 1
        else:
            self.hits += 1
        return kept

    def keep(self, question: Question | None, kept: Kept, tree: Tree, trace: Mapping[str, str] | None = None) -> None:
        """Keep an answer for later runs; `trace` is what its process was seen to read."""
        if question is None or self._memory is None:
            return
        try:
            self._memory.cache.keep(question, trace or {}, kept, tree)
            self.kept += not (kept.never or kept.flaky)
        except StoreError as error:
            self._forget(error)

    def trace(self, gate: Gate, component: Component, completed: Completed, tree: Tree) -> Mapping[str, str] | str:
        """Return what a process read, as it is now; a text says why that cannot be told."""
        if not isinstance(gate, Tracing):
            return {}
        reads = gate.reads(component, completed)
        if reads is None or reads.never:
            return reads.never if reads else "what it read was not told"
        names = _names(reads, tree)
        if changed := tree.changed_within(names, completed.wall_ms / 1000):
            return f"{changed} changed while it was read"
        return tree.state(names)

    def _found(self, question: Question, tree: Tree) -> Kept | None:
        if self._memory is None:
            return None
        try:
            kept = self._memory.cache.find(question, tree)
        except StoreError as error:
            self._forget(error)
            return None
        # What an earlier attempt of this very run has measured is the journal's to tell: `retry` makes it forget.
        return None if kept is None or kept.run_id == self._run_id else kept

    def _forget(self, error: StoreError) -> None:
        """Go on without a memory."""
        self._memory = None
        text = f"the cache is left out of this run: {error}"
        self._ports.listener.tell(Event(kind="cache", stage=None, text=text, at_ms=self._ports.clock.elapsed_ms()))


def forced_by(stage: Stage, gate: Gate) -> tuple[str, ...]:
    """Return the names by which `--force` may mean a question."""
    return (str(stage), gate.name, *gate.measures)


def _names(reads: Reads, tree: Tree) -> Collection[str]:
    everything = {FILE + path for path in tree.list_files() if not is_report(path)} if reads.everything else set()
    return {*reads.names, *everything}
