"""A whole run on fakes: what is asked, how often, and what the run says about it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.application.pipeline import run_plan
from spec2prod.application.specification import Promotion, plan_promotion
from spec2prod.domain.candidate import CandidateVerdict, TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.judging import JudgedVerdict
from spec2prod.domain.plan import Mode, Plan, Stage, Target
from spec2prod.domain.run import Run, StageResult
from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.verdict import Answer, Comparison, Limit, Rule, Unanswered, Verdict
from spec2prod.errors import AgentUnavailableError, ExitCode
from tests.fakes import FakeGate, FakeHost, FakeJudge, FakeLinter, FakeSuite, FakeTree, FakeWriter, Told, measured, ports_on, unanswered

MODULE = "src/calc.py"
SOURCE = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n"
PROPOSED = """\
from calc import add, sub

def test_add():
    assert add(1, 2) == 3

def test_sub():
    assert sub(2, 1) == 1

def test_idle():
    add(1, 1)
"""
LINES = {"test_add": {2}, "test_sub": {6}, "test_idle": {2}, "test_old": {2}}


def suite_report(component: Component, outcomes: dict[str, str] | None = None) -> SuiteReport:
    """What the suite says: the old test file runs line 2, the generated one lines 2 and 6."""
    new = ["test_add", "test_sub", "test_idle"]
    names = [name for file in component.tests for name in (["test_old"] if file == "tests/test_old.py" else new)]
    files = {"test_old": "tests/test_old.py"}
    cases = tuple(
        CaseResult(
            node_id=f"{files.get(name, component.tests[-1])}::{name}",
            name=name,
            file=files.get(name, component.tests[-1]),
            line=1,
            outcome=(outcomes or {}).get(name, "passed"),
            message="AssertionError: no" if (outcomes or {}).get(name) == "failed" else "",
            covered={MODULE: frozenset(LINES[name])},
        )
        for name in names
    )
    executed = frozenset({1, 5} | {line for name in names for line in LINES[name]}) if names else frozenset[int]()
    return SuiteReport(cases=cases, statements={MODULE: frozenset({1, 2, 5, 6})}, executed={MODULE: executed})


def suite_gate(outcomes: dict[str, str] | None = None) -> FakeSuite:
    def answers(component: Component) -> tuple[Answer, ...]:
        if not component.tests:
            gates = ("test_pass_rate", "test_coverage")
            return tuple(Unanswered(gate=gate, reason="no tests were found", no_tests=True) for gate in gates)
        report = suite_report(component, outcomes)
        passed = sum(case.outcome == "passed" for case in report.cases)
        return (
            measured("test_pass_rate", percent=100 * passed / len(report.cases)),
            measured("test_coverage", percent=report.percent(MODULE)),
        )

    def reports(component: Component) -> SuiteReport:
        return suite_report(component, outcomes)

    return FakeSuite(name="tests", measures=("test_pass_rate", "test_coverage"), answers=answers, reports=reports)


def clean(name: str, **values: float) -> FakeGate:
    return FakeGate(name=name, answers=lambda _: (measured(name, (), **values),))


def linter() -> FakeLinter:
    return FakeLinter(name="linting", answers=lambda _: (measured("linting", issues=0),))


def a_plan(tests: tuple[str, ...] = (), **changes: object) -> Plan:
    component = Component(
        name="calc", root=Path("/project"), source=MODULE, import_root="src", modules=(MODULE,), tests=tests, interpreter=Path("python")
    )
    rules = (
        Rule(gate="test_pass_rate", limits=(Limit(value="percent", comparison=Comparison.AT_LEAST, threshold=100),)),
        Rule(gate="test_coverage", limits=(Limit(value="percent", comparison=Comparison.AT_LEAST, threshold=80),)),
        Rule(gate="linting", limits=(Limit(value="issues", comparison=Comparison.AT_MOST, threshold=0),)),
        Rule(gate="type_checking", limits=(Limit(value="errors", comparison=Comparison.AT_MOST, threshold=0),), required=False),
    )
    specification = Specification(path="spec.md", title="Calc", requirements=(Requirement(id="REQ-1", text="adds", line=3),))
    asked: dict[str, object] = {
        "run_id": "r1",
        "target": Target.DEVELOPMENT,
        "mode": Mode.ASYNC,
        "generate": False,
        "generation_required": False,
        "auto_fix": True,
        "coverage_goal": 80.0,
    }
    return plan_promotion(Promotion(**{**asked, **changes}), component, specification, rules)  # type: ignore[arg-type]  # a test's shorthand


def result_of(run: Run, stage: Stage) -> StageResult:
    return next(result for result in run.stages if result.stage is stage)


def proposes(text: str | None = PROPOSED, status: TaskStatus = TaskStatus.DELIVERED, reason: str = "") -> FakeWriter:
    def brings(request: TestRequest) -> TaskOutcome:
        return TaskOutcome(
            task_id=f"task-{request.module}",
            module=request.module,
            test_file=request.test_file,
            status=status,
            text=text,
            reason=reason,
            llm_calls=3,
        )

    return FakeWriter(brings)


@pytest.mark.asyncio
async def test_a_component_whose_gates_all_hold_is_promoted() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_old.py": "old", "tests/test_new.py": PROPOSED})
    ports = ports_on(tree, clean("type_checking", errors=0), suite=suite_gate(), linter=linter())
    run = await run_plan(a_plan(tests=("tests/test_new.py", "tests/test_old.py")), ports)
    assert run.success
    assert [result.stage for result in run.stages] == [Stage.SPECIFICATION, Stage.TESTING, Stage.REFACTORING]
    assert {result.verdict for result in run.stages} == {Verdict.PASSED}


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_each_tool_starts_once_for_an_unchanged_tree_in_both_modes(mode: Mode) -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_old.py": "old"})
    host = FakeHost(tree)
    ports = ports_on(tree, clean("type_checking", errors=0), suite=suite_gate(), linter=linter(), host=host)
    await run_plan(a_plan(tests=("tests/test_old.py",), mode=mode), ports)
    assert sorted(command.tool for command in host.started) == ["linting", "tests", "type_checking"]


@pytest.mark.asyncio
async def test_no_tests_is_a_failed_gate_that_says_so() -> None:
    ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter())
    run = await run_plan(a_plan(), ports)
    assert run.exit_code is ExitCode.GATE_FAILED
    assert result_of(run, Stage.TESTING).gates[0].reason == "no tests were found"


@pytest.mark.asyncio
async def test_a_missing_optional_tool_is_errored_and_visible_but_does_not_block() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_new.py": PROPOSED})
    missing = FakeGate(name="type_checking", answers=lambda _: (unanswered("type_checking"),))
    run = await run_plan(a_plan(tests=("tests/test_new.py",)), ports_on(tree, missing, suite=suite_gate(), linter=linter()))
    refactoring = result_of(run, Stage.REFACTORING)
    assert [gate.verdict for gate in refactoring.gates] == [Verdict.PASSED, Verdict.ERRORED]
    assert refactoring.verdict is Verdict.WARNED
    assert run.success


@pytest.mark.asyncio
async def test_a_missing_required_tool_is_errored_and_never_passed() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_new.py": PROPOSED})
    missing = FakeLinter(name="linting", answers=lambda _: (unanswered("linting"),))
    run = await run_plan(a_plan(tests=("tests/test_new.py",)), ports_on(tree, suite=suite_gate(), linter=missing))
    assert run.exit_code is ExitCode.COULD_NOT_ASK


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", Mode)
async def test_accepted_tests_are_adopted_and_the_suite_is_asked_again_once(mode: Mode) -> None:
    tree = FakeTree({MODULE: SOURCE})
    host = FakeHost(tree)
    ports = ports_on(tree, clean("type_checking", errors=0), suite=suite_gate(), linter=linter(), host=host, writer=proposes())
    run = await run_plan(a_plan(generate=True, mode=mode), ports)
    verdicts = {each.name: (each.verdict, each.filter) for each in run.candidates}
    assert verdicts == {
        "test_add": (CandidateVerdict.ACCEPTED, "mutation"),
        "test_sub": (CandidateVerdict.ACCEPTED, "mutation"),
        "test_idle": (CandidateVerdict.REJECTED, "screen"),
    }
    assert run.adopted == ("tests/test_calc.py",)
    assert "test_idle" not in tree.files["tests/test_calc.py"]
    assert run.success
    assert [command.tool for command in host.started].count("tests") == 2, "before, and once with the adopted tests"
    testing = result_of(run, Stage.TESTING)
    assert [gate.verdict for gate in testing.first_gates] == [Verdict.FAILED, Verdict.FAILED]


@pytest.mark.asyncio
async def test_linting_is_asked_about_an_adopted_file_alone() -> None:
    lint = linter()
    ports = ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=lint, writer=proposes())
    await run_plan(a_plan(generate=True), ports)
    assert lint.asked == [(), ("tests/test_calc.py",)]


@pytest.mark.asyncio
async def test_a_proposal_that_the_judge_rejects_is_not_written() -> None:
    tree = FakeTree({MODULE: SOURCE})
    judge = FakeJudge(verdicts=dict.fromkeys(["test_add", "test_sub"], (JudgedVerdict.REJECTED, "it fails: no")))
    ports = ports_on(tree, suite=suite_gate(), linter=linter(), writer=proposes(), judge=judge)
    run = await run_plan(a_plan(generate=True), ports)
    assert {each.verdict for each in run.candidates} == {CandidateVerdict.REJECTED}
    assert set(tree.files) == {MODULE}
    assert tree.kept["proposed/tests/test_calc.py"] == PROPOSED
    assert result_of(run, Stage.ACCEPTANCE).verdict is Verdict.FAILED
    assert run.exit_code is ExitCode.GATE_FAILED


@pytest.mark.asyncio
async def test_an_agent_that_finishes_without_a_file_is_no_success() -> None:
    writer = proposes(text=None, status=TaskStatus.NO_FILE, reason="the agent finished without the file")
    run = await run_plan(a_plan(generate=True), ports_on(FakeTree({MODULE: SOURCE}), suite=suite_gate(), linter=linter(), writer=writer))
    generation = result_of(run, Stage.GENERATION)
    assert generation.verdict is Verdict.FAILED
    assert generation.errors == (f"{MODULE}: the agent finished without the file",)
    assert run.not_run[Stage.ACCEPTANCE] == "no test was proposed"


@pytest.mark.asyncio
async def test_an_unreachable_agent_is_errored_and_the_run_goes_on_without_it() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_old.py": "old"})
    writer = FakeWriter(error=AgentUnavailableError("no model is set", next_step="set LLM_MODEL"))
    ports = ports_on(tree, clean("type_checking", errors=0), suite=suite_gate(), linter=linter(), writer=writer)
    run = await run_plan(a_plan(tests=("tests/test_old.py",), generate=True), ports)
    assert result_of(run, Stage.GENERATION).verdict is Verdict.ERRORED
    assert result_of(run, Stage.REFACTORING).verdict is Verdict.PASSED
    assert writer.calls[-1] == "stop"
    assert run.exit_code is ExitCode.GATE_FAILED, "coverage is 75 %, needed 80 %"


@pytest.mark.asyncio
async def test_generation_can_be_required() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_old.py": "old"})
    plan = a_plan(tests=("tests/test_old.py",), generate=True, generation_required=True, coverage_goal=100.0)
    writer = FakeWriter(error=AgentUnavailableError("no model is set"))
    low = tuple(rule for rule in plan.rules if rule.gate != "test_coverage")
    run = await run_plan(
        plan_promotion(
            Promotion(
                run_id="r",
                target=plan.target,
                mode=plan.mode,
                generate=True,
                generation_required=True,
                auto_fix=False,
                coverage_goal=100.0,
            ),
            plan.component,
            plan.specification,
            low,
        ),
        ports_on(tree, suite=suite_gate(), linter=linter(), writer=writer),
    )
    assert run.exit_code is ExitCode.COULD_NOT_ASK


@pytest.mark.asyncio
async def test_a_generator_that_nothing_was_asked_of_has_not_passed_and_holds_nobody_back() -> None:
    tree, writer = FakeTree({MODULE: SOURCE, "tests/test_old.py": "old", "tests/test_new.py": PROPOSED}), proposes()
    ports = ports_on(tree, clean("type_checking", errors=0), suite=suite_gate(), linter=linter(), writer=writer)
    plan = a_plan(tests=("tests/test_new.py", "tests/test_old.py"), generate=True, generation_required=True)
    run = await run_plan(replace(plan, generators=("spec", "openhands")), ports)
    assert "submit" not in writer.calls
    assert all(result.stage is not Stage.GENERATION for result in run.stages)
    assert run.not_run[Stage.GENERATION] == (
        "no module needed tests: the specification gives no example that no test calls; "
        "no module that has something to test is below 80 % coverage; openhands was not asked"
    )
    assert run.success


@pytest.mark.asyncio
async def test_a_requirement_whose_example_an_unmarked_test_calls_is_told_with_that_test() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_old.py": "def test_old():\n    assert add(1, 2) == 3\n"})
    stated = Specification(path="spec.md", title="Calc", requirements=(Requirement(id="REQ-1", text="`add(1, 2) == 3`", line=3),))
    plan = replace(a_plan(tests=("tests/test_old.py",)), specification=stated)
    run = await run_plan(plan, ports_on(tree, suite=suite_gate(), linter=linter()))
    assert run.matrix is not None
    assert run.matrix.rows[0].reason == (
        'no test names it: mark the one that shows it with @pytest.mark.requirement("REQ-1"); '
        "tests/test_old.py::test_old makes the call of its example"
    )


@pytest.mark.asyncio
async def test_a_red_suite_is_not_given_to_the_agent() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_old.py": "old"})
    writer = proposes()
    ports = ports_on(tree, suite=suite_gate({"test_old": "failed"}), linter=linter(), writer=writer)
    run = await run_plan(a_plan(tests=("tests/test_old.py",), generate=True), ports)
    assert "submit" not in writer.calls
    assert "do not pass" in run.not_run[Stage.GENERATION]
    assert run.exit_code is ExitCode.GATE_FAILED


@pytest.mark.asyncio
async def test_an_auto_fix_is_shown_and_only_what_it_touched_is_asked_again() -> None:
    tree = FakeTree({MODULE: "import os\n" + SOURCE, "src/fine.py": "x = 1\n", "tests/test_new.py": PROPOSED})

    def lint_answers(component: Component) -> tuple[Answer, ...]:
        del component
        bad = [MODULE] if "import os" in tree.files[MODULE] else []
        return (measured("linting", bad, issues=len(bad)),)

    lint = FakeLinter(name="linting", answers=lint_answers)
    host = FakeHost(tree)

    def fix(command: Command, where: FakeTree) -> Completed:
        where.files[MODULE] = SOURCE
        return Completed(command=command, exit_code=0)

    host.scripts["fix"] = fix
    run = await run_plan(a_plan(tests=("tests/test_new.py",)), ports_on(tree, suite=suite_gate(), linter=lint, host=host))
    assert "-import os" in run.diffs[MODULE]
    assert lint.asked == [(), (MODULE,)]
    assert [command.tool for command in host.started].count("tests") == 2, "the source changed, so its tests are asked again, once"
    assert run.success


@pytest.mark.asyncio
async def test_a_tool_that_looks_at_files_which_the_linter_mends_is_stopped_and_asked_about_the_mended_ones() -> None:
    tree = FakeTree({MODULE: "import os\n" + SOURCE, "tests/test_new.py": PROPOSED})
    stopped: list[str] = []

    class Slow(FakeHost):
        async def run(self, command: Command) -> Completed:
            if command.tool == "type_checking" and "import os" in tree.files[MODULE]:
                self.started.append(command)
                try:
                    await asyncio.Event().wait()
                finally:
                    stopped.append(command.tool)
            return await super().run(command)

    def fix(command: Command, where: FakeTree) -> Completed:
        where.files[MODULE] = SOURCE
        return Completed(command=command, exit_code=0)

    def lint_answers(component: Component) -> tuple[Answer, ...]:
        del component
        bad = [MODULE] if "import os" in tree.files[MODULE] else []
        return (measured("linting", bad, issues=len(bad)),)

    lint = FakeLinter(name="linting", answers=lint_answers)
    types = FakeGate(name="type_checking", answers=lambda _: (measured("type_checking", [], errors=0),), reads_tests=False)
    host = Slow(tree, {"fix": fix})
    ports = ports_on(tree, types, suite=suite_gate(), linter=lint, host=host)
    run = await run_plan(a_plan(tests=("tests/test_new.py",)), ports)
    assert stopped == ["type_checking"], "it would never have ended, and nobody needs its answer"
    assert [command.tool for command in host.started].count("type_checking") == 2
    assert "type_checking" in {each.gate for each in result_of(run, Stage.REFACTORING).gates if each.verdict is Verdict.PASSED}
    assert run.success


@pytest.mark.asyncio
async def test_deployments_are_never_called_success() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_new.py": PROPOSED})
    run = await run_plan(
        a_plan(tests=("tests/test_new.py",), target=Target.PRODUCTION), ports_on(tree, suite=suite_gate(), linter=linter())
    )
    assert result_of(run, Stage.STAGING_DEPLOYMENT).verdict is Verdict.ERRORED
    assert run.not_run[Stage.PRODUCTION_DEPLOYMENT] == "it was not released to staging"
    assert run.exit_code is ExitCode.COULD_NOT_ASK


@pytest.mark.asyncio
async def test_an_interrupted_run_is_told_and_leaves_no_agent_behind() -> None:
    tree = FakeTree({MODULE: SOURCE})

    class Waiting(FakeWriter):
        async def outcome(self, task_id: str) -> TaskOutcome:
            del task_id
            waiting.set()
            await asyncio.Event().wait()
            raise AssertionError

    waiting = asyncio.Event()
    writer = Waiting(lambda request: TaskOutcome(task_id="t", module=request.module, test_file="t.py", status=TaskStatus.CANCELLED))
    task = asyncio.create_task(run_plan(a_plan(generate=True), ports_on(tree, suite=suite_gate(), linter=linter(), writer=writer)))
    await waiting.wait()
    task.cancel()
    run = await task
    assert run.exit_code is ExitCode.INTERRUPTED
    assert writer.calls[-1] == "stop"
    assert run.not_run[Stage.GENERATION] == "the run was interrupted"
    assert {span.name for span in run.stage_spans} >= {Stage.TESTING, Stage.GENERATION}


@pytest.mark.asyncio
async def test_a_gate_that_an_interruption_cut_off_says_so() -> None:
    class Hanging(FakeHost):
        async def run(self, command: Command) -> Completed:
            asked.set()
            await asyncio.Event().wait()
            return await super().run(command)

    tree, asked = FakeTree({MODULE: SOURCE}), asyncio.Event()
    ports = replace(ports_on(tree, suite=suite_gate(), linter=linter()), host=Hanging(tree))
    task = asyncio.create_task(run_plan(a_plan(generate=True), ports))
    await asked.wait()
    task.cancel()
    run = await task
    gates = (*result_of(run, Stage.TESTING).gates, *result_of(run, Stage.REFACTORING).gates)
    assert {(gate.verdict, gate.reason) for gate in gates if gate.required} == {(Verdict.ERRORED, "no answer: the run was interrupted")}
    assert run.not_run[Stage.ACCEPTANCE] == "the run was interrupted"
    assert run.exit_code is ExitCode.INTERRUPTED


@pytest.mark.asyncio
async def test_listeners_are_told_every_stage_and_gate() -> None:
    tree = FakeTree({MODULE: SOURCE, "tests/test_new.py": PROPOSED})
    ports = ports_on(tree, suite=suite_gate(), linter=linter())
    await run_plan(a_plan(tests=("tests/test_new.py",)), ports)
    assert isinstance(ports.listener, Told)
    kinds = [event.kind for event in ports.listener.events]
    assert kinds.count("stage_started") == 2
    assert kinds.count("stage_ended") == 3


@pytest.mark.asyncio
async def test_a_climb_to_production_asks_stagings_own_rules_before_it_releases_there() -> None:
    """Law 7: a longer climb does what the shorter one would have done, and then more."""
    tree = FakeTree({MODULE: SOURCE, "tests/test_new.py": PROPOSED})
    plan = a_plan(tests=("tests/test_new.py",), target=Target.PRODUCTION)
    strict = Rule(gate="type_checking", limits=(Limit(value="errors", comparison=Comparison.AT_MOST, threshold=0),))
    plan = replace(plan, rules=(*plan.rules[:3], strict), staging_rules=plan.rules[:3])
    run = await run_plan(plan, ports_on(tree, clean("type_checking", errors=2), suite=suite_gate(), linter=linter()))
    assert Stage.STAGING_DEPLOYMENT in {result.stage for result in run.stages}, "staging's rules hold"
    assert run.not_run[Stage.PRODUCTION_DEPLOYMENT] == "required gates did not pass: type_checking"
    assert run.exit_code is ExitCode.GATE_FAILED
