"""The guide's command and its classes: from a specification to production, sync or async.

    python scripts/workflow/spec_to_production.py --spec specs/x.md --component x --target development --async

The names `AsyncOpenHandsTestGenerationStage`, `run_workflow`, `run_async_workflow` and so on are looked up through their
modules when they are needed, so that a caller's tests can substitute them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def _find_the_package() -> None:
    """Make `spec2prod` importable when the script is started by whatever `python` is on PATH.

    The guide calls `python scripts/workflow/spec_to_production.py`, which need not be the environment's own Python.
    """
    sys.path.insert(0, str(_ROOT))
    try:
        import spec2prod  # noqa: F401  # only whether it can be imported
    except ImportError:
        own = _ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if own.exists() and Path(sys.prefix) != own.parent.parent:
            os.execv(own, [str(own), *sys.argv])  # noqa: S606  # this very script again, under the environment's Python
        sys.stderr.write(f"spec2prod: the package is not installed for {sys.executable}\nnext: make setup, or: pip install {_ROOT}\n")
        sys.exit(4)


if __name__ == "__main__":
    _find_the_package()

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from scripts.workflow import openhands_stage
from spec2prod.bootstrap.listening import telling
from spec2prod.bootstrap.reporting import as_text, document_of, refuse_unwritable, save, summarise
from spec2prod.bootstrap.request import Request
from spec2prod.bootstrap.running import promote, run_to_the_end
from spec2prod.cli import output as cli_output
from spec2prod.cli import run as cli_run
from spec2prod.cli import streams as cli_streams
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.errors import AgentUnavailableError, ExitCode, Spec2prodError
from spec2prod.reports.document import FORMAT as REPORT_FORMAT

if TYPE_CHECKING:
    from spec2prod.domain.feedback import Feedback
    from spec2prod.domain.run import Refusal, Run


@dataclass
class WorkflowResult:
    """A run's result in the guide's fields; times are milliseconds. `run` holds everything else that the report has."""

    success: bool
    component_name: str
    target_stage: str
    stages_completed: list[str] = field(default_factory=list)
    stages_failed: list[str] = field(default_factory=list)
    stage_results: dict[str, Any] = field(default_factory=dict)
    total_execution_time_ms: float = 0.0
    context_session_id: str | None = None
    metrics_dashboard: str | None = None
    execution_mode: str = "sync"
    stage_timings: dict[str, float] = field(default_factory=dict)
    openhands_submission_time_ms: float = 0.0
    openhands_collection_time_ms: float = 0.0
    parallel_execution_savings_ms: float = 0.0
    format: int = REPORT_FORMAT
    exit_code: int = ExitCode.PROMOTED
    error: dict[str, Any] | None = None
    run: dict[str, Any] | None = None
    told: Run | Refusal | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able values."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "told"}

    def save_report(self, output_file: Path) -> None:
        """Write the report: whole or not at all."""
        save(Path(output_file), self.to_dict())


class WorkflowOrchestrator:
    """Runs one component's workflow. `config` takes the guide's keys; unknown ones are refused with a near name."""

    def __init__(
        self,
        spec_file: Path | str,
        component_name: str,
        target_stage: str = "staging",
        component_path: Path | str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.spec_file = Path(spec_file)
        self.component_name = component_name
        self.target_stage = target_stage
        self.component_path = Path(component_path) if component_path is not None else None
        self.config: dict[str, Any] = dict(config or {})
        self._requests: dict[str, TestRequest] = {}
        self._submitting: dict[str, TestRequest] = {}
        self._stage: openhands_stage.AsyncOpenHandsTestGenerationStage | None = None
        self._generator: openhands_stage.OpenHandsTestGenerator | None = None
        self._on_outcome: openhands_stage.OnOutcome | None = None
        self._submission = openhands_stage.AsyncOpenHandsStageResult()
        self._collection = openhands_stage.AsyncOpenHandsStageResult()

    def run(self) -> WorkflowResult:
        """Run every stage one after another."""
        return run_to_the_end(self._run(async_mode=False))

    async def run_async_with_parallel_openhands(self) -> WorkflowResult:
        """Run the stages with the agent writing tests while linter, type checker and security scanner run."""
        return await self._run(async_mode=True)

    async def _run(self, *, async_mode: bool) -> WorkflowResult:
        request = Request(
            spec=self.spec_file,
            component=self.component_name,
            target=self.target_stage,
            async_mode=async_mode,
            component_path=self.component_path,
            overrides=self.config,
        )
        told = await promote(request, writer=StageWriter(self))
        return WorkflowResult(**document_of(told), told=told)

    async def _run_async_openhands_test_generation_stage(self) -> tuple[dict[str, str], float]:
        """Submit one task a module without waiting; return module → task ID, and the milliseconds it took."""
        self._stage = self._new_stage()
        self._stage.requests = self._submitting or self._requests
        self._stage.generator = self._generator
        self._submission = await self._stage.submit_tasks()
        return self._submission.submitted_tasks, self._submission.total_execution_time_ms

    async def _collect_async_openhands_results(self, submitted: Mapping[str, str]) -> tuple[bool, float]:
        """Wait for the submitted tasks; return whether any brought a file, and the milliseconds it took."""
        stage = self._stage or self._new_stage()
        stage.on_outcome = self._on_outcome
        self._collection = await stage.collect_results(submitted)
        return self._collection.success, self._collection.total_execution_time_ms

    def _new_stage(self) -> openhands_stage.AsyncOpenHandsTestGenerationStage:
        return openhands_stage.AsyncOpenHandsTestGenerationStage(self.component_path or Path("src") / self.component_name, self.config)

    async def prestart(self) -> None:
        """Begin to start the agent server, so that its start-up overlaps the tests. Trouble shows at submission."""
        try:
            self._generator = openhands_stage.OpenHandsTestGenerator.from_env(
                self.component_path, self.config, self._requests, self.component_name
            )
            await self._generator.start()
        except Spec2prodError:
            self._generator = None  # submission makes another, and reports why there is none

    async def submit(self, requests: Sequence[TestRequest]) -> dict[str, str]:
        """Submit a run's requests through the guide's own method.

        Raises:
            AgentUnavailableError: where nothing was submitted.
        """
        self._submitting = {request.module: request for request in requests}  # a sync run asks module by module
        self._requests.update(self._submitting)  # the generator made before reads them here
        if self._generator is None:
            await self.prestart()  # a sync run has started nothing before
        submitted, _ = await self._run_async_openhands_test_generation_stage()
        if not submitted:
            raise AgentUnavailableError("; ".join(self._submission.errors) or "no task was submitted")
        return submitted

    async def collect(self, submitted: Mapping[str, str], on_outcome: openhands_stage.OnOutcome) -> None:
        """Collect through the guide's own method; each result is told as it comes, the rest at the end."""
        self._on_outcome = on_outcome
        await self._collect_async_openhands_results(submitted)
        for task_id, told in self._collection.completed_tasks.items():
            on_outcome(task_id, told)
        for task_id, why in self._collection.failed_tasks.items():
            on_outcome(task_id, {"success": False, "error": why})

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome | None:
        """Tell the generator what its tests' judgement was; None where it is a substitute that takes none."""
        generator: Any = getattr(self._stage, "generator", None) or self._generator
        if getattr(generator, "takes_feedback", False) is not True:
            return None
        told: TaskOutcome = await generator.follow_up(task_id, feedback, number)
        return told

    async def stop(self) -> None:
        """Stop the agent server, if one was started."""
        generators = {id(each): each for each in (self._generator, getattr(self._stage, "generator", None)) if each is not None}
        for generator in generators.values():
            await generator.stop()


