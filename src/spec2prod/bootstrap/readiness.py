"""Is this machine ready? What `spec2prod doctor` looks at, put together: every row is measured."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from spec2prod import __version__
from spec2prod.adapters import examination, programs
from spec2prod.adapters.examination import Probe, Row, State
from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.interpreter import find_interpreter
from spec2prod.adapters.openhands.minimal_call import Call, ask_endpoint, call_model
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.adapters.tree import ProjectTree
from spec2prod.bootstrap.agent import agent_options, find_openhands
from spec2prod.bootstrap.assembly import type_checking_of
from spec2prod.bootstrap.characterising import environment_for
from spec2prod.bootstrap.database_row import database_row
from spec2prod.bootstrap.place import Place, place_of
from spec2prod.bootstrap.project import project_root
from spec2prod.config.rules import rules_for
from spec2prod.config.settings import Settings, read_settings
from spec2prod.config.shown import safe
from spec2prod.domain.command import Command
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Target
from spec2prod.domain.specification import Specification
from spec2prod.errors import SettingsError, Spec2prodError
from spec2prod.gates.pytest_refusal import refusal
from spec2prod.gates.type_checking import TypeCheckingGate

_NOT_RUN = "doctor"  # the name of a run that never is


async def examine(component: str | None = None, component_path: Path | None = None, *, call: bool = False) -> tuple[Row, ...]:
    """Look at everything that runs need on this machine; `call` asks the model for one token, and may cost as much."""
    root = project_root(component_path)
    settings, rows = _settings(root)
    component_rows, place = _component(component, component_path, settings, root)
    host = ProcessHost(keep=("UV_CACHE_DIR",))
    tools = await examination.ask_all(host, tuple(_probes(place)))
    machine = (examination.look_at_disk(root), examination.look_at_state_folder(root), examination.look_at_port())
    readable = all(row.state is State.OK for row in rows)  # else nobody knows which database is meant
    database = [await asyncio.to_thread(database_row, root, settings)] if readable else []
    own = Row(name="spec2prod", state=State.OK, told=f"{__version__}, on Python {platform.python_version()}")
    return (
        own,
        *rows,
        *component_rows,
        *tools,
        *await _options(place, host),
        *_own_gates(settings, root),
        *machine,
        *database,
        _sandbox(),
        *await _agent(settings, host, call=call),
        await _pynguin(settings, place, host),
    )


def _settings(root: Path) -> tuple[Settings, tuple[Row, ...]]:
    """Return the settings, or the defaults beside a row that says what is wrong with them."""
    try:
        settings = read_settings(root, None, os.environ)
    except Spec2prodError as error:
        return Settings(), (_trouble("settings", error),)
    count = sum(origin.startswith("pyproject.toml") for origin in settings.origins.values())
    told = f"{count} set in {root / 'pyproject.toml'}" if count else f"all defaults in {root}"
    return settings, (Row(name="settings", state=State.OK, told=told),)


def _component(name: str | None, path: Path | None, settings: Settings, root: Path) -> tuple[tuple[Row, ...], Place | None]:
    try:
        if name is not None:
            place = place_of(name, path, settings, _NOT_RUN)
            told = f"{place.component.source}, modules: {len(place.component.modules)}, test files: {len(place.component.tests)}"
            return (Row(name=f"component {name}", state=State.OK, told=told),), place
        python = find_interpreter(root, settings.python, os.environ)
    except Spec2prodError as error:
        return (_trouble(f"component {name}" if name is not None else "interpreter", error),), None
    nothing = Component(name="", root=root, source=".", import_root=".", modules=(), interpreter=python)
    return (), Place(tree=ProjectTree(root, _NOT_RUN), settings=settings, component=nothing, run_id=_NOT_RUN)


def _trouble(name: str, error: Spec2prodError) -> Row:
    told = error.message.replace(f"no {name};", "there is none;", 1) if error.where == name else str(error)  # the row has the name
    return Row(name=name, state=State.BROKEN, told=str(safe(told)), next_step=error.next_step)


def _probes(place: Place | None) -> Iterator[Probe]:
    """Yield the programs that runs start: those of the component's interpreter, then ours."""
    if place is not None:
        python = place.component.interpreter
        yield Probe(name="interpreter", argv=(str(python), "--version"), next_step="name another in tool.spec2prod.python")
        for module in ("pytest", "coverage"):
            step = f"{python} -m pip install {module}"
            yield Probe(name=module, argv=(str(python), "-m", module, "--version"), next_step=step)
        with suppress(SettingsError):  # nobody knows which checker is asked for: the row of the settings says why
            checker = type_checking_of(place)
            yield _tool(checker.checker, checker.program, python=python, asked_by=_asked_by(checker, place))
        yield _tool("ruff", programs.own_or_ours("ruff", python), python=python)
    for name, module in (("detect-secrets", "detect_secrets"), ("bandit", "bandit")):
        yield _tool(name, programs.ours(module))
    yield _tool("pip-audit", programs.ours("pip_audit"), required=False)
    yield _tool("uv", programs.ours("uv"))
    yield Probe(name="git", argv=("git", "--version"), next_step="install git: without it nothing tells a clean tree", required=False)


