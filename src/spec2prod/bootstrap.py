"""Where ports meet adapters, and nowhere else: a request comes in, a run and its report go out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from spec2prod.adapters import examination, markdown, programs, terminal
from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.interpreter import find_interpreter
from spec2prod.adapters.journal import InMemoryJournal
from spec2prod.adapters.tree import ProjectTree, write_atomic
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Event, Gate, Listener, Ports, TestWriter
from spec2prod.application.specification import Promotion, plan_promotion
from spec2prod.config.rules import coverage_goal, rules_for
from spec2prod.config.settings import Settings, read_settings
from spec2prod.domain.candidate import TaskOutcome, TestRequest
from spec2prod.domain.component import Component
from spec2prod.domain.locate import locate
from spec2prod.domain.plan import Mode, Plan, Stage, Target
from spec2prod.domain.run import Refusal, Run
from spec2prod.domain.screening import imported_names
from spec2prod.domain.timeline import Span
from spec2prod.errors import AgentUnavailableError, OutputError, Spec2prodError, UsageError
from spec2prod.gates.complexity import ComplexityGate
from spec2prod.gates.documentation import DocumentationGate
from spec2prod.gates.linting import LintingGate
from spec2prod.gates.performance import Performance
from spec2prod.gates.security import SecurityGate
from spec2prod.gates.tests import TestsGate
from spec2prod.gates.type_checking import TypeCheckingGate, named_checker
from spec2prod.gates.vulnerabilities import VulnerabilitiesGate
from spec2prod.questions import applicable, keep_figures, own_gates, performance_of
from spec2prod.releases import delivery
from spec2prod.reports import json_report
from spec2prod.reports.document import FORMAT

if TYPE_CHECKING:
    from rich.console import Console

    from spec2prod.adapters.openhands.environment import Environment
    from spec2prod.adapters.openhands.options import OpenHandsOptions
    from spec2prod.adapters.openhands.writer import OpenHandsWriter

REPORT_FORMAT = FORMAT
_ALIASES = {"dev": Target.DEVELOPMENT}
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks for, unread and unchecked. `overrides` are the guide's configuration keys."""

    spec: Path
    component: str
    target: str
    async_mode: bool
    component_path: Path | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    overrides_from: str = "caller"

    @property
    def mode(self) -> Mode:
        """Return the mode."""
        return Mode.ASYNC if self.async_mode else Mode.SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run happens: the project's tree, its settings, the component, the folder of the run.

    `found_by` and `tests_found_by` say by which rule the component and its tests were found; `own_gates` are the project's, and
    `performance` is what benchmarks are compared with, where there are any.
    """

    tree: ProjectTree
    settings: Settings
    component: Component
    run_id: str
    found_by: str = ""
    tests_found_by: str = ""
    own_gates: tuple[Gate, ...] = ()
    performance: Performance | None = None


class Silent:
    """A listener for callers that want the result alone."""

    def tell(self, event: object) -> None:
        """Take no note."""


class Nobody:
    """The writer of a run that asks for no tests: the agent's adapter is not even imported for it."""

    async def start(self) -> None:
        """Begin nothing."""

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Refuse."""
        raise AgentUnavailableError(f"generation is off, but {len(requests)} modules were submitted", next_step="--enable-openhands")

    async def outcome(self, task_id: str) -> TaskOutcome:
        """Refuse."""
        raise AgentUnavailableError(f"generation is off: there is no task {task_id}", next_step="--enable-openhands")

    async def stop(self) -> None:
        """End nothing."""


class Unready(Nobody):
    """The writer of a run on a machine where an agent cannot work: it says so, and the run goes on without tests of its."""

    def __init__(self, trouble: AgentUnavailableError) -> None:
        """Take what is in the way."""
        self._trouble = trouble

    async def submit(self, requests: Sequence[TestRequest]) -> Mapping[str, str]:
        """Refuse."""
        del requests
        raise self._trouble


def run_and_report(request: Request, *, output: Path, console: Console, emit: Callable[[str], None] | None) -> int:
    """Run a request, write its report, tell its summary; return the exit code. `emit` takes the document, where one is wanted."""
    refuse_unwritable(output)
    with telling(console):
        told = run_to_the_end(promote(request))
    document = document_of(told)
    trouble = _not_saved(output, document)
    summarise(told, console, None if trouble else output)
    if emit is not None:
        emit(as_text(document))
    if trouble:
        raise trouble
    return told.exit_code


def refuse_unwritable(output: Path) -> None:
    """Refuse a report's place before anything is spent on the run.

    Raises:
        OutputError: where a folder has that name, or its folder takes no file.
    """
    folder = next(each for each in (output.absolute().parent, *output.absolute().parents) if os.path.lexists(each))
    if os.path.isdir(output):  # noqa: PTH112 - unlike Path's, it minds no name that is too long
        raise OutputError("is a folder, so that no report can be written there", where=str(output), next_step="Name a file with --output.")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(f"cannot be written: {folder} takes no file", where=str(output), next_step="Name another place with --output.")


def _not_saved(output: Path, document: Mapping[str, Any]) -> OutputError | None:
    """Save a report; return why it could not be, so that the verdict is told all the same."""
    try:
        save(output, document)
    except OutputError as error:
        return error
    return None


def run_to_the_end[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from plain code, also where this thread runs a loop already (then in a thread of its own)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as other:
        return other.submit(copy_context().run, asyncio.run, work).result()


def summarise(told: Run | Refusal, console: Console, output: Path | None) -> None:
    """Tell people what a report says, and where it lies; None where it could not be written."""
    terminal.summary(told, console, report=str(output or ""), page=dashboard(told))


def save(output: Path, document: Mapping[str, Any]) -> None:
    """Write a report: whole or not at all."""
    write_atomic(output, as_text(document))


def as_text(document: Mapping[str, Any]) -> str:
    """Return a report's document as JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@contextmanager
