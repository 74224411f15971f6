"""A project's own gates, with real commands."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spec2prod.application.ports import Gate, Placed
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Stage
from spec2prod.domain.verdict import Answer, Measurement, Unanswered
from spec2prod.gates.custom import CustomGate, GuardedGate

if TYPE_CHECKING:
    from tests.gates.conftest import Ask, Make


def gate(code: str, kind: Any = "exit-code", **changes: Any) -> CustomGate:
    words = ("{python}", "-c", code, *changes.pop("words", ()))
    return CustomGate(name="own", words=words, format=kind, figure="failures", **changes)


def test_exit_code_0_is_no_failure_and_any_other_is_one_with_its_last_line(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/one.py": ""})
    (answer,), _ = ask(gate("pass"), component)
    assert isinstance(answer, Measurement)
    assert answer.values == {"failures": 0.0}
    (answer,), _ = ask(gate("import sys; print('more'); sys.exit('the licence of six is unknown')"), component)
    assert isinstance(answer, Measurement)
    assert answer.values == {"failures": 1.0}
    assert [each.message for each in answer.findings] == ["the licence of six is unknown"]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os; os._exit(127)", "exit 127"),
        ("import os; os._exit(126)", "exit 126"),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("import time; time.sleep(60)", "time limit of 1 s"),
    ],
)
def test_a_command_that_could_not_say_it_is_no_answer(make: Make, ask: Ask, code: str, says: str) -> None:
    (answer,), _ = ask(gate(code, timeout_s=1.0), make({"src/pkg/one.py": ""}))
    assert isinstance(answer, Unanswered)
    assert says in answer.reason


def test_a_missing_command_is_no_answer_and_the_program_is_named_not_the_gate(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(dataclasses.replace(gate(""), words=("no-such-program-anywhere",)), make({"src/pkg/one.py": ""}))
    assert isinstance(answer, Unanswered)
    assert answer.reason == "no-such-program-anywhere is not installed"
    assert answer.next_step.startswith("install no-such-program-anywhere, or correct the command of the gate own (")


def test_an_answer_is_read_from_its_file_and_the_component_is_named_in_the_command(make: Make, ask: Ask) -> None:
    code = "import json, sys; open(sys.argv[1], 'w').write(json.dumps({'seen': sys.argv[2:]}))"
    asked = gate(code, "json", words=("{answer}", "{modules}", "{tests}", "in:{source}"), path="seen")
    component = make({"src/pkg/a.py": "", "src/pkg/b.py": "", "tests/test_a.py": ""})
    (answer,), _ = ask(asked, component)
    assert isinstance(answer, Measurement)
    assert answer.values == {"failures": 4.0}
    assert asked.command(component).argv[4:] == ("src/pkg/a.py", "src/pkg/b.py", "tests/test_a.py", "in:src/pkg")
    assert asked.command(component, ["tests/test_a.py"]).argv[4:] == ("tests/test_a.py", "in:src/pkg")


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("pass", "junit", "it answered nothing; own ended with exit 0"),
        ("print('<testsuite><testcase/></testsuite>'); raise SystemExit(1)", "junit", "names no failure, but own ended with exit 1"),
        ("print('<testsuite><testcase/></testsuite>'); raise SystemExit(3)", "junit", "own ended with exit 3"),
        ("print('<testsuite/>')", "junit", "nothing was checked"),
        ("print('{\"runs\": []}')", "sarif", "no SARIF"),
        ("print('{}')", "json", "nothing at a.b"),
    ],
)
def test_an_answer_that_tells_nothing_is_none(make: Make, ask: Ask, code: str, kind: str, says: str) -> None:
    (answer,), _ = ask(gate(code, kind, path="a.b"), make({"src/pkg/one.py": ""}))
    assert isinstance(answer, Unanswered)
    assert says in answer.reason


def test_junit_failures_are_found_whatever_usual_exit_code_says_so(make: Make, ask: Ask) -> None:
    code = 'print(\'<testsuite><testcase name="a"><failure message="no"/></testcase></testsuite>\'); raise SystemExit(1)'
    (answer,), _ = ask(gate(code, "junit"), make({"src/pkg/one.py": ""}))
    assert isinstance(answer, Measurement)
    assert answer.values == {"failures": 1.0}


@dataclass
class Brought:
    """A package's gate, as its author may have got it wrong."""

    given: Any = None
    error: Exception | None = None
    reads_tests: bool = False
    name: str = "own"
    measures: tuple[str, ...] = ("own",)

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        del only
        if self.error:
            raise self.error
        return Command(tool="own", argv=(sys.executable, "-c", ""), cwd=component.root)

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        del component, completed
        if isinstance(self.given, Exception):
            raise self.given
        given: tuple[Answer, ...] = self.given
        return given


GOOD = Measurement(gate="own", values={"percent": 90.0}, checked=3)


def test_a_packages_gate_answers_like_any_other(make: Make, ask: Ask) -> None:
    guarded: Gate = GuardedGate(inner=Brought((GOOD,)), name="own")
    assert ask(guarded, make({"src/pkg/one.py": ""}))[0] == (GOOD,)
    assert (guarded.reads_tests, guarded.measures) == (False, ("own",))
    assert isinstance(guarded, Placed)
    assert guarded.stage is Stage.REFACTORING


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        (Brought(error=KeyError("x")), "the gate has no command: KeyError: 'x'"),
        (Brought(ValueError("bad")), "the gate crashed on its answer: ValueError: bad"),
        (Brought(None), "the gate crashed on its answer: TypeError"),
        (Brought(()), "no answer of its own name"),
        (Brought(("text",)), "no answer of its own name"),
        (Brought((dataclasses.replace(GOOD, gate="linting"),)), "no answer of its own name"),
        (Brought((dataclasses.replace(GOOD, checked=0),)), "nothing was checked"),
    ],
)
def test_whatever_a_packages_gate_does_wrong_is_told_and_never_raised(make: Make, ask: Ask, inner: Brought, says: str) -> None:
    (answer,), _ = ask(GuardedGate(inner=inner, name="own"), make({"src/pkg/one.py": ""}))
    assert isinstance(answer, Unanswered)
    assert says in answer.reason
    assert str(Path(__file__)) not in answer.reason
