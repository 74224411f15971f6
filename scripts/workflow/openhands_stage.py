"""The guide's classes for test generation with OpenHands, on the package's own agent writer.

Success here means that a test file came, and nothing more: whether its tests are worth anything is decided by the
stage `test_acceptance`. The names are looked up in this module when they are needed, so that a caller's tests can substitute them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.errors import Spec2prodError, UsageError

if TYPE_CHECKING:
    from spec2prod.application.ports import TestWriter
    from spec2prod.domain.feedback import Feedback

type Config = Mapping[str, Any]
type OnOutcome = Callable[[str, dict[str, Any]], None]

DEFAULT_COVERAGE_THRESHOLD = 80
DEFAULT_TIMEOUT_SECONDS = 300
DEFAULT_POLL_INTERVAL_SECONDS = 2.0


@dataclass
class OpenHandsStageResult:
    """What the blocking stage brought. `generated_tests` are paths of proposed files in the run's folder."""

    stage_name: str = "openhands_test_generation"
    success: bool = False
    outputs: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    generated_tests: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return asdict(self)


@dataclass
class AsyncOpenHandsStageResult:
    """What submission or collection brought: module → task ID, task ID → result, task ID → why not."""

    stage_name: str = "async_openhands_test_generation"
    success: bool = False
    outputs: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    submitted_tasks: dict[str, str] = field(default_factory=dict)
    completed_tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed_tasks: dict[str, str] = field(default_factory=dict)
    total_execution_time_ms: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return asdict(self)


class OpenHandsTestGenerator:
    """Has the real agent server write tests, one task a module.

    `requests` (module → request) carries what a run knows of a module: the specification, the uncovered lines. A module
    without one is asked for with its path alone.
    """

    enforces_limits = True  # the writer counts a task's time itself, from the moment the agent begins
    takes_feedback = True

    def __init__(self, writer: TestWriter, requests: Mapping[str, TestRequest] | None = None) -> None:
        self._writer = writer
        self._requests = requests if requests is not None else {}  # not a copy: a run adds to it after its tests
        self._outcomes: dict[str, asyncio.Task[TaskOutcome]] = {}
        self._started = False

    @classmethod
    def from_env(
        cls,
        component_path: Path | None = None,
        config: Config | None = None,
        requests: Mapping[str, TestRequest] | None = None,
        component_name: str = "",
    ) -> Self:
        """Make a generator from the variables that OpenHands uses (`LLM_MODEL`, `LLM_API_KEY`, `LLM_BASE_URL`).

        Raises:
            SettingsError: where a setting has the wrong type or value.
        """
        from spec2prod.bootstrap.agent import writer_for

        if not component_name and component_path is None:
            raise UsageError("no component is named", next_step="give component_path or component_name")
        name = component_name or (component_path.stem if component_path else "")
        return cls(writer_for(name, component_path, config or {}), requests)

    async def start(self) -> None:
        """Begin to start the agent server, and return at once. A second call does nothing."""
        if not self._started:
            self._started = True
            await self._writer.start()

    async def stop(self) -> None:
        """End everything that still runs."""
        for task in self._outcomes.values():
            task.cancel()
        await asyncio.gather(*self._outcomes.values(), return_exceptions=True)
        await self._writer.stop()

    async def submit_test_generation_task(self, module_path: str, output_path: str | None = None, coverage_threshold: float = 80) -> str:
        """Hand one module over, and return its task ID at once.

        Raises:
            AgentUnavailableError: where nothing can be submitted: no model, no key, no environment.
        """
        request = self._requests.get(module_path) or TestRequest(
            module=module_path,
            dotted=".".join(Path(module_path).with_suffix("").parts[-1:]),
            test_file=output_path or f"tests/test_{Path(module_path).stem}.py",
            specification="",
            coverage_goal=float(coverage_threshold),
        )
        tasks = await self._writer.submit([request])
        task_id = tasks[request.module]
        self._outcomes[task_id] = asyncio.create_task(self._writer.outcome(task_id))
        return task_id

    async def get_test_generation_results(self, task_id: str, timeout: float | None = None, poll_interval: float = 2.0) -> dict[str, Any]:  # noqa: ASYNC109  # the guide's signature
        """Wait for a task's end. `success` means that the agreed file came; `error` says why not.

        The writer polls for itself; `poll_interval` is accepted because the guide's callers pass it.
        """
        del poll_interval
        if task_id not in self._outcomes:
            return {"success": False, "task_id": task_id, "error": f"no task {task_id} was submitted"}
        task = self._outcomes[task_id]
        done, _ = await asyncio.wait({task}, timeout=timeout)
        if not done:
            return {"success": False, "task_id": task_id, "error": f"no result within {timeout:g} s"}
        return _as_dict(task.result())

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        """Tell the agent, in the same conversation, what its tests' judgement was, and wait for the end of that round."""
        return await self._writer.follow_up(task_id, feedback, number)

    async def get_task_status(self, task_id: str) -> dict[str, Any]:
        """Tell how a task stands, without waiting: unknown, running, or how it ended."""
        task = self._outcomes.get(task_id)
        if task is None:
            return {"task_id": task_id, "status": "unknown"}
        if not task.done():
            return {"task_id": task_id, "status": "running"}
        return {"task_id": task_id, "status": str(task.result().status)}

    async def generate_tests(
        self,
        module_path: str,
        output_path: str | None = None,
        coverage_threshold: float = 80,
        timeout: float | None = None,  # noqa: ASYNC109  # the guide's signature
    ) -> dict[str, Any]:
        """Submit one module and wait for it."""
        task_id = await self.submit_test_generation_task(module_path, output_path, coverage_threshold)
        return await self.get_test_generation_results(task_id, timeout)


