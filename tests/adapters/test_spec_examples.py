"""The embedded generator as one writer among several."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spec2prod.adapters.markdown import parse_spec
from spec2prod.adapters.spec_examples import SpecExamples
from spec2prod.bootstrap.agent import Nobody
from spec2prod.bootstrap.generators import Several, generators_of
from spec2prod.config.settings import read_settings
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.component import Component
from spec2prod.domain.feedback import Feedback
from spec2prod.errors import AgentUnavailableError
from tests.fakes import FakeWriter

FILES = {"src/m.py": "def add(a, b):\n    return a + b\n", "tests/test_m.py": "def test() -> None:\n    assert add(1, 1) == 2\n"}
COMPONENT = Component(
    name="m",
    root=Path("/p"),
    source="src/m.py",
    import_root="src",
    modules=("src/m.py",),
    tests=("tests/test_m.py",),
    interpreter=Path("python"),
)


def request(generator: str) -> TestRequest:
    return TestRequest(module="src/m.py", dotted="m", test_file=f"tests/test_{generator}.py", specification="", generator=generator)


def writer(text: str) -> SpecExamples:
    return SpecExamples(parse_spec(f"## Requirements\n- {text}\n", "s.md"), COMPONENT, FILES.get)


def outcome_of(made: SpecExamples) -> TaskOutcome:
    async def ask() -> TaskOutcome:
        await made.start()
        tasks = await made.submit([request("spec")])
        told = await made.outcome(tasks["src/m.py"])
        await made.stop()
        return told

    return asyncio.run(ask())


def test_what_no_test_uses_is_delivered_and_the_rest_is_left_out() -> None:
    told = outcome_of(writer("`add(1, 1) == 2`, `add(2, 2) == 4`"))
    assert (told.status, told.reason, told.llm_calls) == (TaskStatus.DELIVERED, "from 1 example of the specification", 0)
    assert "(2, 2), 4" in (told.text or "")
    assert "(1, 1)" not in (told.text or "")


def test_where_every_example_is_used_no_file_is_delivered() -> None:
    told = outcome_of(writer("`add(1, 1) == 2`"))
    assert (told.status, told.text) == (TaskStatus.NO_FILE, None)


def test_each_writer_gets_its_own_tasks_for_the_same_module() -> None:
    agent = FakeWriter(lambda asked: TaskOutcome(task_id="x", module=asked.module, test_file=asked.test_file, status=TaskStatus.NO_FILE))

    async def ask() -> list[str]:
        both = Several({"spec": writer("`add(2, 2) == 4`"), "openhands": agent})
        await both.start()
        spec, others = await both.submit([request("spec")]), await both.submit([request("openhands")])
        files = [(await both.outcome(tasks["src/m.py"])).test_file for tasks in (spec, others)]
        with pytest.raises(AgentUnavailableError):
            await both.outcome("nobody's")
        await both.stop()
        return files

    assert asyncio.run(ask()) == ["tests/test_spec.py", "tests/test_openhands.py"]
    assert agent.calls == ["start", "submit", "outcome", "stop"]


def test_only_who_has_a_task_is_told_of_its_judgement_and_examples_have_nothing_to_add() -> None:
    def mends(asked: TestRequest, feedback: Feedback, number: int) -> TaskOutcome:
        return TaskOutcome(
            task_id=f"{number}", module=asked.module, test_file=asked.test_file, status=TaskStatus.DELIVERED, text=feedback.text
        )

    agent = FakeWriter(mends=mends, brings=lambda asked: mends(asked, Feedback(text=""), 1))

    async def ask() -> list[TaskOutcome]:
        both = Several({"spec": writer("`add(2, 2) == 4`"), "openhands": agent})
        spec, others = await both.submit([request("spec")]), await both.submit([request("openhands")])
        told = [await both.follow_up(tasks["src/m.py"], Feedback(text="mend it"), 2) for tasks in (spec, others)]
        with pytest.raises(AgentUnavailableError):
            await both.follow_up("nobody's", Feedback(text=""), 2)
        with pytest.raises(AgentUnavailableError, match="generation is off"):
            await Nobody().follow_up("nobody's", Feedback(text=""), 2)
        return told

    examples, mended = asyncio.run(ask())
    assert (examples.status, examples.text, examples.reason) == (TaskStatus.NO_FILE, None, "examples have no round 2")
    assert (mended.text, mended.task_id) == ("mend it", "2")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ()),
        ({"generators": ["spec"]}, ("spec",)),
        ({"enable_openhands_test_generation": True}, ("spec", "openhands")),
        ({"generators": ["pynguin"]}, ("spec", "pynguin")),
        ({"generators": ["openhands"], "enable_openhands_test_generation": True}, ("spec", "openhands")),
    ],
)
def test_examples_take_part_wherever_anybody_is_asked(tmp_path: Path, given: dict[str, object], expected: tuple[str, ...]) -> None:
    assert generators_of(read_settings(tmp_path, given)) == expected