def telling(console: Console) -> Iterator[None]:
    """Tell the progress of every run inside on a console."""
    with terminal.Progress(console) as progress, listening(progress):
        yield


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell every run inside to a listener."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


async def promote(request: Request, *, writer: TestWriter | None = None) -> Run | Refusal:
    """Read, plan and run. What is refused before it begins is a `Refusal`; SIGTERM interrupts as Ctrl-C does."""
    clock = SystemClock()
    run_id = _new_run_id()
    started_at = clock.now()
    try:
        plan, place = prepare(request, run_id)
        place.tree.make_run_folder()
    except Spec2prodError as error:
        return Refusal(
            run_id=run_id,
            component_name=request.component,
            target=request.target,
            mode=request.mode,
            started_at=started_at,
            total_ms=clock.elapsed_ms(),
            error=error,
        )
    prelude = [Span(name=Stage.SPECIFICATION, start_ms=0.0, end_ms=clock.elapsed_ms())]
    with _terminated_as_interrupted():
        run = await run_plan(
            plan, _ports(place, clock, writer or (_ready_writer(place, plan.mode) if plan.generate else Nobody())), prelude=prelude
        )
    _write_page(run)
    if trouble := keep_figures(run):
        (_LISTENER.get() or Silent()).tell(Event(kind="performance", stage=None, text=trouble, at_ms=run.total_ms))
    return run


def prepare(request: Request, run_id: str) -> tuple[Plan, Place]:
    """Read settings, specification and component, and lay out the climb.

    Raises:
        Spec2prodError: whatever is refused, with its address and the next step.
    """
    settings = read_settings(project_root(request.component_path), request.overrides, os.environ, overrides_from=request.overrides_from)
    place = place_of(request.component, request.component_path, settings, run_id)
    specification = markdown.read_spec(request.spec, place.tree.root)
    target = target_of(request.target)
    compared = performance_of(place.tree, place.component, settings)
    rules = applicable(rules_for(target, settings, specification), asks_performance=compared is not None)
    place = replace(place, own_gates=own_gates(settings, place.component.interpreter, rules), performance=compared)
    asked = Promotion(
        run_id=run_id,
        target=target,
        mode=request.mode,
        generate=settings.enable_openhands_test_generation,
        generation_required=settings.openhands.required,
        auto_fix=settings.auto_fix_linting,
        coverage_goal=coverage_goal(rules),
        model=settings.openhands.model or "",
        scripted_model=_is_scripted(settings.openhands.model or ""),
        waivers=settings.waivers_given(),
        staging_rules=applicable(rules_for(Target.STAGING, settings, specification), asks_performance=compared is not None)
        if target is Target.PRODUCTION
        else (),
    )
    return plan_promotion(asked, place.component, specification, rules), place