def _tool(name: str, program: tuple[str, ...], *, required: bool = True, python: Path | None = None, asked_by: str = "") -> Probe:
    """Return the probe of a tool; `python` is the component's, and `asked_by` who wants this tool, where that may be somebody's choice."""
    if program[0] == sys.executable or program == programs.basedpyright():
        step = f"{sys.executable} -m pip install --force-reinstall spec2prod"
    elif program[0] == name:  # a bare name: it lies neither in the component's environment nor in ours
        step = f"{python} -m pip install {name}" + (f" ({asked_by})" if asked_by else "")
    else:
        step = f"install {name} anew in {Path(program[0]).parent}, or take it out there: then ours is used"
    return Probe(name=name, argv=(*program, "--version"), next_step=step, required=required)


def _asked_by(checker: TypeCheckingGate, place: Place) -> str:
    """Say why this checker is asked: a setting, or the project's own configuration of it."""
    if place.settings.type_checker != "auto":
        return f"{place.settings.origin('type_checker')} names it"
    return f"the project configures it: {f'[tool.{checker.checker}] in pyproject.toml' if checker.configuration else 'its own file'}"


async def _options(place: Place | None, host: ProcessHost) -> tuple[Row, ...]:
    """Tell where pytest would not begin with the project's own options; of anything else that it says, runs tell."""
    if place is None:
        return ()
    root, python = place.component.root, place.component.interpreter
    command = Command(tool="pytest", argv=(str(python), "-m", "pytest", "--markers", "-p", "no:cacheprovider"), cwd=root, timeout_s=60.0)
    refused = refusal((await host.run(command)).stderr, python)
    if refused is None:
        return ()
    return (Row(name="pytest options", state=State.BROKEN, told=refused.reason, next_step=refused.next_step),)


def _own_gates(settings: Settings, root: Path) -> Iterator[Row]:
    """Yield whether the program of each gate of the project's own is there; what it would say to `--version` nobody knows."""
    specification = Specification(path="", title="")
    required = {rule.gate for target in Target for rule in rules_for(target, settings, specification) if rule.required}
    for name, gate in settings.gates.items():
        program = gate.command[0]
        found = "the component's Python" if program == "{python}" else shutil.which(program) or shutil.which(str(root / program))
        if found:
            yield Row(name=f"gate {name}", state=State.OK, told=found, required=name in required)
        else:
            step = f"install {program}, or correct tool.spec2prod.gates.{name}.command"
            yield Row(name=f"gate {name}", state=State.MISSING, told=f"{program} is not there", next_step=step, required=name in required)


def _sandbox() -> Row:
    found = find_sandbox()
    if found.available:
        return Row(name="sandbox", state=State.OK, told=f"bubblewrap works ({found.bwrap})", required=False)
    state = State.MISSING if found.bwrap is None and "not installed" in found.reason else State.BROKEN
    step = "the agent then works without one, as you do: allow user namespaces, or run in a container"
    return Row(name="sandbox", state=state, told=found.reason, next_step=step, required=False)


async def _agent(settings: Settings, host: ProcessHost, *, call: bool) -> tuple[Row, ...]:
    """Look at the agent server and its model; they are required only where every run asks for tests."""
    required = settings.enable_openhands_test_generation or "openhands" in settings.generators
    options = agent_options(settings)
    rows = [await _server(settings, host, required=required), *_model(settings, options, required=required)]
    if options.base_url:
        rows.append(await _endpoint(options, required=required))
    if call:
        rows.append(await _call(options, required=required))
    return tuple(rows)


