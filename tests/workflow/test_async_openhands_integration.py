"""The guide's classes: their fields, their defaults, and that a caller's substitutes are what they use.

The generator below is a double for a service that needs a model; what the real one does is tested end to end in
`tests/end_to_end/`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.workflow import openhands_stage, spec_to_production
from scripts.workflow.openhands_stage import (
    AsyncOpenHandsStageResult,
    AsyncOpenHandsTestGenerationStage,
    OpenHandsTestGenerationStage,
    OpenHandsTestGenerator,
    outcome_of,
)
from scripts.workflow.spec_to_production import WorkflowOrchestrator, WorkflowResult
from spec2prod.bootstrap import agent
from spec2prod.bootstrap.place import Place
from spec2prod.domain.candidate import TaskStatus
from spec2prod.errors import AgentUnavailableError

type Told = dict[str, Any]


class ScriptedGenerator:
    """Answers each module as told; remembers what it was asked."""

    def __init__(self, answers: Callable[[str], Told] = lambda _: {"success": True}, *, hangs: bool = False) -> None:
        self.answers, self.hangs = answers, hangs
        self.asked: list[tuple[str, str | None, float]] = []
        self.started = self.stopped = 0

    async def start(self) -> None:
        self.started += 1

    async def stop(self) -> None:
        self.stopped += 1

    async def submit_test_generation_task(self, module_path: str, output_path: str | None = None, coverage_threshold: float = 80) -> str:
        self.asked.append((module_path, output_path, coverage_threshold))
        return f"task-{Path(module_path).stem}"

    async def get_test_generation_results(self, task_id: str, timeout: float | None = None, poll_interval: float = 2.0) -> Told:  # noqa: ASYNC109  # the guide's signature
        del timeout, poll_interval
        if self.hangs:
            await asyncio.Event().wait()
        return self.answers(task_id)


@pytest.fixture
def component_path(tmp_path: Path) -> Path:
    component = tmp_path / "test_component"
    component.mkdir()
    (component / "module1.py").write_text("def func1(): pass\n")
    (component / "module2.py").write_text("def func2(): pass\n")
    return component


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[ScriptedGenerator], ScriptedGenerator]:
    def put(generator: ScriptedGenerator) -> ScriptedGenerator:
        monkeypatch.setattr(openhands_stage.OpenHandsTestGenerator, "from_env", lambda *_args, **_kwargs: generator)
        return generator

    return put


def test_a_stage_result_begins_empty_and_without_success() -> None:
    result = AsyncOpenHandsStageResult()
    assert result.to_dict() == {
        "stage_name": "async_openhands_test_generation",
        "success": False,
        "outputs": {},
        "errors": [],
        "submitted_tasks": {},
        "completed_tasks": {},
        "failed_tasks": {},
        "total_execution_time_ms": 0.0,
    }


def test_a_workflow_result_has_the_performance_fields_with_defaults() -> None:
    result = WorkflowResult(success=True, component_name="c", target_stage="development")
    assert result.execution_mode == "sync"
    assert result.stage_timings == {}
    assert (result.openhands_submission_time_ms, result.openhands_collection_time_ms, result.parallel_execution_savings_ms) == (
        0.0,
        0.0,
        0.0,
    )


def test_a_stage_takes_its_limits_from_the_guides_keys(component_path: Path) -> None:
    default = AsyncOpenHandsTestGenerationStage(component_path)
    assert (default.coverage_threshold, default.timeout, default.poll_interval, default.generator) == (80, 300, 2.0, None)
    told = AsyncOpenHandsTestGenerationStage(
        component_path, {"coverage_threshold": 90, "timeout_seconds": 60, "poll_interval_seconds": 0.5}
    )
    assert (told.coverage_threshold, told.timeout, told.poll_interval) == (90, 60, 0.5)


@pytest.mark.asyncio
async def test_submission_hands_over_every_module_and_waits_for_none(component_path: Path, use: Callable[..., ScriptedGenerator]) -> None:
    generator = use(ScriptedGenerator(hangs=True))
    result = await AsyncOpenHandsTestGenerationStage(component_path).submit_tasks()
    assert result.success
    assert list(result.submitted_tasks.values()) == ["task-module1", "task-module2"]
    assert [Path(module).name for module in result.submitted_tasks] == ["module1.py", "module2.py"]
    assert generator.started == 1
    assert result.total_execution_time_ms > 0


@pytest.mark.asyncio
async def test_submission_without_modules_says_so(tmp_path: Path, use: Callable[..., ScriptedGenerator]) -> None:
    use(ScriptedGenerator())
    result = await AsyncOpenHandsTestGenerationStage(tmp_path).submit_tasks()
    assert not result.success
    assert "No Python modules found" in result.errors[0]


@pytest.mark.asyncio
async def test_submission_without_a_model_says_what_to_set(component_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM_MODEL", "LLM_API_KEY", "LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    stage = AsyncOpenHandsTestGenerationStage(component_path)
    result = await stage.submit_tasks()
    if stage.generator is not None:
        await stage.generator.stop()
    assert not result.success
    assert "LLM_MODEL" in result.errors[0]


@pytest.mark.asyncio
async def test_collection_keeps_what_came_apart_from_what_did_not(component_path: Path, use: Callable[..., ScriptedGenerator]) -> None:
    use(ScriptedGenerator(lambda task: {"success": task == "task-module1", "error": "no file"}))
    stage = AsyncOpenHandsTestGenerationStage(component_path)
    submitted = (await stage.submit_tasks()).submitted_tasks
    result = await stage.collect_results(submitted)
    assert result.completed_tasks == {"task-module1": {"success": True, "error": "no file"}}
    assert result.failed_tasks == {"task-module2": "no file"}
    assert result.success
    assert result.submitted_tasks == submitted


@pytest.mark.asyncio
async def test_collection_ends_at_its_time_limit(component_path: Path, use: Callable[..., ScriptedGenerator]) -> None:
    use(ScriptedGenerator(hangs=True))
    stage = AsyncOpenHandsTestGenerationStage(component_path, {"timeout_seconds": 0.05})
    result = await stage.collect_results((await stage.submit_tasks()).submitted_tasks)
    assert not result.success
    assert all("Timeout" in why for why in result.failed_tasks.values())


@pytest.mark.asyncio
async def test_collection_without_submission_is_no_success(component_path: Path) -> None:
    result = await AsyncOpenHandsTestGenerationStage(component_path).collect_results({"module1.py": "task-1"})
    assert not result.success
    assert result.errors


def test_the_blocking_stage_submits_waits_and_stops(component_path: Path, use: Callable[..., ScriptedGenerator]) -> None:
    generator = use(ScriptedGenerator(lambda task: {"success": True, "test_file": f"tests/{task}.py"}))
    result = OpenHandsTestGenerationStage(component_path).execute()
    assert result.success
    assert result.generated_tests == ["tests/task-module1.py", "tests/task-module2.py"]
    assert generator.stopped == 1


@pytest.mark.asyncio
async def test_the_orchestrator_returns_tasks_and_submission_time(
    tmp_path: Path, component_path: Path, use: Callable[..., ScriptedGenerator]
) -> None:
    use(ScriptedGenerator())
    orchestrator = WorkflowOrchestrator(
        spec_file=tmp_path / "spec.md", component_name="test_component", target_stage="development", component_path=component_path
    )
    submitted, submission_ms = await orchestrator._run_async_openhands_test_generation_stage()
    assert set(submitted.values()) == {"task-module1", "task-module2"}
    assert submission_ms > 0
    success, collection_ms = await orchestrator._collect_async_openhands_results(submitted)
    assert success is True
    assert collection_ms > 0


@pytest.mark.asyncio
async def test_the_orchestrator_uses_a_substituted_stage(tmp_path: Path, component_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Substitute(AsyncOpenHandsTestGenerationStage):
        async def submit_tasks(self) -> AsyncOpenHandsStageResult:
            return AsyncOpenHandsStageResult(success=True, submitted_tasks={"module1.py": "task-9"}, total_execution_time_ms=100.0)

    monkeypatch.setattr("scripts.workflow.openhands_stage.AsyncOpenHandsTestGenerationStage", Substitute)
    orchestrator = WorkflowOrchestrator(spec_file=tmp_path / "spec.md", component_name="test_component", component_path=component_path)
    assert await orchestrator._run_async_openhands_test_generation_stage() == ({"module1.py": "task-9"}, 100.0)


@pytest.mark.asyncio
async def test_the_real_generator_reports_unknown_tasks_and_refuses_without_a_model(
    component_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LLM_MODEL", "LLM_API_KEY", "LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    generator = OpenHandsTestGenerator.from_env(component_path)
    assert await generator.get_task_status("nothing") == {"task_id": "nothing", "status": "unknown"}
    assert (await generator.get_test_generation_results("nothing"))["success"] is False
    with pytest.raises(AgentUnavailableError):
        await generator.generate_tests(str(component_path / "module1.py"))
    await generator.stop()


def test_a_word_of_success_without_a_file_is_no_file() -> None:
    outcome = outcome_of("t", {"success": True, "test_file": "tests/test_x.py"}, None)
    assert outcome.status is TaskStatus.NO_FILE
    assert outcome.text is None
    assert "no test file came" in outcome.reason


def test_the_command_line_runs_what_stands_in_its_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    def substitute(**given: Any) -> WorkflowResult:
        asked.append(given)
        return WorkflowResult(success=False, component_name="c", target_stage="development", exit_code=1)

    monkeypatch.setattr(spec_to_production, "run_workflow", substitute)
    monkeypatch.chdir(tmp_path)
    assert spec_to_production.main(["--spec", "s.md", "--component", "c", "--target", "dev"]) == 1
    assert asked[0]["target_stage"] == "dev"
    assert (tmp_path / "workflow_report_c.json").exists()


@pytest.mark.asyncio
async def test_a_component_found_by_its_name_gives_the_agent_its_own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It once got the folder above the project: nothing was named but the component."""
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "pyproject.toml").touch()
    (project / "src" / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    monkeypatch.chdir(project)
    for name in ("LLM_MODEL", "LLM_API_KEY", "LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    given: list[Path] = []
    real = agent.openhands_writer

    def noted(place: Place, mode: Any) -> Any:
        given.append(place.tree.root)
        return real(place, mode)

    monkeypatch.setattr(agent, "openhands_writer", noted)
    orchestrator = WorkflowOrchestrator(spec_file=project / "spec.md", component_name="sums")
    await orchestrator.prestart()
    await orchestrator.stop()
    assert given == [project]