def place_of(name: str, component_path: Path | None, settings: Settings, run_id: str) -> Place:
    """Find the component in its project."""
    root = project_root(component_path)
    tree = ProjectTree(root, run_id)
    explicit = _relative(component_path, root) if component_path is not None else None
    configured = settings.component_settings()
    found = locate(
        name, tree.list_files(), configured=configured, explicit=explicit, imports=lambda path: imported_names(tree.read(path) or "")
    )
    _refuse_unreadable_names(str(root), *found.modules, *found.tests)
    component = Component(
        name=name,
        root=root,
        source=found.source,
        import_root=found.import_root,
        modules=found.modules,
        tests=found.tests,
        tests_folder=found.tests_folder,
        data=found.data,
        interpreter=find_interpreter(root, settings.python, os.environ),
    )
    return Place(tree=tree, settings=settings, component=component, run_id=run_id, found_by=found.rule, tests_found_by=found.tests_rule)


def project_root(component_path: Path | None = None) -> Path:
    """Return the project's folder: the nearest one with a `pyproject.toml` or `.git`, from the component's path or from here.

    A component outside of any project lies in the folder that holds it.
    """
    here = Path.cwd()
    start = component_path.resolve().parent if component_path is not None else here
    if start.is_relative_to(here) or (component_path is not None and component_path.resolve() == here):
        start = here
    marked = (each for each in (start, *start.parents) if any(os.path.lexists(each / name) for name in ("pyproject.toml", ".git")))
    found = next(marked, start)
    if found == found.parent:
        step = "Start it in a project's folder, or name a path inside one."
        raise UsageError("the whole file system is no project", where=str(component_path or here), next_step=step)
    return found


def _refuse_unreadable_names(*paths: str) -> None:
    """Refuse names that are no UTF-8 text: no report could name them, and Python cannot import them."""
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError:
            raise UsageError(f"the name {path!r} is no UTF-8 text", next_step="Rename it, or move it out of the component.") from None


def target_of(name: str) -> Target:
    """Return the target of that name; `dev` is development.

    Raises:
        UsageError: for any other name.
    """
    try:
        return _ALIASES.get(name) or Target(name)
    except ValueError:
        known = ", ".join(Target)
        raise UsageError(f"no target is called {name!r}", next_step=f"use one of {known} (or dev)") from None


def document_of(told: Run | Refusal) -> dict[str, Any]:
    """Return the report's document."""
    if isinstance(told, Refusal):
        return json_report.refusal_document(told)
    return json_report.as_document(told, metrics_dashboard=dashboard(told))


def dashboard(told: Run | Refusal) -> str | None:
    """Return where a run's page lies; a refused run has none, nor has one whose page could not be written."""
    if isinstance(told, Refusal) or not _page(told).exists():
        return None
    return str(_page(told))


def writer_for(name: str, component_path: Path | None, config: Mapping[str, Any]) -> OpenHandsWriter:
    """Return a writer for a component, found as a run finds it: the guide's generator is made of it."""
    settings = read_settings(project_root(component_path), config, os.environ)
    place = place_of(name, component_path, settings, _new_run_id())
    return _writer(place, Mode.ASYNC)


def install_openhands(say: Callable[[str], None]) -> Environment:
    """Build the agent server's environment in the user's cache directory."""
    import uv

    from spec2prod.adapters.openhands import environment

    return environment.install(cache_folder(), uv=Path(uv.find_uv_bin()), python=Path(sys.executable), say=say)


def find_openhands() -> Environment | None:
    """Return the installed environment, if there is one."""
    from spec2prod.adapters.openhands import environment

    return environment.find(cache_folder())


def cache_folder() -> Path:
    """Return the user's cache directory; `SPEC2PROD_CACHE_DIR` names another."""
    own = os.environ.get("SPEC2PROD_CACHE_DIR")
    return Path(own) if own else user_cache_path("spec2prod", appauthor=False)


def ports_to_look_at(place: Place) -> Ports:
    """Return what a run there would turn outward to, without an agent; nothing is started for it."""
    return _ports(place, SystemClock(), Nobody())


def type_checking_of(place: Place) -> TypeCheckingGate:
    """Return the type checker that a run asks there."""
    return _type_checking(place)


def _write_page(run: Run) -> None:
    """Write the page about a run; where that fails (a full disk) it is told, and the verdict stays what it is."""
    from spec2prod.reports import html

    try:
        write_atomic(_page(run), html.render(run))
    except OutputError as error:
        (_LISTENER.get() or Silent()).tell(Event(kind="page", stage=None, text=str(error), at_ms=run.total_ms))


def _page(run: Run) -> Path:
    return run.plan.component.root / ".spec2prod" / "runs" / run.plan.run_id / "report.html"


