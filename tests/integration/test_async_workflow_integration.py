"""The guide's five scenarios: real pytest, ruff and security scanner on a small component; the first with the real type checker, too.

The agent is a double here, so that a scenario can say how long it takes and how it fails; the real agent server is in
`tests/end_to_end/`. Overlap is shown by who was running when, never by a stop-watch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.workflow import openhands_stage
from scripts.workflow.spec_to_production import WorkflowOrchestrator, WorkflowResult, run_async_workflow, run_workflow
from spec2prod.bootstrap.listening import listening
from tests.end_to_end.layouts import NO_TYPES, PLAIN

pytestmark = pytest.mark.integration

SPECIFICATION = "# Test Component\n\n## Requirements\n- Doubles a number\n\n## Testing Requirements\n- Achieve 80% coverage\n"
SOURCE = (
    '"""A module."""\n'
    "\n"
    "\n"
    "def double(number: int) -> int:\n"
    '    """Double a number."""\n'
    "    return 2 * number\n"
    "\n"
    "\n"
    "def triple(number: int) -> int:\n"
    '    """Triple a number."""\n'
    "    return 3 * number\n"
)
OLD_TEST = "from component.module import double\n\n\ndef test_double() -> None:\n    assert double(2) == 4\n"
NEW_TEST = "from component.module import triple\n\n\ndef test_triple() -> None:\n    assert triple(2) == 6\n"


class Agent:
    """A double for the agent: it takes as long as it is told, and brings what it is told."""

    def __init__(self, text: str | None = NEW_TEST, error: str = "", takes: Callable[[], Any] | None = None) -> None:
        self.text, self.error, self.takes = text, error, takes
        self.events: list[str] = []

    async def start(self) -> None:
        self.events.append("started")

    async def stop(self) -> None:
        self.events.append("stopped")

    async def submit_test_generation_task(self, module_path: str, output_path: str | None = None, coverage_threshold: float = 80) -> str:
        del output_path, coverage_threshold
        self.events.append("submitted")
        return f"task-{module_path}"

    async def get_test_generation_results(self, task_id: str, timeout: float | None = None, poll_interval: float = 2.0) -> dict[str, Any]:  # noqa: ASYNC109  # the guide's signature
        del task_id, timeout, poll_interval
        if self.takes is not None:
            await self.takes()
        self.events.append("answered")
        return {"success": self.text is not None, "text": self.text, "error": self.error}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "spec.md").write_text(SPECIFICATION)
    (tmp_path / "pyproject.toml").write_text(PLAIN + NO_TYPES)
    (tmp_path / "component").mkdir()
    (tmp_path / "component" / "module.py").write_text(SOURCE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_module.py").write_text(OLD_TEST)
    return tmp_path


@pytest.fixture
def employ(monkeypatch: pytest.MonkeyPatch) -> Callable[[Agent], Agent]:
    def put(agent: Agent) -> Agent:
        monkeypatch.setattr(openhands_stage.OpenHandsTestGenerator, "from_env", lambda *_args, **_kwargs: agent)
        return agent

    return put


def orchestrator(project: Path, **config: Any) -> WorkflowOrchestrator:
    return WorkflowOrchestrator(
        spec_file=project / "spec.md",
        component_name="component",
        target_stage="development",
        component_path=project / "component",
        config={"enable_openhands_test_generation": True, **config},
    )


@pytest.mark.asyncio
async def test_end_to_end_async_workflow_adopts_what_earns_its_place(project: Path, employ: Callable[[Agent], Agent]) -> None:
    agent = employ(Agent())
    (project / "pyproject.toml").unlink()  # with the type checker, and every plugin
    result = await orchestrator(project).run_async_with_parallel_openhands()
    assert result.success, result.stage_results
    assert result.execution_mode == "async"
    assert result.stages_failed == []
    assert {"specification", "testing", "openhands_submission", "openhands_collection", "refactoring", "test_acceptance"} <= set(
        result.stage_timings
    )
    adopted = result.stage_results["test_acceptance"]["outputs"]["adopted"]
    assert [(project / file).read_text() for file in adopted] == [NEW_TEST]
    assert agent.events[-1] == "stopped"


@pytest.mark.asyncio
async def test_refactoring_runs_while_the_agent_works(project: Path, employ: Callable[[Agent], Agent]) -> None:
    """The agent ends only after the linter has answered: without overlap this run could not end."""
    linted = asyncio.Event()

    async def until_linted() -> None:
        async with asyncio.timeout(60):
            await linted.wait()

    employ(Agent(takes=until_linted))
    listener = WhenLinted(linted)
    with listener.listening():
        result = await orchestrator(project).run_async_with_parallel_openhands()
    assert result.success, result.stage_results
    assert result.parallel_execution_savings_ms > 0


class WhenLinted:
    """A listener that lets the agent go on once linting has its verdict."""

    def __init__(self, linted: asyncio.Event) -> None:
        self.linted = linted

    def tell(self, event: Any) -> None:
        if event.kind == "gate" and event.text.startswith("linting"):
            self.linted.set()

    def listening(self) -> Any:
        return listening(self)


@pytest.mark.asyncio
async def test_a_task_that_outlasts_its_limit_is_reported_and_the_run_goes_on(project: Path, employ: Callable[[Agent], Agent]) -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    employ(Agent(takes=for_ever))
    result = await orchestrator(project, timeout_seconds=0.2).run_async_with_parallel_openhands()
    assert "openhands_test_generation" in result.stages_failed
    assert "Timeout" in str(result.stage_results["openhands_test_generation"]["errors"])
    assert "refactoring" in result.stages_completed


@pytest.mark.asyncio
async def test_an_agent_that_fails_is_never_called_success(project: Path, employ: Callable[[Agent], Agent]) -> None:
    employ(Agent(text=None, error="the circuit of the endpoint is open"))
    result = await orchestrator(project).run_async_with_parallel_openhands()
    generation = result.stage_results["openhands_test_generation"]
    assert generation["success"] is False
    assert "circuit" in str(generation["errors"])
    assert not result.success, "coverage stays below what the specification asks"
    assert set(result.stage_timings) >= {"specification", "testing", "refactoring"}


def test_sync_and_async_do_the_same_and_differ_in_what_runs_beside_what(project: Path, employ: Callable[[Agent], Agent]) -> None:
    employ(Agent(text=None, error="nothing came"))
    asked: dict[str, Any] = {
        "spec_file": project / "spec.md",
        "component_name": "component",
        "target_stage": "dev",
        "component_path": project / "component",
    }
    config = {"enable_openhands_test_generation": True, "cache": False}
    sync = run_workflow(**asked, config=config)
    beside = asyncio.run(run_async_workflow(**asked, config=config))
    assert (sync.execution_mode, beside.execution_mode) == ("sync", "async")
    assert verdicts(sync) == verdicts(beside)
    assert commands(sync) == commands(beside)
    assert sync.parallel_execution_savings_ms == pytest.approx(0, abs=0.001)


def verdicts(result: WorkflowResult) -> dict[str, str]:
    return {name: stage["verdict"] for name, stage in result.stage_results.items()}


def commands(result: WorkflowResult) -> list[str]:
    assert result.run is not None
    return sorted(process["tool"] for process in result.run["processes"])


@pytest.mark.asyncio
async def test_the_guides_template_holds(tmp_path: Path) -> None:
    spec_file = tmp_path / "spec.md"
    spec_file.write_text("# Test Component\n\n## Requirements\n- Req 1")
    component_path = tmp_path / "component"
    component_path.mkdir()
    (component_path / "module.py").write_text("def func(): pass")
    result = await WorkflowOrchestrator(
        spec_file=spec_file,
        component_name="test_component",
        target_stage="development",
        component_path=component_path,
        config={"enable_openhands_test_generation": False},
    ).run_async_with_parallel_openhands()
    assert result.execution_mode == "async"
    assert "specification" in result.stage_timings
    assert not result.success, "a component without tests is not promoted"