class AsyncOpenHandsTestGenerationStage:
    """Submits one task a module without waiting, and collects the results later.

    `requests` may be set before submission (module → request); `on_outcome` is told each result as it comes.
    """

    def __init__(self, component_path: Path, config: Config | None = None) -> None:
        self.component_path = component_path
        self.config: dict[str, Any] = dict(config or {})
        self.coverage_threshold = self.config.get("coverage_threshold", DEFAULT_COVERAGE_THRESHOLD)
        self.timeout = self.config.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS)
        self.poll_interval = self.config.get("poll_interval_seconds", DEFAULT_POLL_INTERVAL_SECONDS)
        self.generator: OpenHandsTestGenerator | None = None
        self.requests: dict[str, TestRequest] = {}
        self.on_outcome: OnOutcome | None = None

    async def submit_tasks(self) -> AsyncOpenHandsStageResult:
        """Submit one task a module; what could not be submitted is in `errors`."""
        result, start = AsyncOpenHandsStageResult(), time.perf_counter()
        modules = list(self.requests) or self._find_modules()
        if not modules:
            result.errors.append(f"No Python modules found in {self.component_path}")
        elif generator := await self._ready(result):
            for module in modules:
                await self._submit(generator, module, result)
        result.success = bool(result.submitted_tasks)
        result.outputs = {
            "component_path": str(self.component_path),
            "modules_found": len(modules),
            "tasks_submitted": len(result.submitted_tasks),
        }
        result.total_execution_time_ms = (time.perf_counter() - start) * 1000
        return result

    async def collect_results(self, submitted: Mapping[str, str]) -> AsyncOpenHandsStageResult:
        """Collect every task's result, all at once, each within the time limit; success means that one came at least."""
        result, start = AsyncOpenHandsStageResult(submitted_tasks=dict(submitted)), time.perf_counter()
        if self.generator is None:
            result.errors.append("nothing was submitted: there is no generator")
        else:
            await asyncio.gather(*(self._collect(self.generator, task_id, result) for task_id in submitted.values()))
        result.success = bool(result.completed_tasks)
        result.outputs = {"tasks_completed": len(result.completed_tasks), "tasks_failed": len(result.failed_tasks)}
        result.total_execution_time_ms = (time.perf_counter() - start) * 1000
        return result

    async def _ready(self, result: AsyncOpenHandsStageResult) -> OpenHandsTestGenerator | None:
        try:
            if self.generator is None:
                self.generator = OpenHandsTestGenerator.from_env(self.component_path, self.config, self.requests)
            await self.generator.start()
        except Spec2prodError as error:
            result.errors.append(_sentence(error))
        except (OSError, RuntimeError) as error:  # what a caller's own generator may raise
            result.errors.append(f"OpenHands could not be started: {error}")
        return None if result.errors else self.generator

    async def _submit(self, generator: OpenHandsTestGenerator, module: str, result: AsyncOpenHandsStageResult) -> None:
        request = self.requests.get(module)
        try:
            result.submitted_tasks[module] = await generator.submit_test_generation_task(
                module_path=module,
                output_path=request.test_file if request else None,
                coverage_threshold=self.coverage_threshold,
            )
        except Spec2prodError as error:
            result.errors.append(f"{module}: {_sentence(error)}")
        except (OSError, RuntimeError) as error:
            result.errors.append(f"{module}: {error}")

    async def _collect(self, generator: OpenHandsTestGenerator, task_id: str, result: AsyncOpenHandsStageResult) -> None:
        # A caller's own generator may hang: its time is limited here. The real one limits the agent itself, and
        # keeps what it had written by then.
        limit = None if getattr(generator, "enforces_limits", False) is True else self.timeout
        try:
            async with asyncio.timeout(limit):
                told = await generator.get_test_generation_results(task_id=task_id, timeout=limit, poll_interval=self.poll_interval)
        except TimeoutError:
            told = {"success": False, "error": f"Timeout: no result within {self.timeout:g} s"}
        except (Spec2prodError, OSError, RuntimeError) as error:
            told = {"success": False, "error": str(error)}
        if told.get("success"):
            result.completed_tasks[task_id] = told
        else:
            result.failed_tasks[task_id] = str(told.get("error") or "the agent gave no reason")
        if self.on_outcome is not None:
            self.on_outcome(task_id, told)

    def _find_modules(self) -> list[str]:
        path = self.component_path
        found = [path] if path.is_file() else sorted(path.rglob("*.py"))
        return [str(each.relative_to(path) if each != path else each.name) for each in found if _is_module(each)]