def _ports(place: Place, clock: SystemClock, writer: TestWriter) -> Ports:
    suite = TestsGate(nonce=uuid.uuid4().hex, performance=place.performance, timeout_s=place.settings.test_timeout_seconds)
    interpreter, ours = place.component.interpreter, Path(sys.executable)
    selection = programs.ruff_selection(place.component.root, place.component.source)
    linter = LintingGate(program=programs.own_or_ours("ruff", interpreter), selection=selection)
    gates: tuple[Gate, ...] = (
        suite,
        linter,
        _type_checking(place),
        SecurityGate(interpreter=ours),
        VulnerabilitiesGate(interpreter=ours, site_packages=programs.site_packages(interpreter), env=_proxies()),
        DocumentationGate(interpreter=ours),
        ComplexityGate(interpreter=ours),
        *place.own_gates,
    )
    host = ProcessHost()
    return Ports(
        journal=InMemoryJournal(),
        clock=clock,
        host=host,
        tree=place.tree,
        gates={gate.name: gate for gate in gates},
        suite=suite,
        linter=linter,
        writer=writer,
        listener=_LISTENER.get() or Silent(),
        delivery=delivery(place.tree, place.settings, host, clock),
    )


def _type_checking(place: Place) -> TypeCheckingGate:
    """Ask the checker that the settings name, or the project configures, else basedpyright."""
    root, chosen = place.component.root, place.settings.type_checker
    named = named_checker(programs.pyproject(root), [each.name for each in root.iterdir()])
    checker = (named or "basedpyright") if chosen == "auto" else chosen
    program = programs.ours("basedpyright") if checker == "basedpyright" else programs.own_or_ours(checker, place.component.interpreter)
    table = programs.checker_table(root, checker)
    return TypeCheckingGate(checker=checker, program=program, obey_project=named == checker, configuration=table)


def _proxies() -> dict[str, str]:
    """Return what a question to a public service needs of our environment, and nothing else."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    return {name: os.environ[name] for name in names if name in os.environ}


def _ready_writer(place: Place, mode: Mode) -> TestWriter:
    """Return the agent, after a cheap look at the machine; the writer itself looks at its environment, key and model."""
    trouble = examination.before_generation(place.component.root)
    if trouble is not None:
        return Unready(AgentUnavailableError(f"{trouble.name}: {trouble.told}", next_step=trouble.next_step))
    return _writer(place, mode)


def agent_options(settings: Settings, mode: Mode = Mode.ASYNC) -> OpenHandsOptions:
    """Return how the agent is driven, with the keys that the environment holds."""
    from spec2prod.adapters.openhands.options import OpenHandsOptions

    chosen = settings.openhands
    return OpenHandsOptions(
        model=chosen.model or "",
        api_key=os.environ.get(chosen.api_key_env, ""),
        base_url=chosen.base_url or "",
        max_output_tokens=chosen.max_output_tokens,
        input_cost_per_token=chosen.input_cost_per_token,
        output_cost_per_token=chosen.output_cost_per_token,
        server_url=chosen.server_url or "",
        server_key=os.environ.get(chosen.server_key_env, "") if chosen.server_key_env else "",
        timeout_s=settings.timeout_seconds,
        poll_interval_s=settings.poll_interval_seconds,
        max_iterations=chosen.max_iterations,
        max_tokens=chosen.max_tokens,
        max_cost_usd=chosen.max_cost_usd,
        max_concurrent=chosen.max_concurrent if mode is Mode.ASYNC else 1,
    )


def _writer(place: Place, mode: Mode) -> OpenHandsWriter:
    from spec2prod.adapters.openhands.workplace import Workplace
    from spec2prod.adapters.openhands.writer import OpenHandsWriter
    from spec2prod.adapters.sandbox import find_sandbox

    workplace = Workplace(
        run_id=place.run_id,
        run_folder=place.tree.run_folder,
        tree=place.tree,
        interpreter=place.component.interpreter,
        environment=find_openhands(),
        box=find_sandbox(),
    )
    return OpenHandsWriter(agent_options(place.settings, mode), workplace)


def _is_scripted(model: str) -> bool:
    """Whether the model is a script: `spec2prod.testing` names its models so, and every report says it."""
    return model.rpartition("/")[2].startswith("scripted")


def _relative(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        raise UsageError(f"{path} lies outside of the project {root}", where="--component-path") from None


def _new_run_id() -> str:
    return str(uuid.uuid4())


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM like Ctrl-C while a run told on a console goes on; a library's caller keeps its own handlers."""
    task = asyncio.current_task()
    if _LISTENER.get() is None or task is None or os.name == "nt":
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