async def _server(settings: Settings, host: ProcessHost, *, required: bool) -> Row:
    """Ask uv whether all of the agent server's packages are there and fit one another."""
    if settings.openhands.server_url:
        told = f"a server of yours is used: {safe(settings.openhands.server_url)}"
        return Row(name="OpenHands", state=State.OK, told=told, required=required)
    found = find_openhands()
    if found is None:
        told = "the agent server is not installed" + ("" if required else "; only --enable-openhands needs it")
        return Row(name="OpenHands", state=State.MISSING, told=told, next_step="spec2prod openhands install", required=required)
    argv = (*programs.ours("uv"), "pip", "check", "--python", str(found.folder / "bin" / "python"))
    completed = await host.run(Command(tool="uv pip check", argv=argv, cwd=found.folder, timeout_s=60.0))
    if completed.exit_code == 0:
        return Row(name="OpenHands", state=State.OK, told=f"{found.version}, complete, in {found.folder}", required=required)
    step = f"remove {found.folder}, then: spec2prod openhands install"
    return Row(name="OpenHands", state=State.BROKEN, told=completed.ending(), next_step=step, required=required)


async def _pynguin(settings: Settings, place: Place | None, host: ProcessHost) -> Row:
    """Ask uv whether all of pynguin's packages are there, for the Python that the component has."""
    required = "pynguin" in settings.generators
    if place is None:
        told = "not looked for: it belongs to the component's Python"
        return Row(name="pynguin", state=State.MISSING, told=told, next_step="see the interpreter above", required=required)
    try:
        python, found = environment_for(place.component.interpreter)
    except Spec2prodError as error:
        return Row(name="pynguin", state=State.BROKEN, told=error.message, next_step=error.next_step, required=required)
    if found is None:
        told = f"not installed for {python}" + ("" if required else "; only --generator pynguin needs it")
        return Row(name="pynguin", state=State.MISSING, told=told, next_step="spec2prod pynguin install", required=required)
    argv = (*programs.ours("uv"), "pip", "check", "--python", str(found.python))
    completed = await host.run(Command(tool="uv pip check", argv=argv, cwd=found.folder, timeout_s=60.0))
    if completed.exit_code == 0:
        return Row(name="pynguin", state=State.OK, told=f"{found.version}, complete, in {found.folder}", required=required)
    step = f"remove {found.folder}, then: spec2prod pynguin install"
    return Row(name="pynguin", state=State.BROKEN, told=completed.ending(), next_step=step, required=required)


def _model(settings: Settings, options: OpenHandsOptions, *, required: bool) -> Iterator[Row]:
    """Yield what is set about the model; a key is never shown."""
    chosen = settings.openhands
    if options.model:
        yield Row(name="model", state=State.OK, told=f"{options.model} ({settings.origin('openhands.model')})", required=required)
    else:
        yield Row(name="model", state=State.MISSING, told="no model is set", next_step="set LLM_MODEL: provider/name", required=required)
    if options.api_key:
        yield Row(name="model key", state=State.OK, told=f"{chosen.api_key_env} is set (not shown)", required=required)
    else:
        keyless = bool(options.base_url)
        told = f"{chosen.api_key_env} is not set" + ("; some endpoints of one's own need none" if keyless else "")
        yield Row(
            name="model key", state=State.MISSING, told=told, next_step=f"set {chosen.api_key_env}", required=required and not keyless
        )
    money = f"{chosen.max_cost_usd:g} US dollars" if chosen.max_cost_usd is not None else "no limit on money"
    told = f"per task: {chosen.max_iterations} steps, {chosen.max_tokens} tokens, {settings.timeout_seconds:g} s, {money}"
    yield Row(name="model limits", state=State.OK, told=told, required=required)


async def _endpoint(options: OpenHandsOptions, *, required: bool) -> Row:
    return _answered("model endpoint", await ask_endpoint(options), required=required)


async def _call(options: OpenHandsOptions, *, required: bool) -> Row:
    return _answered("model call", await call_model(options), required=required)


def _answered(name: str, call: Call, *, required: bool) -> Row:
    state = {True: State.OK, False: State.BROKEN, None: State.MISSING}[call.answered]
    wanted = required and call.answered is not None
    return Row(name=name, state=state, told=str(safe(call.told)), next_step=call.next_step, required=wanted)