class StageWriter:
    """The package's port for writing tests, on the orchestrator's own methods: a substituted stage or generator is what a run uses."""

    def __init__(self, orchestrator: WorkflowOrchestrator) -> None:
        self._orchestrator = orchestrator
        self._requests: dict[str, TestRequest] = {}
        self._results: dict[str, asyncio.Future[TaskOutcome]] = {}
        self._collecting: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin the start-up."""
        await self._orchestrator.prestart()

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Submit, and begin to collect."""
        by_module = {request.module: request for request in requests}
        submitted = await self._orchestrator.submit(requests)
        self._requests |= {task: by_module[module] for module, task in submitted.items() if module in by_module}
        self._results |= {task: asyncio.get_running_loop().create_future() for task in submitted.values()}
        self._collecting.append(asyncio.create_task(self._collect(submitted)))
        return submitted

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Wait for one task."""
        return await self._results[task_id]

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Go on with one task, where its generator can."""
        told = await self._orchestrator.follow_up(task_id, feedback, number)
        if told is not None:
            return told
        before = await self.outcome(task_id)
        return replace(before, status=TaskStatus.NO_FILE, text=None, reason="this generator takes no feedback", wall_ms=0.0)

    async def stop(self) -> None:
        """End collection and the agent server."""
        for collecting in self._collecting:
            collecting.cancel()
        await asyncio.gather(*self._collecting, return_exceptions=True)
        await self._orchestrator.stop()

    async def _collect(self, submitted: Mapping[str, str]) -> None:
        why = "the stage told nothing about this task"
        try:
            await self._orchestrator.collect(submitted, self._take)
        except (Spec2prodError, OSError, RuntimeError) as error:
            why = str(error)
        for task_id in submitted.values():
            self._take(task_id, {"success": False, "error": why})

    def _take(self, task_id: str, told: Mapping[str, Any]) -> None:
        waiting = self._results.get(task_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(openhands_stage.outcome_of(task_id, told, self._requests.get(task_id)))


def run_workflow(
    spec_file: Path | str,
    component_name: str,
    target_stage: str = "staging",
    config: Mapping[str, Any] | None = None,
    component_path: Path | str | None = None,
) -> WorkflowResult:
    """Run the workflow stage by stage."""
    return WorkflowOrchestrator(spec_file, component_name, target_stage, component_path, config).run()


async def run_async_workflow(
    spec_file: Path | str,
    component_name: str,
    target_stage: str = "staging",
    config: Mapping[str, Any] | None = None,
    component_path: Path | str | None = None,
) -> WorkflowResult:
    """Run the workflow with the agent's work beside the other stages."""
    orchestrator = WorkflowOrchestrator(spec_file, component_name, target_stage, component_path, config)
    return await orchestrator.run_async_with_parallel_openhands()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the guide's command line: the flags of `spec2prod run`, the same report, the same exit codes."""
    cli_streams.prepare()
    parser = argparse.ArgumentParser(description="Run the spec-to-production workflow: the same as `spec2prod run`.")
    cli_run.add_run_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(argv)
    return cli_output.guarded(lambda: _run_and_report(args), debug=args.debug)


def _run_and_report(args: argparse.Namespace) -> int:
    cli_run.refuse_unreadable(args)
    console, output = cli_output.console(stderr=args.json), cli_run.report_path(args)
    refuse_unwritable(output)
    asked = {
        "spec_file": Path(args.spec),
        "component_name": args.component,
        "target_stage": args.target,
        "config": cli_run.overrides(args),
        "component_path": args.component_path,
    }
    with telling(console):
        result = asyncio.run(run_async_workflow(**asked)) if args.async_mode else run_workflow(**asked)
    result.save_report(output)
    if result.told is not None:
        summarise(result.told, console, output)
    if args.json:
        cli_output.emit(as_text(result.to_dict()))
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