class OpenHandsTestGenerationStage:
    """The blocking stage: submits, waits for everything, and stops the agent server."""

    def __init__(self, component_path: Path, config: Config | None = None) -> None:
        self._stage = AsyncOpenHandsTestGenerationStage(component_path, config)
        self.component_path = component_path
        self.config = self._stage.config
        self.coverage_threshold = self._stage.coverage_threshold
        self.timeout = self._stage.timeout

    def execute(self) -> OpenHandsStageResult:
        """Run the whole stage, and return what came."""
        return asyncio.run(self._execute())

    async def _execute(self) -> OpenHandsStageResult:
        try:
            submission = await self._stage.submit_tasks()
            collection = (
                await self._stage.collect_results(submission.submitted_tasks) if submission.success else AsyncOpenHandsStageResult()
            )
        finally:
            if self._stage.generator is not None:
                await self._stage.generator.stop()
        return OpenHandsStageResult(
            success=collection.success,
            outputs={**submission.outputs, **collection.outputs, "results": collection.completed_tasks},
            errors=[*submission.errors, *(f"{task}: {why}" for task, why in collection.failed_tasks.items())],
            generated_tests=[str(told.get("test_file", "")) for told in collection.completed_tasks.values()],
        )


def outcome_of(task_id: str, told: Mapping[str, Any], request: TestRequest | None) -> TaskOutcome:
    """Return a result as the package's value. A word of success without a file is no file."""
    module = str(told.get("module") or (request.module if request else ""))
    test_file = request.test_file if request else str(told.get("test_file") or "")
    text = told.get("text")
    delivered = bool(told.get("success")) and isinstance(text, str)
    status = (
        TaskStatus(str(told["status"]))
        if "status" in told
        else TaskStatus.DELIVERED
        if delivered
        else TaskStatus.NO_FILE
        if told.get("success")
        else TaskStatus.ERRORED
    )
    known = {name: told[name] for name in ("llm_calls", "input_tokens", "output_tokens", "cost_usd", "wall_ms", "attempts") if name in told}
    return TaskOutcome(
        task_id=task_id,
        module=module,
        test_file=test_file,
        status=status,
        text=text if isinstance(text, str) else None,
        reason=str(told.get("error") or ("" if delivered else "success was reported, but no test file came")),
        strayed=tuple(told.get("strayed", ())),
        is_priced=bool(told.get("is_priced", "cost_usd" in told)),
        **known,
    )


def _as_dict(outcome: TaskOutcome) -> dict[str, Any]:
    success = outcome.status is TaskStatus.DELIVERED
    return {**asdict(outcome), "status": str(outcome.status), "success": success, "error": "" if success else outcome.reason}


def _sentence(error: Spec2prodError) -> str:
    return f"{error} (next: {error.next_step})" if error.next_step else str(error)


def _is_module(path: Path) -> bool:
    return (
        path.name != "__init__.py" and not path.name.startswith("test_") and not path.stem.endswith("_test") and "tests" not in path.parts
    )
